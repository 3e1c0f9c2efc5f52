//! The main job, while nothing goes wrong.

use allora_worker::{
    ops::{Event, WindowSource},
    store::StateName,
    types::TopicId,
};

use crate::harness::{Stage, topic};

#[tokio::test]
async fn six_windows_in_a_row_are_each_answered_in_their_first_block_and_counted() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let mut nonces = Vec::new();
    for _ in 0..6 {
        nonces.push(stage.answer_a_window(&worker).await);
    }
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonces[0]), 6);
    truth.nothing_is_late();
    assert_eq!(truth.seen.len(), 6);
    for nonce in nonces {
        let submission = stage.journaled(nonce, StateName::Counted).await;
        assert_eq!(submission.value.as_deref(), Some("0.0125"));
        let Event::WindowOpen { source, .. } = worker.window_open(nonce).await else {
            unreachable!("it fits");
        };
        assert_eq!(source, WindowSource::Event);
    }
    assert_eq!(worker.stop().await.answered, 6);
}

#[tokio::test]
async fn two_topics_that_open_in_the_same_block_are_both_answered() {
    topics_that_open_together(2).await;
}

#[tokio::test]
async fn eight_topics_that_open_in_the_same_block_are_all_answered() {
    topics_that_open_together(8).await;
}

async fn topics_that_open_together(count: u64) {
    let ids: Vec<_> = (1..=count).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
    })
    .await;
    let worker = stage.worker().await;
    let mut first = 0;
    for _ in 0..2 {
        let nonce = stage.open_window().await;
        first = if first == 0 { nonce } else { first };
        for &id in &ids {
            worker.submitted_in(id, nonce).await;
        }
        stage.block().await;
        stage.close_window(nonce).await;
        for &id in &ids {
            worker.counted_in(id, nonce).await;
        }
    }
    let truth = stage.truth().await;
    let windows = usize::try_from(2 * count).unwrap();
    assert_eq!(truth.each_answered_at_once(first), windows);
    // One transaction for all windows of a block.
    let sequences: Vec<_> = truth.seen.iter().map(|tx| tx.sequence).collect();
    assert_eq!(sequences, [0, 1]);
    worker.stop().await;
}
