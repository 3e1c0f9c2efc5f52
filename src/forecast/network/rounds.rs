//! What models answered in a round.

use std::sync::Arc;

use super::{BlendConfig, Standings};
use crate::forecast::HOUR;

/// What one model expects.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The model.
    pub model: Arc<str>,
    /// When it was asked, unix seconds.
    pub at: i64,
    /// The log-return over the horizon; whatever it answered, also if that is no number.
    pub log_return: f64,
}

/// One round: what each model expects that answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// When it was done, unix seconds: not before the last of its answers.
    pub at: i64,
    /// By model.
    pub answers: Vec<Expected>,
}

/// A model's answer with what the model is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// The model.
    pub model: Arc<str>,
    /// The log-return that it expects.
    pub value: f64,
    /// See [`Standings::of`]; none for a model without a score.
    pub standing: Option<f64>,
}

/// The round that was known at a time: the newest of those in order of time that is not a day old.
#[must_use]
pub fn round_of(rounds: &[Round], at: i64) -> Option<&Round> {
    let known = rounds.get(..rounds.partition_point(|round| round.at <= at))?;
    known.last().filter(|round| at - round.at < 24 * HOUR)
}

/// Answers with what was known of their models before a time. Of two answers of one model the later
/// in the list counts.
#[must_use]
pub fn voices(
    answers: &[Expected],
    standings: &Standings,
    before: i64,
    config: &BlendConfig,
) -> Vec<Voice> {
    let mut all: Vec<Voice> = answers
        .iter()
        .rev()
        .map(|it| Voice {
            model: Arc::clone(&it.model),
            value: it.log_return,
            standing: standings.of(&it.model, before, config),
        })
        .collect();
    all.sort_by(|a, b| a.model.cmp(&b.model));
    all.dedup_by(|later, first| later.model == first.model);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_of_the_future_or_of_yesterday_is_none() {
        let round = |at| Round {
            at,
            answers: Vec::new(),
        };
        let rounds = [round(0), round(1000), round(2000)];
        assert_eq!(round_of(&rounds, 1999), Some(&rounds[1]));
        assert_eq!(round_of(&rounds, 2000), Some(&rounds[2]));
        assert_eq!(round_of(&rounds, 2000 + 24 * HOUR), None);
        assert_eq!(round_of(&rounds, -1), None);
    }

    #[test]
    fn a_model_has_one_voice_its_last() {
        let said = |model: &str, log_return| Expected {
            model: model.into(),
            at: 0,
            log_return,
        };
        let answers = [said("b", 1.0), said("a", 2.0), said("b", 3.0)];
        let all = voices(&answers, &Standings::default(), 0, &BlendConfig::default());
        let values: Vec<_> = all.iter().map(|it| it.value).collect();
        assert_eq!(values, [2.0, 3.0]);
    }
}
