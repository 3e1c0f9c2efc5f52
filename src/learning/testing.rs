//! A chain, a clock and a store for tests of the learning room.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::{mpsc, watch};

use super::{Common, LearningConfig, Network, NetworkView, News, Prices, Unknown};
use crate::{
    clock::SimulatedClock,
    forecast::{Candle, HOUR, History, Target, TopicSpec},
    store::{Journal, SignedTx, State, Store, Transition, Wallet},
    types::{Height, Nonce, TopicId, WindowKey},
};

pub(super) const TOPIC: TopicId = TopicId(67);
pub(super) const START: OffsetDateTime = datetime!(2025-03-01 0:00 UTC);
pub(super) const DAY: Duration = Duration::from_hours(24);
const OURS: &str = "allo1ours";

/// What a simulated chain knows, and what it was asked.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) head: i64,
    pub(super) views: BTreeMap<i64, NetworkView>,
    pub(super) times: BTreeMap<i64, OffsetDateTime>,
    pub(super) heard: BTreeMap<i64, OffsetDateTime>,
    pub(super) is_silent: bool,
    pub(super) asked: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Chain(pub(super) Mutex<Known>);

impl Chain {
    pub(super) fn with<T>(&self, of: impl FnOnce(&mut Known) -> T) -> T {
        of(&mut self.0.lock().unwrap())
    }

    fn ask<T>(&self, what: String, of: impl FnOnce(&Known) -> T) -> Result<T, Unknown> {
        self.with(|known| {
            known.asked.push(what);
            if known.is_silent {
                return Err(Unknown("no node answered".into()));
            }
            Ok(of(known))
        })
    }
}

#[async_trait]
impl Network for Chain {
    async fn calm(&self) {}

    fn has_closed(&self, end: Height) -> bool {
        self.with(|known| known.head > end.0)
    }

    fn heard_at(&self, height: Height) -> Option<OffsetDateTime> {
        self.with(|known| known.heard.get(&height.0).copied())
    }

    async fn block_time(&self, height: Height) -> Result<Option<OffsetDateTime>, Unknown> {
        self.ask(format!("time {height}"), |known| {
            known.times.get(&height.0).copied()
        })
    }

    async fn latest(&self, _: TopicId, _: Height) -> Result<Option<NetworkView>, Unknown> {
        self.ask("latest".into(), |known| {
            known.views.last_key_value().map(|(_, view)| view.clone())
        })
    }

    async fn at(&self, key: WindowKey, _: Height) -> Result<Option<NetworkView>, Unknown> {
        self.ask(format!("at {}", key.nonce), |known| {
            known.views.get(&key.nonce.0).cloned()
        })
    }

    async fn inferences(&self, key: WindowKey, _: Height) -> Result<Vec<(String, f64)>, Unknown> {
        self.ask(format!("of {}", key.nonce), |known| {
            let view = known.views.get(&key.nonce.0);
            view.map(|it| it.inferers.clone()).unwrap_or_default()
        })
    }
}

/// Everything that the tasks need.
pub(super) struct Scene {
    pub(super) chain: Arc<Chain>,
    pub(super) store: Arc<Store>,
    pub(super) clock: SimulatedClock,
    pub(super) common: Common,
    pub(super) news: mpsc::Receiver<News>,
    pub(super) candles: watch::Sender<History>,
    /// Who makes what is answered.
    pub(super) source: &'static str,
}

impl Scene {
    /// A topic that asks for the log-return over a day, on the day after `START`.
    pub(super) async fn new() -> Self {
        Self::with(LearningConfig::default()).await
    }

    pub(super) async fn with(config: LearningConfig) -> Self {
        let store = Arc::new(Store::in_memory().await.unwrap());
        let chain = Arc::new(Chain::default());
        let clock = SimulatedClock::starting_at(START);
        let (sender, news) = mpsc::channel(1_000);
        let common = Common {
            config,
            wallet: WALLET.clone(),
            topics: vec![TopicSpec {
                topic: TOPIC,
                ticker: "btcusd".into(),
                horizon: DAY,
                target: Target::LogReturn,
            }],
            outcomes: Arc::clone(&store) as _,
            network: Arc::clone(&chain) as _,
            clock: Arc::new(clock.clone()),
            news: sender,
        };
        Self {
            chain,
            store,
            clock,
            common,
            news,
            candles: watch::Sender::new(History::default()),
            source: "gated",
        }
    }

    pub(super) fn prices(&self) -> Prices {
        let histories = HashMap::from([("btcusd".to_owned(), self.candles.subscribe())]);
        Prices::new(histories, None)
    }

    /// It is so many hours after `START`, and all candles up to then are known; the close grows by one
    /// percent an hour.
    pub(super) fn hour(&self, hour: i64) {
        self.clock.set(at(hour) + Duration::from_secs(60));
        let candle = |it: i64| Candle {
            start: START.unix_timestamp() + (it - 1) * HOUR,
            open: 1.0,
            high: 1e9,
            low: 1e-9,
            close: close(it),
            volume: 1.0,
        };
        let candles = (-48..=hour).map(candle);
        self.candles.send_replace(History::new("btcusd", candles));
    }

    /// Journals answers: nonce, seconds after `START` at which they were sent, value.
    pub(super) async fn answer(&self, answers: &[(i64, i64, &str)]) {
        let step = |&(nonce, second, value): &(i64, i64, &str), state| Transition {
            at: START + time::Duration::seconds(second),
            wallet: WALLET.clone(),
            key: key(nonce),
            window_end: Height(nonce + 8),
            value: Some(value.to_owned()),
            report: Some(format!(r#"{{"source": "{}"}}"#, self.source)),
            state,
        };
        let mut steps = Vec::new();
        for answer in answers {
            let hash = format!("TX{}", answer.0);
            let tx = SignedTx {
                bytes: vec![1],
                hash: hash.clone(),
                sequence: 1,
            };
            steps.push(step(answer, State::Prepared(Arc::new(tx))));
            let height = Height(answer.0 + 1);
            steps.push(step(answer, State::Included { hash, height }));
        }
        self.store.append(&steps).await.unwrap();
    }

    /// All that was told since.
    pub(super) fn told(&mut self) -> Vec<News> {
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }
}

pub(super) static WALLET: LazyLock<Wallet> = LazyLock::new(|| Wallet {
    chain_id: "allora-testnet-1".into(),
    address: OURS.into(),
});

pub(super) fn key(nonce: i64) -> WindowKey {
    WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    }
}

pub(super) fn at(hour: i64) -> OffsetDateTime {
    START + time::Duration::hours(hour)
}

/// The close that is known at a full hour.
pub(super) fn close(hour: i64) -> f64 {
    100.0 * (0.01 * hour as f64).exp()
}

/// The network's view of a nonce: ours, and others' values.
pub(super) fn view(nonce: i64, ours: f64, others: &[f64]) -> NetworkView {
    let mut inferers = vec![(OURS.to_owned(), ours)];
    let named = others.iter().enumerate();
    inferers.extend(named.map(|(index, value)| (format!("allo1other{index}"), *value)));
    NetworkView {
        nonce: Nonce(nonce),
        combined: Some(0.2),
        inferers,
    }
}
