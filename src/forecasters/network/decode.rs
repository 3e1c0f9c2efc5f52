//! Stored answers as what models expect.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::Subject;
use crate::{
    density::{Answer, expected_log_return},
    forecast::{Expected, Standing},
    store::RoundAnswer,
};

/// What a model expects, and what that was worth.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) expected: Expected,
    /// When its horizon has passed, unix seconds.
    pub(super) due: i64,
    pub(super) standing: Option<Standing>,
}

impl Answered {
    /// Bit for bit: what is no number is the same as itself.
    pub(super) fn is(&self, other: &Self) -> bool {
        let bits = |it: &Self| {
            let Expected { at, log_return, .. } = it.expected;
            let scores = it
                .standing
                .map(|it| (it.loss.to_bits(), it.reference.to_bits()));
            (at, log_return.to_bits(), it.due, scores)
        };
        self.expected.model == other.expected.model && bits(self) == bits(other)
    }
}

/// What a model expects. An answer that can't be read, or has no expectation, is no number.
pub(super) fn expected(answer: &RoundAnswer, subject: &Subject) -> Expected {
    Expected {
        model: Arc::from(answer.model_id.as_str()),
        at: answer.performed_at.unix_timestamp(),
        log_return: isolated(|| log_return(answer, subject)).unwrap_or(f64::NAN),
    }
}

/// The same with what is known of its worth.
pub(super) fn answered(answer: &RoundAnswer, subject: &Subject) -> Answered {
    let due = answer.resolvable_at.unix_timestamp();
    let scores = answer.crps.zip(answer.crps_reference);
    Answered {
        expected: expected(answer, subject),
        due,
        standing: scores.map(|(loss, reference)| Standing {
            at: due,
            loss,
            reference,
        }),
    }
}

/// Whatever one answer does to those who read it, the others are read.
fn isolated<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

fn log_return(answer: &RoundAnswer, subject: &Subject) -> Option<f64> {
    let steps = subject.horizon.checked_div(answer.step)?;
    let read = Answer::read(&answer.payload.text().ok()?, steps).ok()?;
    expected_log_return(&read, subject.unit, answer.base?).ok()
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::{density::Unit, store::Packed};

    fn answer(slot: i64, model: &str, text: &str) -> RoundAnswer {
        let performed_at = OffsetDateTime::from_unix_timestamp(slot + 2).unwrap();
        RoundAnswer {
            slot,
            performed_at,
            step: 3600,
            model_id: model.into(),
            base: Some(100.0),
            payload: Packed::new(text),
            resolvable_at: performed_at + Duration::HOUR,
            crps: None,
            crps_reference: None,
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
        let of = |text| expected(&answer(9, "a", text), &subject).log_return;
        assert!((of("0.02") - 0.02).abs() < 1e-15);
        assert!(of("\"nonsense\"").is_nan());
        let prices = Subject {
            unit: Unit::PriceDifference,
            ..subject.clone()
        };
        let it = expected(&answer(9, "a", "2.0"), &prices);
        assert!((it.log_return - 1.02_f64.ln()).abs() < 1e-12);
        let scored = RoundAnswer {
            crps: Some(0.5),
            crps_reference: Some(1.0),
            ..answer(9, "a", "0.02")
        };
        let it = answered(&scored, &subject);
        let (loss, reference) = (0.5, 1.0);
        assert_eq!((it.expected.at, it.due), (11, 3611));
        assert_eq!(
            it.standing,
            Some(Standing {
                at: 3611,
                loss,
                reference
            })
        );
        assert!(it.is(&it.clone()) && !it.is(&answered(&answer(9, "a", "0.02"), &subject)));
    }

    #[test]
    fn an_answer_that_breaks_its_reader_is_left_out_alone() {
        let read = |text: &str| isolated(|| text.parse::<f64>().map(Some).expect("a number"));
        assert_eq!(["1", "x", "2"].map(read), [Some(1.0), None, Some(2.0)]);
    }
}
