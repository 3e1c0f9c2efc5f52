//! What learning costs: 300 days of submissions resolved in one go, while the journal is written.
//!
//! Prints; nothing is asserted but that all was resolved.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that shows figures"
)]

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use allora_worker::{
    clock::SystemClock,
    forecast::{Candle, ForecastConfig, HOUR, History, Target, TopicSpec},
    learning::{Common, LearningConfig, Network, NetworkView, News, Prices, Resolver, Unknown},
    store::{Journal, Noted, OpenedBy, Peers, SignedTx, State, Store, Transition, Wallet},
    types::{Height, Nonce, TopicId, WindowKey},
};
use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};

const DAYS: i64 = 300;
const TOPIC: TopicId = TopicId(67);
const WEEK: Duration = Duration::from_hours(7 * 24);
/// Others in each window.
const OTHERS: usize = 31;
/// Blocks in an hour.
const EPOCH: i64 = 720;

/// A chain that nobody asks.
struct Quiet;

#[async_trait]
impl Network for Quiet {
    async fn calm(&self) {}

    fn has_closed(&self, _: Height) -> bool {
        true
    }

    fn heard_at(&self, _: Height) -> Option<OffsetDateTime> {
        None
    }

    async fn block_time(&self, _: Height) -> Result<Option<OffsetDateTime>, Unknown> {
        Ok(None)
    }

    async fn latest(&self, _: TopicId, _: Height) -> Result<Option<NetworkView>, Unknown> {
        Ok(None)
    }

    async fn at(&self, _: WindowKey, _: Height) -> Result<Option<NetworkView>, Unknown> {
        Ok(None)
    }

    async fn inferences(&self, _: WindowKey, _: Height) -> Result<Vec<(String, f64)>, Unknown> {
        Ok(Vec::new())
    }
}

fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-testnet-1".into(),
        address: "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv".into(),
    }
}

fn key(hour: i64) -> WindowKey {
    WindowKey {
        topic: TOPIC,
        nonce: Nonce((hour + 1) * EPOCH),
    }
}

/// The steps of an hour's answer, as a worker writes them.
fn steps(hour: i64, start: i64, prefix: &str) -> Vec<Transition> {
    let at = OffsetDateTime::from_unix_timestamp(start + hour * HOUR + 300).expect("a date");
    let hash = format!("{prefix}{hour:060X}");
    let step = |state| Transition {
        at,
        wallet: wallet(),
        key: key(hour),
        window_end: Height(key(hour).nonce.0 + 10),
        value: Some(format!("{:.6}", 0.004 * (hour as f64 * 0.7).sin())),
        report: Some(r#"{"source": "gated"}"#.into()),
        state,
    };
    let tx = SignedTx {
        bytes: vec![7; 640],
        hash: hash.clone(),
        sequence: 1,
    };
    let height = Height(key(hour).nonce.0 + 1);
    vec![
        step(State::Prepared(Arc::new(tx))),
        step(State::Included { hash, height }),
        step(State::Counted),
    ]
}

/// An hour's candle of a price that wanders.
fn candle(hour: i64, start: i64) -> Candle {
    let angle = hour as f64;
    let close = (0.05 * (angle * 0.013).sin() + 0.02 * (angle * 0.11).cos()).exp() * 60_000.0;
    Candle {
        start: start + hour * HOUR,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}

/// Others' values for an hour's nonce.
fn others(hour: i64) -> Peers {
    let value = |it: usize| 0.01 * ((hour as f64) * 0.3 + it as f64).sin();
    let inferers = (0..OTHERS).map(|it| (format!("allo1{it:038}"), value(it)));
    Peers {
        combined: Some(0.001),
        inferers: inferers.collect(),
    }
}

/// Appends steps one after the other, as submissions do, until told to stop; gives the times in
/// milliseconds, ascending.
async fn submissions(
    store: Store,
    start: i64,
    mark: &'static str,
    stop: Arc<AtomicBool>,
) -> Vec<f64> {
    let mut times = Vec::new();
    let mut hour = DAYS * 24 + 1_000;
    while !stop.load(Ordering::Relaxed) {
        hour += 1;
        let began = Instant::now();
        let steps = steps(hour, start, mark);
        store.append(&steps[..1]).await.expect("a write");
        times.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times.sort_by(f64::total_cmp);
    times
}

fn tell(name: &str, times: &[f64]) {
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    let most = times.last().copied().unwrap_or_default();
    println!(
        "journal's append {name}: median {:.2} ms, 99 % {:.2} ms, most {most:.2} ms ({} writes)",
        at(50),
        at(99),
        times.len()
    );
}

/// The process's memory by a line of /proc/self/status, in MiB.
fn memory(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|it| it.strip_prefix(line));
    let number = found.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
    number.unwrap_or_default() / 1024.0
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    // On the disk that the build is on: a temporary folder may lie in memory, where syncing is free.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let place = folder.path().join("worker.db");
    let store = Store::open(&place).await.expect("a database");
    let now = OffsetDateTime::now_utc().unix_timestamp().div_euclid(HOUR) * HOUR;
    let hours = DAYS * 24;
    let start = now - hours * HOUR;
    let mut seeded = Vec::new();
    for hour in 0..hours {
        seeded.extend(steps(hour, start, "SEED"));
    }
    for part in seeded.chunks(3_000) {
        store.append(part).await.expect("a write");
    }
    drop(seeded);
    let candles = (-200..hours).map(|hour| candle(hour, start));
    let (_sender, history) = watch::channel(History::new("btcusd", candles));
    let histories = HashMap::from([("btcusd".to_owned(), history)]);

    let alone = Arc::new(AtomicBool::new(false));
    let writer = Store::open(&place).await.expect("a database");
    let quiet = tokio::spawn(submissions(
        writer.clone(),
        start,
        "ALONE",
        Arc::clone(&alone),
    ));
    tokio::time::sleep(Duration::from_secs(2)).await;
    alone.store(true, Ordering::Relaxed);
    let quiet = quiet.await.expect("writes");

    let (news, mut told) = mpsc::channel(64);
    let common = Common {
        config: LearningConfig::default(),
        wallet: wallet(),
        topics: vec![TopicSpec {
            topic: TOPIC,
            ticker: "btcusd".into(),
            horizon: WEEK,
            target: Target::LogReturn,
        }],
        outcomes: Arc::new(Store::open(&place).await.expect("a database")),
        network: Arc::new(Quiet),
        clock: Arc::new(SystemClock),
        news,
    };
    // Windows were noted, and others' values kept, as each window closed.
    let prices = Prices::new(HashMap::new(), None);
    let config = ForecastConfig::default();
    Resolver::new(common.clone(), config, prices)
        .0
        .round()
        .await;
    for hour in 0..hours {
        let noted = Noted {
            key: key(hour),
            window_end: Height(0),
            value: 0.0,
            source: None,
            opened: OffsetDateTime::from_unix_timestamp(start + hour * HOUR).expect("a date"),
            clock: OpenedBy::Block,
            is_asked: false,
        };
        if hour % 10 == 0 {
            let (ours, theirs) = (wallet(), others(hour));
            let kept = common.outcomes.keep_peers(&ours, &noted, Some(&theirs));
            kept.await.expect("a write");
        }
    }
    let prices = Prices::new(histories, None);
    let (mut resolver, _fuses) = Resolver::new(common, ForecastConfig::default(), prices);
    let stop = Arc::new(AtomicBool::new(false));
    let beside = tokio::spawn(submissions(writer, start, "BESIDE", Arc::clone(&stop)));
    let before = memory("VmRSS:");
    let began = Instant::now();
    resolver.round().await;
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let beside = beside.await.expect("writes");
    let (after, most) = (memory("VmRSS:"), memory("VmHWM:"));
    let Ok(News::Resolved {
        count, standing, ..
    }) = told.try_recv()
    else {
        panic!("nothing was resolved");
    };
    assert_eq!(count, standing.n);
    println!(
        "{count} of {hours} submissions resolved (the last week is not over) and {} ranked among \
         {OTHERS} in {:.2} s: {:.0} a second",
        standing.ranked,
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
    println!("memory: {before:.0} MiB before, {after:.0} MiB after, {most:.0} MiB at most");
    tell("alone", &quiet);
    tell("beside it", &beside);
    println!(
        "ratio to zero {:?}, interval {:?}",
        standing.ratio, standing.interval
    );
}
