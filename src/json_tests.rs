//! Bare words are read where a value may stand, and nowhere else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn read(text: &str) -> Result<Json, String> {
    Json::read(Bytes::copy_from_slice(text.as_bytes()))
}

#[derive(serde::Deserialize)]
struct Read {
    a: Vec<f64>,
    b: String,
    #[serde(rename = "NaN")]
    n: i64,
}

#[test]
fn bare_words_are_numbers() {
    let json =
        read(r#"{"a": [1.5, NaN, -Infinity,Infinity], "NaN": -2, "b": "\"NaN, \\"}"#).unwrap();
    assert!(json.has_bare_words());
    let expected = r#"{"a": [1.5, null, null,null], "NaN": -2, "b": "\"NaN, \\"}"#;
    assert_eq!(json.standard(), expected);
    let Read { a, b, n } = json.parse().unwrap();
    assert!(
        a[1].is_nan() && a[2] == f64::NEG_INFINITY && a[3] == f64::INFINITY,
        "{a:?}"
    );
    assert_eq!((b.as_str(), n), (r#""NaN, \"#, -2));
}

#[test]
fn a_word_alone_is_a_number() {
    assert!(read("NaN").unwrap().parse::<f64>().unwrap().is_nan());
    assert_eq!(
        read(" -Infinity ").unwrap().parse::<f64>(),
        Ok(f64::NEG_INFINITY)
    );
}

#[test]
fn plain_text_is_not_copied() {
    let json = read(r#"["NaN", "it is -Infinity"]"#).unwrap();
    assert!(!json.has_bare_words());
    assert!(matches!(json.standard(), Cow::Borrowed(_)));
}

// The lenient reader would take most of these.
#[rstest]
#[case("")]
#[case("[NaNa]")]
#[case("[-NaN]")]
#[case("[--Infinity]")]
#[case("[Infinit]")]
#[case("{NaN: 1}")]
#[case("[NaN,]")]
#[case("['NaN', NaN]")]
#[case("[NaN] // so it is")]
#[case("[NaN NaN]")]
#[case(r#"["NaN]"#)]
#[case("[+Infinity]")]
#[case("[0x10, NaN]")]
fn what_is_no_json_is_refused(#[case] text: &str) {
    assert!(read(text).is_err(), "{text}");
}

#[test]
fn a_text_too_deep_is_refused() {
    assert!(read(&("[".repeat(100) + &"]".repeat(100))).is_ok());
    let deep = "[".repeat(5_000) + "NaN" + &"]".repeat(5_000);
    assert!(read(&deep).unwrap_err().contains("deeper"));
}

#[test]
fn a_long_text_with_bare_words_is_not_parsed() {
    let long = format!("[NaN{}]", ",0".repeat(LONGEST_WITH_WORDS / 2));
    let refused = read(&long).unwrap().parse::<Vec<f64>>().unwrap_err();
    assert!(
        refused.contains("1 MiB are read at most: leave out"),
        "{refused}"
    );
    assert!(parse::<Vec<f64>>(&long).is_err());
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    assert!(Json::read(Bytes::from_static(b"\"\xff\"")).is_err());
}

/// A value, the text that Python writes for it, and what it is in JSON proper.
fn values() -> impl Strategy<Value = (String, serde_json::Value)> {
    // Numbers that binary fractions hold exactly: readers round others differently.
    let number = any::<i32>().prop_map(|eighths| f64::from(eighths) / 8.0);
    let number = number.prop_map(|number| {
        let text = format!("{number:?}");
        (text, serde_json::json!(number))
    });
    let odd = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)];
    let odd = odd.prop_map(|number| {
        let text = format!("{number:?}").replace("inf", "Infinity");
        (text, serde_json::Value::Null)
    });
    let text = "(NaN|Infinity|-|[\\\\\"{}\\[\\]: ,a-zé])*"
        .prop_map(|text| (serde_json::json!(text).to_string(), serde_json::json!(text)));
    let leaf = prop_oneof![number, odd, text];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(|items| {
            let (texts, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            (
                format!("[{}]", texts.join(", ")),
                serde_json::Value::Array(values),
            )
        });
        let key = "[a-zNI\"\\\\-]{0,6}";
        let object = prop::collection::btree_map(key, inner, 0..4).prop_map(
            |items: BTreeMap<String, (String, serde_json::Value)>| {
                let texts = items
                    .iter()
                    .map(|(key, (text, _))| format!("{}: {text}", serde_json::json!(key)));
                let text = format!("{{{}}}", texts.collect::<Vec<_>>().join(", "));
                let values = items.into_iter().map(|(key, (_, value))| (key, value));
                (text, serde_json::Value::Object(values.collect()))
            },
        );
        prop_oneof![list, object]
    })
}

proptest! {
    #[test]
    fn what_python_writes_is_read((text, value) in values()) {
        let json = read(&text).unwrap();
        prop_assert_eq!(json.text(), &text);
        let standard: serde_json::Value = serde_json::from_str(&json.standard()).unwrap();
        prop_assert_eq!(&standard, &value);
        // The lenient reader agrees: it writes what is no finite number as null, too.
        let parsed: serde_json::Value = json.parse().unwrap();
        prop_assert_eq!(&parsed, &value);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(json) = Json::read(Bytes::from(bytes)) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json.standard()).is_ok());
        }
    }

    #[test]
    fn any_marks_are_read_or_refused(text in "[\\[\\]{}:,\"\\\\NaInfity 0-9.eE-]{0,40}") {
        if let Ok(json) = read(&text) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json.standard()).is_ok());
            prop_assert!(json.parse::<serde_json::Value>().is_ok());
        }
    }
}
