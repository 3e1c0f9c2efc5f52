use std::path::Path;

use time::macros::datetime;

use super::*;
use crate::store::{Earnings, Journal as _, Ledger, NoncedScore, Reward, sample::wallet};

const AT: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);
const TOPIC: TopicId = TopicId(67);

fn key(nonce: i64) -> WindowKey {
    WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    }
}

fn scored(nonce: i64, score: Option<f64>, ema: Option<f64>) -> Scored {
    Scored {
        key: key(nonce),
        at: AT + time::Duration::seconds(nonce),
        score,
        ema,
    }
}

fn paid(height: i64, amount: u128) -> Paid {
    Paid {
        topic: TOPIC,
        height: Height(height),
        at: AT + time::Duration::seconds(height),
        amount: Uallo(amount),
    }
}

/// Notes what the block at 300 told of the topic.
async fn note(store: &Store, scores: &[Scored], paid: &[Paid]) {
    let (wallet, height) = (wallet(), Height(300));
    let topics = [TOPIC, TopicId(68)];
    let told = store.note_block(&wallet, height, &topics, scores, paid);
    told.await.unwrap();
}

async fn earned(path: &Path, since: OffsetDateTime) -> Earnings {
    let ledger = Ledger::open(path).await.unwrap().unwrap();
    let mut all = ledger.earnings(&wallet(), since).await.unwrap();
    all.remove(&TOPIC).unwrap_or_default()
}

async fn times(path: &Path, since: i64) -> Vec<(WindowKey, f64)> {
    let ledger = Ledger::open(path).await.unwrap().unwrap();
    ledger.latencies(&wallet(), Nonce(since)).await.unwrap()
}

async fn opened() -> (tempfile::TempDir, std::path::PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.db");
    let store = Store::open(&path).await.unwrap();
    (folder, path, store)
}

#[tokio::test]
async fn what_is_known_of_a_score_stays_however_often_and_in_whatever_order_it_is_told() {
    let (_folder, path, store) = opened().await;
    let all = [
        scored(100, None, Some(0.25)),
        scored(100, Some(-0.5), None),
        scored(100, None, None),
        scored(200, Some(0.0), Some(1.5)),
    ];
    store.note_scores(&wallet(), &all).await.unwrap();
    store.note_scores(&wallet(), &all[..3]).await.unwrap();
    let expected = [
        NoncedScore {
            nonce: Nonce(100),
            at: AT + time::Duration::seconds(100),
            score: Some(-0.5),
            ema: Some(0.25),
        },
        NoncedScore {
            nonce: Nonce(200),
            at: AT + time::Duration::seconds(200),
            score: Some(0.0),
            ema: Some(1.5),
        },
    ];
    assert_eq!(earned(&path, AT).await.scores, expected);
    let later = AT + time::Duration::seconds(150);
    assert_eq!(earned(&path, later).await.scores, expected[1..]);
}

#[tokio::test]
async fn a_block_that_is_read_twice_pays_once_and_is_remembered_as_read() {
    let (_folder, path, store) = opened().await;
    assert_eq!(store.read_until(&wallet(), TOPIC).await.unwrap(), None);
    // More than 64 bits hold.
    let amount = 123_456_789_012_345_678_901_234;
    for _ in 0..2 {
        let scores = [scored(100, Some(1.0), Some(1.0))];
        note(&store, &scores, &[paid(300, amount), paid(250, 7)]).await;
    }
    let earned = earned(&path, AT).await;
    assert_eq!(earned.scores.len(), 1);
    let reward = |height: i64, amount| Reward {
        height: Height(height),
        at: AT + time::Duration::seconds(height),
        amount,
    };
    let expected = [reward(250, 7.0), reward(300, 1.234_567_890_123_456_8e23)];
    assert_eq!(earned.rewards, expected);
    // An older block that is read later moves no mark back.
    let whose = wallet();
    let older = store.note_block(&whose, Height(290), &[TOPIC], &[], &[]);
    older.await.unwrap();
    for topic in [TOPIC, TopicId(68)] {
        let read = store.read_until(&wallet(), topic).await.unwrap();
        assert_eq!(read, Some(Height(300)));
    }
    let text: String = sqlx::query_scalar("SELECT amount FROM rewards WHERE height = 300")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(text, amount.to_string(), "exact");
}

#[tokio::test]
async fn the_first_time_of_a_window_counts() {
    let (_folder, path, store) = opened().await;
    let time = |nonce, latency_ms| AnswerTime {
        key: key(nonce),
        at: AT,
        latency_ms,
    };
    let all = [time(100, 1.234_5), time(200, 40.0), time(100, 900.0)];
    store.note_times(&wallet(), &all).await.unwrap();
    let expected = [(key(100), 1.235), (key(200), 40.0)];
    assert_eq!(times(&path, 0).await, expected);
    assert_eq!(times(&path, 101).await, expected[1..]);
}

#[tokio::test]
async fn a_chain_that_begins_anew_pays_and_scores_anew() {
    let (_folder, path, store) = opened().await;
    note(&store, &[scored(100, Some(1.0), None)], &[paid(300, 5)]).await;
    let time = AnswerTime {
        key: key(100),
        at: AT,
        latency_ms: 1.0,
    };
    store.note_times(&wallet(), &[time]).await.unwrap();
    store.set_aside(&wallet(), "another").await.unwrap();
    assert_eq!(earned(&path, AT).await, Earnings::default());
    assert!(times(&path, 0).await.is_empty());
    assert_eq!(store.read_until(&wallet(), TOPIC).await.unwrap(), None);
    let ledger = Ledger::open(&path).await.unwrap().unwrap();
    let last = Wallet {
        chain_id: "another".into(),
        ..wallet()
    };
    let kept = ledger.earnings(&last, AT).await.unwrap();
    assert_eq!(
        (kept[&TOPIC].scores.len(), kept[&TOPIC].rewards.len()),
        (1, 1)
    );
}

#[tokio::test]
async fn what_is_old_is_forgotten() {
    let (_folder, path, store) = opened().await;
    let scores = [scored(100, Some(1.0), None), scored(400, Some(2.0), None)];
    note(&store, &scores, &[paid(100, 5), paid(400, 6)]).await;
    let time = |nonce: i64| AnswerTime {
        key: key(nonce),
        at: AT + time::Duration::seconds(nonce),
        latency_ms: 1.0,
    };
    store
        .note_times(&wallet(), &[time(100), time(400)])
        .await
        .unwrap();
    // Seconds stand for heights and nonces here: those up to 300 before the newest stay.
    for kept in [300, 200] {
        let left = earned(&path, AT).await;
        assert_eq!((left.scores.len(), left.rewards.len()), (2, 2));
        let kept = Duration::from_secs(kept);
        store.forget_earnings(kept).await.unwrap();
    }
    let left = earned(&path, AT).await;
    assert_eq!((left.scores.len(), left.rewards.len()), (1, 1));
    assert_eq!(left.rewards[0].height, Height(400));
    assert_eq!(times(&path, 0).await.len(), 1);
}
