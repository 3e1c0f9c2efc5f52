//! A stage: an embedded chain, a database, a wallet, and workers to start and stop on it.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    chain::{ChainConfig, FeeConfig, NetworkConfig, Signer},
    clock::SystemClock,
    devnet::{Control, Devnet, DevnetConfig, DevnetTopic},
    forecast::{Blocking, ForecastConfig},
    store::{Journal as _, StateName, Store, Submission, Wallet},
    types::{Height, TopicId},
    worker::WorkerConfig,
};
use tempfile::TempDir;
use tokio::{sync::watch, time::Instant};

use crate::{
    doubles,
    running::{Forecasts, Running, Setup},
};

pub(crate) const TOPIC: TopicId = TopicId(67);
/// Blocks from one window's opening to the next, and in which one is open.
pub(crate) const EPOCH: i64 = 12;
pub(crate) const WINDOW: i64 = 8;
/// How long anything may take, on a machine that has other work as well.
pub(crate) const WAIT: Duration = Duration::from_secs(20);
/// 1,000 ALLO.
pub(crate) const COINS: u128 = 1_000_000_000_000_000_000_000;

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";

/// The wallet's key.
pub(crate) fn signer() -> Signer {
    Signer::from_private_key(&KEY.into()).unwrap()
}

/// A chain, a database and a wallet.
pub(crate) struct Stage {
    pub(crate) devnet: Devnet,
    pub(crate) store: Arc<Store>,
    pub(crate) address: String,
    pub(crate) topics: Vec<TopicId>,
    pub(crate) folder: TempDir,
    pub(crate) chain_id: String,
}

impl Stage {
    /// A chain whose blocks are ordered one by one, with one topic in which the wallet is registered.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same, changed.
    pub(crate) async fn with(change: impl FnOnce(&mut DevnetConfig)) -> Self {
        let address = signer().address().to_owned();
        let mut config = DevnetConfig {
            automatic_blocks: false,
            block_time: Duration::from_millis(100),
            initial_height: Some(1_000),
            topics: vec![topic(TOPIC)],
            funded: vec![("allo1other".into(), 1), (address.clone(), COINS)],
            ..DevnetConfig::default()
        };
        change(&mut config);
        let topics = config.topics.iter().map(|topic| topic.id).collect();
        let chain_id = config.chain_id.clone();
        let devnet = Devnet::start(config).await.unwrap();
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("worker.db")).await.unwrap();
        let stage = Self {
            devnet,
            store: Arc::new(store),
            address,
            topics,
            folder,
            chain_id,
        };
        for topic in stage.topics.clone() {
            stage.register(topic, true).await;
        }
        stage
    }

    pub(crate) async fn register(&self, topic: TopicId, registered: bool) {
        let address = self.address.clone();
        self.control(Control::Register {
            topic,
            address,
            registered,
        })
        .await;
    }

    pub(crate) async fn control(&self, control: Control) -> i64 {
        self.devnet.control(control).await.unwrap().0
    }

    pub(crate) async fn height(&self) -> i64 {
        self.control(Control::ProduceBlocks(0)).await
    }

    pub(crate) async fn block(&self) -> i64 {
        self.devnet.produce_block().await.unwrap().0
    }

    pub(crate) async fn blocks_until(&self, height: i64) {
        self.devnet.produce_until(Height(height)).await.unwrap();
    }

    /// Makes blocks up to a height, with a pause after each to act on it.
    pub(crate) async fn blocks_at_leisure(&self, height: i64, pause: Duration) {
        while self.height().await < height {
            self.block().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Makes blocks until a window opens; gives its nonce.
    pub(crate) async fn open_window(&self) -> i64 {
        let next = (self.height().await.div_euclid(EPOCH) + 1) * EPOCH;
        self.blocks_until(next).await;
        next
    }

    /// Makes blocks until a window is closed and its outcome can be asked for.
    pub(crate) async fn close_window(&self, nonce: i64) {
        self.blocks_until(nonce + WINDOW + 1).await;
    }

    /// The wallet as the journal names it.
    pub(crate) fn wallet(&self) -> Wallet {
        Wallet {
            chain_id: self.chain_id.clone(),
            address: self.address.clone(),
        }
    }

    /// What the journal knows of a window of the first topic.
    pub(crate) async fn submission(&self, nonce: i64) -> Option<Submission> {
        let all = self.store.recent(&self.wallet(), 1_000).await.unwrap();
        all.into_iter()
            .find(|it| it.key.nonce.0 == nonce && it.key.topic == self.topics[0])
    }

    /// Waits until the journal's newest state of a window of the first topic is this one.
    pub(crate) async fn journaled(&self, nonce: i64, state: StateName) -> Submission {
        let found = eventually(async || {
            let submission = self.submission(nonce).await;
            submission.filter(|it| it.state.name() == state)
        })
        .await;
        if let Some(found) = found {
            return found;
        }
        let last = self.submission(nonce).await;
        panic!("nonce {nonce} is {last:?} in the journal, not {state:?}")
    }

    /// What a worker is usually started with here.
    pub(crate) fn setup(&self) -> Setup {
        Setup {
            network: NetworkConfig {
                chain_id: self.chain_id.clone(),
                rpc: vec![self.devnet.rpc_url()],
                ws: vec![self.devnet.ws_url()],
                gas_price_floor: 10,
                denom: "uallo".into(),
                faucet: None,
                explorer: None,
            },
            topics: self.topics.clone(),
            chain: ChainConfig {
                request_timeout: Duration::from_secs(5),
                reconnect_min: Duration::from_millis(50),
                reconnect_max: Duration::from_millis(200),
                ..ChainConfig::default()
            },
            fees: FeeConfig::default(),
            config: WorkerConfig {
                stop_grace: Duration::from_secs(5),
                ..WorkerConfig::default()
            },
            journal: Arc::clone(&self.store) as _,
            forecaster: Arc::new(Blocking::new(doubles::Constant(0.0125))),
            outside: Vec::new(),
            forecast: ForecastConfig {
                max_abs: 1.0,
                ..ForecastConfig::default()
            },
            history: watch::channel(doubles::history(28)).1,
            desk: Forecasts::Ready,
            clock: Arc::new(SystemClock),
            dry_run: false,
            once: false,
            bystander: None,
        }
    }

    /// Starts a worker and waits until it is ready.
    pub(crate) async fn worker(&self) -> Running {
        self.worker_with(|_| {}).await
    }

    /// The same, with another setup.
    pub(crate) async fn worker_with(&self, change: impl FnOnce(&mut Setup)) -> Running {
        let running = self.start_with(change);
        running.ready().await;
        running
    }

    /// Starts a worker and does not wait.
    pub(crate) fn start_with(&self, change: impl FnOnce(&mut Setup)) -> Running {
        let mut setup = self.setup();
        change(&mut setup);
        Running::start(setup)
    }

    /// A window from its opening to its close: answered in the next block, and counted.
    pub(crate) async fn answer_a_window(&self, worker: &Running) -> i64 {
        let nonce = self.open_window().await;
        worker.submitted(nonce).await;
        let height = self.block().await;
        assert_eq!(height, nonce + 1);
        worker.successful(nonce).await;
        self.close_window(nonce).await;
        worker.counted(nonce).await;
        nonce
    }
}

/// A topic whose windows have the length that the stage counts on.
pub(crate) fn topic(id: TopicId) -> DevnetTopic {
    DevnetTopic {
        id,
        epoch_length: EPOCH,
        window: WINDOW,
        ..DevnetTopic::default()
    }
}

/// Asks again and again until there is an answer, or time is up.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + WAIT;
    while Instant::now() < end {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}
