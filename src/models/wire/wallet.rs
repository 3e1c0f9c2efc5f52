//! The proof that a server belongs to a model's owner: the owner's wallet signs the key of the server's
//! certificate together with the model's id, and the server shows that with each answer.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use tonic::metadata::MetadataMap;

use super::status::{Fault, FaultKind};
use crate::models::ModelInfo;

const MESSAGE: &str = "x-server-auth-message";
const SIGNATURE: &str = "x-server-auth-signature";
const WALLET: &str = "x-server-wallet-pubkey";

/// Characters of a wallet's key: 32 bytes in base58 have 44 at most.
const LONGEST_WALLET: usize = 64;

/// Who a server must prove to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) model_id: String,
    /// In base58.
    pub(crate) wallet: Option<String>,
    pub(crate) hotkey: Option<String>,
}

impl From<&ModelInfo> for Expected {
    fn from(info: &ModelInfo) -> Self {
        Self {
            model_id: info.model_id.clone(),
            wallet: info.wallet_pubkey.clone(),
            hotkey: info.hotkey.clone(),
        }
    }
}

/// What the wallet signed. Its date of expiry is not looked at, as other clients don't.
#[derive(Deserialize)]
struct Delegation {
    /// The key of the server's certificate: base64 of a DER `SubjectPublicKeyInfo`.
    cert_pub: String,
    model_id: String,
    hotkey: String,
}

/// Checks an answer's metadata against the key of the connection that it came over.
pub(super) fn verify(metadata: &MetadataMap, key: &[u8], expected: &Expected) -> Result<(), Fault> {
    check(metadata, key, expected).map_err(|cause| {
        Fault::new(
            FaultKind::Untrusted,
            format!("the server did not prove who it is: {cause}"),
        )
    })
}

fn check(metadata: &MetadataMap, key: &[u8], expected: &Expected) -> Result<(), String> {
    let header = |name: &str| {
        let text = metadata.get(name).and_then(|value| value.to_str().ok());
        text.ok_or_else(|| format!("its answer bears no {name}"))
    };
    let (message, signature, wallet) = (header(MESSAGE)?, header(SIGNATURE)?, header(WALLET)?);
    if expected.wallet.as_deref() != Some(wallet) {
        return Err("it shows another wallet than the orchestrator names".into());
    }
    let decoded = |text: &str, name| {
        BASE64
            .decode(text)
            .map_err(|_| format!("{name} is no base64"))
    };
    let (message, signature) = (decoded(message, MESSAGE)?, decoded(signature, SIGNATURE)?);
    // Longer ones take the decoder a time that grows with their square.
    if wallet.len() > LONGEST_WALLET {
        return Err(format!(
            "{WALLET} has more than {LONGEST_WALLET} characters"
        ));
    }
    let wallet = bs58::decode(wallet)
        .into_vec()
        .map_err(|_| format!("{WALLET} is no base58"))?;
    UnparsedPublicKey::new(&ED25519, wallet)
        .verify(&message, &signature)
        .map_err(|_| "the wallet's signature does not hold")?;
    let signed: Delegation = serde_json::from_slice(&message)
        .map_err(|error| format!("{MESSAGE} can't be read: {error}"))?;
    if decoded(&signed.cert_pub, "cert_pub")? != key {
        return Err("the wallet vouches for another key than the certificate's".into());
    }
    if signed.model_id != expected.model_id {
        return Err(format!(
            "the wallet vouches for the model {:?}",
            signed.model_id
        ));
    }
    if expected.hotkey.as_ref() != Some(&signed.hotkey) {
        return Err("the wallet vouches for another hotkey than the orchestrator names".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const KEY: &[u8] = b"the certificate's key";

    struct Scene {
        metadata: MetadataMap,
        expected: Expected,
    }

    /// Metadata over this payload, signed by the wallet of seed 7.
    fn scene(payload: &serde_json::Value) -> Scene {
        let wallet = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let message = payload.to_string();
        let public = bs58::encode(wallet.public_key().as_ref()).into_string();
        let mut metadata = MetadataMap::new();
        let signature = BASE64.encode(wallet.sign(message.as_bytes()));
        metadata.insert(MESSAGE, BASE64.encode(message).parse().unwrap());
        metadata.insert(SIGNATURE, signature.parse().unwrap());
        metadata.insert(WALLET, public.parse().unwrap());
        let expected = Expected {
            model_id: "m".into(),
            wallet: Some(public),
            hotkey: Some("h".into()),
        };
        Scene { metadata, expected }
    }

    fn right() -> serde_json::Value {
        json!({ "cert_pub": BASE64.encode(KEY), "model_id": "m", "hotkey": "h", "expires_at": 1 })
    }

    fn refusal(scene: &Scene) -> String {
        verify(&scene.metadata, KEY, &scene.expected)
            .map_or_else(|fault| fault.detail, |()| String::new())
    }

    #[test]
    fn the_right_proof_is_taken() {
        assert_eq!(refusal(&scene(&right())), "");
    }

    #[test]
    fn what_the_wallet_does_not_vouch_for_is_refused() {
        let cases = [
            ("cert_pub", json!(BASE64.encode(b"another")), "another key"),
            ("model_id", json!("n"), "the model \"n\""),
            ("hotkey", json!("x"), "another hotkey"),
            ("hotkey", json!(null), "can't be read"),
        ];
        for (field, value, words) in cases {
            let mut payload = right();
            payload[field] = value;
            let said = refusal(&scene(&payload));
            assert!(said.contains(words), "{field}: {said}");
        }
    }

    #[test]
    fn forged_and_missing_metadata_is_refused() {
        for (header, value, words) in [
            (SIGNATURE, BASE64.encode([0; 64]), "does not hold"),
            (
                MESSAGE,
                BASE64.encode(right().to_string() + " "),
                "does not hold",
            ),
            (MESSAGE, "%".into(), "no base64"),
            (
                WALLET,
                "11111111111111111111111111111111".into(),
                "another wallet",
            ),
        ] {
            let mut scene = scene(&right());
            scene.metadata.insert(header, value.parse().unwrap());
            assert!(
                refusal(&scene).contains(words),
                "{header}: {}",
                refusal(&scene)
            );
            scene.metadata.remove(header);
            assert!(refusal(&scene).contains(header), "{}", refusal(&scene));
        }
    }

    #[test]
    fn a_wallet_without_end_is_not_decoded() {
        let mut scene = scene(&right());
        let long = "z".repeat(1_000_000);
        scene.metadata.insert(WALLET, long.parse().unwrap());
        scene.expected.wallet = Some(long);
        let said = refusal(&scene);
        assert!(said.contains("more than 64 characters"), "{said}");
    }

    #[test]
    fn a_model_without_a_known_wallet_or_hotkey_is_refused() {
        let mut unknown = scene(&right());
        unknown.expected.hotkey = None;
        assert!(refusal(&unknown).contains("another hotkey"));
        unknown.expected.wallet = None;
        assert!(refusal(&unknown).contains("another wallet"));
    }
}
