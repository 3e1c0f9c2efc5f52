//! Certificates, made for each test around fixed RSA keys that protect nothing.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde_json::{Value, json};

pub(super) const SERVER: &str = include_str!("keys/server.pem");
pub(super) const CLIENT: &str = include_str!("keys/client.pem");
pub(super) const OTHER: &str = include_str!("keys/other.pem");

/// An authority, with a key of its own.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both in PEM.
pub(super) struct Certified {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Certifies that this key belongs to `name`.
    pub(super) fn certify(&self, name: &str, key: &str) -> Certified {
        let pair = KeyPair::from_pem(key).unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&pair, &self.0).unwrap().pem();
        Certified {
            certificate,
            key: key.to_owned(),
        }
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// TLS for a server; with `clients`, those must show a certificate of that authority.
    pub(super) fn serve(&self, name: &str, key: &str, clients: Option<&Self>) -> Arc<ServerConfig> {
        let certified = self.certify(name, key);
        let chain = vec![CertificateDer::from_pem_slice(certified.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// Writes a client's credentials into a folder.
    pub(super) fn write(&self, folder: &Path, client: &Certified) {
        for (name, text) in [
            ("ca.crt", &self.pem()),
            ("tls.crt", &client.certificate),
            ("tls.key", &client.key),
        ] {
            keep(&folder.join(name), text);
        }
    }
}

/// Writes a file that is this user's alone.
pub(super) fn keep(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let alone = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, alone).unwrap();
}

/// The public half of a key in PEM: a DER `SubjectPublicKeyInfo`.
pub(super) fn public(key: &str) -> Vec<u8> {
    KeyPair::from_pem(key).unwrap().subject_public_key_info()
}

/// An owner's wallet.
pub(super) struct Wallet(Ed25519KeyPair);

impl Wallet {
    pub(super) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(super) fn base58(&self) -> String {
        bs58::encode(self.0.public_key().as_ref()).into_string()
    }

    /// The headers with which a server proves that its key belongs to this wallet's model.
    pub(super) fn vouch(&self, key: &str, model_id: &str, hotkey: &str) -> HeaderMap {
        let payload: Value = json!({ "cert_pub": BASE64.encode(public(key)), "model_id": model_id,
            "hotkey": hotkey, "expires_at": 0 });
        let message = payload.to_string();
        let signature = BASE64.encode(self.0.sign(message.as_bytes()));
        let headers = [
            ("x-server-auth-message", BASE64.encode(message)),
            ("x-server-auth-signature", signature),
            ("x-server-wallet-pubkey", self.base58()),
        ];
        let headers = headers.into_iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(&value).unwrap(),
            )
        });
        headers.collect()
    }
}
