use std::{ffi::OsString, fs, path::PathBuf, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sqlx::Executor as _;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::super::{
    AnswerTime, CandleRepository as _, EarningsRepository as _, Journal as _, Mended, Origin, Paid,
    Scored, Series, SignedTx, State, Transition, Wallet,
};
use super::super::{check, pages::beside};
use super::*;
use crate::{chain::Uallo, forecast::Candle, types::Height};

const PAGE: usize = 4_096;
const WINDOWS: i64 = 60;
const CANDLES: i64 = 400;
const WAITING: u64 = 3;

fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-testnet-1".into(),
        address: "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv".into(),
    }
}

fn step(nonce: i64, state: State) -> Transition {
    let prepared = matches!(state, State::Prepared(_));
    Transition {
        at: OffsetDateTime::UNIX_EPOCH,
        wallet: wallet(),
        key: WindowKey {
            topic: TopicId(67),
            nonce: Nonce(nonce),
        },
        window_end: Height(nonce + 10),
        value: Some("0.0125".into()),
        // Some reports are longer than a page.
        report: prepared.then(|| "x".repeat(if nonce % 10 == 0 { 9_000 } else { 900 })),
        state,
    }
}

/// Has windows scored and paid.
async fn earn(store: &Store, nonces: std::ops::RangeInclusive<i64>) {
    let (whose, topics, at) = (wallet(), [TopicId(67)], OffsetDateTime::UNIX_EPOCH);
    let height = Height(nonces.end() + 24);
    let keys = nonces.map(|nonce| WindowKey {
        topic: TopicId(67),
        nonce: Nonce(nonce),
    });
    let keys: Vec<_> = keys.collect();
    let score = |key: &WindowKey| Scored {
        key: *key,
        at,
        score: (key.nonce.0 % 2 == 0).then_some(0.0),
        ema: Some(0.5),
    };
    let paid = |key: &WindowKey| Paid {
        topic: key.topic,
        height: Height(key.nonce.0 + 24),
        at,
        amount: Uallo(1 << 70),
    };
    let time = |key: &WindowKey| AnswerTime {
        key: *key,
        at,
        latency_ms: 12.5,
    };
    let scores: Vec<_> = keys.iter().map(score).collect();
    let paid: Vec<_> = keys.iter().map(paid).collect();
    let times: Vec<_> = keys.iter().map(time).collect();
    let told = store.note_block(&whose, height, &topics, &scores, &paid);
    told.await.unwrap();
    store.note_times(&whose, &times).await.unwrap();
}

async fn fill(store: &Store) {
    for nonce in 1..=WINDOWS {
        let tx = Arc::new(SignedTx {
            bytes: vec![7; 600],
            hash: format!("{nonce:064X}"),
            sequence: nonce.unsigned_abs(),
        });
        let hash = tx.hash.clone();
        let states = [
            State::Prepared(tx),
            State::Broadcast {
                hash,
                endpoint: "http://node".into(),
            },
            State::Counted,
        ];
        let steps: Vec<_> = states.map(|state| step(nonce, state)).into();
        store.append(&steps).await.unwrap();
    }
    earn(store, 1..=WINDOWS).await;
    // As a worker that shares its wallet with others has it.
    store
        .hand_over(&wallet(), u32::try_from(WAITING).unwrap())
        .await
        .unwrap();
    store.copy(&wallet(), &[], Some(17)).await.unwrap();
    let candles: Vec<_> = (0..CANDLES)
        .map(|hour| Candle {
            start: hour * 3_600,
            open: 60_000.5,
            high: 60_100.0,
            low: 59_900.0,
            close: 60_000.0,
            volume: 1.5,
        })
        .collect();
    let series = Series::hourly("btcusd");
    store.keep(&series, Origin::Tiingo, &candles).await.unwrap();
}

/// A filled database, closed in good order or as a kill leaves it: with its log.
async fn filled(with_log: bool) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("worker.db");
    let store = Store::open(&path).await.unwrap();
    fill(&store).await;
    if !with_log {
        store.pool.close().await;
        return (folder, path);
    }
    let left = folder.path().join("left.db");
    for more in ["", "-wal"] {
        fs::copy(beside(&path, more), beside(&left, more)).unwrap();
    }
    store.pool.close().await;
    (folder, left)
}

async fn count(store: &Store, table: &str) -> i64 {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql)
        .fetch_one(&store.pool)
        .await
        .unwrap()
}

fn destroy(path: &Path, page: usize, noise: Option<u64>) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len().min((page + 1) * PAGE);
    let mut rng = noise.unwrap_or_default();
    for byte in &mut bytes[page * PAGE..end] {
        // Knuth's multiplier: any noise will do.
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = if noise.is_some() {
            rng.to_be_bytes()[0]
        } else {
            0
        };
    }
    fs::write(path, bytes).unwrap();
}

/// The place of the newest page of the journal's rows.
fn page_of_journal(path: &Path) -> usize {
    let pages = Pages::open(path).unwrap();
    let is_journal = |page: &u32| rows(&pages, *page).iter().any(|row| row.cells.len() == 15);
    let page = (1..=pages.count()).rev().find(is_journal).unwrap();
    usize::try_from(page).unwrap() - 1
}

async fn open(path: &Path) -> (Store, Option<Mended>) {
    let opened = Store::open_anyhow(path).await.unwrap();
    assert!(opened.shelter.is_none());
    (opened.store, opened.mended)
}

/// The rows of each page, as they were before: what may be lost with it.
fn rows_of(path: &Path) -> Vec<usize> {
    let pages = Pages::open(path).unwrap();
    (1..=pages.count())
        .map(|page| rows(&pages, page).len())
        .collect()
}

#[tokio::test]
async fn what_is_whole_is_left_alone() {
    let (_folder, path) = filled(false).await;
    let (store, mended) = open(&path).await;
    assert!(mended.is_none());
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS);
}

#[tokio::test]
async fn a_log_that_a_kill_left_is_read_as_sqlite_reads_it() {
    let (_folder, path) = filled(true).await;
    let shelter = Store::in_memory().await.unwrap();
    carry(&path, &shelter, Scope::Recent).await.unwrap();
    let (store, mended) = open(&path).await;
    assert!(mended.is_none());
    for table in ["journal", "transactions", "candles"] {
        assert_eq!(count(&shelter, table).await, count(&store, table).await);
    }
    assert_eq!(shelter.copied_until(&wallet()).await.unwrap(), Some(17));
    assert_eq!(shelter.count_waiting().await.unwrap(), WAITING);
    let ours = shelter.recent(&wallet(), 1_000).await.unwrap();
    let theirs = store.recent(&wallet(), 1_000).await.unwrap();
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

/// Any page, zeros or noise: the start succeeds, and what lies on other pages is there.
#[test]
fn any_page_that_is_destroyed_costs_its_own_rows_and_no_others() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (folder, path) = runtime.block_on(filled(false));
    let before = rows_of(&path);
    let rounds = Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(rounds, rng);
    let cases = (0..before.len(), prop::option::of(any::<u64>()));
    runner
        .run(&cases, |(page, noise)| {
            let copy = folder.path().join(format!("copy-{page}.db"));
            fs::copy(&path, &copy).unwrap();
            destroy(&copy, page, noise);
            runtime.block_on(survives(&copy, page, &before));
            Ok(())
        })
        .unwrap();
}

async fn survives(path: &Path, page: usize, before: &[usize]) {
    let (store, mended) = open(path).await;
    let tables = ["journal", "transactions", "candles"];
    let mut found = 0;
    for table in tables {
        found += count(&store, table).await;
    }
    let all = 3 * WINDOWS + WINDOWS + CANDLES;
    let lost = all - found;
    // A page of long rows' ends has no rows of its own, and costs the one row that ends on it.
    let most = i64::try_from(before[page]).unwrap().max(1);
    assert!(
        lost <= most,
        "page {}: {lost} of {all} rows lost, {most} were on it",
        page + 1
    );
    if lost > 0 {
        let mended = mended.unwrap();
        let known: u64 = tables
            .iter()
            .map(|table| mended.salvage.tables[*table].lost)
            .sum();
        assert_eq!(
            known,
            lost.unsigned_abs(),
            "page {}: {}",
            page + 1,
            mended.salvage.told()
        );
    }
    // What comes next is taken as ever.
    store
        .append(&[step(WINDOWS + 1, State::Due)])
        .await
        .unwrap();
    store.pool.close().await;
}

#[tokio::test]
async fn the_damaged_file_is_kept_and_the_lost_windows_are_named() {
    let (folder, path) = filled(false).await;
    destroy(&path, page_of_journal(&path), None);
    let damaged = fs::read(&path).unwrap();
    let (store, mended) = open(&path).await;
    let mended = mended.unwrap();
    assert_eq!(fs::read(&mended.aside).unwrap(), damaged);
    assert!(mended.aside.starts_with(folder.path()));
    let name = mended
        .aside
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert!(name.starts_with("worker.damaged-"), "{name}");
    let newest = WindowKey {
        topic: TopicId(67),
        nonce: Nonce(WINDOWS),
    };
    assert!(
        mended.salvage.windows.contains(&newest),
        "{:?}",
        mended.salvage
    );
    assert!(mended.salvage.told().contains(&format!("nonce {WINDOWS}")));
    assert_eq!(store.copied_until(&wallet()).await.unwrap(), Some(17));
    assert_eq!(store.count_waiting().await.unwrap(), WAITING);
    assert_eq!(mended.salvage.unnamed, 0);
    for table in ["latencies", "scores", "rewards"] {
        assert_eq!(count(&store, table).await, WINDOWS, "{table}");
    }
    let read = store.read_until(&wallet(), TopicId(67)).await.unwrap();
    assert_eq!(read, Some(Height(WINDOWS + 24)));
}

#[tokio::test]
async fn a_page_of_the_log_costs_no_more_than_what_stood_on_it() {
    let (_folder, path) = filled(true).await;
    let log = beside(&path, "-wal");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + PAGE].fill(0);
    fs::write(&log, bytes).unwrap();
    let (store, mended) = open(&path).await;
    assert!(mended.unwrap().cause.contains("write-ahead"));
    // SQLite by itself would forget everything after the middle.
    let kept = count(&store, "journal").await;
    assert!(kept > 3 * WINDOWS - 12, "{kept}");
}

/// Where the frames of a log's newest transaction begin.
fn last_transaction(log: &[u8]) -> usize {
    let frame = |at: usize| (at, &log[at..at + 24]);
    let frames = (32..log.len()).step_by(24 + PAGE).map(frame);
    let own: Vec<_> = frames.filter(|(_, it)| it[8..16] == log[16..24]).collect();
    let commits = |it: &[u8]| it[4..8] != [0; 4];
    let newest = own.iter().rposition(|(_, it)| commits(it)).unwrap();
    let before = own[..newest]
        .iter()
        .rposition(|(_, it)| commits(it))
        .unwrap();
    assert!(newest - before > 2, "{newest} {before}");
    own[before + 1].0
}

#[tokio::test]
async fn a_transaction_that_a_power_cut_left_in_part_is_no_damage() {
    let (folder, path) = filled(true).await;
    let log = beside(&path, "-wal");
    let mut bytes = fs::read(&log).unwrap();
    // The disk had taken all but one frame of the candles.
    let hole = last_transaction(&bytes) + 24 + PAGE;
    bytes[hole..hole + 24 + PAGE].fill(0);
    fs::write(&log, bytes).unwrap();
    let shelter = Store::in_memory().await.unwrap();
    carry(&path, &shelter, Scope::Recent).await.unwrap();
    assert_eq!(count(&shelter, "candles").await, 0);
    let (store, mended) = open(&path).await;
    assert!(mended.is_none(), "{mended:?}");
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS);
    assert_eq!(count(&store, "candles").await, 0);
    // What comes next is shorter, and the torn one's end stays in the log behind it.
    store.append(&[step(900, State::Due)]).await.unwrap();
    let killed = folder.path().join("killed.db");
    for more in ["", "-wal"] {
        fs::copy(beside(&path, more), beside(&killed, more)).unwrap();
    }
    let (store, mended) = open(&killed).await;
    assert!(mended.is_none(), "{mended:?}");
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS + 1);
}

#[tokio::test]
async fn a_log_alone_is_read_for_the_file_that_is_gone() {
    for is_there in [true, false] {
        let (folder, path) = filled(true).await;
        if is_there {
            fs::write(&path, "").unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let (store, mended) = open(&path).await;
        let mended = mended.unwrap();
        assert!(mended.aside.exists());
        assert!(mended.cause.contains("write-ahead"), "{}", mended.cause);
        assert_eq!(count(&store, "journal").await, 3 * WINDOWS);
        drop(folder);
    }
}

#[tokio::test]
async fn the_mark_of_a_file_that_is_gone_goes_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("worker.db");
    let mark = beside(&path, check::MARK);
    fs::write(&mark, "").unwrap();
    let (_store, mended) = open(&path).await;
    assert!(mended.is_none());
    assert!(path.exists() && !mark.exists());
}

#[tokio::test]
async fn a_log_without_its_head_is_read_all_the_same() {
    let (_folder, path) = filled(true).await;
    let log = beside(&path, "-wal");
    let mut bytes = fs::read(&log).unwrap();
    bytes[..32].fill(0);
    fs::write(&log, bytes).unwrap();
    let (store, mended) = open(&path).await;
    assert!(mended.is_some());
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS);
}

#[tokio::test]
async fn half_a_file_and_none_of_sqlites_are_replaced() {
    let (folder, path) = filled(false).await;
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (store, mended) = open(&path).await;
    assert!(mended.is_some());
    assert!(count(&store, "journal").await > 0);
    let other = folder.path().join("other.db");
    fs::write(&other, "this is no database at all\n".repeat(400)).unwrap();
    let (store, mended) = open(&other).await;
    assert!(mended.unwrap().aside.exists());
    assert_eq!(count(&store, "journal").await, 0);
}

#[tokio::test]
async fn a_crash_between_setting_aside_and_replacing_is_finished() {
    let (_folder, path) = filled(false).await;
    fs::rename(&path, beside(&path, ".mended")).unwrap();
    fs::write(beside(&path, "-wal"), "of the damaged file").unwrap();
    let (store, mended) = open(&path).await;
    assert!(mended.is_none());
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS);
    assert!(!beside(&path, ".mended").exists());
}

#[tokio::test]
async fn damage_that_is_met_later_is_noted_for_the_next_start() {
    let (_folder, path) = filled(false).await;
    let store = Store::open(&path).await.unwrap();
    let damaged = store.damaged();
    let told = store
        .pool
        .execute("SELECT * FROM nothing")
        .await
        .unwrap_err();
    assert!(!store.failed(told).is_damage() && !*damaged.borrow());
    store.pool.close().await;
    destroy(&path, page_of_journal(&path), None);
    let store = Store::open(&path).await.unwrap();
    let damaged = store.damaged();
    let error = store.recent(&wallet(), 1_000).await.unwrap_err();
    assert!(error.is_damage() && error.is_transient(), "{error}");
    assert!(*damaged.borrow());
    store.pool.close().await;
    let (_, mended) = open(&path).await;
    assert!(mended.is_some());
    let (_, mended) = open(&path).await;
    assert!(mended.is_none(), "{mended:?}");
}

#[tokio::test]
async fn a_disk_that_damages_again_and_again_is_not_filled() {
    let (folder, path) = filled(false).await;
    for time in 0..5 {
        let mut bytes = fs::read(&path).unwrap();
        bytes[..PAGE].fill(0);
        fs::write(&path, bytes).unwrap();
        let opened = Store::open_anyhow(&path).await.unwrap();
        assert_eq!(opened.mended.is_some(), time < 3, "{time}");
        assert!(count(&opened.store, "journal").await > 0);
        if let Some(shelter) = &opened.shelter {
            let cause = shelter.cause.to_string();
            assert!(cause.contains("replace the disk"), "{cause}");
        }
        opened.store.pool.close().await;
    }
    let left = fs::read_dir(folder.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|it| it.file_name()).collect();
    let is_aside = |name: &&OsString| name.to_string_lossy().contains(".damaged-");
    assert_eq!(left.iter().filter(is_aside).count(), 3, "{left:?}");
    assert!(!beside(&path, ".mending").exists());
}

#[tokio::test]
async fn what_is_kept_in_memory_comes_home() {
    let folder = TempDir::new().unwrap();
    let (_filled, from) = filled(true).await;
    let away = folder.path().join("away");
    // A file where the folder should be stands for a disk that refuses.
    fs::write(&away, "").unwrap();
    let path = away.join("worker.db");
    let mut shelter = Store::open_anyhow(&path).await.unwrap();
    let mut kept = shelter.shelter.take().unwrap();
    shelter
        .store
        .append(&[step(900, State::Due)])
        .await
        .unwrap();
    earn(&shelter.store, 900..=901).await;
    assert!(kept.bring_home().await.is_err());
    assert_eq!(kept.waiting().await.unwrap(), 1);
    fs::remove_file(&away).unwrap();
    fs::create_dir(&away).unwrap();
    for more in ["", "-wal"] {
        fs::copy(beside(&from, more), beside(&path, more)).unwrap();
    }
    assert_eq!(kept.bring_home().await.unwrap().0, 1);
    shelter
        .store
        .append_waiting(&[step(901, State::Due)])
        .await
        .unwrap();
    assert_eq!(kept.bring_home().await.unwrap().0, 1);
    let (store, mended) = open(&path).await;
    assert!(mended.is_none());
    assert_eq!(count(&store, "journal").await, 3 * WINDOWS + 2);
    for table in ["latencies", "scores", "rewards"] {
        assert_eq!(count(&store, table).await, WINDOWS + 2, "{table}");
    }
    let read = store.read_until(&wallet(), TopicId(67)).await.unwrap();
    assert_eq!(read, Some(Height(901 + 24)));
    let waiting = store.waiting(&wallet(), 0, 100).await.unwrap();
    assert_eq!(waiting.last().unwrap().1.key.nonce, Nonce(901));
}

#[test]
fn a_log_that_is_no_log_is_empty() {
    for length in 0..60 {
        let log = super::super::write_ahead::WriteAhead::of(&vec![0x37; length]);
        assert_eq!((log.newest_page(), log.damaged()), (0, 0));
    }
}
