//! A question in words: placeholders of URLs and arguments, variables, JSON.

use serde_json::{Value, json};

use crate::forecast::{Question, Target};

/// What stands in braces in a URL or an argument.
pub(super) const PLACEHOLDERS: [&str; 5] = ["topic", "nonce", "ticker", "horizon", "target"];

/// The values of the placeholders, in their order. A question for no window has nonce 0.
fn values(question: &Question) -> [String; 5] {
    let nonce = question.nonce.map_or(0, |nonce| nonce.0);
    [
        question.topic.to_string(),
        nonce.to_string(),
        question.history.ticker.clone(),
        question.horizon.as_secs().to_string(),
        target(question.target).to_owned(),
    ]
}

/// Fills a URL or an argument in.
pub(super) fn fill(template: &str, question: &Question) -> String {
    replace(template, &values(question))
}

/// A template with plausible values, to see whether it makes sense.
pub(super) fn sample(template: &str) -> String {
    replace(
        template,
        &["67", "1", "btcusd", "3600", "price"].map(str::to_owned),
    )
}

fn replace(template: &str, values: &[String; 5]) -> String {
    let pairs = PLACEHOLDERS.iter().zip(values);
    pairs.fold(template.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// Whether all names in braces are known.
///
/// # Errors
/// The first that is not.
pub(super) fn check(template: &str) -> Result<(), String> {
    let is_name = |text: &str| {
        let mut letters = text.bytes();
        !text.is_empty() && letters.all(|it| it.is_ascii_lowercase() || it == b'_')
    };
    let names = template
        .split('{')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0));
    let mut unknown = names.filter(|name| is_name(name) && !PLACEHOLDERS.contains(name));
    unknown.next().map_or(Ok(()), |name| Err(name.to_owned()))
}

/// The question as variables of a command's environment.
pub(super) fn variables(question: &Question) -> Vec<(String, String)> {
    let names = PLACEHOLDERS.map(|name| format!("ALLORA_{}", name.to_uppercase()));
    let mut all: Vec<_> = names.into_iter().zip(values(question)).collect();
    all.push(("ALLORA_LABELS".into(), question.labels.join(",")));
    all
}

/// The question as JSON. `closes` are pairs of unix seconds and price, the oldest first.
pub(super) fn as_json(question: &Question) -> Value {
    let candles = question.history.candles.iter();
    let closes: Vec<_> = candles.map(|it| json!([it.end(), it.close])).collect();
    json!({
        "topic": question.topic.0,
        "nonce": question.nonce.map(|nonce| nonce.0),
        "ticker": question.history.ticker,
        "horizon_seconds": question.horizon.as_secs(),
        "target": target(question.target),
        "labels": question.labels,
        "closes": closes,
    })
}

const fn target(target: Target) -> &'static str {
    match target {
        Target::LogReturn => "log_return",
        Target::PercentReturn => "percent_return",
        Target::Price => "price",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        forecast::{Candle, History},
        types::{Nonce, TopicId},
    };

    /// A question of a window, with one close.
    pub(in crate::forecasters) fn asked() -> Question {
        let candle = Candle {
            start: 0,
            open: 1.0,
            high: 2.0,
            low: 1.0,
            close: 1.5,
            volume: 0.0,
        };
        Question {
            topic: TopicId(67),
            nonce: Some(Nonce(1_200)),
            labels: Vec::new(),
            history: History::new("btcusd", [candle]),
            horizon: Duration::from_hours(168),
            target: Target::LogReturn,
            live: None,
        }
    }

    #[test]
    fn placeholders_are_filled_in() {
        let filled = fill(
            "http://a/{topic}/{ticker}?n={nonce}&h={horizon}&t={target}",
            &asked(),
        );
        assert_eq!(filled, "http://a/67/btcusd?n=1200&h=604800&t=log_return");
    }

    #[test]
    fn unknown_names_in_braces_are_found_and_other_braces_are_left_alone() {
        assert_eq!(check("{topic}-{api_key}"), Err("api_key".into()));
        assert_eq!(check("{\"value\": 1}"), Ok(()));
        assert_eq!(fill("{\"topic\": {topic}}", &asked()), "{\"topic\": 67}");
    }

    #[test]
    fn the_question_as_json() {
        let json = as_json(&asked());
        let expected = json!({
            "topic": 67, "nonce": 1200, "ticker": "btcusd", "horizon_seconds": 604_800,
            "target": "log_return", "labels": [], "closes": [[3600, 1.5]],
        });
        assert_eq!(json, expected);
        let nowhere = Question {
            nonce: None,
            ..asked()
        };
        assert!(as_json(&nowhere)["nonce"].is_null());
    }
}
