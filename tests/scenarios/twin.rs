//! Another process that signs with the same key.

use std::sync::Arc;

use allora_worker::{
    chain::{Account, Emissions, Envelope, Rpc, Uallo},
    types::{TopicId, WindowKey},
};

use crate::harness::{Stage, WAIT, signer};

/// Another process with the same key.
pub(crate) struct Twin {
    rpc: Arc<Rpc>,
    emissions: Emissions,
    chain_id: String,
}

impl Twin {
    pub(crate) async fn of(stage: &Stage) -> Self {
        let rpc = Arc::new(Rpc::new(&[stage.devnet.rpc_url()], WAIT).unwrap());
        Self {
            emissions: Emissions::detect(Arc::clone(&rpc)).await.unwrap(),
            rpc,
            chain_id: stage.chain_id.clone(),
        }
    }

    /// Sends a registration.
    pub(crate) async fn register(&self, topic: TopicId) {
        let message = self.emissions.registration(signer().address(), topic);
        self.send(message).await;
    }

    /// Sends an answer to a window.
    pub(crate) async fn answer(&self, key: WindowKey) {
        let value = "0.5".parse().unwrap();
        let message = self.emissions.submission(&signer(), key, &value).unwrap();
        self.send(message).await;
    }

    async fn send(&self, message: cosmrs::Any) {
        let account = Account::of(&self.rpc, signer().address()).await.unwrap();
        let envelope = Envelope {
            chain_id: self.chain_id.clone(),
            account_number: account.number,
            sequence: account.sequence,
            gas: 250_000,
            fee: Uallo(250_000 * 20),
            denom: "uallo".into(),
            timeout_height: None,
        };
        let tx = signer().sign_tx(vec![message], &envelope).unwrap();
        let sent = self.rpc.broadcast(&tx.bytes).await.unwrap();
        let answer = sent.answer.unwrap();
        assert_eq!(answer.code, 0, "{}", answer.log);
    }
}
