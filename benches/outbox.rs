//! How many facts the outbox takes to disk, and from there into SQLite.
//!
//! `cargo bench --bench outbox` puts 100,000 predictions with answers of 3 kB; `FACTS=20000` as many.
//! Without `--bench`, as in a test run, a few. It prints and judges nothing.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{
    env,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use allora_worker::{
    ops::Reporter,
    predict::{Connect, Fact, Facts as _, Outbox, OutboxOptions, PredictConfig},
    store::{
        ConfigKey, DatabaseUrl, Packed, Prediction, PredictionDb, PredictionStatus,
        PredictionStore, StoreError,
    },
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// Facts of one put, as a round of so many models makes.
const ROUND: i64 = 100;
/// Bytes of an answer, as 288 steps pack to.
const ANSWER: usize = 3_000;

fn main() {
    let is_whole = env::args().any(|it| it == "--bench");
    let facts = env::var("FACTS").ok().and_then(|it| it.parse().ok());
    let facts = if is_whole {
        facts.unwrap_or(100_000)
    } else {
        500
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(measure(facts));
}

fn prediction(slot: i64, model: i64) -> Fact {
    let at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(slot.unsigned_abs());
    Fact::Prediction(Prediction {
        crunch_id: "bench".into(),
        config: ConfigKey("BTC/86400/300".into()),
        slot,
        model_id: model.to_string(),
        deployment_id: format!("{model}_1"),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: 86_400,
        step: 300,
        exec_time_us: 1_000,
        payload: Some(Packed::from_stored(vec![b' '; ANSWER])),
        detail: None,
        base: Some(90_744.5),
        performed_at: at,
        resolvable_at: at + Duration::from_secs(86_400),
    })
}

async fn open(folder: &Path) -> Outbox {
    let reporter = Reporter::recording().0;
    let options = OutboxOptions::new(&PredictConfig::default(), "bench", "SQLite", reporter);
    let opened = Outbox::open(&folder.join("outbox.db"), options).await;
    let (outbox, task) = opened.expect("the outbox opens");
    tokio::spawn(task.run(connect(folder), CancellationToken::new()));
    outbox
}

/// A database that is away until its folder is there.
fn connect(folder: &Path) -> impl Connect + use<> {
    let url = DatabaseUrl::file(folder.join("database/predict.db"));
    move || {
        let url = url.clone();
        async move {
            let opened: Arc<dyn PredictionStore> = Arc::new(PredictionDb::connect(&url).await?);
            Ok::<_, StoreError>(opened)
        }
    }
}

async fn until(fits: impl Fn() -> bool) {
    while !fits() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn measure(facts: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let outbox = open(folder.path()).await;
    let begun = Instant::now();
    for slot in 0..facts.cast_signed() / ROUND {
        outbox.put(
            (0..ROUND)
                .map(|model| prediction(slot * 60, model))
                .collect(),
        );
    }
    let put = begun.elapsed();
    until(|| outbox.waiting().facts == facts).await;
    tell("appended", facts, begun.elapsed());
    println!("outbox: all puts took {:.1} ms", put.as_secs_f64() * 1e3);
    let size = std::fs::metadata(folder.path().join("outbox.db")).expect("the file");
    println!("outbox: {} bytes of disk for a fact", size.len() / facts);
    std::fs::create_dir(folder.path().join("database")).expect("a folder");
    let mut store = outbox.store();
    let shown = store
        .wait_for(Option::is_some)
        .await
        .expect("it connects")
        .is_some();
    assert!(shown);
    let begun = Instant::now();
    until(|| outbox.waiting().facts == 0).await;
    tell("drained into SQLite", facts, begun.elapsed());
}

fn tell(what: &str, facts: u64, took: Duration) {
    println!(
        "outbox: {facts} facts {what} in {:.2} s: {:.0} a second",
        took.as_secs_f64(),
        facts as f64 / took.as_secs_f64()
    );
}
