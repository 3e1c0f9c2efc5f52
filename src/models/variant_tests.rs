//! Values there and back, and bytes that are none.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn variant(kind: VariantType, bytes: &[u8]) -> Variant {
    Variant {
        r#type: kind.into(),
        value: Bytes::copy_from_slice(bytes),
    }
}

#[rstest]
#[case(&[], 0)]
#[case(&[0xff], -1)]
#[case(&[0x7f], 127)]
#[case(&[0x80, 0x00], 128)]
#[case(&[0, 0, 0, 0, 0, 0, 0, 0x80], i64::MIN)]
#[case(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1)]
#[case(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], -2)]
fn integers_of_any_length_are_read(#[case] bytes: &[u8], #[case] expected: i64) {
    let read = Payload::decode(Some(variant(VariantType::Int, bytes)));
    assert_eq!(read, Ok(Payload::Int(expected)));
}

#[rstest]
#[case(VariantType::Int, &[0, 0, 0, 0, 0, 0, 0, 0x80, 0], "does not fit")]
#[case(VariantType::Int, &[0, 0, 0, 0, 0, 0, 0, 0, 1], "does not fit")]
#[case(VariantType::Double, &[0; 7], "a DOUBLE of 7 bytes")]
#[case(VariantType::String, &[0xff], "not UTF-8")]
#[case(VariantType::Json, b"{", "JSON")]
#[case(VariantType::Parquet, b"PAR1", "PARQUET, which is not read here")]
#[case(VariantType::Arrow, b"ARROW1", "ARROW, which is not read here")]
fn bytes_that_are_no_value_are_told(
    #[case] kind: VariantType,
    #[case] bytes: &[u8],
    #[case] words: &str,
) {
    let error = Payload::decode(Some(variant(kind, bytes))).unwrap_err();
    assert!(error.contains(words), "{error}");
}

#[test]
fn an_unknown_kind_is_told() {
    let error = Payload::decode(Some(Variant {
        r#type: 77,
        value: Bytes::new(),
    }))
    .unwrap_err();
    assert!(error.contains("unknown kind 77"), "{error}");
}

#[test]
fn no_value_and_the_empty_value_are_nothing() {
    assert_eq!(Payload::decode(None), Ok(Payload::None));
    assert_eq!(
        Payload::decode(Some(variant(VariantType::None, b""))),
        Ok(Payload::None)
    );
}

#[test]
fn tables_are_refused_with_a_reason() {
    for name in ["PARQUET", "ARROW"] {
        let error = name.parse::<Kind>().unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("give JSON"),
            "{error}"
        );
    }
    for kind in [
        Kind::None,
        Kind::Double,
        Kind::Int,
        Kind::String,
        Kind::Json,
    ] {
        assert_eq!(kind.to_string().parse::<Kind>().unwrap(), kind);
    }
    assert!("NDARRAY".parse::<Kind>().is_err());
}

proptest! {
    #[test]
    fn values_come_back(int in any::<i64>(), double in any::<u64>(), text in ".*") {
        let back = |value: Value| Payload::decode(Some(value.encode())).unwrap();
        prop_assert_eq!(back(Value::Int(int)), Payload::Int(int));
        prop_assert_eq!(back(Value::String(text.clone())), Payload::String(text.clone()));
        match back(Value::Double(f64::from_bits(double))) {
            Payload::Double(read) => prop_assert_eq!(read.to_bits(), double),
            other => prop_assert!(false, "{:?}", other),
        }
        match back(Value::json(&text).unwrap()) {
            Payload::Json(json) => prop_assert_eq!(json.parse::<String>().unwrap(), text),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
