//! The list of requests, transactions and their answers, played to the embedded chain.

use allora_worker::{
    devnet::{Control, Devnet, DevnetConfig, DevnetTopic, EmissionsVersion, Rival},
    types::{Height, TopicId},
};
use async_trait::async_trait;

use crate::{
    conformance::{self, Book, Change, Client, Target, Version, settled, wallet},
    harness::{COINS, EPOCH, TOPIC, WINDOW, topic},
};

/// The embedded chain, whose blocks are ordered one by one.
struct Embedded {
    devnet: Devnet,
    version: Version,
    addresses: [String; 3],
}

impl Embedded {
    async fn start(version: Version) -> Self {
        let addresses = wallet::FUNDED.map(|words| wallet::Wallet::from_words(words).address);
        let config = DevnetConfig {
            automatic_blocks: false,
            initial_height: Some(1_000),
            version: version.pick(EmissionsVersion::V9, EmissionsVersion::V10),
            topics: vec![topic(TOPIC)],
            funded: addresses.iter().map(|it| (it.clone(), COINS)).collect(),
            ..DevnetConfig::default()
        };
        Self {
            devnet: Devnet::start(config).await.unwrap(),
            version,
            addresses,
        }
    }
}

#[async_trait]
impl Target for Embedded {
    fn rpc(&self) -> String {
        self.devnet.rpc_url()
    }

    fn ws(&self) -> String {
        self.devnet.ws_url()
    }

    fn chain_id(&self) -> String {
        DevnetConfig::default().chain_id
    }

    fn version(&self) -> Version {
        self.version
    }

    fn epoch(&self) -> (i64, i64) {
        (EPOCH, WINDOW)
    }

    async fn reach(&self, _: &Client, height: i64) {
        self.devnet.produce_until(Height(height)).await.unwrap();
    }

    async fn change(&self, _: &Client, change: Change) {
        match change {
            Change::Places(places) => {
                let places = usize::try_from(places).unwrap();
                let order = Control::MaxTopInferers(places);
                self.devnet.control(order).await.unwrap();
            }
            Change::Weight(suffices) => {
                let topic = TopicId(conformance::TOPIC);
                let order = Control::TopicWeight { topic, suffices };
                self.devnet.control(order).await.unwrap();
            }
            Change::OnlyListed(only) => {
                for address in &self.addresses {
                    let order = Control::Whitelist {
                        topic: TopicId(conformance::TOPIC),
                        address: address.clone(),
                        allowed: !only,
                    };
                    self.devnet.control(order).await.unwrap();
                }
            }
        }
    }

    async fn fund(&self, _: &Client, address: &str, uallo: u128) {
        let order = Control::Fund {
            address: address.into(),
            balance: uallo,
        };
        self.devnet.control(order).await.unwrap();
    }
}

async fn play(version: Version) {
    let book = conformance::play(&Embedded::start(version).await).await;
    let report = book.print(&format!("the embedded chain, {}", version.word()));
    assert!(book.agrees(), "{report}");
}

#[tokio::test]
async fn the_embedded_chain_answers_as_a_node_of_the_newer_version() {
    play(Version::V10).await;
}

#[tokio::test]
async fn the_embedded_chain_answers_as_a_node_of_the_older_version() {
    play(Version::V9).await;
}

/// Three others answer a window, and nobody else does.
async fn settle(version: Version) {
    let rival = |number: i32| Rival {
        address: format!("allo1rival{number}"),
        score: 0.0,
        value: format!("0.0{number}"),
    };
    let devnet = Devnet::start(DevnetConfig {
        automatic_blocks: false,
        initial_height: Some(1_000),
        version: version.pick(EmissionsVersion::V9, EmissionsVersion::V10),
        topics: vec![DevnetTopic {
            reward: Some(DevnetTopic::USUAL_REWARD),
            rivals: (1..=3).map(rival).collect(),
            ..topic(TOPIC)
        }],
        ..DevnetConfig::default()
    });
    let devnet = devnet.await.unwrap();
    let nonce = (1_000 / EPOCH + 1) * EPOCH;
    let lag = topic(TOPIC).ground_truth_lag;
    let height = settled::settles(nonce, lag, EPOCH);
    devnet.produce_until(Height(height)).await.unwrap();
    let client = Client::new(devnet.rpc_url());
    let mut book = Book::new(version);
    settled::play(&client, &mut book, (nonce, height), 3, "allo1rival2").await;
    let report = book.print(&format!(
        "a settlement of the embedded chain, {}",
        version.word()
    ));
    assert!(book.agrees(), "{report}");
}

#[tokio::test]
async fn the_embedded_chain_scores_and_pays_as_a_node_does() {
    settle(Version::V10).await;
    settle(Version::V9).await;
}
