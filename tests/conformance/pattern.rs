//! Expectations with gaps.
//!
//! In a text, `<int>` stands for digits with a sign or without, `<hex>` for upper- or lower-case hex
//! (nothing included), `<base64>` for base64, `<time>` for a timestamp and `<any>` for anything. In
//! JSON, a string is such a text, `"<number>"` is any number, `"<value>"` any value at all, and a list
//! `["<each>", x]` any number of `x`.

use serde_json::Value;

/// A gap's name and the signs that it takes.
type Gap = (&'static str, fn(char) -> bool);

const GAPS: [Gap; 5] = [
    ("<int>", |c| c.is_ascii_digit() || c == '-'),
    ("<hex>", |c| c.is_ascii_hexdigit()),
    ("<base64>", |c| {
        c.is_ascii_alphanumeric() || "+/=".contains(c)
    }),
    ("<time>", |c| c.is_ascii_digit() || "-T:.Z".contains(c)),
    ("<any>", |_| true),
];

/// Whether a text fits an expectation.
pub(crate) fn fits(expected: &str, text: &str) -> bool {
    let gaps = GAPS
        .iter()
        .filter_map(|(gap, takes)| Some((expected.find(gap)?, gap.len(), takes)));
    let Some((at, length, takes)) = gaps.min_by_key(|gap| gap.0) else {
        return expected == text;
    };
    let (before, after) = (&expected[..at], &expected[at + length..]);
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    let ends = rest
        .char_indices()
        .take_while(|(_, c)| takes(*c))
        .map(|(at, c)| at + c.len_utf8());
    std::iter::once(0)
        .chain(ends)
        .any(|end| fits(after, &rest[end..]))
}

/// Where a value does not fit an expectation, and how; none when it fits.
pub(crate) fn differs(expected: &Value, value: &Value) -> Option<String> {
    differs_at("$", expected, value)
}

fn differs_at(path: &str, expected: &Value, value: &Value) -> Option<String> {
    let no = || Some(format!("{path}: expected {expected}, got {value}"));
    match (expected, value) {
        (Value::String(word), _) if word == "<value>" => None,
        (Value::String(word), Value::Number(_)) if word == "<number>" => None,
        (Value::String(text), Value::String(given)) if fits(text, given) => None,
        (Value::Array(list), Value::Array(given)) if list.first() == Some(&"<each>".into()) => {
            let each = list.get(1)?;
            let mut places = given.iter().enumerate();
            places.find_map(|(at, item)| differs_at(&format!("{path}[{at}]"), each, item))
        }
        (Value::Array(list), Value::Array(given)) if list.len() == given.len() => {
            let mut pairs = list.iter().zip(given).enumerate();
            pairs.find_map(|(at, (e, g))| differs_at(&format!("{path}[{at}]"), e, g))
        }
        (Value::Object(fields), Value::Object(given)) => {
            let missing = fields.keys().find(|key| !given.contains_key(*key));
            let more = given.keys().find(|key| !fields.contains_key(*key));
            if let Some(key) = missing {
                return Some(format!("{path}.{key} is missing"));
            }
            if let Some(key) = more {
                return Some(format!(
                    "{path}.{key} is more than expected: {}",
                    given[key]
                ));
            }
            let mut all = fields.iter();
            all.find_map(|(key, e)| differs_at(&format!("{path}.{key}"), e, &given[key]))
        }
        _ if expected == value => None,
        _ => no(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_gap_takes_what_it_stands_for_and_no_more() {
        assert!(fits(
            "expected <int>, got <int>: no",
            "expected 5, got -3: no"
        ));
        assert!(!fits("expected <int>, got 3", "expected five, got 3"));
        assert!(!fits("expected 5", "expected 55"));
        assert!(fits("a<any>z", "a<b>z") && !fits("a<any>z", "a<b>zy"));
    }

    #[test]
    fn a_value_differs_by_a_field_too_many_or_too_few() {
        let expected = json!({"height": "<int>", "txs": ["<each>", "<base64>"], "n": "<number>"});
        let fine = json!({"height": "7", "txs": ["AAA=", "BBB="], "n": 3});
        assert_eq!(differs(&expected, &fine), None);
        for wrong in [
            json!({"height": 7, "txs": [], "n": 3}),
            json!({"height": "7", "txs": []}),
            json!({"height": "7", "txs": ["?"], "n": 3}),
            json!({"height": "7", "txs": [], "n": 3, "more": null}),
        ] {
            assert!(differs(&expected, &wrong).is_some(), "{wrong}");
        }
    }
}
