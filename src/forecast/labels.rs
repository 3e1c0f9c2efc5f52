//! The labels of a topic with several outputs, and what its answers must be for the chain to take them.

use super::Labelled;

/// What stands in for 0 where the chain takes an answer of nothing but the topic's default for none.
const LEAST: f64 = 1e-9;
/// Shares are given in millionths.
const MILLION: u32 = 1_000_000;

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
        let sum: f64 = values.iter().map(|it| it.value).sum();
        match self.unity {
            // Rounding of the sum itself is no fault of the answer.
            Some(slack) if (sum - 1.0).abs() > slack + f64::EPSILON * count as f64 => Err(format!(
                "its values add up to {sum}, and the topic wants 1 (within {slack})"
            )),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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

    #[test]
    fn the_neutral_answer_is_one_that_the_chain_takes() {
        for default in [0.0, 0.5] {
            let mut some = labels(&["a", "b"]);
            some.default = default;
            assert!(some.check(&some.neutral()).is_ok(), "{default}");
        }
    }
}
