//! Windows of the same block are answered in one transaction, and none of them pays for another.

use std::time::Duration;

use allora_worker::{
    devnet::Control,
    ops::Event,
    types::{Nonce, TopicId, WindowKey},
};

use crate::{
    ahead::{next_nonce, ready_for, was_presigned},
    harness::{Stage, WINDOW, topic},
};

/// Longer than the worker waits before it tries again.
const TICK: Duration = Duration::from_millis(1_100);

#[tokio::test]
async fn when_one_of_several_opens_later_each_is_answered_in_its_first_block() {
    let ids = [TopicId(1), TopicId(2), TopicId(3)];
    let stage = Stage::with(|config| config.topics = ids.map(topic).to_vec()).await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    let late = Control::DelayWindow {
        topic: ids[1],
        blocks: 1,
    };
    stage.control(late).await;
    ready_for(&stage, &ids, nonce).await;
    stage.block().await;
    for id in [ids[0], ids[2]] {
        worker.submitted_in(id, nonce).await;
    }
    stage.block().await;
    worker.submitted_in(ids[1], nonce + 1).await;
    stage.block().await;
    stage.close_window(nonce + 1).await;
    worker.counted_in(ids[1], nonce + 1).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 3);
    let sequences: Vec<_> = truth.seen.iter().map(|tx| tx.sequence).collect();
    assert_eq!(sequences, [0, 1]);
    worker.stop().await;
}

#[tokio::test]
async fn sixty_four_windows_of_one_block_share_a_transaction() {
    let ids: Vec<_> = (1..=64).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
    })
    .await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &ids, nonce).await;
    stage.block().await;
    for &id in &ids {
        assert!(was_presigned(&worker, id, nonce).await, "{id}");
    }
    stage.block().await;
    stage.close_window(nonce).await;
    for &id in &ids {
        worker.counted_in(id, nonce).await;
    }
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 64);
    assert_eq!(truth.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn one_bad_topic_costs_the_others_a_block_and_nothing_else() {
    let ids: Vec<_> = (1..=5).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
    })
    .await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &ids, nonce).await;
    // Its standing changes after the answer is signed, so that only the block refuses it.
    stage.register(ids[2], false).await;
    stage.block().await;
    worker.submitted_in(ids[0], nonce).await;
    stage.block().await;
    let good: Vec<_> = ids.iter().filter(|id| **id != ids[2]).collect();
    for &&id in &good {
        let again = worker.expect_nth(2, "a second transaction", |event| {
            matches!(event, Event::Submitted { topic, nonce: n, .. }
                if *topic == id && n.0 == nonce)
        });
        again.await;
    }
    stage.block().await;
    stage.close_window(nonce).await;
    for &&id in &good {
        worker.counted_in(id, nonce).await;
    }
    let truth = stage.truth().await;
    for &&topic in &good {
        let key = WindowKey {
            topic,
            nonce: Nonce(nonce),
        };
        let answers: Vec<_> = truth
            .of(key)
            .iter()
            .map(|tx| (tx.code, tx.height))
            .collect();
        assert_eq!(answers[1..], [(0, nonce + 2)], "{answers:?}");
        assert_eq!(answers[0].0, 13, "{answers:?}");
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_short_window_costs_a_long_one_of_the_same_block_nothing() {
    let (long, short, later) = (TopicId(1), TopicId(2), TopicId(3));
    let stage = Stage::with(|config| {
        config.topics = [long, short, later].map(topic).to_vec();
        config.topics[1].window = 2;
        config.topics[2].offset = 4;
        config.topics[2].window = 3;
    })
    .await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[long, short], nonce).await;
    // No block takes a transaction until the short window is over, and then the mempool forgets them.
    stage.control(Control::HoldTransactions { blocks: 3 }).await;
    stage.block().await;
    worker.submitted_in(long, nonce).await;
    stage.block().await;
    stage.control(Control::EvictMempool).await;
    stage.control(Control::HoldTransactions { blocks: 0 }).await;
    stage.blocks_until(nonce + 3).await;
    stage.blocks_at_leisure(nonce + WINDOW, TICK).await;
    worker.successful_in(long, nonce).await;
    worker.successful_in(later, nonce + 4).await;
    worker.stop().await;
}

#[tokio::test]
async fn after_a_kill_a_window_that_did_not_open_costs_the_others_in_its_transaction_nothing() {
    let ids = [TopicId(1), TopicId(2)];
    let stage = Stage::with(|config| config.topics = ids.map(topic).to_vec()).await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    let delay = Control::DelayWindow {
        topic: ids[1],
        blocks: 3,
    };
    stage.control(delay).await;
    ready_for(&stage, &ids, nonce).await;
    worker.kill().await;
    stage.block().await;
    let worker = stage.worker().await;
    stage.blocks_at_leisure(nonce + 5, TICK).await;
    worker.successful_in(ids[0], nonce).await;
    worker.successful_in(ids[1], nonce + 3).await;
    stage.blocks_until(nonce + WINDOW + 5).await;
    worker.counted_in(ids[0], nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(nonce), 2);
    assert_eq!(truth.seen.len(), 2, "{:#?}", truth.seen);
    worker.stop().await;
}
