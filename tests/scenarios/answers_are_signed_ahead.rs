//! Answers are signed and journaled before their windows open; the opening only releases them.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    devnet::Control,
    forecast::{Blocking, Fallback, Fitted, History, Model, Source, Target},
    store::StateName,
    types::TopicId,
};
use tokio::sync::watch;

use crate::{
    ahead::{journal_of, next_nonce, prepared, ready_for, was_presigned},
    doubles,
    harness::{Stage, TOPIC, WINDOW, eventually, topic},
    running::Forecasts,
};

#[tokio::test]
async fn the_opening_releases_what_the_journal_holds() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    let before = prepared(&stage, TOPIC, nonce).await;
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(nonce), 1);
    assert_eq!(truth.at(nonce)[0].hash, before.signed.unwrap().hash);
    worker.stop().await;
}

/// Forecasts a ten-thousandth of the number of candles.
struct Counting;

impl Model for Counting {
    fn fit_predict(&self, of: &History, _: Duration, _: Target) -> Result<Fitted, Fallback> {
        let count = u32::try_from(of.candles.len()).unwrap();
        Ok(Fitted {
            value: f64::from(count) / 1e4,
            source: Source::Gated,
            report: None,
        })
    }
}

#[tokio::test]
async fn a_fresher_forecast_replaces_what_was_prepared() {
    let stage = Stage::new().await;
    let (candles, history) = watch::channel(doubles::history(28));
    let worker = stage
        .worker_with(|setup| {
            setup.forecaster = Arc::new(Blocking::new(Counting));
            setup.history = history;
            setup.desk = Forecasts::Following;
        })
        .await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    let before = prepared(&stage, TOPIC, nonce).await;
    assert_eq!(before.value.as_deref(), Some("0.0673"));
    candles.send_replace(doubles::history(29));

    let after = eventually(async || {
        let submission = journal_of(&stage, TOPIC, nonce).await?;
        (submission.value.as_deref() == Some("0.0697")).then_some(submission)
    });
    let after = after.await.expect("the fresher forecast is prepared");
    assert_ne!(before.signed, after.signed);
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    worker.successful(nonce).await;
    assert_eq!(stage.truth().await.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn an_opening_that_comes_later_is_answered_at_once_and_what_was_prepared_is_withdrawn() {
    for blocks in [1, 2, 5] {
        let stage = Stage::new().await;
        let worker = stage.worker().await;
        let due = next_nonce(&stage).await;
        let delay = Control::DelayWindow {
            topic: TOPIC,
            blocks,
        };
        stage.control(delay).await;
        ready_for(&stage, &[TOPIC], due).await;
        let nonce = due + i64::from(blocks);
        for _ in 0..=blocks {
            stage.block().await;
            // Blocks of a chain are never this near to each other.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        worker.submitted(nonce).await;
        stage.block().await;
        assert_eq!(worker.successful(nonce).await, nonce + 1);
        stage.blocks_until(nonce + WINDOW + 1).await;
        worker.counted(nonce).await;
        stage.journaled(due, StateName::Superseded).await;
        let truth = stage.truth().await;
        assert_eq!(truth.each_answered_at_once(due), 1);
        assert_eq!(truth.seen.len(), 1, "{:#?}", truth.seen);
        let tally = worker.stop().await;
        assert_eq!((tally.answered, tally.missed), (1, 0));
    }
}

#[tokio::test]
async fn windows_of_neighbouring_blocks_are_signed_ahead_with_sequences_in_a_row() {
    let ids: Vec<_> = (1..=4).map(TopicId).collect();
    let stage = Stage::with(|config| {
        config.topics = ids.iter().map(|&id| topic(id)).collect();
        for (offset, topic) in (0..).zip(&mut config.topics) {
            topic.offset = offset;
        }
    })
    .await;
    let worker = stage.worker().await;
    let first = next_nonce(&stage).await;
    stage.blocks_until(first - 1).await;
    for (&id, nonce) in ids.iter().zip(first..).take(3) {
        prepared(&stage, id, nonce).await;
    }
    for (&id, nonce) in ids.iter().zip(first..) {
        prepared(&stage, id, nonce).await;
        stage.block().await;
        assert!(was_presigned(&worker, id, nonce).await, "{id}");
    }
    stage.close_window(first + 3).await;
    worker.counted_in(ids[3], first + 3).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(first), 4);
    worker.stop().await;
}

#[tokio::test]
async fn what_a_killed_worker_prepared_for_a_window_to_come_is_prepared_afresh() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = next_nonce(&stage).await;
    ready_for(&stage, &[TOPIC], nonce).await;
    worker.kill().await;
    let worker = stage.worker().await;
    prepared(&stage, TOPIC, nonce).await;
    stage.block().await;
    assert!(was_presigned(&worker, TOPIC, nonce).await);
    stage.block().await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn what_a_killed_worker_prepared_for_a_window_that_never_opened_is_not_sent() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let due = next_nonce(&stage).await;
    let delay = Control::DelayWindow {
        topic: TOPIC,
        blocks: 2,
    };
    stage.control(delay).await;
    ready_for(&stage, &[TOPIC], due).await;
    worker.kill().await;
    stage.blocks_until(due + 2).await;
    let worker = stage.worker().await;
    worker.submitted(due + 2).await;
    stage.block().await;
    stage.close_window(due + 2).await;
    worker.counted(due + 2).await;
    stage.journaled(due, StateName::Superseded).await;
    let truth = stage.truth().await;
    assert_eq!(truth.seen.len(), 1, "{:#?}", truth.seen);
    assert_eq!(worker.stop().await.missed, 0);
}
