//! A wallet that signs as the worker does, with libraries of its own.

use cosmrs::{
    AccountId, Any, Coin,
    bip32::DerivationPath,
    crypto::secp256k1::SigningKey,
    tx::{Body, Fee, SignDoc, SignerInfo},
};
use prost::Message as _;

use super::kit::TOPIC;
use crate::chain::proto::emissions as pb;

/// The address of the BIP-39 test vector.
pub(super) const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";
const VECTOR: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

/// What is signed beside the messages.
#[derive(Clone)]
pub(in crate::devnet) struct Terms {
    pub(super) chain_id: String,
    pub(super) account_number: u64,
    pub(super) sequence: u64,
    pub(super) gas: u64,
    pub(super) fee: u128,
    pub(super) denom: &'static str,
    pub(super) timeout: u32,
    pub(super) memo: String,
}

pub(in crate::devnet) struct Wallet {
    key: SigningKey,
    pub(super) address: AccountId,
}

impl Wallet {
    /// The wallet of the BIP-39 test vector, or another of the same words.
    pub(in crate::devnet) fn number(index: u32) -> Self {
        let words = bip39::Mnemonic::parse(VECTOR).expect("the vector");
        let path: DerivationPath = format!("m/44'/118'/0'/0/{index}").parse().expect("a path");
        let key = SigningKey::derive_from_path(words.to_seed(""), &path).expect("a key");
        let address = key.public_key().account_id("allo").expect("an address");
        Self { key, address }
    }

    pub(in crate::devnet) fn sign(&self, messages: Vec<Any>, terms: &Terms) -> Vec<u8> {
        let body = Body::new(messages, terms.memo.clone(), terms.timeout);
        let coin = Coin {
            denom: terms.denom.parse().expect("a denomination"),
            amount: terms.fee,
        };
        let fee = Fee::from_amount_and_gas(coin, terms.gas);
        let auth =
            SignerInfo::single_direct(Some(self.key.public_key()), terms.sequence).auth_info(fee);
        let chain = terms.chain_id.parse().expect("a chain id");
        let document =
            SignDoc::new(&body, &auth, &chain, terms.account_number).expect("a document");
        document
            .sign(&self.key)
            .expect("signed")
            .to_bytes()
            .expect("bytes")
    }

    /// A v10 submission; `change` spoils it before the bundle is signed.
    pub(super) fn bundle(
        &self,
        nonce: i64,
        value: &str,
        change: impl FnOnce(&mut pb::InputInference),
    ) -> pb::InsertWorkerPayloadRequest {
        let mut inference = pb::InputInference {
            topic_id: TOPIC.0,
            block_height: nonce,
            inferer: self.address.to_string(),
            value: "0".into(),
            values: vec![pb::InputLabeledValue {
                label: "y".into(),
                value: value.into(),
            }],
            ..Default::default()
        };
        change(&mut inference);
        let inner = pb::InputInferenceForecastBundle {
            inference: Some(inference),
            forecast: None,
        };
        let signature = self.key.sign(&inner.encode_to_vec()).expect("signed");
        pb::InsertWorkerPayloadRequest {
            sender: self.address.to_string(),
            worker_data_bundle: Some(pb::InputWorkerDataBundle {
                worker: self.address.to_string(),
                nonce: Some(pb::Nonce {
                    block_height: nonce,
                }),
                topic_id: TOPIC.0,
                inference_forecasts_bundle: Some(inner),
                inferences_forecasts_bundle_signature: signature.to_bytes().to_vec(),
                pubkey: hex::encode(self.key.public_key().to_bytes()),
            }),
        }
    }

    pub(in crate::devnet) fn submission(&self, nonce: i64, value: &str) -> Any {
        any(&self.bundle(nonce, value, |_| {}))
    }

    pub(in crate::devnet) fn registration(&self) -> Any {
        let request = pb::RegisterRequest {
            sender: self.address.to_string(),
            topic_id: TOPIC.0,
            owner: self.address.to_string(),
            is_reputer: false,
        };
        Any {
            type_url: "/emissions.v10.RegisterRequest".into(),
            value: request.encode_to_vec(),
        }
    }
}

pub(super) fn any(request: &pb::InsertWorkerPayloadRequest) -> Any {
    Any {
        type_url: "/emissions.v10.InsertWorkerPayloadRequest".into(),
        value: request.encode_to_vec(),
    }
}

/// What the test wallet signs on the devnet.
pub(in crate::devnet) fn terms(sequence: u64) -> Terms {
    Terms {
        chain_id: "allora-devnet-1".into(),
        account_number: 1,
        sequence,
        gas: 250_000,
        fee: 2_500_000,
        denom: "uallo",
        timeout: 0,
        memo: String::new(),
    }
}
