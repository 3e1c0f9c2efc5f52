//! Stored answers as what models expect.

use std::sync::Arc;

use super::Subject;
use crate::{
    density::{Answer, expected_log_return},
    forecast::{Expected, Round},
    store::RoundAnswer,
};

/// What a model expects. An answer that can't be read, or has no expectation, is no number.
pub(super) fn expected(answer: &RoundAnswer, subject: &Subject) -> Expected {
    Expected {
        model: Arc::from(answer.model_id.as_str()),
        at: answer.performed_at.unix_timestamp(),
        log_return: log_return(answer, subject).unwrap_or(f64::NAN),
    }
}

fn log_return(answer: &RoundAnswer, subject: &Subject) -> Option<f64> {
    let steps = subject.horizon.checked_div(answer.step)?;
    let read = Answer::read(&answer.payload.text().ok()?, steps).ok()?;
    expected_log_return(&read, subject.unit, answer.base?).ok()
}

/// Answers by slot as rounds.
pub(super) fn rounds(answers: &[RoundAnswer], subject: &Subject) -> Vec<(i64, Round)> {
    let of_slot = |answers: &[RoundAnswer]| {
        let slot = answers.first().map_or(0, |it| it.slot);
        let expected: Vec<_> = answers.iter().map(|it| expected(it, subject)).collect();
        let at = expected.iter().map(|it| it.at).max().unwrap_or(slot);
        let round = Round {
            at,
            answers: expected,
        };
        (slot, round)
    };
    answers
        .chunk_by(|a, b| a.slot == b.slot)
        .map(of_slot)
        .collect()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::{density::Unit, store::Packed};

    fn answer(slot: i64, model: &str, text: &str) -> RoundAnswer {
        RoundAnswer {
            slot,
            performed_at: OffsetDateTime::from_unix_timestamp(slot + 2).unwrap(),
            step: 3600,
            model_id: model.into(),
            base: Some(100.0),
            payload: Packed::new(text),
        }
    }

    #[test]
    fn what_has_no_expectation_is_no_number() {
        let subject = Subject {
            crunch_id: "c".into(),
            asset: "BTC".into(),
            horizon: 3600,
            unit: Unit::LogReturn,
        };
        let answers = [
            answer(0, "a", "0.02"),
            answer(0, "b", "\"nonsense\""),
            answer(9, "a", "-0.01"),
        ];
        let all = rounds(&answers, &subject);
        let slots: Vec<_> = all.iter().map(|(slot, round)| (*slot, round.at)).collect();
        assert_eq!(slots, [(0, 2), (9, 11)]);
        assert!((all[0].1.answers[0].log_return - 0.02).abs() < 1e-15);
        assert!(all[0].1.answers[1].log_return.is_nan());
        let prices = Subject {
            unit: Unit::PriceDifference,
            ..subject
        };
        let all = rounds(&[answer(0, "a", "2.0")], &prices);
        assert!((all[0].1.answers[0].log_return - 1.02_f64.ln()).abs() < 1e-12);
    }
}
