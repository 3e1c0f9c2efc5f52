use std::sync::Arc;

use sqlx::Connection as _;
use time::macros::datetime;

use super::*;
use crate::{
    forecast::Source,
    store::{Journal, OpenedBy, SignedTx, State, Transition},
    types::{Height, WindowKey},
};

const START: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);
const TOPIC: TopicId = TopicId(67);
const BOTH: [TopicId; 2] = [TOPIC, TopicId(68)];

fn wallet() -> Wallet {
    Wallet {
        chain_id: "allora-testnet-1".into(),
        address: "allo1abc".into(),
    }
}

fn key(topic: TopicId, nonce: i64) -> WindowKey {
    let nonce = Nonce(nonce);
    WindowKey { topic, nonce }
}

fn step(nonce: i64, second: i64, value: Option<&str>, state: State) -> Transition {
    Transition {
        at: START + time::Duration::seconds(second),
        wallet: wallet(),
        key: key(TOPIC, nonce),
        window_end: Height(nonce + 8),
        value: value.map(str::to_owned),
        report: value.and_then(report),
        state,
    }
}

/// The forecast behind a value, as the journal holds it.
fn report(value: &str) -> Option<String> {
    let report = match value {
        "0.1" => r#"{"source": "gated", "value": 0.1}"#,
        "0.2" => r#"{"source": "http"}"#,
        "0.5" => r#"{"source": "prior", "fallback": {"reason": "late"}}"#,
        "0.6" => "?",
        _ => return None,
    };
    Some(report.into())
}

fn prepared(hash: &str) -> State {
    State::Prepared(Arc::new(SignedTx {
        bytes: hash.as_bytes().to_vec(),
        hash: hash.to_owned(),
        sequence: 1,
    }))
}

fn included(hash: &str) -> State {
    State::Included {
        hash: hash.to_owned(),
        height: Height(1),
    }
}

fn broadcast(hash: &str) -> State {
    State::Broadcast {
        hash: hash.to_owned(),
        endpoint: "http://127.0.0.1".into(),
    }
}

fn noted(topic: TopicId, nonce: i64, hour: i64) -> Noted {
    Noted {
        key: key(topic, nonce),
        window_end: Height(nonce + 8),
        value: 0.25,
        source: Some(Source::Prior),
        opened: START + time::Duration::hours(hour),
        clock: OpenedBy::Journal,
        is_asked: false,
    }
}

fn resolution(outcome: f64) -> Resolution {
    Resolution {
        base: 1.0,
        close: outcome.exp(),
        outcome,
        loss: (0.25 - outcome).powi(2),
        zero_loss: outcome * outcome,
    }
}

fn peers(combined: Option<f64>, values: &[(&str, f64)]) -> Peers {
    let inferers = values.iter().map(|(name, value)| ((*name).into(), *value));
    Peers {
        combined,
        inferers: inferers.collect(),
    }
}

async fn store() -> Store {
    Store::in_memory().await.unwrap()
}

fn nonces(found: &[Noted]) -> Vec<(u64, i64)> {
    let all = found.iter();
    all.map(|it| (it.key.topic.0, it.key.nonce.0)).collect()
}

#[tokio::test]
async fn an_answered_window_is_found_with_what_was_in_its_block() {
    let store = store().await;
    let steps = [
        // Signed twice, and the first signature came into a block.
        step(24, 0, Some("0.1"), prepared("A")),
        step(24, 3, Some("0.1"), broadcast("A")),
        step(24, 4, Some("0.2"), prepared("B")),
        step(24, 6, None, included("A")),
        step(24, 50, None, State::Counted),
        // Admitted, without word of a transaction.
        step(36, 60, Some("0.3"), prepared("C")),
        step(36, 62, None, included("")),
        // Not answered.
        step(48, 120, Some("0.4"), prepared("D")),
        step(48, 121, Some("0.4"), broadcast("D")),
        step(60, 180, Some("0.5"), prepared("E")),
        step(60, 190, None, State::Superseded),
        // Another stood in, and a forecast that can't be read.
        step(72, 240, Some("0.5"), prepared("F")),
        step(72, 250, None, included("F")),
        step(84, 300, Some("0.6"), prepared("G")),
        step(84, 310, None, included("G")),
    ];
    store.append(&steps).await.unwrap();
    let found = store.unnoted(&wallet(), &BOTH, Nonce(0), 10).await.unwrap();
    let answered = |nonce: i64, value: &str, source, second: i64| Answered {
        key: key(TOPIC, nonce),
        window_end: Height(nonce + 8),
        value: Some(value.into()),
        source,
        at: START + time::Duration::seconds(second),
    };
    let expected = [
        answered(24, "0.1", Some(Source::Gated), 3),
        answered(36, "0.3", None, 62),
        answered(72, "0.5", Some(Source::Fallback), 250),
        answered(84, "0.6", None, 310),
    ];
    assert_eq!(found, expected);

    let other = store.unnoted(&wallet(), &BOTH[1..], Nonce(0), 10).await;
    assert_eq!(other.unwrap(), []);
    let later = store.unnoted(&wallet(), &BOTH, Nonce(24), 10).await;
    assert_eq!(later.unwrap().len(), 3);
    store.note(&wallet(), &[noted(TOPIC, 24, 0)]).await.unwrap();
    let rest = store.unnoted(&wallet(), &BOTH, Nonce(0), 10).await.unwrap();
    assert_eq!(rest.len(), 3);
    assert_eq!(rest[0].key.nonce, Nonce(36));
}

#[tokio::test]
async fn each_is_noted_and_resolved_once() {
    let store = store().await;
    let wallet = wallet();
    let all: Vec<_> = (0..4).map(|it| noted(TOPIC, 24 + it, it)).collect();
    store.note(&wallet, &all).await.unwrap();
    let again = Noted {
        value: 9.0,
        ..all[0].clone()
    };
    store.note(&wallet, &[again]).await.unwrap();

    let newest = store.newest(&wallet, &BOTH).await.unwrap();
    assert_eq!(newest, all[3..]);

    let until = START + time::Duration::hours(2);
    let due = async |after: i64, limit: u32| {
        let found = store.unresolved(&wallet, TOPIC, until, Nonce(after), limit);
        found.await.unwrap()
    };
    assert_eq!(due(0, 10).await, all[..3]);
    assert_eq!(due(24, 1).await, all[1..2]);

    let rows = [(Nonce(24), Some(resolution(0.5))), (Nonce(25), None)];
    store.resolve(&wallet, TOPIC, until, &rows).await.unwrap();
    let rows = [(Nonce(24), Some(resolution(0.75)))];
    store.resolve(&wallet, TOPIC, until, &rows).await.unwrap();
    assert_eq!(due(0, 10).await, all[2..3]);

    let resolved = async |since: OffsetDateTime, after: i64| {
        let found = store.resolved(&wallet, TOPIC, since, Nonce(after), 10);
        found.await.unwrap()
    };
    let record = Record {
        nonce: Nonce(24),
        opened: START,
        value: 0.25,
        source: Some(Source::Prior),
        resolution: resolution(0.5),
        field: None,
    };
    assert_eq!(resolved(START, 0).await, [record]);
    assert_eq!(resolved(START, 24).await, []);
    assert_eq!(resolved(until, 0).await, []);
}

#[tokio::test]
async fn the_chain_is_asked_about_the_newest_of_each_topic_once() {
    let store = store().await;
    let wallet = wallet();
    let mut all = Vec::new();
    for topic in BOTH {
        all.extend((0..5).map(|it| noted(topic, 24 + it, it)));
    }
    store.note(&wallet, &all).await.unwrap();
    let unasked = async |reach: u32| {
        let found = store.unasked(&wallet, &BOTH, reach).await.unwrap();
        nonces(&found)
    };
    assert_eq!(unasked(0).await, []);
    assert_eq!(unasked(1).await, [(67, 28), (68, 28)]);
    let newest = [(67, 28), (68, 28), (67, 27), (68, 27)];
    assert_eq!(unasked(2).await, newest);

    let asked = Noted {
        opened: START,
        clock: OpenedBy::Block,
        ..all[4].clone()
    };
    store.keep_peers(&wallet, &asked, None).await.unwrap();
    assert_eq!(unasked(2).await, newest[1..]);
    let later = START + time::Duration::hours(9);
    let found = store.unresolved(&wallet, TOPIC, later, Nonce(27), 10).await;
    let expected = Noted {
        is_asked: true,
        ..asked
    };
    assert_eq!(found.unwrap(), [expected]);
}

#[tokio::test]
async fn ranks_follow_once_outcome_and_others_are_known() {
    let store = store().await;
    let wallet = wallet();
    let all: Vec<_> = (0..3).map(|it| noted(TOPIC, 24 + it, it)).collect();
    store.note(&wallet, &all).await.unwrap();
    let rows = [0.5, 0.5].map(|it| Some(resolution(it)));
    let rows: Vec<_> = (24..).map(Nonce).zip(rows).collect();
    store.resolve(&wallet, TOPIC, START, &rows).await.unwrap();
    let others = peers(Some(0.125), &[("allo1b", -1.5e-7), ("allo1c", 3.0)]);
    for it in [&all[1], &all[2]] {
        store.keep_peers(&wallet, it, Some(&others)).await.unwrap();
    }
    // The first has no others, the last no outcome.
    let found = store.unranked(&wallet, TOPIC, 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0.nonce, &found[0].1), (Nonce(25), &others));

    let field = Field {
        place: 2,
        places: 3,
        median_loss: Some(0.5),
        combined_loss: None,
    };
    let fields = [(Nonce(25), field)];
    store.rank(&wallet, TOPIC, &fields).await.unwrap();
    assert_eq!(store.unranked(&wallet, TOPIC, 10).await.unwrap(), []);
    let all = store.resolved(&wallet, TOPIC, START, Nonce(0), 10).await;
    let all: Vec<_> = all.unwrap().iter().map(|it| it.field).collect();
    assert_eq!(all, [None, Some(field)]);
}

/// How SQLite goes about a statement.
async fn plan(store: &Store, sql: &str) -> String {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
        .fetch_all(&store.pool);
    let rows = rows.await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    steps.join("\n")
}

#[tokio::test]
async fn what_is_asked_for_all_the_time_reads_no_more_than_what_is_to_do() {
    let store = store().await;
    let unasked = plan(&store, UNASKED).await;
    let by_nonce = "outcomes_unasked (chain_id=? AND address=? AND topic=? AND nonce>?)";
    assert!(unasked.contains(by_nonce), "{unasked}");
    // The bound is found once, not for each row.
    assert!(!unasked.contains("CORRELATED"), "{unasked}");
    assert!(!unasked.contains("TEMP B-TREE"), "{unasked}");

    let unranked = plan(&store, UNRANKED).await;
    let first = unranked.lines().next().unwrap();
    assert!(first.contains("outcomes_unranked (chain_id=? AND address=? AND topic=?)"));
    assert!(!unranked.contains("TEMP B-TREE"), "{unranked}");

    // Only what has others is in that index.
    let all: Vec<_> = (0..3).map(|it| noted(TOPIC, 24 + it, it)).collect();
    let wallet = wallet();
    store.note(&wallet, &all).await.unwrap();
    let others = [None, Some(Peers::default()), None];
    for (it, others) in all.iter().zip(&others) {
        let kept = store.keep_peers(&wallet, it, others.as_ref());
        kept.await.unwrap();
    }
    let rows: Vec<_> = (24..27)
        .map(|it| (Nonce(it), Some(resolution(0.5))))
        .collect();
    store.resolve(&wallet, TOPIC, START, &rows).await.unwrap();
    let listed = "SELECT count(*) AS n FROM outcomes INDEXED BY outcomes_unranked \
        WHERE outcome IS NOT NULL AND place IS NULL AND peered = 1";
    let listed = sqlx::query(listed).fetch_one(&store.pool).await.unwrap();
    assert_eq!(listed.get::<i64, _>("n"), 1);
}

#[tokio::test]
async fn others_values_are_dropped_when_they_are_old() {
    let store = store().await;
    let wallet = wallet();
    let all: Vec<_> = (0..5).map(|it| noted(TOPIC, 24 + it, it)).collect();
    store.note(&wallet, &all).await.unwrap();
    for it in &all {
        let others = Peers::default();
        let kept = store.keep_peers(&wallet, it, Some(&others));
        kept.await.unwrap();
    }
    let before = START + time::Duration::hours(3);
    for dropped in [2, 1, 0] {
        let count = store.drop_peers(before, 2).await.unwrap();
        assert_eq!(count, dropped);
    }
    // What was learnt of our own stays.
    let later = START + time::Duration::hours(9);
    let ours = store.unresolved(&wallet, TOPIC, later, Nonce(0), 10).await;
    assert_eq!(ours.unwrap().len(), 5);
}

#[tokio::test]
async fn a_standing_is_replaced_and_all_is_forgotten_with_its_chain() {
    let store = store().await;
    let wallet = wallet();
    let mut standing = Standing {
        n: 7,
        ratio: Some(0.9976),
        interval: Some((0.99, 1.01)),
        live_weight: 0.5,
        ..Standing::default()
    };
    for topic in BOTH {
        let saved = store.save_standing(&wallet, topic, &standing);
        saved.await.unwrap();
    }
    standing.n = 8;
    let saved = store.save_standing(&wallet, TOPIC, &standing);
    saved.await.unwrap();
    let found = store.standings(&wallet).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], (TOPIC, standing));

    let first = noted(TOPIC, 24, 0);
    store
        .note(&wallet, std::slice::from_ref(&first))
        .await
        .unwrap();
    store.set_aside(&wallet, "before").await.unwrap();
    assert_eq!(store.standings(&wallet).await.unwrap(), []);
    let due = store.unresolved(&wallet, TOPIC, START, Nonce(0), 9).await;
    assert_eq!(due.unwrap(), []);
}

/// How many statements the one connection keeps.
async fn kept(store: &Store) -> usize {
    store.pool.acquire().await.unwrap().cached_statements_size()
}

#[tokio::test]
async fn each_count_of_windows_that_is_noted_at_once_leaves_no_statement_behind() {
    let store = store().await;
    let mut nonce = 0;
    let mut note = async |count: i64| {
        let forecasts: Vec<_> = (nonce..nonce + count)
            .map(|it| noted(TOPIC, it, 1))
            .collect();
        nonce += count;
        store.note(&wallet(), &forecasts).await.unwrap();
    };
    note(1).await;
    let before = kept(&store).await;
    for count in 2..30 {
        note(count).await;
    }
    assert_eq!(kept(&store).await, before);
}
