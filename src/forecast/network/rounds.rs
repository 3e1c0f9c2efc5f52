//! What models answered in a round.

use std::sync::Arc;

use super::Standings;

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

/// What each model had answered at the time of a day's forecast, in the newest round before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// That time, 01:00 UTC: see [`Day::at`](crate::forecast::Day::at). Unix seconds.
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

/// A day's answers, of rounds in order of time; none where there was no round.
#[must_use]
pub fn round_of(rounds: &[Round], at: i64) -> &[Expected] {
    let place = rounds.binary_search_by_key(&at, |round| round.at);
    place.map_or(&[], |place| &rounds[place].answers)
}

/// Answers as they count at a time, with what was known of their models before it: those that are at
/// most `age` seconds old, and were not given after it. Of two answers of one model the later in the list
/// counts.
#[must_use]
pub fn voices(answers: &[Expected], standings: &Standings, at: i64, age: i64) -> Vec<Voice> {
    let counts = |it: &&Expected| it.at <= at && at.saturating_sub(it.at) <= age;
    let mut all: Vec<Voice> = answers
        .iter()
        .rev()
        .filter(counts)
        .map(|it| Voice {
            model: Arc::clone(&it.model),
            value: it.log_return,
            standing: standings.of(&it.model, at),
        })
        .collect();
    all.sort_by(|a, b| a.model.cmp(&b.model));
    all.dedup_by(|later, first| later.model == first.model);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(model: &str, at: i64, log_return: f64) -> Expected {
        Expected {
            model: model.into(),
            at,
            log_return,
        }
    }

    #[test]
    fn what_is_too_old_or_of_the_future_does_not_count() {
        let answers = [
            said("a", 899, 1.0),
            said("b", 900, 2.0),
            said("c", 1000, 3.0),
            said("d", 1001, 4.0),
        ];
        let round = Round {
            at: 1000,
            answers: answers.to_vec(),
        };
        let rounds = [round];
        assert_eq!(round_of(&rounds, 999), []);
        let all = voices(round_of(&rounds, 1000), &Standings::default(), 1000, 100);
        let values: Vec<_> = all.iter().map(|it| it.value).collect();
        assert_eq!(values, [2.0, 3.0]);
    }

    #[test]
    fn a_model_has_one_voice_its_last() {
        let answers = [said("b", 0, 1.0), said("a", 0, 2.0), said("b", 0, 3.0)];
        let all = voices(&answers, &Standings::default(), 0, 60);
        let values: Vec<_> = all.iter().map(|it| it.value).collect();
        assert_eq!(values, [2.0, 3.0]);
    }
}
