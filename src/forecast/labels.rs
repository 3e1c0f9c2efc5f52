//! The labels of a topic with several outputs, and what its answers must be for the chain to take them.

use super::Labelled;

/// What stands in for 0 where the chain takes an answer of nothing but the topic's default for none.
const LEAST: f64 = 1e-9;
/// Shares are given in millionths.
const MILLION: u32 = 1_000_000;
/// Values that must add up to 1 are sent in whole steps of a trillionth. The chain adds decimals, not
/// floats, and a decimal of 15 digits or fewer is sent as it stands.
const STEPS: f64 = 1e12;
/// Steps that a sum may miss 1 by without fault of the answer: about the rounding of a model that
/// reckons in single precision.
const ROUNDING: i64 = 1_000_000;
/// The largest value that can be sent in whole steps, either sign.
const LARGEST: f64 = 1000.0;

/// What a topic with several outputs takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// The labels that are answered, in the chain's spelling; never empty.
    pub names: Vec<String>,
    /// Labels of one answer at most.
    pub most: usize,
    /// The value of a label that an answer leaves out. An answer of nothing else is refused.
    pub default: f64,
    /// When all values of an answer must add up to 1: by how much they may miss it.
    pub unity: Option<f64>,
    /// Whether `Up` and `up` are two labels.
    pub case_sensitive: bool,
}

impl Labels {
    /// A label as the chain spells it.
    #[must_use]
    pub fn spelling(label: &str, case_sensitive: bool) -> String {
        let label = label.trim();
        if case_sensitive {
            label.to_owned()
        } else {
            label.to_ascii_lowercase()
        }
    }

    /// The given values in the order of the labels, if the chain will take them.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn check(&self, given: &[Labelled]) -> Result<Vec<Labelled>, String> {
        let mut known: Vec<Option<f64>> = vec![None; self.names.len()];
        for Labelled { label, value } in given {
            let name = Self::spelling(label, self.case_sensitive);
            let place = self.names.iter().position(|it| *it == name);
            let Some(slot) = place.and_then(|place| known.get_mut(place)) else {
                let known = self.names.join(", ");
                return Err(format!("it names the label {label:?}; known are {known}"));
            };
            if !value.is_finite() {
                return Err(format!("the value of {label:?} is {value}"));
            }
            if slot.replace(*value).is_some() {
                return Err(format!("it names the label {label:?} twice"));
            }
        }
        let pairs = self.names.iter().zip(&known);
        if self.names.len() <= self.most
            && let Some((missing, _)) = pairs.clone().find(|(_, value)| value.is_none())
        {
            return Err(format!("the label {missing:?} is missing"));
        }
        let values: Vec<Labelled> = pairs
            .filter_map(|(label, value)| {
                let label = label.clone();
                (*value).map(|value| Labelled { label, value })
            })
            .collect();
        let values = match self.unity {
            Some(slack) => in_steps(&values, slack)?,
            None => values,
        };
        self.check_together(&values).map(|()| values)
    }

    fn check_together(&self, values: &[Labelled]) -> Result<(), String> {
        let (count, most) = (values.len(), self.most);
        if count > most {
            return Err(format!("it has {count} labels, and the topic takes {most}"));
        }
        let is_default = |it: &Labelled| it.value.to_bits() == self.default.to_bits();
        if values
            .iter()
            .all(|it| is_default(it) || it.value == 0.0 && self.default == 0.0)
        {
            let default = self.default;
            return Err(format!(
                "no value differs from the topic's default of {default}, which the chain takes for no answer"
            ));
        }
        Ok(())
    }

    /// What is answered when nothing is known: equal shares where values must add up to 1, else 0 for
    /// each label. The chain refuses an answer of defaults alone, so that the first label is then a
    /// billionth.
    #[must_use]
    pub fn neutral(&self) -> Vec<Labelled> {
        let count = self.names.len().min(self.most.max(1));
        let parts = u32::try_from(count).unwrap_or(MILLION).clamp(1, MILLION);
        let value = |at: usize| match (self.unity, at) {
            (Some(_), 0) => f64::from(MILLION / parts + MILLION % parts) / f64::from(MILLION),
            (Some(_), _) => f64::from(MILLION / parts) / f64::from(MILLION),
            (None, 0) if self.default == 0.0 => LEAST,
            (None, _) => 0.0,
        };
        let names = self.names.iter().take(count).enumerate();
        names
            .map(|(at, label)| Labelled {
                label: label.clone(),
                value: value(at),
            })
            .collect()
    }
}

/// The values in whole steps. Where they miss 1 by a rounding only, the largest takes the rest, so that
/// what is sent adds up to exactly 1.
fn in_steps(values: &[Labelled], slack: f64) -> Result<Vec<Labelled>, String> {
    let too_large = |it: &&Labelled| it.value.abs() > LARGEST;
    if let Some(Labelled { label, value }) = values.iter().find(too_large) {
        return Err(format!(
            "the value of {label:?} is {value}, and the topic's values are shares of 1"
        ));
    }
    #[allow(clippy::cast_possible_truncation, reason = "LARGEST keeps it in range")]
    let whole = |value: f64| (value * STEPS).round() as i64;
    let mut steps: Vec<i64> = values.iter().map(|it| whole(it.value)).collect();
    let missing = whole(1.0) - steps.iter().sum::<i64>();
    if missing.abs() <= ROUNDING {
        if let Some(largest) = steps.iter_mut().max_by_key(|it| **it) {
            *largest += missing;
        }
    } else if missing.abs() as f64 > slack * STEPS {
        let sum = 1.0 - missing as f64 / STEPS;
        return Err(format!(
            "its values add up to {sum}, and the topic wants 1 (within {slack})"
        ));
    }
    let sent = |(it, steps): (&Labelled, i64)| Labelled {
        label: it.label.clone(),
        value: steps as f64 / STEPS,
    };
    Ok(values.iter().zip(steps).map(sent).collect())
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use rstest::rstest;

    use super::*;
    use crate::chain::Decimal;

    fn labels(names: &[&str]) -> Labels {
        Labels {
            names: names.iter().map(|&it| it.to_owned()).collect(),
            most: names.len(),
            default: 0.0,
            unity: None,
            case_sensitive: false,
        }
    }

    fn given(values: &[(&str, f64)]) -> Vec<Labelled> {
        let one = |&(label, value): &(&str, f64)| Labelled {
            label: label.to_owned(),
            value,
        };
        values.iter().map(one).collect()
    }

    #[test]
    fn values_come_in_the_labels_order_and_spelling() {
        let checked = labels(&["up", "down"]).check(&given(&[("Down ", 0.4), ("UP", 0.6)]));
        assert_eq!(checked, Ok(given(&[("up", 0.6), ("down", 0.4)])));
    }

    #[rstest]
    #[case::missing(&[("up", 0.6)], "\"down\" is missing")]
    #[case::unknown(&[("up", 0.6), ("down", 0.4), ("flat", 0.1)], "\"flat\"; known are up, down")]
    #[case::twice(&[("up", 0.6), ("Up", 0.4)], "twice")]
    #[case::nan(&[("up", f64::NAN), ("down", 0.4)], "is NaN")]
    #[case::defaults(&[("up", 0.0), ("down", -0.0)], "default of 0")]
    fn what_the_chain_refuses_is_refused(#[case] values: &[(&str, f64)], #[case] why: &str) {
        let refused = labels(&["up", "down"]).check(&given(values)).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }

    #[test]
    fn of_many_labels_some_may_be_left_out_and_too_many_are_refused() {
        let mut many = labels(&["a", "b", "c"]);
        many.most = 2;
        assert!(many.check(&given(&[("c", 1.0)])).is_ok());
        let all = given(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        assert!(many.check(&all).unwrap_err().contains("takes 2"));
        assert_eq!(many.neutral(), given(&[("a", 1e-9), ("b", 0.0)]));
    }

    #[test]
    fn shares_add_up_to_one() {
        let mut shares = labels(&["a", "b", "c"]);
        shares.unity = Some(0.0);
        let neutral = shares.neutral();
        let expected = [("a", 0.333_334), ("b", 0.333_333), ("c", 0.333_333)];
        assert_eq!(neutral, given(&expected));
        assert_eq!(shares.check(&neutral), Ok(neutral));
        shares.unity = Some(0.01);
        let off = given(&[("a", 0.5), ("b", 0.3), ("c", 0.1)]);
        assert!(shares.check(&off).unwrap_err().contains("wants 1"));
    }

    /// The sum of what is sent, in units of 1e-20 and without rounding.
    fn exact_sum(values: &[Labelled]) -> i128 {
        let units = |it: &Labelled| {
            let text = Decimal::try_from(it.value).unwrap().to_string();
            let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
            let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
            let places = i32::try_from(part.len()).unwrap() - exponent.parse::<i32>().unwrap();
            let power = 10_i128.pow(u32::try_from(20 - places).unwrap());
            format!("{whole}{part}").parse::<i128>().unwrap() * power
        };
        values.iter().map(units).sum()
    }

    #[test]
    fn the_decimals_of_a_softmax_add_up_to_exactly_one() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let mut random = StdRng::seed_from_u64(7);
        for round in 0..2000 {
            let mut shares = labels(&names[..2 + round % 6]);
            shares.unity = Some(0.0);
            let scores = shares.names.iter().map(|_| random.random_range(-9.0..9.0));
            let powers: Vec<f64> = scores.map(f64::exp).collect();
            let total: f64 = powers.iter().sum();
            // Half of them as a model in single precision would write them.
            let digits = if round % 2 == 0 { 7 } else { 17 };
            let share = |power: f64| format!("{:.digits$}", power / total).parse().unwrap();
            let labelled = shares.names.iter().zip(&powers);
            let answer: Vec<Labelled> = labelled
                .map(|(label, power)| Labelled {
                    label: label.clone(),
                    value: share(*power),
                })
                .collect();
            let sent = shares.check(&answer).unwrap();
            assert_eq!(exact_sum(&sent), 10_i128.pow(20), "{sent:?}");
            for (sent, given) in sent.iter().zip(&answer) {
                assert!((sent.value - given.value).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn what_the_tolerance_allows_is_sent_as_it_is() {
        let mut shares = labels(&["a", "b"]);
        shares.unity = Some(0.01);
        let short = given(&[("a", 0.5), ("b", 0.495)]);
        assert_eq!(shares.check(&short), Ok(short));
        shares.unity = Some(0.0);
        let off = shares.check(&given(&[("a", 0.5), ("b", 0.499_99)]));
        assert!(off.unwrap_err().contains("wants 1"));
        let huge = shares.check(&given(&[("a", 1e20), ("b", -1e20)]));
        assert!(huge.unwrap_err().contains("shares of 1"));
    }

    #[test]
    fn the_neutral_answer_is_one_that_the_chain_takes() {
        for default in [0.0, 0.5] {
            let mut some = labels(&["a", "b"]);
            some.default = default;
            assert!(some.check(&some.neutral()).is_ok(), "{default}");
        }
    }
}
