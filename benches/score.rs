//! How fast stored predictions are scored, and whether memory stays flat.
//!
//! `cargo bench --bench score` stores 20,000 predictions of 288 steps in a file of SQLite's and, when
//! `DATABASE_URL` names one, in a PostgreSQL database (a schema of its own, which is removed), and scores
//! them in one pass on one thread. `ROWS=N` takes another number. Without `--bench`, as in a test run, it
//! takes a few. It prints and judges nothing.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use allora_worker::{
    clock::SystemClock,
    density::Unit,
    score::{ScoreConfig, Scorer},
    store::{
        Close, CloseRepository as _, ConfigKey, DatabaseUrl, Packed, Prediction, PredictionDb,
        PredictionRepository as _, PredictionStatus,
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use time::OffsetDateTime;

const MODELS: u64 = 100;
const STEPS: u32 = 288;
const STEP: u32 = 300;
const FIRST: i64 = 1_767_225_600;
/// From one round to the next, in seconds.
const INTERVAL: i64 = 900;
/// As many as an outbox hands over at once.
const BATCH: u64 = 1_000;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);

fn main() {
    let is_whole = env::args().any(|it| it == "--bench");
    let rows = env::var("ROWS").ok().and_then(|it| it.parse().ok());
    let rows = if is_whole {
        rows.unwrap_or(20_000)
    } else {
        200
    };
    // As the Scoring worker: what is asynchronous lives on this thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = DatabaseUrl::file(folder.path().join("predictions.db"));
        measure("SQLite", &file, rows).await;
        let server = env::var("DATABASE_URL").ok().filter(|it| !it.is_empty());
        match server.filter(|it| it.starts_with("postgres")) {
            Some(server) => postgres(&server, rows).await,
            None => println!("PostgreSQL: skipped, DATABASE_URL names none"),
        }
    });
}

async fn postgres(server: &str, rows: u64) {
    let schema = format!("allora_bench_{}", std::process::id());
    let mut raw = PgConnection::connect(server).await.expect("a server");
    run(&mut raw, format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
    run(&mut raw, format!("CREATE SCHEMA {schema}")).await;
    let mark = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{mark}options=-csearch_path%3D{schema}");
    measure("PostgreSQL", &url.parse().expect("an address"), rows).await;
    run(&mut raw, format!("DROP SCHEMA {schema} CASCADE")).await;
}

async fn run(raw: &mut PgConnection, sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(raw).await;
    done.expect("the server takes it");
}

async fn measure(name: &str, url: &DatabaseUrl, rows: u64) {
    let db = Arc::new(PredictionDb::connect(url).await.expect("it opens"));
    fill(&db, rows).await;
    let stop = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&stop);
    let watch = thread::spawn(move || {
        let (began, mut seen) = (Instant::now(), Vec::new());
        while !watched.load(Ordering::Relaxed) {
            seen.push((began.elapsed(), resident()));
            thread::sleep(LOOK);
        }
        seen
    });
    let mut scorer = Scorer::new(
        Arc::clone(&db) as _,
        "condorgame",
        Unit::PriceDifference,
        ScoreConfig::default(),
        Arc::new(SystemClock),
    );
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let done = scorer.pass().await.expect("it scores");
    let (took, cpu) = (began.elapsed(), cpu_seconds() - cpu);
    stop.store(true, Ordering::Relaxed);
    let seen = watch.join().expect("memory is looked at");
    assert_eq!((done.scored, done.waiting), (rows, 0), "all are scored");
    println!(
        "{name:<10} {rows} of {STEPS} steps scored in {:.1} s: {:.0} a second, {:.2} ms of CPU each; {} models ranked",
        took.as_secs_f64(),
        rows as f64 / took.as_secs_f64(),
        1e3 * cpu / rows as f64,
        done.models
    );
    let points = (1..=8)
        .map(|it| seen.len() * it / 8)
        .map(|it| it.max(1) - 1);
    let shown: Vec<_> = points
        .filter_map(|place| seen.get(place))
        .map(|(at, mib)| format!("{:.1} s {mib:.0}", at.as_secs_f64()))
        .collect();
    println!("           resident MiB: {}", shown.join(", "));
    let began = Instant::now();
    let again = scorer.pass().await.expect("it scores");
    assert_eq!(again.scored, 0, "nothing is scored twice");
    println!(
        "           another pass, with nothing new: {:.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
}

async fn fill(db: &PredictionDb, rows: u64) {
    let mut chance = StdRng::seed_from_u64(7);
    let rounds = i64::try_from(rows.div_ceil(MODELS)).expect("few");
    let end = INTERVAL * rounds + i64::from(STEPS * STEP);
    let mut price = 90_000.0;
    let closes: Vec<_> = (-5 * 1_440..=end / 60)
        .map(|minute| {
            price *= 1.0 + 0.0012 * (chance.random::<f64>() - 0.5);
            Close {
                at: FIRST + 60 * minute,
                price,
            }
        })
        .collect();
    db.keep_closes("BTC", &closes).await.expect("it stores");
    let mut next = 0;
    while next < rows {
        let end = rows.min(next + BATCH);
        let batch: Vec<_> = (next..end).map(|it| prediction(it, &mut chance)).collect();
        db.save_all(&batch).await.expect("it stores");
        next = end;
    }
}

fn prediction(number: u64, chance: &mut StdRng) -> Prediction {
    let (round, model) = (number / MODELS, number % MODELS);
    let slot = FIRST + INTERVAL * i64::try_from(round).expect("few");
    let performed_at = OffsetDateTime::from_unix_timestamp(slot).expect("a time");
    let horizon = STEPS * STEP;
    Prediction {
        crunch_id: "condorgame".into(),
        config: ConfigKey(format!("BTC/{horizon}/{STEP}")),
        slot,
        model_id: (10_000 + model).to_string(),
        deployment_id: (50_000 + model).to_string(),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon,
        step: STEP,
        exec_time_us: 3_000,
        payload: Some(Packed::new(&answer(model, chance))),
        detail: None,
        base: Some(90_000.0),
        performed_at,
        resolvable_at: performed_at + time::Duration::seconds(horizon.into()),
    }
}

/// An answer in the shapes of real models: one to three normals, or Student's t.
fn answer(model: u64, chance: &mut StdRng) -> String {
    let mut text = String::from("[");
    for step in 1..=STEPS {
        let comma = if step > 1 { ", " } else { "" };
        let at = step * STEP;
        let mut number = |width: f64| width * (chance.random::<f64>() + 0.5);
        if model % 10 == 9 {
            let (loc, scale) = (number(20.0), number(60.0));
            let _ = write!(
                text,
                "{comma}{{\"step\": {at}, \"type\": \"builtin\", \"name\": \"t\", \"params\": \
                 {{\"df\": 5, \"loc\": {loc}, \"scale\": {scale}}}}}"
            );
            continue;
        }
        let _ = write!(
            text,
            "{comma}{{\"step\": {at}, \"type\": \"mixture\", \"components\": ["
        );
        for part in 0..=(model % 3) {
            let comma = if part > 0 { ", " } else { "" };
            let (loc, scale, weight) = (number(20.0), number(60.0), number(1.0));
            let _ = write!(
                text,
                "{comma}{{\"density\": {{\"type\": \"builtin\", \"name\": \"norm\", \"params\": \
                 {{\"loc\": {loc}, \"scale\": {scale}}}}}, \"weight\": {weight}}}"
            );
        }
        text.push_str("]}");
    }
    text + "]"
}

/// What the process holds in memory, in MiB.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|it| it.parse().ok());
    let bytes = pages.unwrap_or(0.0) * rustix::param::page_size() as f64;
    bytes / f64::from(1 << 20)
}

/// What the process used of the cores so far.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
