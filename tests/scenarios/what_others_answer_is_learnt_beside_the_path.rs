//! What others answered is asked for after a window, never near a submission; and forecasts of days ago
//! are resolved at a start.

use std::{collections::HashMap, sync::Arc, time::Duration};

use allora_worker::{
    clock::SystemClock,
    devnet::Rival,
    forecast::{Candle, ForecastConfig, HOUR, History, Target, TopicSpec},
    learning::{
        Common, Comparison, LearningConfig, Network, News, Onlooker, Prices, Resolver, Verdict,
    },
    store::{Journal as _, OutcomeRepository as _, SignedTx, State, Transition},
    types::{Height, Nonce, WindowKey},
    worker::{Bystander, Chain},
};
use time::OffsetDateTime;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::{
    harness::{Stage, TOPIC, eventually},
    running::Running,
};

const DAY: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_millis(300);
/// Blocks from one window's opening to the next: with time between them in which nothing is due.
const EPOCH: i64 = 36;
/// What the stage's worker answers.
const OURS: f64 = 0.0125;

/// What the learning tasks share, with an interval between questions that a test can wait for.
fn common(stage: &Stage, network: Arc<dyn Network>) -> (Common, mpsc::Receiver<News>) {
    let (news, told) = mpsc::channel(64);
    let common = Common {
        config: LearningConfig::default(),
        wallet: stage.wallet(),
        topics: vec![TopicSpec {
            topic: TOPIC,
            ticker: "btcusd".into(),
            horizon: DAY,
            target: Target::LogReturn,
        }],
        outcomes: Arc::clone(&stage.store) as _,
        network,
        clock: Arc::new(SystemClock),
        news,
    };
    (common, told)
}

/// Hourly candles of the last days; the close grows by a thousandth an hour.
fn prices(days: i64) -> (watch::Sender<History>, Prices) {
    let now = OffsetDateTime::now_utc().unix_timestamp().div_euclid(HOUR);
    let candles = (now - days * 24..now).map(|hour| {
        let close = (0.001 * (hour - now) as f64).exp();
        Candle {
            start: hour * HOUR,
            open: close,
            high: close,
            low: close,
            close,
            volume: 1.0,
        }
    });
    let (sender, history) = watch::channel(History::new("btcusd", candles));
    let histories = HashMap::from([("btcusd".to_owned(), history)]);
    (sender, Prices::new(histories, None))
}

/// A worker, and its chain for those who ask beside it.
async fn worker(stage: &Stage) -> (Running, Arc<Chain>) {
    let (sender, chain) = oneshot::channel();
    let worker = stage
        .worker_with(|setup| setup.bystander = Some(sender))
        .await;
    (worker, chain.await.unwrap())
}

/// A stage with six others, who answer each window in the block after its opening.
async fn crowded() -> Stage {
    let rivals = (1..=6).map(|it| Rival {
        address: format!("allo1rival{it}"),
        score: 1.0,
        value: format!("0.0{it}"),
    });
    Stage::with(|config| {
        config.topics[0].epoch_length = EPOCH;
        config.topics[0].rivals = rivals.collect();
    })
    .await
}

/// A window from its opening to its close.
async fn answer_a_window(stage: &Stage, worker: &Running) -> i64 {
    let nonce = (stage.height().await.div_euclid(EPOCH) + 1) * EPOCH;
    stage.blocks_until(nonce).await;
    worker.submitted(nonce).await;
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    nonce
}

#[tokio::test]
async fn after_a_window_ours_is_compared_with_the_others_and_their_values_are_kept() {
    let stage = crowded().await;
    let (worker, chain) = worker(&stage).await;
    let nonce = answer_a_window(&stage, &worker).await;
    let network = Arc::new(Bystander::paced(chain, Duration::from_millis(1)));
    let (common, mut told) = common(&stage, network);
    let (_candles, prices) = prices(2);
    let (mut resolver, _fuses) = Resolver::new(common.clone(), ForecastConfig::default(), prices);
    let mut onlooker = Onlooker::new(common);
    resolver.round().await;
    let found = eventually(async || {
        onlooker.round().await;
        told.try_recv().ok()
    });
    let Some(News::Compared { key, comparison }) = found.await else {
        panic!("nothing was compared");
    };
    assert_eq!((key.topic, key.nonce.0), (TOPIC, nonce));
    // The others: 0.01 to 0.06, mean 0.035, deviation 0.01 · √3.5; with ours the network's mean.
    let spread = 0.01 * 3.5_f64.sqrt();
    let Comparison { z, combined, .. } = comparison;
    assert!(z.is_some_and(|z| (z - (OURS - 0.035) / spread).abs() < 1e-9));
    let mean = (0.21 + OURS) / 7.0;
    assert!(combined.is_some_and(|it| (it - mean).abs() < 1e-12));
    assert_eq!((comparison.count, comparison.verdict), (6, Verdict::Usual));
    // The block's header was heard of, so that nobody was asked for its time.
    let noted = stage
        .store
        .unresolved(
            &stage.wallet(),
            TOPIC,
            OffsetDateTime::now_utc(),
            Nonce(0),
            9,
        )
        .await
        .unwrap();
    assert_eq!(noted.len(), 1);
    assert!(noted[0].is_asked && (noted[0].value - OURS).abs() < 1e-15);
    assert_eq!(noted[0].clock.as_str(), "header");
    worker.stop().await;
}

#[tokio::test]
async fn nobody_is_asked_out_of_interest_near_a_submission() {
    let stage = crowded().await;
    let (worker, chain) = worker(&stage).await;
    let nonce = answer_a_window(&stage, &worker).await;
    let network = Bystander::paced(chain, Duration::from_millis(1));
    timeout(MOMENT * 20, network.calm()).await.unwrap();
    // Three blocks before the next opening the answer is signed.
    stage.blocks_until(nonce + EPOCH - 3).await;
    let key = WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    };
    tokio::time::sleep(MOMENT).await;
    assert!(
        timeout(MOMENT, network.inferences(key, Height(nonce)))
            .await
            .is_err()
    );
    stage.blocks_until(nonce + EPOCH).await;
    worker.submitted(nonce + EPOCH).await;
    assert!(timeout(MOMENT, network.calm()).await.is_err());
    // In a block, with the window still open.
    stage.block().await;
    worker.successful(nonce + EPOCH).await;
    let values = timeout(MOMENT * 20, network.inferences(key, Height(nonce))).await;
    assert_eq!(values.unwrap().unwrap().len(), 7);
    worker.stop().await;
}

#[tokio::test]
async fn windows_answered_days_ago_are_resolved_at_the_next_start_and_once() {
    let stage = Stage::new().await;
    let now = OffsetDateTime::now_utc();
    let answered = |hours: i64| {
        let step = |state| Transition {
            at: now - time::Duration::hours(hours),
            wallet: stage.wallet(),
            key: WindowKey {
                topic: TOPIC,
                nonce: Nonce(1_000 - hours),
            },
            window_end: Height(1_008 - hours),
            value: Some("0.02".into()),
            report: None,
            state,
        };
        let hash = format!("{hours:064}");
        let tx = SignedTx {
            bytes: vec![1],
            hash: hash.clone(),
            sequence: 1,
        };
        let height = Height(1_001 - hours);
        [
            step(State::Prepared(Arc::new(tx))),
            step(State::Included { hash, height }),
            step(State::Counted),
        ]
    };
    let steps: Vec<_> = (1..=96).rev().flat_map(answered).collect();
    stage.store.append(&steps).await.unwrap();
    let (worker, chain) = worker(&stage).await;
    let (mut common, mut told) = common(&stage, Arc::new(Bystander::new(chain)));
    // Without the chain's word the journal's time has to do, also just after the full hour.
    common.config.peers = false;
    let (_candles, prices) = prices(6);
    for start in 0..2 {
        let of = common.clone();
        let (mut resolver, _fuses) = Resolver::new(of, ForecastConfig::default(), prices.clone());
        resolver.round().await;
        let news = told.try_recv().ok();
        let Some(News::Resolved {
            count, standing, ..
        }) = news
        else {
            assert_eq!(start, 1, "the first start tells of it");
            continue;
        };
        // 96 hours, of which the last 24 are not over; each rose by 24 thousandths.
        assert_eq!((start, count, standing.n), (0, 73, 73));
        assert!(
            standing
                .ratio
                .is_some_and(|it| (it - 4.0 / 24.0).abs() < 1e-9),
            "{standing:?}"
        );
    }
    assert_eq!(
        stage.store.standings(&stage.wallet()).await.unwrap().len(),
        1
    );
    worker.stop().await;
}
