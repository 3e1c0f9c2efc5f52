//! A model as the orchestrator tells of it. What it leaves out or writes oddly spoils nothing else.

use serde::Deserialize;
use serde_json::Value;

/// Who a model is. Names and the owner's data may change while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelInfo {
    /// The model; stable over redeploys.
    pub model_id: String,
    /// What was deployed; new for each submission.
    pub deployment_id: String,
    /// The model's name.
    pub model_name: Option<String>,
    /// The owner.
    pub cruncher_id: Option<String>,
    /// The owner's name.
    pub cruncher_name: Option<String>,
    /// The owner's wallet, in base58: the key that a model's server proves itself with.
    pub wallet_pubkey: Option<String>,
    /// The key that the owner's wallet delegates to.
    pub hotkey: Option<String>,
}

impl ModelInfo {
    /// Whether another deployment of the same model is surely newer. Their ids end in the time at which
    /// they were made; ids of another form tell nothing.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let time = |info: &Self| {
            let rest = info
                .deployment_id
                .strip_prefix(&info.model_id)?
                .strip_prefix('_')?;
            let is_time = rest.len() == 19
                && rest.bytes().enumerate().all(|(place, byte)| {
                    if place == 8 || place == 15 {
                        byte == b'_'
                    } else {
                        byte.is_ascii_digit()
                    }
                });
            is_time.then(|| rest.to_owned())
        };
        matches!((time(self), time(other)), (Some(own), Some(others)) if own < others)
    }
}

/// Where a model's server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// What a model is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopped,
    Recovering,
    /// One that is not known here: it changes nothing.
    Other,
}

/// A model as it stands in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) info: ModelInfo,
    pub(super) state: State,
    /// None while it has no usable one.
    pub(super) address: Option<Address>,
}

#[derive(Deserialize)]
struct Raw {
    deployment_id: Value,
    model_id: Value,
    #[serde(default)]
    infos: Value,
    #[serde(default)]
    state: Value,
    #[serde(default)]
    ip: Value,
    #[serde(default)]
    port: Value,
}

impl Item {
    /// Reads one item.
    ///
    /// # Errors
    /// Why it names no model.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let raw: Raw = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let info = |key: &str| raw.infos.get(key).and_then(words);
        let id = |value: &Value, key| words(value).ok_or_else(|| format!("{key} is {value}"));
        Ok(Self {
            info: ModelInfo {
                model_id: id(&raw.model_id, "model_id")?,
                deployment_id: id(&raw.deployment_id, "deployment_id")?,
                model_name: info("model_name"),
                cruncher_id: info("cruncher_id"),
                cruncher_name: info("cruncher_name"),
                wallet_pubkey: info("cruncher_wallet_pubkey"),
                hotkey: info("cruncher_hotkey"),
            },
            state: match raw.state.as_str() {
                Some("RUNNING") => State::Running,
                Some("STOPPED") => State::Stopped,
                Some("RECOVERING") => State::Recovering,
                _ => State::Other,
            },
            address: words(&raw.ip)
                .zip(port(&raw.port))
                .map(|(host, port)| Address { host, port }),
        })
    }
}

/// Text, or a number written as such.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A port as a number or as text; 0 is none.
fn port(value: &Value) -> Option<u16> {
    let port = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (port != 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"{"deployment_id": "1_20261121_210030_061", "model_id": "1", "infos": {"model_name":
        "noisy-good-1", "cruncher_id": "wallet01", "cruncher_name": "cruncher1", "cruncher_wallet_pubkey": "wallet01",
        "cruncher_hotkey": null}, "state": "RUNNING", "ip": "127.0.0.1", "port": 50100}"#;

    #[test]
    fn a_real_item_is_read() {
        let item = Item::read(REAL).unwrap();
        assert_eq!(item.info.deployment_id, "1_20261121_210030_061");
        assert_eq!(item.info.model_name.as_deref(), Some("noisy-good-1"));
        assert_eq!(item.info.hotkey, None);
        assert_eq!(item.state, State::Running);
        assert_eq!(
            item.address,
            Some(Address {
                host: "127.0.0.1".into(),
                port: 50100
            })
        );
    }

    #[test]
    fn odd_items_are_read_as_far_as_they_go() {
        let odd = r#"{"deployment_id": "d", "model_id": 7, "infos": null, "state": "RUNNING",
            "ip": "localhost", "port": "50051", "new": [1]}"#;
        let item = Item::read(odd).unwrap();
        assert_eq!(
            (item.info.model_id.as_str(), item.info.model_name),
            ("7", None)
        );
        assert_eq!(
            item.address,
            Some(Address {
                host: "localhost".into(),
                port: 50051
            })
        );
        let bare = Item::read(
            r#"{"deployment_id": "d", "model_id": "m", "state": "BUILDING", "ip": null, "port": 0}"#,
        );
        let bare = bare.unwrap();
        assert_eq!((bare.state, bare.address), (State::Other, None));
        for port in ["null", "0", "\"x\"", "70000", "-1", "1.5"] {
            let text =
                format!(r#"{{"deployment_id": "d", "model_id": "m", "ip": "h", "port": {port}}}"#);
            assert_eq!(Item::read(&text).unwrap().address, None, "{port}");
        }
    }

    #[test]
    fn an_item_without_an_id_is_told() {
        for text in [
            "{}",
            "7",
            r#"{"deployment_id": "d", "model_id": null}"#,
            r#"{"deployment_id": "", "model_id": "m"}"#,
        ] {
            assert!(Item::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_time_in_a_deployment_id_orders() {
        let info = |deployment: &str| {
            let mut item = Item::read(REAL).unwrap();
            item.info.deployment_id = deployment.into();
            item.info
        };
        let (old, new) = (info("1_20261121_210030_061"), info("1_20261121_210031_002"));
        assert!(old.is_older_than(&new) && !new.is_older_than(&old) && !old.is_older_than(&old));
        assert!(
            !info("a").is_older_than(&info("b")),
            "ids of another form tell nothing"
        );
    }
}
