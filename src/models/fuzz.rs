//! Whatever an orchestrator or a model sends, reading it neither panics nor spoils what is sound.

mod targets;

use proptest::{collection::vec, prelude::*, sample::Index};
use prost::{Message, bytes::Bytes};
use serde::de::IgnoredAny;
use serde_json::json;

use super::{
    Json, Payload,
    orchestrator::{Frame, Told},
    proto::{
        commons::{Status, Variant},
        dynamic_subclass::CallResponse,
    },
    stub::StubItem,
};
use crate::spoil::spoil;

pub(crate) use targets::targets;

fn item(id: &str) -> serde_json::Value {
    let address = "127.0.0.1:50051".parse().expect("an address");
    StubItem::new(id, &format!("{id}_1"), address).json("RUNNING")
}

fn told(frame: &str) -> Option<Told> {
    match Frame::read(frame) {
        Ok(Frame::Listed(told) | Frame::Updated(told)) => Some(told),
        _ => None,
    }
}

/// Numbers as Python's `json.dumps` writes them.
fn python(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => format!("{value:?}"),
    }
}

/// The reader of plain JSON may miss the last bit.
fn is_same(read: f64, written: f64) -> bool {
    let near = (read - written).abs() <= 1e-15 * written.abs() + f64::MIN_POSITIVE;
    near || read.is_nan() && written.is_nan()
        || read.is_infinite() && read.total_cmp(&written).is_eq()
}

proptest! {
    #[test]
    fn a_spoilt_frame_never_panics(
        changes in vec((any::<Index>(), any::<u8>(), any::<u8>()), 0..6),
        event in prop_oneof![Just("init"), Just("update"), Just("other")],
    ) {
        let frame = json!({"event": event, "data": [item("1"), item("2")]}).to_string();
        let bytes = spoil(&frame, &changes);
        if let Some(told) = told(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(told.items.len() + told.spoilt.len() <= 3, "{told:?}");
        }
    }

    #[test]
    fn an_odd_model_spoils_no_other(odd in any::<u64>(), text in ".{0,40}", place in 0..3_usize) {
        let odd = [json!(odd), json!({"model_id": text, "state": odd}), json!([text])];
        let mut items = vec![item("1"), item("2")];
        items.insert(place.min(2), odd[text.len() % 3].clone());
        let told = told(&json!({"event": "init", "data": items}).to_string()).expect("a frame");
        let sound = told.items.iter().filter(|it| ["1", "2"].contains(&it.info.model_id.as_str()));
        prop_assert!(sound.count() >= 2, "{told:?}");
    }

    #[test]
    fn a_spoilt_answer_never_panics(
        kind in -1..9_i32,
        value in vec(any::<u8>(), 0..64),
        changes in vec((any::<Index>(), any::<u8>()), 0..6),
    ) {
        let answer = CallResponse {
            status: Some(Status { code: "SUCCESS".into(), message: String::new() }),
            method_response: Some(Variant { r#type: kind, value: value.into() }),
        };
        let mut bytes = answer.encode_to_vec();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = CallResponse::decode(bytes.as_slice())
            && let Ok(Payload::Json(json)) = Payload::decode(read.method_response)
        {
            let standard = json.standard().into_owned();
            prop_assert!(serde_json::from_str::<IgnoredAny>(&standard).is_ok(), "{standard}");
        }
    }

    #[test]
    fn lists_of_any_numbers_are_read_as_python_writes_them(
        numbers in vec(any::<f64>(), 0..20),
        changes in vec((any::<Index>(), any::<u8>(), any::<u8>()), 0..3),
    ) {
        let texts: Vec<_> = numbers.iter().copied().map(python).collect();
        let text = format!("[{}]", texts.join(", "));
        let json = Json::read(Bytes::from(text.clone())).expect("a list");
        let read: Vec<f64> = json.parse().expect("numbers");
        prop_assert_eq!(read.len(), numbers.len());
        for (read, number) in read.iter().zip(&numbers) {
            prop_assert!(is_same(*read, *number), "{text}");
        }
        // What is spoilt is refused or read, and what is read can be parsed as something.
        if let Ok(json) = Json::read(spoil(&text, &changes).into()) {
            prop_assert!(serde_json::from_str::<IgnoredAny>(&json.standard()).is_ok());
        }
    }
}
