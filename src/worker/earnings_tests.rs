use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::{
    chain::{ChainConfig, NetworkConfig, Signer, Uallo},
    clock::FastClock,
    devnet::{Devnet, DevnetConfig, DevnetTopic, Rival},
    ops::WindowSource,
    store::{Earnings, Ledger, Store},
    types::Nonce,
    worker::connect,
};

const TOPIC: TopicId = TopicId(67);
/// What the first window's nonce is, and how many blocks follow until it is settled.
const FIRST: i64 = 1_008;
const LATER: i64 = 24;
const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";
/// How long anything may take, on a machine that has other work as well.
const WAIT: Duration = Duration::from_secs(60);

/// A chain on which our wallet answers by itself, beside another one, and a database.
struct Stage {
    devnet: Devnet,
    chain: Arc<Chain>,
    store: Arc<Store>,
    folder: TempDir,
}

impl Stage {
    async fn new() -> Self {
        crate::tls::install();
        let signer = Signer::from_private_key(&KEY.into()).unwrap();
        let rival = |address: &str, value: &str| Rival {
            address: address.into(),
            score: 0.0,
            value: value.into(),
        };
        let topic = DevnetTopic {
            reward: Some(1_000_000),
            rivals: vec![rival(signer.address(), "0.01"), rival("allo1other", "0.02")],
            ..DevnetTopic::default()
        };
        let devnet = Devnet::start(DevnetConfig {
            automatic_blocks: false,
            initial_height: Some(1_000),
            topics: vec![topic],
            ..DevnetConfig::default()
        });
        let devnet = devnet.await.unwrap();
        let network = NetworkConfig {
            explorer: None,
            chain_id: DevnetConfig::default().chain_id,
            rpc: vec![devnet.rpc_url()],
            ws: vec![devnet.ws_url()],
            gas_price_floor: 10,
            denom: "uallo".into(),
            faucet: None,
        };
        let (reporter, _) = Reporter::recording();
        let config = ChainConfig::default();
        let chain = connect(&config, network, signer, &[TOPIC], &reporter);
        let chain = chain.await.unwrap();
        chain.stand_by();
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("worker.db")).await.unwrap();
        Self {
            devnet,
            chain,
            store: Arc::new(store),
            folder,
        }
    }

    async fn reach(&self, height: i64) {
        self.devnet.produce_until(Height(height)).await.unwrap();
    }

    /// Somebody who reads what the chain settles, until it is dropped.
    fn earner(&self) -> Reading {
        let (reporter, _) = Reporter::recording();
        let clock = FastClock::new(OffsetDateTime::now_utc(), 50);
        let earner = Earner::new(
            Arc::clone(&self.chain),
            Arc::clone(&self.store) as _,
            reporter.clone(),
            Arc::new(clock),
        );
        let (told, heard) = (reporter.listen(), reporter.listen());
        let task = tokio::spawn(async move { earner.run(heard).await });
        Reading {
            reporter,
            told,
            task,
        }
    }

    async fn earned(&self) -> Earnings {
        let path = self.folder.path().join("worker.db");
        let ledger = Ledger::open(&path).await.unwrap().unwrap();
        let since = OffsetDateTime::UNIX_EPOCH;
        let mut all = ledger.earnings(&self.chain.wallet(), since).await.unwrap();
        all.remove(&TOPIC).unwrap_or_default()
    }

    /// Waits until blocks up to this one were read.
    async fn read_to(&self, height: i64) {
        let deadline = tokio::time::Instant::now() + WAIT;
        let wallet = self.chain.wallet();
        let read = async || self.store.read_until(&wallet, TOPIC).await.unwrap();
        while read().await < Some(Height(height)) {
            assert!(tokio::time::Instant::now() < deadline, "{:?}", read().await);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until so many windows are scored.
    async fn scored(&self, count: usize) -> Earnings {
        let deadline = tokio::time::Instant::now() + WAIT;
        loop {
            let earned = self.earned().await;
            if earned.scores.len() >= count {
                return earned;
            }
            assert!(tokio::time::Instant::now() < deadline, "{earned:?}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

struct Reading {
    reporter: Reporter,
    told: Receiver<Arc<Stamped>>,
    task: tokio::task::JoinHandle<()>,
}

impl Reading {
    fn hears_of(&self, nonce: i64) {
        self.reporter.emit(Event::WindowOpen {
            topic: TOPIC,
            nonce: Nonce(nonce),
            window_end: Height(nonce + 8),
            source: WindowSource::Event,
        });
    }

    /// The first so many that are told as paid.
    async fn paid(&mut self, count: usize) -> Vec<(i64, Uallo)> {
        let mut paid = Vec::new();
        while paid.len() < count {
            let told = timeout(WAIT, self.told.recv()).await.unwrap().unwrap();
            if let Event::Gauge(GaugeEvent::Reward { nonce, amount, .. }) = &told.event {
                paid.push((nonce.0, *amount));
            }
        }
        paid
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn openings_that_are_heard_of_are_read_and_those_between_them_too() {
    let stage = Stage::new().await;
    stage.reach(FIRST).await;
    let mut reading = stage.earner();
    reading.hears_of(FIRST);
    // Before anything was read, the newest opening alone would be.
    stage.read_to(FIRST).await;
    stage.reach(FIRST + LATER + 24).await;
    // The two openings before go by unheard; this one settles the third window.
    reading.hears_of(FIRST + LATER + 24);
    let earned = stage.scored(3).await;
    let nonces: Vec<_> = earned.scores.iter().map(|it| it.nonce.0 - FIRST).collect();
    assert_eq!(nonces, [0, 12, 24]);
    let first = &earned.rewards[0];
    assert_eq!(first.height, Height(FIRST + LATER));
    let asked = stage.chain.rpc.block_time(first.height).await.unwrap();
    let milliseconds = |at: OffsetDateTime| at.unix_timestamp_nanos() / 1_000_000;
    assert_eq!(milliseconds(first.at), milliseconds(asked.unwrap()));
    assert!(earned.scores[0].ema.is_some() && earned.scores[0].score != Some(0.0));
    // Told once, however often a window is told of.
    reading.hears_of(FIRST + LATER + 24);
    reading.hears_of(FIRST + LATER);
    stage.reach(FIRST + LATER + 36).await;
    reading.hears_of(FIRST + LATER + 36);
    let earned = stage.scored(4).await;
    let told = reading.paid(4).await;
    let stored = earned.rewards.iter().map(|it| it.amount).sum::<f64>();
    let nonces: Vec<_> = told.iter().map(|(nonce, _)| nonce - FIRST).collect();
    assert_eq!(nonces, [0, 12, 24, 36]);
    let sum: u128 = told.iter().map(|(_, amount)| amount.0).sum();
    assert!((sum as f64 - stored).abs() < 0.5, "{told:?}");
}

#[tokio::test]
async fn what_went_by_while_nobody_was_there_is_read_and_told_once() {
    let stage = Stage::new().await;
    stage.reach(FIRST + LATER).await;
    let mut reading = stage.earner();
    // Nothing was ever read here: the newest opening is, and settles the first window.
    let earned = stage.scored(1).await;
    assert_eq!(reading.paid(1).await[0].0, FIRST);
    drop(reading);
    stage.reach(FIRST + LATER + 37).await;
    let mut reading = stage.earner();
    // The window that is open at the start is told of as well.
    reading.hears_of(FIRST + LATER + 36);
    let later = stage.scored(4).await;
    assert_eq!(later.scores[..1], earned.scores[..]);
    let told = reading.paid(3).await;
    let nonces: Vec<_> = told.iter().map(|(nonce, _)| nonce - FIRST).collect();
    assert_eq!(nonces, [12, 24, 36]);
}

#[rstest]
#[case::nothing_new(120, 120, 12, &[])]
#[case::one(108, 120, 12, &[120])]
#[case::some(90, 120, 12, &[96, 108, 120])]
#[case::never_read(0, 30, 12, &[6, 18, 30])]
#[case::no_epoch(118, 120, 0, &[119, 120])]
#[case::read_ahead(130, 120, 12, &[])]
fn openings_since_the_last_that_was_read_follow_from_the_epoch(
    #[case] read: i64,
    #[case] last: i64,
    #[case] epoch: i64,
    #[case] expected: &[i64],
) {
    let expected: Vec<_> = expected.iter().copied().map(Height).collect();
    assert_eq!(since(read, last, epoch), expected);
}

#[test]
fn a_long_time_away_is_caught_up_as_far_as_nodes_tell() {
    let all = since(0, 1_000_000, 12);
    assert_eq!(all.len(), usize::try_from(MOST).unwrap());
    assert_eq!(all.last(), Some(&Height(1_000_000)));
    assert!(all.is_sorted());
}
