//! What is submitted for a window: one number, or a number for each label.

use std::{fmt, str::FromStr};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Decimal, DecimalError};

/// The values of an inference, in the form that the chain signs over. As a text it is the number
/// itself, or a JSON object of the labels with their numbers in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Of a topic with a single output.
    Single(Decimal),
    /// Of a topic with several; no label twice.
    Labelled(Vec<(String, Decimal)>),
}

impl Output {
    /// Zero, the fallback of a topic with a single output.
    #[must_use]
    pub fn zero() -> Self {
        Self::Single(Decimal::zero())
    }
}

impl From<Decimal> for Output {
    fn from(value: Decimal) -> Self {
        Self::Single(value)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(value) => value.fmt(f),
            Self::Labelled(values) => {
                f.write_str("{")?;
                for (at, (label, value)) in values.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    // A label as JSON quotes it; the chain's decimals are JSON's numbers.
                    let label = serde_json::Value::from(label.as_str());
                    write!(f, "{comma}{label}:{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl FromStr for Output {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        if !text.starts_with('{') {
            return text.parse().map(Self::Single);
        }
        let refuse = |_| DecimalError::NotANumber(text.to_owned());
        let Pairs(pairs) = serde_json::from_str(text).map_err(refuse)?;
        let read = |(label, value): (String, Box<RawValue>)| Ok((label, value.get().parse()?));
        let values: Result<_, DecimalError> = pairs.into_iter().map(read).collect();
        values.map(Self::Labelled)
    }
}

/// An object's members in their order, the numbers as they are written.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of labels with their numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("-0.00123007")]
    #[case("1.2E-7")]
    #[case(r#"{"up":0.60,"down":1.5E-9}"#)]
    #[case(r#"{"zeta":1E+3,"a \"b\"":0}"#)]
    fn a_text_reads_back_as_itself(#[case] text: &str) {
        assert_eq!(text.parse::<Output>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("{")]
    #[case(r#"{"up":"much"}"#)]
    #[case(r#"{"up":1e99}"#)]
    fn what_is_no_output_is_refused(#[case] text: &str) {
        assert!(text.parse::<Output>().is_err());
    }
}
