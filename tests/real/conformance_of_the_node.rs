//! The list of requests, transactions and their answers, played to real nodes: what it expects is
//! what they say.

use std::time::Duration;

use async_trait::async_trait;
use cosmrs::{
    Any,
    proto::cosmos::{
        bank::v1beta1::{MsgSend, QueryBalanceRequest, QueryBalanceResponse},
        base::v1beta1::Coin,
    },
};
use prost::Message;
use serde_json::json;
use tokio::runtime::Builder;

use crate::{
    conformance::{self, Change, Client, Target, Version, client, scene, wallet},
    gate::{self, Release},
    node::{EPOCH, Node, WINDOW},
    plan::Plan,
};

/// The words of the chain's owner.
const OWNER: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong";

/// The least weight of an active topic: as the local chain has it, and more than any topic has.
const ENOUGH: &str = "0.0001";
const TOO_MUCH: &str = "1000000000000000000000000000000";

/// A node of its own: the list changes the chain's settings.
struct Real {
    node: Node,
    version: Version,
}

/// The settings that are changed, under the numbers that both versions give them.
#[derive(Clone, PartialEq, Message)]
struct Params {
    #[prost(string, repeated, tag = "3")]
    min_topic_weight: Vec<String>,
    #[prost(uint64, repeated, tag = "21")]
    max_top_inferers_to_reward: Vec<u64>,
    #[prost(bool, repeated, tag = "50")]
    global_whitelist_enabled: Vec<bool>,
    #[prost(bool, repeated, tag = "56")]
    global_worker_whitelist_enabled: Vec<bool>,
}

#[derive(Clone, PartialEq, Message)]
struct UpdateParams {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(message, optional, tag = "2")]
    params: Option<Params>,
}

#[derive(Clone, PartialEq, Message)]
struct TopicWhitelist {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(uint64, tag = "2")]
    topic_id: u64,
}

#[async_trait]
impl Target for Real {
    fn rpc(&self) -> String {
        self.node.rpc.clone()
    }

    fn ws(&self) -> String {
        self.node.ws.clone()
    }

    fn chain_id(&self) -> String {
        self.node.chain_id.clone()
    }

    fn version(&self) -> Version {
        self.version
    }

    fn epoch(&self) -> (i64, i64) {
        (EPOCH, WINDOW)
    }

    async fn reach(&self, client: &Client, height: i64) {
        // The status shows a block before the application's answers know of it.
        let state = || async {
            let info = client.result("abci_info", json!({})).await;
            client::number(&info["response"]["last_block_height"])
        };
        while state().await < height {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn change(&self, client: &Client, change: Change) {
        let owner = wallet::Wallet::from_words(OWNER);
        let word = self.version.word();
        let sender = owner.address.clone();
        let update = |params| {
            let sender = owner.address.clone();
            let request = UpdateParams {
                sender,
                params: Some(params),
            };
            wallet::any(word, "UpdateParamsRequest", &request)
        };
        let messages = match change {
            Change::Places(places) => vec![update(Params {
                max_top_inferers_to_reward: vec![places],
                ..Params::default()
            })],
            Change::Weight(suffices) => {
                let least = if suffices { ENOUGH } else { TOO_MUCH };
                vec![update(Params {
                    min_topic_weight: vec![least.into()],
                    ..Params::default()
                })]
            }
            Change::OnlyListed(only) => {
                let request = TopicWhitelist {
                    sender,
                    topic_id: conformance::TOPIC,
                };
                let name = if only {
                    "EnableTopicWorkerWhitelistRequest"
                } else {
                    "DisableTopicWorkerWhitelistRequest"
                };
                let global = update(Params {
                    global_whitelist_enabled: vec![only],
                    global_worker_whitelist_enabled: vec![only],
                    ..Params::default()
                });
                vec![wallet::any(word, name, &request), global]
            }
        };
        self.order(client, messages).await;
    }

    async fn fund(&self, client: &Client, address: &str, uallo: u128) {
        let request = QueryBalanceRequest {
            address: address.into(),
            denom: "uallo".into(),
        };
        let path = "/cosmos.bank.v1beta1.Query/Balance";
        let held: QueryBalanceResponse = client.read(path, &request).await;
        let held = held.balance.expect("a balance").amount;
        let held: u128 = held.parse().expect("a number");
        let coin = Coin {
            denom: "uallo".into(),
            amount: (uallo - held).to_string(),
        };
        let send = MsgSend {
            from_address: wallet::Wallet::from_words(OWNER).address,
            to_address: address.into(),
            amount: vec![coin],
        };
        let send = Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".into(),
            value: send.encode_to_vec(),
        };
        self.order(client, vec![send]).await;
    }
}

impl Real {
    /// Signs messages as the chain's owner, and returns when they are carried out.
    async fn order(&self, client: &Client, messages: Vec<Any>) {
        let owner = wallet::Wallet::from_words(OWNER);
        let terms = scene::terms(client, &self.node.chain_id, &owner.address).await;
        let sent = client.broadcast(&owner.sign(messages, &terms)).await;
        assert_eq!(sent["result"]["code"], 0, "{sent}");
        let hash = sent["result"]["hash"].as_str().unwrap_or_default();
        let last = client.height().await + 5;
        while client.height().await <= last {
            if let Some(found) = client.tx(hash).await {
                assert_eq!(found["tx_result"]["code"], 0, "{found}");
                return;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("{hash} is in no block");
    }
}

fn play(release: Release, version: Version) {
    let Some(binary) = gate::binary_of(release) else {
        return;
    };
    let node = Plan::new().release(release).start(&binary);
    let target = Real { node, version };
    let runtime = Builder::new_current_thread().enable_all().build();
    let book = runtime
        .expect("a runtime")
        .block_on(conformance::play(&target));
    let report = book.print(&format!("the node {}", release.version()));
    assert!(book.agrees(), "{report}");
}

#[test]
fn the_newest_release_answers_as_it_is_written() {
    play(Release::Newest, Version::V10);
}

#[test]
fn the_release_before_it_answers_as_it_is_written() {
    play(Release::Older, Version::V9);
}
