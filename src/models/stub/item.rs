//! What an orchestrator tells of a model.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// A model as the stand-in announces it.
#[derive(Clone, Debug)]
pub struct StubItem {
    /// The model.
    pub model_id: String,
    /// Its deployment.
    pub deployment_id: String,
    /// Its name.
    pub model_name: Option<String>,
    /// Its owner's wallet, which also serves as the owner's id.
    pub wallet: Option<String>,
    /// The key that the wallet delegates to.
    pub hotkey: Option<String>,
    /// Where it is.
    pub address: SocketAddr,
}

impl StubItem {
    /// A model without an owner.
    #[must_use]
    pub fn new(model_id: &str, deployment_id: &str, address: SocketAddr) -> Self {
        Self {
            model_id: model_id.into(),
            deployment_id: deployment_id.into(),
            model_name: Some(format!("model-{model_id}")),
            wallet: None,
            hotkey: None,
            address,
        }
    }

    /// The item as it stands in a frame.
    #[must_use]
    pub fn json(&self, state: &str) -> Value {
        json!({
            "deployment_id": self.deployment_id,
            "model_id": self.model_id,
            "infos": {
                "model_name": self.model_name,
                "cruncher_id": self.wallet,
                "cruncher_name": self.wallet,
                "cruncher_wallet_pubkey": self.wallet,
                "cruncher_hotkey": self.hotkey,
            },
            "state": state,
            "ip": self.address.ip().to_string(),
            "port": self.address.port(),
        })
    }
}
