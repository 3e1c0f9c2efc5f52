//! What the cases have at hand: a client, wallets, and the chain's windows.

use std::time::Duration;

use allora_worker::chain::proto::emissions as pb;
use cosmrs::{
    Any,
    proto::cosmos::{
        auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse},
        bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse},
    },
};
use serde_json::Value;

use super::{
    Client, TOPIC, Target, Version,
    client::verdict,
    wallet::{FUNDED, Terms, Wallet},
};

/// Gas that a submission never reaches.
pub(super) const GAS: u64 = 300_000;
const GAS_PRICE: u128 = 10;

pub(crate) struct Scene<'a> {
    pub(super) target: &'a dyn Target,
    pub(super) client: Client,
    pub(super) version: Version,
    /// The wallets with coins: the first is the worker of most cases.
    pub(super) wallets: [Wallet; 3],
}

impl<'a> Scene<'a> {
    pub(super) async fn new(target: &'a dyn Target) -> Self {
        let scene = Self {
            target,
            client: Client::new(target.rpc()),
            version: target.version(),
            wallets: FUNDED.map(Wallet::from_words),
        };
        // A chain's first blocks lack a thing or two.
        target.reach(&scene.client, 6).await;
        scene
    }

    pub(super) fn worker(&self) -> &Wallet {
        &self.wallets[0]
    }

    /// A query's path.
    pub(super) fn path(&self, method: &str) -> String {
        format!("/emissions.{}.QueryService/{method}", self.version.word())
    }

    pub(super) async fn account(&self, address: &str) -> BaseAccount {
        account(&self.client, address).await
    }

    pub(super) async fn balance(&self, address: &str) -> u128 {
        let request = QueryBalanceRequest {
            address: address.into(),
            denom: "uallo".into(),
        };
        let path = "/cosmos.bank.v1beta1.Query/Balance";
        let answer: QueryBalanceResponse = self.client.read(path, &request).await;
        let amount = answer.balance.expect("a balance").amount;
        amount.parse().expect("a number")
    }

    /// What a wallet signs when nothing is wrong.
    pub(super) async fn terms(&self, wallet: &Wallet) -> Terms {
        terms(&self.client, &self.target.chain_id(), &wallet.address).await
    }

    pub(super) async fn status(
        &self,
        address: &str,
    ) -> pb::GetWorkerSubmissionWindowStatusResponse {
        let request = pb::GetWorkerSubmissionWindowStatusRequest {
            topic_id: TOPIC,
            address: address.into(),
        };
        let path = self.path("GetWorkerSubmissionWindowStatus");
        self.client.read(&path, &request).await
    }

    /// The next window's opening, which is not past yet.
    pub(super) async fn next_opening(&self) -> i64 {
        self.status("").await.next_window_start_block
    }

    /// Waits for the next window; gives its nonce.
    pub(super) async fn open_window(&self) -> i64 {
        let nonce = self.next_opening().await;
        self.reach(nonce).await;
        nonce
    }

    pub(super) async fn reach(&self, height: i64) {
        self.target.reach(&self.client, height).await;
    }

    /// Waits until a block holds a transaction that the mempool took; gives all of its result.
    pub(super) async fn included(&self, sent: &Value) -> Value {
        assert_eq!(sent["result"]["code"], 0, "{}", verdict(sent));
        let hash = sent["result"]["hash"].as_str().unwrap_or_default();
        for _ in 0..4 {
            let next = self.client.height().await + 1;
            self.reach(next).await;
            for _ in 0..4 {
                if let Some(found) = self.client.tx(hash).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        panic!("{hash} is in no block")
    }

    /// Signs messages, sends them, and gives what became of them in the block.
    pub(super) async fn deliver(&self, wallet: &Wallet, messages: Vec<Any>) -> Value {
        let terms = self.terms(wallet).await;
        let sent = self.client.broadcast(&wallet.sign(messages, &terms)).await;
        self.included(&sent).await
    }
}

async fn account(client: &Client, address: &str) -> BaseAccount {
    let request = QueryAccountInfoRequest {
        address: address.into(),
    };
    let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
    let answer: QueryAccountInfoResponse = client.read(path, &request).await;
    answer.info.expect("an account")
}

/// What an account signs when nothing is wrong.
pub(crate) async fn terms(client: &Client, chain_id: &str, address: &str) -> Terms {
    let account = account(client, address).await;
    Terms {
        chain_id: chain_id.into(),
        account_number: account.account_number,
        sequence: account.sequence,
        gas: GAS,
        fee: u128::from(GAS) * GAS_PRICE,
        denom: "uallo",
        timeout: 0,
        memo: String::new(),
    }
}
