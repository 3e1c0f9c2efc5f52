//! For `crate::fuzz`: the proof that a server bears in its headers.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tonic::metadata::MetadataMap;

use super::{
    secure,
    wallet::{self, Expected},
};
use crate::fuzz::{Form, Target};

/// Three lines, message, signature and wallet, are put into headers. Only the right ones are a proof.
pub(in crate::models) fn proofs() -> Target {
    let key = b"the certificate's key".as_slice();
    let wallet = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let message = serde_json::json!({
        "cert_pub": BASE64.encode(key), "model_id": "m", "hotkey": "h", "expires_at": 1,
    })
    .to_string();
    let public = bs58::encode(wallet.public_key().as_ref()).into_string();
    let signature = BASE64.encode(wallet.sign(message.as_bytes()));
    let lines = [BASE64.encode(&message), signature, public.clone()].join("\n");
    let right: Vec<String> = lines.lines().map(str::to_owned).collect();
    Target::of_text(
        "models-proofs",
        Form::Text,
        &[lines.as_str()],
        move |text| {
            let given: Vec<&str> = text.lines().collect();
            let mut metadata = MetadataMap::new();
            let names = [
                "x-server-auth-message",
                "x-server-auth-signature",
                "x-server-wallet-pubkey",
            ];
            for (name, value) in names.into_iter().zip(&given) {
                if let Ok(value) = value.parse() {
                    metadata.insert(name, value);
                }
            }
            // Whoever names such a wallet is the orchestrator: it may be any text as well.
            let expected = Expected {
                model_id: "m".into(),
                wallet: given.get(2).map(|&it| it.to_owned()),
                hotkey: Some("h".into()),
            };
            let verified = wallet::verify(&metadata, key, &expected);
            if verified.is_ok() {
                assert_eq!(
                    given.get(..3),
                    Some(&right.iter().map(String::as_str).collect::<Vec<_>>()[..])
                );
            }
            let is_rsa = secure::is_rsa(
                &BASE64
                    .decode(given.first().unwrap_or(&""))
                    .unwrap_or_default(),
            );
            format!("{is_rsa} {:?}", verified.map_err(|fault| fault.detail))
        },
    )
}
