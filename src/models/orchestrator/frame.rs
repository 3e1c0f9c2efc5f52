//! Frames of the orchestrator's socket.

use std::fmt;

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{limits::cut, models::item::Item};

/// Bytes of an orchestrator's own words that are told.
const LONGEST_WORDS: usize = 400;
/// Models of a frame that can't be read, of which more are not told.
const MOST_SPOILT: usize = 100;

/// What a frame tells.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::models) enum Frame {
    /// All models that run.
    Listed(Told),
    /// Models that changed.
    Updated(Told),
    /// The orchestrator does not take us.
    Refused(String),
    /// One that is not known here.
    Unknown(String),
}

/// The models of a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::models) struct Told {
    pub(in crate::models) items: Vec<Item>,
    /// What is wrong with those that can't be read.
    pub(in crate::models) spoilt: Vec<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(default)]
    event: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    error: Option<String>,
}

impl Frame {
    /// Reads a frame.
    ///
    /// # Errors
    /// Why it is none.
    pub(in crate::models) fn read(text: &str) -> Result<Self, String> {
        let raw: Raw<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(error) = raw.error {
            return Ok(Self::Refused(cut(error, LONGEST_WORDS)));
        }
        match raw.event.as_str() {
            "init" => Ok(Self::Listed(Told::read(raw.data)?)),
            "update" => Ok(Self::Updated(Told::read(raw.data)?)),
            _ => Ok(Self::Unknown(cut(raw.event, LONGEST_WORDS))),
        }
    }
}

impl Told {
    /// Each item is read by itself, so that an odd one spoils no other.
    fn read(data: Option<&RawValue>) -> Result<Self, String> {
        let text = data.map_or("null", RawValue::get);
        let raw: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
            Some(b'{') => data.into_iter().collect(),
            Some(b'n') => Vec::new(),
            _ => serde_json::from_str(text).map_err(|error| format!("data: {error}"))?,
        };
        let mut told = Self::default();
        for item in raw {
            match Item::read(item.get()) {
                Ok(item) => told.items.push(item),
                Err(error) if told.spoilt.len() < MOST_SPOILT => {
                    told.spoilt.push(cut(error, LONGEST_WORDS));
                }
                Err(_) => {}
            }
        }
        Ok(told)
    }
}

/// Why a model is reported. The orchestrator stops it whatever the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCode {
    /// It can't be reached, or does not prove who it is.
    ConnectionFailed,
    /// It lacks the base class or a method that others have.
    BadImplementation,
    /// Too many time-outs in a row.
    MultipleTimeout,
    /// Too many failures in a row, or its constructor failed.
    MultipleFailed,
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectionFailed => "CONNECTION_FAILED",
            Self::BadImplementation => "BAD_IMPLEMENTATION",
            Self::MultipleTimeout => "MULTIPLE_TIMEOUT",
            Self::MultipleFailed => "MULTIPLE_FAILED",
        })
    }
}

/// A model that is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) model_id: String,
    pub(crate) deployment_id: String,
    /// The address as the orchestrator gave it: with the model's id it is the key.
    pub(crate) ip: String,
    pub(crate) code: FailureCode,
    pub(crate) reason: String,
}

impl Report {
    /// The frame for one report. One that the orchestrator can't place makes it drop the rest of its
    /// frame, so each has a frame of its own.
    pub(super) fn frame(&self) -> String {
        let report = json!({
            "model_id": self.model_id,
            "failure_code": self.code.to_string(),
            "failure_reason": self.reason,
            "ip": self.ip,
        });
        json!({ "event": "report_failure", "data": [report] }).to_string()
    }

    /// Whether the orchestrator still runs what is reported.
    pub(super) fn concerns(&self, item: &Item) -> bool {
        item.info.model_id == self.model_id
            && item.info.deployment_id == self.deployment_id
            && item
                .address
                .as_ref()
                .is_some_and(|address| address.host == self.ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let empty = Told::default;
        assert_eq!(
            Frame::read(r#"{"event": "init", "data": []}"#),
            Ok(Frame::Listed(empty()))
        );
        assert_eq!(
            Frame::read(r#"{"event": "update", "data": null}"#),
            Ok(Frame::Updated(empty()))
        );
        assert_eq!(
            Frame::read(r#"{"event": "news", "data": 7}"#),
            Ok(Frame::Unknown("news".into()))
        );
        let refusal = r#"{"error": "crunch_id is required"}"#;
        assert_eq!(
            Frame::read(refusal),
            Ok(Frame::Refused("crunch_id is required".into()))
        );
        for text in [
            "",
            "[]",
            "7",
            r#"{"event": "init", "data": 7}"#,
            "{\"event\": \"init\"",
        ] {
            assert!(Frame::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_words_are_cut_and_many_faults_told_in_part() {
        let long = "x".repeat(100_000);
        let refusal = format!(r#"{{"error": "{long}"}}"#);
        assert!(matches!(Frame::read(&refusal), Ok(Frame::Refused(words)) if words.len() < 500));
        let odd = vec![format!(r#"{{"model_id": ["{long}"], "deployment_id": 1}}"#); 150];
        let list = format!(r#"{{"event": "init", "data": [{}]}}"#, odd.join(","));
        let Ok(Frame::Listed(told)) = Frame::read(&list) else {
            panic!("a list")
        };
        assert_eq!(told.spoilt.len(), 100);
        assert!(told.spoilt.iter().all(|words| words.len() < 500));
    }

    #[test]
    fn an_odd_item_spoils_no_other() {
        let text = r#"{"event": "init", "data": [{"deployment_id": "d", "model_id": "m"}, 7, {"model_id": "x"}]}"#;
        let Ok(Frame::Listed(told)) = Frame::read(text) else {
            panic!("a list")
        };
        assert_eq!((told.items.len(), told.spoilt.len()), (1, 2));
        let one = r#"{"event": "update", "data": {"deployment_id": "d", "model_id": "m"}}"#;
        let Ok(Frame::Updated(told)) = Frame::read(one) else {
            panic!("an update")
        };
        assert_eq!(told.items.len(), 1, "one that is not in a list");
    }

    #[test]
    fn ten_thousand_models_are_read() {
        let item = |n: usize| {
            format!(
                r#"{{"deployment_id": "{n}_20261121_210030_061", "model_id": "{n}", "infos": {{"model_name": "model-{n}",
            "cruncher_id": "w{n}", "cruncher_name": "c{n}", "cruncher_wallet_pubkey": "w{n}", "cruncher_hotkey": null}},
            "state": "RUNNING", "ip": "10.0.0.1", "port": {}}}"#,
                1_000 + n
            )
        };
        let items: Vec<_> = (0..10_000).map(item).collect();
        let text = format!(r#"{{"event": "init", "data": [{}]}}"#, items.join(","));
        let Ok(Frame::Listed(told)) = Frame::read(&text) else {
            panic!("a list")
        };
        assert_eq!((told.items.len(), told.spoilt.len()), (10_000, 0));
    }

    #[test]
    fn a_report_is_well_formed() {
        let report = Report {
            model_id: "1".into(),
            deployment_id: "d".into(),
            ip: "localhost".into(),
            code: FailureCode::MultipleTimeout,
            reason: "\"quoted\"\n".into(),
        };
        let read: serde_json::Value = serde_json::from_str(&report.frame()).unwrap();
        let expected = json!({ "event": "report_failure", "data": [{ "model_id": "1",
            "failure_code": "MULTIPLE_TIMEOUT", "failure_reason": "\"quoted\"\n", "ip": "localhost" }] });
        assert_eq!(read, expected);
    }
}
