//! How fast predictions are stored, and how much they take on disk.
//!
//! `cargo bench --bench store` stores 1,000,000 predictions of one step and 20,000 of 288 steps in
//! batches of 1,000, in a file of SQLite's and, when `DATABASE_URL` names one, in a PostgreSQL database (a
//! schema of its own, which is removed). `ROWS=100000` takes another number, and a fiftieth of it of 288
//! steps. Without `--bench`, as in a test run, it stores a few. It prints and judges nothing.

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
    path::Path,
    time::{Duration, Instant},
};

use allora_worker::store::{
    ConfigKey, DatabaseUrl, Packed, Prediction, PredictionDb, PredictionFilter,
    PredictionRepository as _, PredictionStatus,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use time::OffsetDateTime;

/// As many as an outbox hands over at once.
const BATCH: usize = 1_000;
const MODELS: u64 = 100;

/// What is stored.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    rows: u64,
    steps: u32,
}

fn main() {
    let is_whole = env::args().any(|it| it == "--bench");
    let rows = env::var("ROWS").ok().and_then(|it| it.parse().ok());
    let rows = if is_whole {
        rows.unwrap_or(1_000_000)
    } else {
        200
    };
    let loads = [
        Load {
            name: "1 step",
            rows,
            steps: 1,
        },
        Load {
            name: "288 steps",
            rows: rows / 50,
            steps: 288,
        },
    ];
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        for load in loads {
            sqlite(load).await;
        }
        let server = env::var("DATABASE_URL").ok().filter(|it| !it.is_empty());
        match server.filter(|it| it.starts_with("postgres")) {
            Some(server) => {
                for load in loads {
                    postgres(&server, load).await;
                }
            }
            None => println!("PostgreSQL: skipped, DATABASE_URL names none"),
        }
    });
}

async fn sqlite(load: Load) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("predictions.db");
    let db = PredictionDb::connect(&DatabaseUrl::file(&file)).await;
    let db = db.expect("it opens");
    let took = fill(&db, load).await;
    let size = |name: &Path| fs::metadata(name).map_or(0, |it| it.len());
    let log = size(&file.with_extension("db-wal"));
    told("SQLite", load, took, size(&file), log);
    ask(&db, load).await;
}

async fn postgres(server: &str, load: Load) {
    let schema = format!("allora_bench_{}", std::process::id());
    let mut raw = PgConnection::connect(server).await.expect("a server");
    run(&mut raw, format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await;
    run(&mut raw, format!("CREATE SCHEMA {schema}")).await;
    let mark = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{mark}options=-csearch_path%3D{schema}");
    let db = PredictionDb::connect(&url.parse().expect("an address")).await;
    let db = db.expect("it opens");
    let took = fill(&db, load).await;
    let sizes = format!(
        "SELECT pg_total_relation_size('{schema}.predictions') AS whole, \
         pg_indexes_size('{schema}.predictions') AS indexes"
    );
    let sizes = sqlx::query(AssertSqlSafe(sizes)).fetch_one(&mut raw).await;
    let sizes = sizes.expect("sizes");
    let size = |name: &str| sizes.get::<i64, _>(name).unsigned_abs();
    told("PostgreSQL", load, took, size("whole"), size("indexes"));
    ask(&db, load).await;
    drop(db);
    run(&mut raw, format!("DROP SCHEMA {schema} CASCADE")).await;
}

async fn run(raw: &mut PgConnection, sql: String) {
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(raw).await;
    done.expect("the server takes it");
}

/// Stores all; gives how long storing took, without making what is stored.
async fn fill(db: &PredictionDb, load: Load) -> (Duration, Duration) {
    let (mut took, mut slowest) = (Duration::ZERO, Duration::ZERO);
    let mut numbers = Numbers(7);
    let mut next = 0;
    while next < load.rows {
        let end = load.rows.min(next + BATCH as u64);
        let batch: Vec<_> = (next..end)
            .map(|it| prediction(it, load.steps, &mut numbers))
            .collect();
        let began = Instant::now();
        let new = db.save_all(&batch).await.expect("it stores");
        took += began.elapsed();
        slowest = slowest.max(began.elapsed());
        assert_eq!(new, end - next, "all are new");
        next = end;
    }
    (took, slowest)
}

fn told(name: &str, load: Load, (took, slowest): (Duration, Duration), bytes: u64, part: u64) {
    let Load {
        name: what, rows, ..
    } = load;
    let rate = rows as f64 / took.as_secs_f64();
    let part_name = if name == "SQLite" {
        "WAL besides"
    } else {
        "indexes of it"
    };
    println!(
        "{name:<10} {rows:>9} of {what:<9} {rate:>8.0} rows/s, slowest batch {:>6.0} ms, {:>7.1} MB, \
         {:>6.0} B a row ({part_name} {:.1} MB)",
        slowest.as_secs_f64() * 1e3,
        bytes as f64 / 1e6,
        bytes as f64 / rows as f64,
        part as f64 / 1e6,
    );
}

/// What reading them costs.
async fn ask(db: &PredictionDb, load: Load) {
    let began = Instant::now();
    let best = db.best("condorgame", OffsetDateTime::UNIX_EPOCH, 10).await;
    let best = best.expect("it is read").len();
    let took = began.elapsed();
    let began = Instant::now();
    let filter = PredictionFilter::default();
    let page = db
        .predictions(&filter, i64::try_from(load.rows / 2).unwrap_or(0), 500)
        .await;
    let page = page.expect("it is read").len();
    println!(
        "           the best {best} of all in {:.0} ms, a page of {page} in {:.1} ms",
        took.as_secs_f64() * 1e3,
        began.elapsed().as_secs_f64() * 1e3
    );
    let began = Instant::now();
    let old = db
        .prune("condorgame", OffsetDateTime::now_utc(), 1_000)
        .await;
    println!(
        "           {} pruned in {:.0} ms",
        old.expect("it is pruned"),
        began.elapsed().as_secs_f64() * 1e3
    );
}

fn prediction(number: u64, steps: u32, numbers: &mut Numbers) -> Prediction {
    let (round, model) = (number / MODELS, number % MODELS);
    let slot = 1_700_000_000 + 60 * i64::try_from(round).unwrap_or(0);
    let performed_at = OffsetDateTime::from_unix_timestamp(slot).expect("a time");
    let horizon = 300 * steps;
    Prediction {
        crunch_id: "condorgame".into(),
        config: ConfigKey(format!("BTC/{horizon}/300")),
        slot,
        model_id: format!("{}", 10_000 + model),
        deployment_id: format!("{}", 50_000 + model),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon,
        step: 300,
        exec_time_us: 3_000 + number % 7_919,
        payload: Some(Packed::new(&answer(steps, numbers))),
        detail: None,
        base: Some(90_744.5),
        performed_at,
        resolvable_at: performed_at + time::Duration::seconds(horizon.into()),
    }
}

/// An answer as real models give it.
fn answer(steps: u32, numbers: &mut Numbers) -> String {
    let mut text = String::from("[");
    for step in 1..=steps {
        let comma = if step > 1 { ", " } else { "" };
        let (loc, scale) = (numbers.next() * 20.0 - 10.0, numbers.next() * 200.0);
        let _ = write!(
            text,
            "{comma}{{\"step\": {}, \"type\": \"mixture\", \"components\": [{{\"density\": \
             {{\"type\": \"builtin\", \"name\": \"norm\", \"params\": {{\"loc\": {loc}, \
             \"scale\": {scale}}}}}, \"weight\": 1}}]}}",
            300 * step
        );
    }
    text.push(']');
    text
}

/// Numbers that do not repeat (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
