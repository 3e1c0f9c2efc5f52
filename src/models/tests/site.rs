//! A model behind its security, which it enforces.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::{
    authority::{Authority, CLIENT, SERVER, Wallet, keep, public},
    scene::{config, orchestrator},
};
use crate::models::{
    ModelsConfig,
    stub::{Caller, Guard, StubItem, StubModel, StubOptions, StubOrchestrator},
};

pub(super) const NAME: &str = "model-node-a.crunchdao.internal";
pub(super) const HOTKEY: &str = "hotkey";

/// A model a behind its security, and an orchestrator that tells of it.
pub(super) struct Site {
    pub(super) orchestrator: StubOrchestrator,
    pub(super) model: StubModel,
    pub(super) folder: TempDir,
    pub(super) authority: Authority,
}

impl Site {
    async fn new(options: impl FnOnce(&Authority) -> StubOptions) -> Self {
        let (orchestrator, authority) = (orchestrator().await, Authority::new());
        let options = options(&authority);
        let model = StubModel::with(options, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let mut item = StubItem::new("a", "a1", model.address());
        item.wallet = Some(Wallet::new(1).base58());
        item.hotkey = Some(HOTKEY.into());
        orchestrator.list([item]);
        let folder = tempfile::tempdir().unwrap();
        Self {
            orchestrator,
            model,
            folder,
            authority,
        }
    }

    /// Mutual TLS as it should be, but for what the options say.
    pub(super) async fn secure(change: impl FnOnce(&Authority, &mut StubOptions)) -> Self {
        let site = Self::new(|authority| {
            let mut options = StubOptions {
                tls: Some(authority.serve(NAME, SERVER, Some(authority))),
                headers: Wallet::new(1).vouch(SERVER, "a", HOTKEY),
                guard: Some(registered(CLIENT)),
                ..StubOptions::default()
            };
            change(authority, &mut options);
            options
        });
        let site = site.await;
        site.authority.write(
            site.folder.path(),
            &site.authority.certify("coordinator", CLIENT),
        );
        site
    }

    pub(super) async fn gateway(certified_for: &str, key: &'static str) -> Self {
        let site = Self::new(|authority| StubOptions {
            tls: Some(authority.serve(certified_for, SERVER, None)),
            guard: Some(signed_by(CLIENT)),
            ..StubOptions::default()
        });
        let site = site.await;
        std::fs::write(site.folder.path().join("ca.crt"), site.authority.pem()).unwrap();
        keep(&site.folder.path().join("tls.key"), key);
        site
    }

    pub(super) fn config(&self) -> ModelsConfig {
        ModelsConfig {
            unreachable_after: Duration::from_millis(300),
            ..config(&self.orchestrator)
        }
    }

    pub(super) fn secure_config(&self) -> ModelsConfig {
        ModelsConfig {
            secure_credentials: Some(self.folder.path().into()),
            ..self.config()
        }
    }

    pub(super) fn gateway_config(&self) -> ModelsConfig {
        ModelsConfig {
            gateway_credentials: Some(self.folder.path().into()),
            ..self.config()
        }
    }
}

/// Takes only clients whose certificate bears this key, as the registration says.
pub(super) fn registered(key: &'static str) -> Arc<Guard> {
    let registered = hex::encode(Sha256::digest(public(key)));
    Arc::new(move |caller: &Caller<'_>| {
        let certificate = caller.certificate.ok_or("no certificate")?;
        let certificate = certificate.into();
        let leaf =
            webpki::EndEntityCert::try_from(&certificate).map_err(|error| error.to_string())?;
        let shown = hex::encode(Sha256::digest(leaf.subject_public_key_info()));
        (shown == registered)
            .then_some(())
            .ok_or_else(|| "certHash is not registered".into())
    })
}

/// Takes only requests that this key signed within the last half minute.
pub(super) fn signed_by(key: &'static str) -> Arc<Guard> {
    Arc::new(move |caller: &Caller<'_>| {
        let header = |name: &str| {
            let text = caller.headers.get(name).and_then(|it| it.to_str().ok());
            BASE64
                .decode(text.unwrap_or_default())
                .map_err(|error| error.to_string())
        };
        let (message, signature) = (
            header("x-gateway-auth-message")?,
            header("x-gateway-auth-signature")?,
        );
        let shown = header("x-gateway-auth-pubkey")?;
        if Sha256::digest(&shown) != Sha256::digest(public(key)) {
            return Err("the key is not registered".into());
        }
        // The RSA key proper stands behind the 24 bytes that name the algorithm.
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &shown[24..])
            .verify(&message, &signature)
            .map_err(|_| "the signature does not hold")?;
        let message = String::from_utf8(message).map_err(|error| error.to_string())?;
        let timestamp = message
            .strip_prefix(r#"{"model_id":"a","timestamp":"#)
            .and_then(|it| it.strip_suffix('}'));
        let timestamp: i64 = timestamp
            .and_then(|it| it.parse().ok())
            .ok_or("another message")?;
        let skew = OffsetDateTime::now_utc().unix_timestamp() - timestamp;
        (skew.abs() <= 30)
            .then_some(())
            .ok_or_else(|| "expired".into())
    })
}
