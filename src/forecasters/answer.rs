//! What forecasters answer: a number, `{"value": number}` or `{"values": {label: number}}`, where a
//! number may also stand in quotes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::forecast::{Answer, Labelled, Question, Source};

/// Bytes of an answer that are read at most: a thousand labels of 64 bytes with room.
pub(super) const LONGEST: usize = 256 << 10;

/// Reads an answer to a question.
///
/// # Errors
/// Why it is none. Its text is not repeated.
pub(super) fn read(body: &[u8], question: &Question, source: Source) -> Result<Answer, String> {
    let refuse = || {
        let length = body.len();
        let wanted = r#"a number, {"value": number} or {"values": {label: number}}"#;
        format!("its answer of {length} bytes is not {wanted}")
    };
    let answer = |value, values| Answer {
        value,
        values,
        source,
        report: None,
    };
    let text = std::str::from_utf8(body).map_err(|_| refuse())?.trim();
    if text.is_empty() {
        return Err("its answer is empty".into());
    }
    // A bare number need not be written as JSON does.
    if let Ok(number) = text.parse() {
        return Ok(answer(number, Vec::new()));
    }
    match serde_json::from_str(text).map_err(|_| refuse())? {
        Reply::Bare(Figure(number)) => Ok(answer(number, Vec::new())),
        Reply::Object { value, values } => match (value, values) {
            (Some(Figure(value)), None) => Ok(answer(value, Vec::new())),
            (Some(Figure(value)), Some(_)) if question.labels.is_empty() => {
                Ok(answer(value, Vec::new()))
            }
            (_, Some(Figures(values))) if !values.is_empty() => Ok(answer(0.0, values)),
            _ => Err(refuse()),
        },
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Bare(Figure),
    Object {
        #[serde(default)]
        value: Option<Figure>,
        #[serde(default)]
        values: Option<Figures>,
    },
}

/// A number, or a text that is one.
struct Figure(f64);

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => {
                let number = text.trim().parse().map_err(serde::de::Error::custom)?;
                Ok(Self(number))
            }
        }
    }
}

/// Labels with their numbers, in the order given; the same label may stand twice.
struct Figures(Vec<Labelled>);

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Figures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of labels with their numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Figures, A::Error> {
                let mut values = Vec::new();
                while let Some((label, Figure(value))) = map.next_entry()? {
                    values.push(Labelled { label, value });
                }
                Ok(Figures(values))
            }
        }
        from.deserialize_map(Members)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "numbers pass through unchanged")]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::forecasters::question::tests::asked;

    fn answer(text: &str) -> Result<Answer, String> {
        read(text.as_bytes(), &asked(), Source::Http)
    }

    #[rstest]
    #[case("0.0125")]
    #[case(" 0.0125\n")]
    #[case("+.0125")]
    #[case("\"0.0125\"")]
    #[case("{\"value\": 0.0125}")]
    #[case("{\"value\": \"0.0125\", \"model\": \"mine\", \"seen\": [1, 2]}")]
    #[case("{\"value\": 0.0125, \"values\": {\"up\": 1}}")]
    fn one_number_in_the_fields_forms(#[case] text: &str) {
        let answer = answer(text).unwrap();
        assert_eq!((answer.value, answer.values.len()), (0.0125, 0));
    }

    #[test]
    fn values_keep_their_order_and_repetitions() {
        let answer = answer(r#"{"values": {"up": 0.6, "down": "0.4", "up": 1}}"#).unwrap();
        let values: Vec<_> = answer
            .values
            .iter()
            .map(|it| (it.label.as_str(), it.value))
            .collect();
        assert_eq!(values, [("up", 0.6), ("down", 0.4), ("up", 1.0)]);
    }

    #[test]
    fn of_both_forms_the_one_that_was_asked_for_is_taken() {
        let question = Question {
            labels: vec!["up".into()],
            ..asked()
        };
        let text = br#"{"value": 1, "values": {"up": 2}}"#;
        let answer = read(text, &question, Source::Http).unwrap();
        assert_eq!(answer.values.len(), 1);
    }

    #[rstest]
    #[case("")]
    #[case("<html>")]
    #[case("[0.1]")]
    #[case("{}")]
    #[case("{\"value\": null}")]
    #[case("{\"value\": \"up\"}")]
    #[case("{\"values\": {}}")]
    #[case("{\"values\": [1]}")]
    #[case("0.1 0.2")]
    fn what_is_no_answer_is_refused_without_its_text(#[case] text: &str) {
        let refused = answer(text).unwrap_err();
        assert!(!refused.contains("html"), "{refused}");
    }

    #[test]
    fn numbers_that_are_none_come_through_to_be_refused_by_name() {
        assert!(answer("NaN").unwrap().value.is_nan());
        assert!(answer("\"-inf\"").unwrap().value.is_infinite());
        assert!(read(b"\xff", &asked(), Source::Http).is_err());
    }
}
