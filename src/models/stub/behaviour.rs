//! What a stub model does when it is called.

use std::time::Duration;

use http::Response;
use prost::bytes::Bytes;
use serde_json::json;
use tonic::Code;

use super::reply::{self, Reply};
use crate::models::{
    Payload, Value,
    proto::{commons::Variant, dynamic_subclass::CallRequest},
};

/// How a stub model answers its methods.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Behaviour {
    /// With whole numbers as second and third argument it gives as many normal densities as the one holds
    /// of the other; else nothing.
    #[default]
    Sound,
    /// It gives this value.
    Gives(Value),
    /// It raises an exception with this text.
    Raises(String),
    /// It answers soundly after this time, and is busy until then whether or not somebody waits.
    Takes(Duration),
    /// It never answers, and is busy from then on.
    Hangs,
    /// Its server says that it is busy.
    IsBusy,
    /// Its server gives a gRPC error with this code and text.
    Refuses(Code, String),
    /// Its server gives bytes that are no message.
    Babbles(Bytes),
    /// Its server gives a message that no decoder here takes.
    Oversized,
    /// It lacks the method.
    Lacks,
    /// Its connections break in the middle of the call.
    Breaks,
}

/// What becomes of a call.
pub(super) enum Act {
    Answer(Response<Reply>),
    AnswerAfter(Duration, Response<Reply>),
    Never,
    Break,
}

impl Behaviour {
    pub(super) fn act(&self, call: &CallRequest) -> Act {
        Act::Answer(match self {
            Self::Sound => sound(call),
            Self::Gives(value) => reply::outcome("SUCCESS", "", Some(value.encode())),
            Self::Raises(text) => {
                let text = format!("The model raised an exception: {text}");
                reply::outcome("MODEL_FAILED", &text, None)
            }
            Self::Takes(time) => return Act::AnswerAfter(*time, sound(call)),
            Self::Hangs => return Act::Never,
            Self::IsBusy => reply::error(Code::ResourceExhausted, "Server busy"),
            Self::Refuses(code, text) => reply::error(*code, text),
            Self::Babbles(bytes) => reply::raw(bytes.clone()),
            Self::Oversized => {
                let variant = Variant {
                    r#type: 3,
                    value: vec![b'x'; 65 << 20].into(),
                };
                reply::outcome("SUCCESS", "", Some(variant))
            }
            Self::Lacks => {
                let text = format!(
                    "Method \"{}\" not found in class \"Stub\"",
                    call.method_name
                );
                reply::outcome("BAD_IMPLEMENTATION", &text, None)
            }
            Self::Breaks => return Act::Break,
        })
    }
}

fn sound(call: &CallRequest) -> Response<Reply> {
    let int = |place: usize| {
        let argument = call.method_arguments.get(place)?;
        match Payload::decode(argument.data.clone()) {
            Ok(Payload::Int(value)) => Some(value),
            _ => None,
        }
    };
    let (Some(horizon), Some(step @ 1..)) = (int(1), int(2)) else {
        return reply::outcome("SUCCESS", "", None);
    };
    let items = (1..=horizon / step).map(|k| {
        json!({ "step": k * step, "type": "mixture", "components": [{ "density": { "type": "builtin",
            "name": "norm", "params": { "loc": 8.074_154_480_231_503, "scale": 162.898_641_108_484_9 } },
            "weight": 1 }] })
    });
    let items: Vec<_> = items.collect();
    match Value::json(&items) {
        Ok(value) => reply::outcome("SUCCESS", "", Some(value.encode())),
        Err(error) => reply::outcome("MODEL_FAILED", &error.to_string(), None),
    }
}
