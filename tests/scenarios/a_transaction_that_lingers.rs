//! A mempool drops or keeps a transaction, or has it already: it stays one transaction.

use std::time::Duration;

use allora_worker::{
    devnet::{Answer, Control, Indexer},
    ops::Event,
    store::StateName,
    types::TopicId,
};

use crate::{
    ahead::{next_nonce, ready_for},
    harness::{Stage, eventually, topic},
    running::Running,
};

fn hashes(worker: &Running) -> Vec<String> {
    let hash = |event| match event {
        Event::Submitted { hash, .. } | Event::SubmissionResent { hash, .. } => Some(hash),
        _ => None,
    };
    worker.told.events().into_iter().filter_map(hash).collect()
}

async fn sent_again(worker: &Running) {
    worker
        .expect("the same is sent again", |event| {
            matches!(event, Event::SubmissionResent { .. })
        })
        .await;
}

#[tokio::test]
async fn what_was_evicted_is_sent_again_with_the_same_bytes() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.control(Control::EvictMempool).await;
    for _ in 0..2 {
        stage.block().await;
    }
    sent_again(&worker).await;
    let height = stage.block().await;
    assert_eq!(worker.successful(nonce).await, height);
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 1);
    assert_eq!(truth.at(nonce).len(), 1);
    let sent = hashes(&worker);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(sent[0], truth.at(nonce)[0].hash);
    worker.stop().await;
}

#[tokio::test]
async fn what_was_evicted_is_sent_again_though_no_block_is_heard_of() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    // A worker that has learnt the pace of the blocks.
    stage.answer_a_window(&worker).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.control(Control::Silence(true)).await;
    stage.control(Control::EvictMempool).await;
    sent_again(&worker).await;
    stage.block().await;
    stage.control(Control::Silence(false)).await;
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
async fn what_answers_several_windows_is_sent_again_once_for_all_of_them() {
    let ids = [TopicId(1), TopicId(2), TopicId(3)];
    let stage = Stage::with(|config| config.topics = ids.map(topic).to_vec()).await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &ids, nonce).await;
    stage.control(Control::HoldTransactions { blocks: 3 }).await;
    stage.block().await;
    for id in ids {
        worker.submitted_in(id, nonce).await;
    }
    for _ in 0..2 {
        stage.block().await;
    }
    sent_again(&worker).await;
    // Time for each window's own question to be answered.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let again = |event: &Event| matches!(event, Event::SubmissionResent { .. });
    assert_eq!(worker.told.count(again), ids.len());
    stage.close_window(nonce).await;
    for id in ids {
        worker.counted_in(id, nonce).await;
    }
    assert_eq!(stage.truth().await.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn what_is_held_out_of_blocks_is_waited_for() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.control(Control::HoldTransactions { blocks: 3 }).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    for _ in 0..2 {
        stage.block().await;
    }
    // The mempool says that it has these bytes, which is no refusal.
    sent_again(&worker).await;
    for _ in 0..2 {
        stage.block().await;
    }
    assert_eq!(worker.successful(nonce).await, nonce + 4);
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    let refused = worker
        .told
        .count(|event| matches!(event, Event::SubmissionRefused { .. }));
    assert_eq!(refused, 0);
    worker.stop().await;
}

#[tokio::test]
async fn what_comes_too_late_for_its_window_is_never_included() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage
        .control(Control::HoldTransactions { blocks: 30 })
        .await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.missed(nonce).await;
    stage.journaled(nonce, StateName::Expired).await;
    stage.control(Control::HoldTransactions { blocks: 0 }).await;
    let next = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert!(truth.at(nonce).iter().all(|tx| tx.code != 0));
    let answered = truth.at(next);
    assert_eq!((answered.len(), answered[0].code), (1, 0));
    worker.stop().await;
}

#[tokio::test]
async fn a_broadcast_without_a_reply_is_repeated_with_the_same_bytes() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.chain.request_timeout = Duration::from_millis(500))
        .await;
    let swallowed = Control::Answer {
        method: "broadcast_tx_sync".into(),
        times: 1,
        with: Answer::Swallow,
    };
    stage.control(swallowed).await;
    let nonce = stage.open_window().await;
    let next = worker.delayed("no answer in time").await;
    assert!(next.contains("same transaction"), "{next}");
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_at_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}

#[tokio::test]
async fn without_an_indexer_the_event_tells_of_the_inclusion() {
    for indexer in [Indexer::Off, Indexer::Behind(5)] {
        let stage = Stage::new().await;
        stage.control(Control::Indexer(indexer)).await;
        let worker = stage.worker().await;
        let nonce = stage.answer_a_window(&worker).await;
        assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn without_indexer_and_websocket_the_state_tells_of_the_inclusion() {
    let stage = Stage::new().await;
    stage.control(Control::Indexer(Indexer::Off)).await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    go_blind(&stage, &worker).await;
    for _ in 0..3 {
        stage.block().await;
    }
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn without_indexer_and_websocket_the_close_tells_of_the_inclusion() {
    let stage = Stage::new().await;
    stage.control(Control::Indexer(Indexer::Off)).await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    go_blind(&stage, &worker).await;
    stage.close_window(nonce).await;
    worker.successful(nonce).await;
    worker.counted(nonce).await;
    stage.journaled(nonce, StateName::Counted).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

async fn go_blind(stage: &Stage, worker: &Running) {
    stage.control(Control::RefuseSubscribes(100_000)).await;
    stage.control(Control::DropSockets).await;
    let lost = eventually(async || {
        let lost = worker
            .told
            .count(|event| matches!(event, Event::WebsocketLost { .. }));
        (lost > 1).then_some(())
    });
    assert!(lost.await.is_some(), "the WebSocket was not lost");
}
