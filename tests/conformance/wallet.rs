//! Wallets that sign as a worker does, and also as none should.

use allora_worker::chain::proto::emissions as pb;
use cosmrs::{
    Any, Coin,
    bip32::DerivationPath,
    crypto::secp256k1::SigningKey,
    tx::{Body, Fee, SignDoc, SignerInfo},
};
use prost::Message as _;

use super::{TOPIC, Version};

/// The words of the wallets that hold coins, as the local chain funds them.
pub(crate) const FUNDED: [&str; 3] = [
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
];
/// The words of a wallet that gets what a case needs.
pub(super) const POOR: &str =
    "board flee heavy tunnel powder denial science ski answer betray cargo cat";
/// Words whose address no chain knows.
pub(super) const UNKNOWN: &str = "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold";

/// What is signed beside the messages.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) chain_id: String,
    pub(crate) account_number: u64,
    pub(crate) sequence: u64,
    pub(crate) gas: u64,
    /// Fee in `denom`.
    pub(crate) fee: u128,
    pub(crate) denom: &'static str,
    pub(crate) timeout: u32,
    pub(crate) memo: String,
}

pub(crate) struct Wallet {
    key: SigningKey,
    pub(crate) address: String,
}

impl Wallet {
    pub(crate) fn from_words(words: &str) -> Self {
        let words = bip39::Mnemonic::parse(words).expect("a mnemonic");
        let path: DerivationPath = "m/44'/118'/0'/0/0".parse().expect("a path");
        let key = SigningKey::derive_from_path(words.to_seed(""), &path).expect("a key");
        let address = key.public_key().account_id("allo").expect("an address");
        Self {
            key,
            address: address.to_string(),
        }
    }

    pub(crate) fn sign(&self, messages: Vec<Any>, terms: &Terms) -> Vec<u8> {
        let body = Body::new(messages, terms.memo.clone(), terms.timeout);
        let coin = Coin {
            denom: terms.denom.parse().expect("a denomination"),
            amount: terms.fee,
        };
        let fee = Fee::from_amount_and_gas(coin, terms.gas);
        let signer = SignerInfo::single_direct(Some(self.key.public_key()), terms.sequence);
        let chain = terms.chain_id.parse().expect("a chain id");
        let document = SignDoc::new(&body, &signer.auth_info(fee), &chain, terms.account_number);
        let signed = document.expect("a document").sign(&self.key);
        signed.expect("signed").to_bytes().expect("bytes")
    }

    /// A submission; `change` spoils its inference before the bundle is signed.
    pub(super) fn request(
        &self,
        version: Version,
        nonce: i64,
        value: &str,
        change: impl FnOnce(&mut pb::InputInference),
    ) -> pb::InsertWorkerPayloadRequest {
        let labelled = pb::InputLabeledValue {
            label: "y".into(),
            value: value.into(),
        };
        let mut inference = pb::InputInference {
            topic_id: TOPIC,
            block_height: nonce,
            inferer: self.address.clone(),
            value: version.pick(value, "0").into(),
            values: version.pick(Vec::new(), vec![labelled]),
            ..Default::default()
        };
        change(&mut inference);
        let topic_id = inference.topic_id;
        let inner = pb::InputInferenceForecastBundle {
            inference: Some(inference),
            forecast: None,
        };
        let signature = self.key.sign(&inner.encode_to_vec()).expect("signed");
        pb::InsertWorkerPayloadRequest {
            sender: self.address.clone(),
            worker_data_bundle: Some(pb::InputWorkerDataBundle {
                worker: self.address.clone(),
                nonce: Some(pb::Nonce {
                    block_height: nonce,
                }),
                topic_id,
                inference_forecasts_bundle: Some(inner),
                inferences_forecasts_bundle_signature: signature.to_bytes().to_vec(),
                pubkey: hex::encode(self.key.public_key().to_bytes()),
            }),
        }
    }

    pub(super) fn submission(&self, version: Version, nonce: i64, value: &str) -> Any {
        insert(version.word(), &self.request(version, nonce, value, |_| {}))
    }

    pub(super) fn registration(&self, version: &str, topic_id: u64) -> Any {
        let request = pb::RegisterRequest {
            sender: self.address.clone(),
            topic_id,
            owner: self.address.clone(),
            is_reputer: false,
        };
        any(version, "RegisterRequest", &request)
    }
}

pub(super) fn insert(version: &str, request: &pb::InsertWorkerPayloadRequest) -> Any {
    any(version, "InsertWorkerPayloadRequest", request)
}

/// A message of the emissions module.
pub(crate) fn any(version: &str, name: &str, message: &impl prost::Message) -> Any {
    Any {
        type_url: format!("/emissions.{version}.{name}"),
        value: message.encode_to_vec(),
    }
}
