//! What an orchestrator tells of a model.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// A model as the stand-in announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StubItem {
    /// The model.
    pub model_id: String,
    /// Its deployment.
    pub deployment_id: String,
    /// Its name.
    pub model_name: Option<String>,
    /// The owner; the wallet when none is given.
    pub cruncher_id: Option<String>,
    /// The owner's name; the wallet when none is given.
    pub cruncher_name: Option<String>,
    /// Its owner's wallet.
    pub wallet: Option<String>,
    /// The key that the wallet delegates to.
    pub hotkey: Option<String>,
    /// The address of its host, or the host's name.
    pub host: String,
    /// Where its server listens.
    pub port: u16,
}

impl StubItem {
    /// A model without an owner.
    #[must_use]
    pub fn new(model_id: &str, deployment_id: &str, address: SocketAddr) -> Self {
        Self {
            model_id: model_id.into(),
            deployment_id: deployment_id.into(),
            model_name: Some(format!("model-{model_id}")),
            cruncher_id: None,
            cruncher_name: None,
            wallet: None,
            hotkey: None,
            host: address.ip().to_string(),
            port: address.port(),
        }
    }

    /// The item as it stands in a frame.
    #[must_use]
    pub fn json(&self, state: &str) -> Value {
        let wallet = || self.wallet.clone();
        json!({
            "deployment_id": self.deployment_id,
            "model_id": self.model_id,
            "infos": {
                "model_name": self.model_name,
                "cruncher_id": self.cruncher_id.clone().or_else(wallet),
                "cruncher_name": self.cruncher_name.clone().or_else(wallet),
                "cruncher_wallet_pubkey": self.wallet,
                "cruncher_hotkey": self.hotkey,
            },
            "state": state,
            "ip": self.host,
            "port": self.port,
        })
    }
}
