//! A worker is killed at each step of a submission, and the next one takes up where it stood.

use std::sync::Arc;

use allora_worker::{
    devnet::{Answer, Control},
    ops::Event,
    store::Journal as _,
    store::{StateName, Store},
};
use rstest::rstest;
use serde_json::json;

use crate::{
    doubles::{
        Stopping,
        When::{self, After, Before},
    },
    harness::{Stage, WINDOW, eventually},
    running::Running,
};

/// Starts a worker that stands still before or after it journals a state; gives the open nonce.
async fn killed(stage: &Stage, when: When, state: StateName) -> i64 {
    let journal = Stopping::new(Arc::clone(&stage.store), when, state);
    let stopping = Arc::clone(&journal);
    let worker = stage.worker_with(|setup| setup.journal = stopping).await;
    let nonce = stage.open_window().await;
    if state != StateName::Prepared {
        let sent = eventually(async || {
            let told = &stage.ask(&[("num_unconfirmed_txs", json!({}))]).await[0];
            (told["n_txs"] == "1").then_some(())
        });
        assert!(sent.await.is_some(), "nothing was sent");
    }
    if matches!(state, StateName::Included | StateName::Counted) {
        stage.block().await;
    }
    if state == StateName::Counted {
        worker.successful(nonce).await;
        stage.close_window(nonce).await;
    }
    journal.reached().await;
    worker.kill().await;
    nonce
}

async fn resumed(worker: &Running, nonce: i64, state: &str) {
    let what = format!("{nonce} is resumed as {state}");
    let told = worker.expect(&what, |event| {
        matches!(event, Event::SubmissionResumed { nonce: n, state: s, .. }
            if n.0 == nonce && s == state)
    });
    told.await;
}

#[rstest]
#[case(Before, StateName::Prepared, None)]
#[case(After, StateName::Prepared, Some("prepared"))]
#[case(Before, StateName::Broadcast, Some("prepared"))]
#[case(After, StateName::Broadcast, Some("broadcast"))]
#[case(Before, StateName::Included, Some("broadcast"))]
#[case(After, StateName::Included, Some("included"))]
#[tokio::test]
async fn a_window_that_is_still_open_after_a_kill_is_answered_once(
    #[case] when: When,
    #[case] state: StateName,
    #[case] left: Option<&str>,
) {
    // The next worker comes at once, or two blocks later.
    let after = |blocks| taken_up(when, state, left, blocks);
    tokio::join!(after(0), after(2));
}

async fn taken_up(when: When, state: StateName, left: Option<&str>, blocks: i64) {
    let stage = Stage::new().await;
    let nonce = killed(&stage, when, state).await;
    let reached = stage.height().await + blocks;
    stage.blocks_until(reached).await;
    let worker = stage.worker().await;
    if let Some(left) = left {
        resumed(&worker, nonce, left).await;
    }
    if state != StateName::Included {
        worker.submitted(nonce).await;
    }
    for _ in 0..3 {
        stage.block().await;
    }
    if left != Some("included") {
        worker.successful(nonce).await;
    }
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    stage.journaled(nonce, StateName::Counted).await;
    let next = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 2);
    assert_eq!((truth.at(nonce).len(), truth.at(next).len()), (1, 1));
    worker.stop().await;
}

#[rstest]
#[case(After, StateName::Prepared, StateName::Expired)]
#[case(Before, StateName::Broadcast, StateName::Counted)]
#[case(After, StateName::Broadcast, StateName::Counted)]
#[case(Before, StateName::Included, StateName::Counted)]
#[case(After, StateName::Included, StateName::Counted)]
#[case(Before, StateName::Counted, StateName::Counted)]
#[case(After, StateName::Counted, StateName::Counted)]
#[tokio::test]
async fn a_window_that_closed_after_a_kill_is_closed_in_the_journal(
    #[case] when: When,
    #[case] state: StateName,
    #[case] end: StateName,
) {
    let stage = Stage::new().await;
    let nonce = killed(&stage, when, state).await;
    stage.blocks_until(nonce + WINDOW + 2).await;
    let worker = stage.worker().await;
    match end {
        StateName::Expired => {
            worker.missed(nonce).await;
        }
        _ if (when, state) != (After, StateName::Counted) => worker.counted(nonce).await,
        _ => {}
    }
    stage.journaled(nonce, end).await;
    let next = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    let answers = usize::from(end == StateName::Counted);
    assert_eq!((truth.at(nonce).len(), truth.at(next).len()), (answers, 1));
    worker.stop().await;
}

#[tokio::test]
async fn what_was_sent_without_a_reply_before_a_kill_is_sent_again_with_the_same_bytes() {
    for evicted in [false, true] {
        let stage = Stage::new().await;
        let worker = stage.worker().await;
        let swallowed = Control::Answer {
            method: "broadcast_tx_sync".into(),
            times: 1,
            with: Answer::Swallow,
        };
        stage.control(swallowed).await;
        let nonce = stage.open_window().await;
        let submission = stage.journaled(nonce, StateName::Prepared).await;
        let sent = eventually(async || {
            let told = &stage.ask(&[("num_unconfirmed_txs", json!({}))]).await[0];
            (told["n_txs"] == "1").then_some(())
        });
        assert!(sent.await.is_some(), "nothing was sent");
        worker.kill().await;
        if evicted {
            stage.control(Control::EvictMempool).await;
        }
        let worker = stage.worker().await;
        worker.submitted(nonce).await;
        stage.block().await;
        worker.successful(nonce).await;
        stage.close_window(nonce).await;
        worker.counted(nonce).await;
        let truth = stage.truth().await;
        assert_eq!(truth.each_answered_at_once(nonce), 1);
        assert_eq!(truth.at(nonce)[0].hash, submission.signed.unwrap().hash);
        worker.stop().await;
    }
}

#[tokio::test]
async fn six_kills_in_one_window_leave_one_transaction() {
    let stage = Stage::new().await;
    stage.control(Control::HoldTransactions { blocks: 4 }).await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    worker.kill().await;
    for _ in 0..5 {
        let worker = stage.worker().await;
        worker.submitted(nonce).await;
        worker.kill().await;
    }
    stage.blocks_until(nonce + 5).await;
    let worker = stage.worker().await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_journal_of_a_chain_that_began_anew_is_set_aside() {
    let old = Stage::new().await;
    let worker = old.worker().await;
    let nonce = old.answer_a_window(&worker).await;
    worker.stop().await;
    let path = old.folder.path().join("worker.db");

    let stage = Stage::with(|config| config.initial_height = Some(100)).await;
    let store = Arc::new(Store::open(&path).await.unwrap());
    let journal = Arc::clone(&store);
    let worker = stage.worker_with(|setup| setup.journal = journal).await;
    let remedy = worker.trouble("it began anew").await;
    assert!(remedy.contains("kept under"), "{remedy}");
    let fresh = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(fresh), 1);
    let wallet = stage.wallet();
    let known = store.recent(&wallet, 10).await.unwrap();
    assert!(known.iter().all(|it| it.key.nonce.0 < nonce));
    worker.stop().await;
}
