//! What orchestrators and models' servers send, field by field spoilt.

use prost::{Message as _, bytes::Bytes};
use serde_json::json;

use super::item;
use crate::{
    fuzz::{Form, Target, told},
    json,
    models::{
        Json, MethodConfig, Payload,
        orchestrator::Frame,
        proto::{
            commons::{Status, Variant},
            dynamic_subclass::{CallResponse, SetupResponse},
            health::HealthCheckResponse,
        },
        stub, wire,
    },
};

pub(crate) fn targets() -> Vec<Target> {
    let list = json!({"event": "init", "data": [item("1"), item("2")]}).to_string();
    let update = json!({"event": "update", "data": item("3")}).to_string();
    let frames = [list, update, r#"{"error": "crunch_id is required"}"#.into()];
    vec![
        Target::new("models-frames", Form::Json, frames, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match Frame::read(&text) {
                Ok(Frame::Listed(told) | Frame::Updated(told)) => {
                    let longest = told.items.iter().map(|it| it.info.model_id.len()).max();
                    assert!(longest <= Some(text.len()));
                    let spoilt = told.spoilt.first().cloned().unwrap_or_default();
                    format!("{} {spoilt}", told.items.len().min(3))
                }
                Ok(other) => format!("{other:?}"),
                Err(error) => error,
            }
        }),
        Target::new("models-answers", Form::Proto, answers(), read_answer),
        Target::of_text("models-json", Form::Json, &JSON, read_json),
        Target::of_text("models-lists", Form::Json, &LISTS, |text| {
            told(&stub::read_list(text))
        }),
        Target::of_text("models-calls", Form::Text, &METHODS, |text| {
            told(&toml::from_str::<MethodConfig>(text))
        }),
        wire::fuzz::proofs(),
    ]
}

const JSON: [&str; 4] = [
    r#"[1.5, NaN, -Infinity, {"a": [Infinity, "NaN, \\"]}]"#,
    r#"{"300": [{"step": 300, "type": "builtin", "name": "norm", "params": {"loc": NaN}}]}"#,
    r#"[0.5, 1e-7, null, true, "é\ud83d\ude00"]"#,
    "-Infinity",
];
const LISTS: [&str; 2] = [
    "{\"model_id\": \"1\", \"deployment_id\": \"1_a\", \"host\": \"127.0.0.1\", \"port\": 50051}\n{\"model_id\": \"2\", \"deployment_id\": \"2_a\", \"host\": \"h\", \"port\": 1, \"state\": \"STOPPED\"}\n",
    "[{\"model_id\": \"1\", \"deployment_id\": \"1_a\", \"host\": \"h\", \"port\": 1, \"cruncher_hotkey\": \"k\"}]",
];
const METHODS: [&str; 1] =
    ["name = 'forecast'\narguments = ['step DOUBLE', 'asset STRING', 'a JSON', 'b INT']\n"];

fn answers() -> Vec<Vec<u8>> {
    let status = |code: &str| {
        Some(Status {
            code: code.into(),
            message: "why".into(),
        })
    };
    let values: [(i32, &[u8]); 4] = [
        (1, &1.5_f64.to_le_bytes()),
        (2, &[7, 0, 0, 0, 0, 0, 0, 0]),
        (3, "text".as_bytes()),
        (6, br#"[{"step": 1, "type": "builtin"}, NaN]"#),
    ];
    let mut all: Vec<_> = (0..8)
        .flat_map(|kind| values.iter().map(move |(_, value)| (kind, value.to_vec())))
        .map(|(kind, value)| {
            let method_response = Some(Variant {
                r#type: kind,
                value: value.into(),
            });
            CallResponse {
                status: status("SUCCESS"),
                method_response,
            }
            .encode_to_vec()
        })
        .collect();
    let refused = CallResponse {
        status: status("MODEL_FAILED"),
        method_response: None,
    };
    all.push(refused.encode_to_vec());
    all.push(
        SetupResponse {
            status: status("SUCCESS"),
        }
        .encode_to_vec(),
    );
    all.push(HealthCheckResponse { status: 1 }.encode_to_vec());
    all
}

fn read_answer(bytes: &[u8]) -> String {
    let bytes = Bytes::copy_from_slice(bytes);
    let health = HealthCheckResponse::decode(bytes.clone()).is_ok();
    let setup = SetupResponse::decode(bytes.clone()).is_ok();
    let answer = match CallResponse::decode(bytes) {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    let read = Payload::decode(answer.method_response);
    if let Ok(Payload::Json(json)) = &read {
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&json.standard()).is_ok());
    }
    let kind = read
        .as_ref()
        .map(|it| format!("{it:?}").chars().take(6).collect::<String>());
    format!("{health} {setup} {kind:?}")
}

/// Python's JSON is read as JSON proper with `null` for what is no number, or not at all.
fn read_json(text: &str) -> String {
    let read = Json::read(Bytes::copy_from_slice(text.as_bytes()));
    let by_itself = json::parse::<serde_json::Value>(text);
    if let Ok(json) = &read {
        // JSON has numbers that no float holds.
        let Ok(standard) = serde_json::from_str::<serde_json::Value>(&json.standard()) else {
            let form = serde_json::from_str::<serde::de::IgnoredAny>(&json.standard());
            assert!(form.is_ok(), "{form:?}");
            return "beyond numbers".into();
        };
        match json.parse::<serde_json::Value>() {
            Ok(parsed) if json.has_bare_words() => near(&parsed, &standard),
            Ok(parsed) => assert_eq!(parsed, standard),
            Err(error) => return error,
        }
        assert!(by_itself.is_ok(), "{by_itself:?}");
    }
    told(&read.map(|_| ()))
}

/// The same values but for the last bits of numbers.
fn near(one: &serde_json::Value, other: &serde_json::Value) {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Array(one), Array(other)) if one.len() == other.len() => {
            one.iter()
                .zip(other)
                .for_each(|(one, other)| near(one, other));
        }
        (Object(one), Object(other)) if one.len() == other.len() => {
            for (key, value) in one {
                near(value, other.get(key).expect("the key"));
            }
        }
        (Number(one), Number(other)) => {
            let (one, other) = (
                one.as_f64().expect("a float"),
                other.as_f64().expect("a float"),
            );
            assert!((one - other).abs() <= 1e-15 * one.abs(), "{one} {other}");
        }
        _ => assert_eq!(one, other),
    }
}
