//! The topics to serve, and what is to be told of them.

use std::{collections::BTreeSet, time::Duration};

use super::{ConfigError, document::Document};
use crate::{forecast::TopicSource, types::TopicId, worker::TopicConfig};

const DAY: Duration = Duration::from_hours(24);

/// The topics to serve: those asked for by number, else all that are configured.
pub(super) fn choose(
    asked: &[u64],
    configured: &[TopicConfig],
    notices: &mut Vec<String>,
) -> Result<Vec<TopicConfig>, ConfigError> {
    if asked.is_empty() {
        return Ok(configured.to_vec());
    }
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for id in asked.iter().copied().map(TopicId) {
        if id.0 == 0 || !seen.insert(id) {
            let wrong = format!("topic {id} is no topic, or is given twice");
            return Err(ConfigError::refused(
                "--topic",
                wrong,
                "give each topic's number once",
            ));
        }
        let known = configured.iter().find(|it| it.id == id).cloned();
        chosen.push(known.unwrap_or_else(|| {
            let topic = TopicConfig {
                id,
                ..TopicConfig::default()
            };
            notices.push(format!(
                "topic {id} has no [[topics]] entry: it is served as topic 67 is ({}, 7 days, log-return); add an entry if it asks for something else",
                topic.ticker
            ));
            topic
        }));
    }
    Ok(chosen)
}

/// Tells of topics that are answered from a network of models.
pub(super) fn tell_networks(
    topics: &[TopicConfig],
    document: &Document,
    notices: &mut Vec<String>,
) {
    for topic in topics.iter().filter(|it| it.source != TopicSource::Linfa) {
        let named = topic.network.as_ref().and_then(|it| it.crunch_id.as_ref());
        let crunch = named.unwrap_or(&document.models.crunch_id);
        let source = topic.source.to_string();
        notices.push(format!(
            "topic {}: source = {source:?}, from the models of the crunch {crunch:?}; the built-in forecast stands in for them",
            topic.id
        ));
    }
}

/// Tells of topics whose forecast can't be judged by its record with the history that is configured.
/// Those that a forecaster of the operator's answers are passed over.
pub(super) fn tell_unjudged(
    topics: &[TopicConfig],
    document: &Document,
    notices: &mut Vec<String>,
) {
    let built_in: Vec<_> = topics.iter().filter(|it| it.forecaster.is_none()).collect();
    for topic in &built_in {
        if let Some(unjudged) = document.forecast.unjudged(topic.horizon) {
            notices.push(format!("topic {}: {unjudged}", topic.id));
        }
    }
    let (kept, needed) = (document.market.history, document.forecast.candles_days());
    if !built_in.is_empty() && kept.as_secs() / DAY.as_secs() < needed {
        notices.push(format!(
            "market.history does not reach as far as forecast.history_days = {} may take it: write market.history = \"{needed}days\" or more",
            document.forecast.history_days
        ));
    }
}
