//! The signature on each request that a gateway passes on.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{rand::SystemRandom, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::alg_id;
use time::OffsetDateTime;
use tonic::metadata::MetadataMap;

use super::{
    credentials::Gateway,
    status::{Fault, FaultKind},
};

const MESSAGE: &str = "x-gateway-auth-message";
const SIGNATURE: &str = "x-gateway-auth-signature";
const KEY: &str = "x-gateway-auth-pubkey";

impl Gateway {
    /// Signs a request to this model with the present time; the server allows half a minute of skew.
    pub(super) fn sign(&self, metadata: &mut MetadataMap, model_id: &str) -> Result<(), Fault> {
        let fail = |cause: String| {
            Fault::new(
                FaultKind::Unauthenticated,
                format!("the request can't be signed: {cause}"),
            )
        };
        let timestamp = OffsetDateTime::now_utc().unix_timestamp();
        let id = serde_json::to_string(model_id).map_err(|error| fail(error.to_string()))?;
        // The order of the keys and the lack of blanks are part of the protocol.
        let message = format!("{{\"model_id\":{id},\"timestamp\":{timestamp}}}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .map_err(|_| fail("the system has no randomness".into()))?;
        let key = public_key_info(self.key.public().as_ref());
        for (name, bytes) in [
            (MESSAGE, message.as_bytes()),
            (SIGNATURE, &signature),
            (KEY, &key),
        ] {
            let value = BASE64.encode(bytes).parse();
            metadata.insert(name, value.map_err(|_| fail("base64 is no header".into()))?);
        }
        Ok(())
    }
}

/// A DER `SubjectPublicKeyInfo` around an RSA public key.
fn public_key_info(key: &[u8]) -> Vec<u8> {
    let algorithm = tagged(0x30, alg_id::RSA_ENCRYPTION.as_ref());
    // No unused bits at the end.
    let key = tagged(0x03, &[&[0], key].concat());
    tagged(0x30, &[algorithm, key].concat())
}

/// DER: a tag, the length, the content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let first = length
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(length.len() - 1);
    let digits = &length[first..];
    let mut out = vec![tag];
    if digits.len() > 1 || digits[0] >= 0x80 {
        // At most eight digits.
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
    }
    out.extend_from_slice(digits);
    out.extend_from_slice(content);
    out
}
