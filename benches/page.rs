//! What a board costs: a season of hourly windows in the worker's database, read for the first time, once
//! more without a change, and after one window more; and what it takes in memory.
//!
//! `cargo bench --bench page` makes the season up in a temporary folder: 2,160 windows, or `WINDOWS=8640`.
//! Without `--bench`, as in a test run, it takes a few. It prints and judges nothing.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use allora_worker::{
    forecast::Target,
    ops::Artifacts,
    page::{Asked, BoardPlan, ModelsPlan, Reader, sample::Season},
    store::{DatabaseUrl, Store},
    types::TopicId,
};
use time::{OffsetDateTime, macros::datetime};

const UNTIL: OffsetDateTime = datetime!(2025-12-01 12:20 UTC);
/// Readers that read a first board, and boards without a change.
const ROUNDS: usize = 20;

fn main() {
    let is_whole = env::args().any(|it| it == "--bench");
    let windows = env::var("WINDOWS").ok().and_then(|it| it.parse().ok());
    let windows = if is_whole {
        windows.unwrap_or(2_160)
    } else {
        200
    };
    // As the thread is that serves the page.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure(windows));
}

async fn measure(windows: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prices = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let prices = prices.join("data/btcusd_1h_2023-01_2025-12.csv");
    // One further season holds the windows that are added.
    let season = Season::of_prices(&prices, windows, UNTIL).expect("prices");
    let began = Instant::now();
    season.fill(folder.path()).await.expect("a season");
    let artifacts = Artifacts::new(folder.path());
    let size = fs::metadata(artifacts.database()).map_or(0, |it| it.len());
    println!(
        "{windows} windows made up in {:.1} s: a database of {:.1} MB",
        began.elapsed().as_secs_f64(),
        size as f64 / 1e6
    );
    let vitals = season.vitals();
    let plan = plan(folder.path(), &artifacts);
    let mut firsts = Vec::new();
    let before = memory();
    let mut reader = Reader::new(plan.clone());
    let began = Instant::now();
    let board = reader.board(Some(&vitals), UNTIL).await;
    firsts.push(began.elapsed());
    println!(
        "memory: {:.1} MB before, {:.1} MB more with a reader and its board",
        before,
        memory() - before
    );
    let text = serde_json::to_string(&board).expect("JSON");
    println!("the board as JSON: {:.2} MB", text.len() as f64 / 1e6);
    drop((board, text));
    for _ in 1..ROUNDS {
        let mut fresh = Reader::new(plan.clone());
        let began = Instant::now();
        let board = fresh.board(Some(&vitals), UNTIL).await;
        firsts.push(began.elapsed());
        assert_eq!(board.topics.len(), 1);
    }
    show("the first", firsts);
    let mut same = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let board = reader.board(Some(&vitals), UNTIL).await;
        same.push(began.elapsed());
        assert_eq!(board.topics[0].windows.len(), windows);
    }
    show("without a change", same);
    let store = Store::open(&artifacts.database()).await.expect("a store");
    let mut added = Vec::new();
    for more in 0..ROUNDS {
        let until = UNTIL + time::Duration::HOUR * i32::try_from(more + 1).unwrap_or(1);
        season.more(&store, more).await.expect("a window more");
        let began = Instant::now();
        let board = reader.board(Some(&vitals), until).await;
        added.push(began.elapsed());
        assert_eq!(board.topics[0].windows.len(), windows + more + 1);
    }
    show("after a window more", added);
    println!("memory: {:.1} MB in the end", memory());
}

fn plan(folder: &Path, artifacts: &Artifacts) -> BoardPlan {
    let asked = Asked {
        asset: "BTC/USD".into(),
        target: Target::LogReturn,
        horizon: Duration::from_hours(7 * 24),
    };
    let database = Artifacts::predict(folder).database();
    BoardPlan {
        topics: [(TopicId(67), asked)].into_iter().collect(),
        models: Some(ModelsPlan {
            crunch_id: "condorgame".into(),
            database: DatabaseUrl::file(database),
        }),
        ..BoardPlan::of(artifacts.clone())
    }
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let millis = |it: Option<&Duration>| it.map_or(0.0, |it| it.as_secs_f64() * 1e3);
    println!(
        "{what:<20} {:>7.2} ms in the middle, {:.2} to {:.2} ms",
        millis(times.get(times.len() / 2)),
        millis(times.first()),
        millis(times.last())
    );
}

/// What the process has in memory, in megabytes.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1e3
}
