//! The messages that a worker sends to the emissions module.

use cosmrs::Any;
use prost::Message;

use super::{Emissions, Version};
use crate::{
    chain::{ChainError, Decimal, Output, Signer, Uallo, proto::emissions as pb},
    types::{Nonce, TopicId, WindowKey},
};

/// The label under which a topic with a single output takes its value on v10.
const SINGLE_OUTPUT: &str = "y";
impl Emissions {
    /// The message that submits `output` for a window, with the bundle signed.
    ///
    /// # Errors
    /// When the key can't sign.
    pub fn submission(
        &self,
        signer: &Signer,
        key: WindowKey,
        output: &Output,
    ) -> Result<Any, ChainError> {
        let version = self.version();
        let bundle = pb::InputInferenceForecastBundle {
            inference: Some(inference(version, signer.address(), key, output)),
            forecast: None,
        };
        let signature = signer.sign(&bundle.encode_to_vec())?;
        let request = pb::InsertWorkerPayloadRequest {
            sender: signer.address().to_owned(),
            worker_data_bundle: Some(pb::InputWorkerDataBundle {
                worker: signer.address().to_owned(),
                nonce: Some(pb::Nonce {
                    block_height: key.nonce.0,
                }),
                topic_id: key.topic.0,
                inference_forecasts_bundle: Some(bundle),
                inferences_forecasts_bundle_signature: signature,
                pubkey: signer.public_key_hex(),
            }),
        };
        Ok(Any {
            type_url: version.type_url("InsertWorkerPayloadRequest"),
            value: request.encode_to_vec(),
        })
    }

    /// The message that registers the address as a worker of a topic.
    #[must_use]
    pub fn registration(&self, address: &str, topic: TopicId) -> Any {
        let request = pb::RegisterRequest {
            sender: address.to_owned(),
            topic_id: topic.0,
            owner: address.to_owned(),
            is_reputer: false,
        };
        Any {
            type_url: self.version().type_url("RegisterRequest"),
            value: request.encode_to_vec(),
        }
    }
}

/// The windows that a transaction's submissions answer, in the order of its messages; none for bytes
/// that are no such transaction.
#[must_use]
pub fn answered_windows(tx: &[u8]) -> Vec<WindowKey> {
    windows_of(tx, |_| true)
}

/// Whether a transaction holds an answer of this address to a window.
#[must_use]
pub fn answers(tx: &[u8], address: &str, key: WindowKey) -> bool {
    windows_of(tx, |sender| sender == address).contains(&key)
}

fn windows_of(tx: &[u8], is_wanted: impl Fn(&str) -> bool) -> Vec<WindowKey> {
    let Ok(tx) = cosmrs::Tx::from_bytes(tx) else {
        return Vec::new();
    };
    let window = |message: &Any| {
        let request = pb::InsertWorkerPayloadRequest::decode(message.value.as_slice()).ok()?;
        let bundle = request
            .worker_data_bundle
            .filter(|_| is_wanted(&request.sender))?;
        Some(WindowKey {
            topic: TopicId(bundle.topic_id),
            nonce: Nonce(bundle.nonce?.block_height),
        })
    };
    tx.body.messages.iter().filter_map(window).collect()
}

/// The fee that a transaction pays, in `denom`; none for bytes that are no transaction.
#[must_use]
pub fn fee_of(tx: &[u8], denom: &str) -> Option<Uallo> {
    let tx = cosmrs::Tx::from_bytes(tx).ok()?;
    let coins = tx.auth_info.fee.amount.iter();
    let coins = coins.filter(|coin| coin.denom.as_ref() == denom);
    Some(Uallo(coins.map(|coin| coin.amount).sum()))
}

fn inference(
    version: Version,
    address: &str,
    key: WindowKey,
    output: &Output,
) -> pb::InputInference {
    let labelled = |label: &str, value: &Decimal| pb::InputLabeledValue {
        label: label.to_owned(),
        value: value.to_string(),
    };
    let zero = || Decimal::zero().to_string();
    let (value, values) = match (version, output) {
        (Version::V9, Output::Single(value)) => (value.to_string(), Vec::new()),
        (Version::V10, Output::Single(value)) => (zero(), vec![labelled(SINGLE_OUTPUT, value)]),
        // Only v10 has topics with labels.
        (_, Output::Labelled(values)) => {
            let values = values.iter().map(|(label, value)| labelled(label, value));
            (zero(), values.collect())
        }
    };
    pb::InputInference {
        topic_id: key.topic.0,
        block_height: key.nonce.0,
        inferer: address.to_owned(),
        value,
        values,
        ..pb::InputInference::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v10_labels_the_value_and_v9_does_not() {
        let key = WindowKey {
            topic: TopicId(67),
            nonce: Nonce(148),
        };
        let value = Decimal::try_from(0.25).unwrap().into();
        let new = inference(Version::V10, "allo1x", key, &value);
        assert_eq!((new.value.as_str(), new.values.len()), ("0", 1));
        assert_eq!(new.values[0].value, "0.25");
        let old = inference(Version::V9, "allo1x", key, &value);
        assert_eq!((old.value.as_str(), old.values.len()), ("0.25", 0));
    }

    #[test]
    fn several_outputs_keep_their_labels_and_order() {
        let key = WindowKey {
            topic: TopicId(68),
            nonce: Nonce(148),
        };
        let output = r#"{"up":0.6,"down":0.4}"#.parse().unwrap();
        let message = inference(Version::V10, "allo1x", key, &output);
        let values = message.values.iter();
        let values: Vec<_> = values
            .map(|it| (it.label.as_str(), it.value.as_str()))
            .collect();
        assert_eq!(values, [("up", "0.6"), ("down", "0.4")]);
        assert_eq!(message.value, "0");
    }
}
