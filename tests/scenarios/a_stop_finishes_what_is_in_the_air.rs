//! Stopping, one window alone, and showing without sending.

use std::time::Duration;

use allora_worker::{
    devnet::Control,
    ops::{Ending, Event},
    store::StateName,
    types::TopicId,
    worker::Tally,
};

use crate::harness::{Stage, TOPIC, WINDOW, topic};

#[tokio::test]
async fn a_stop_waits_for_a_submission_in_flight_and_takes_no_new_window() {
    let other = TopicId(68);
    let stage = Stage::with(|config| {
        let mut second = topic(other);
        second.epoch_length = 10;
        config.topics.push(second);
    })
    .await;
    let worker = stage.worker().await;
    stage.control(Control::HoldTransactions { blocks: 3 }).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    worker.shutdown.request("a test");
    worker
        .expect("stopping with one in flight", |event| {
            matches!(event, Event::Stopping { in_flight: 1, .. })
        })
        .await;
    // The other topic's window opens at 1010, while the first one's answer is held back.
    assert_eq!(nonce, 1_008);
    stage.blocks_until(1_011).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!worker.has_ended(), "it did not wait");
    stage.blocks_until(1_012).await;
    worker.successful(nonce).await;
    assert_eq!(worker.end().await.unwrap().0, Ending::Asked);

    stage.journaled(nonce, StateName::Included).await;
    stage.close_window(nonce + WINDOW).await;
    let truth = stage.truth().await;
    let by_topic = |topic| {
        truth
            .seen
            .iter()
            .filter(move |tx| tx.windows.iter().any(|key| key.topic == topic))
    };
    assert_eq!(by_topic(TOPIC).count(), 1);
    assert_eq!(by_topic(other).count(), 0);
    assert!(truth.opened.iter().any(|(key, _)| key.topic == other));
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_its_grace() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.config.stop_grace = Duration::from_millis(300))
        .await;
    stage.control(Control::HoldTransactions { blocks: 6 }).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    worker.stop().await;
    stage.journaled(nonce, StateName::Broadcast).await;

    // The next run finishes it.
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
async fn an_idle_worker_stops_at_once() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let began = tokio::time::Instant::now();
    let tally = worker.stop().await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(tally, Tally::default());
}

#[tokio::test]
async fn once_ends_after_one_window() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(|setup| setup.once = true).await;
    let nonce = stage.answer_a_window(&worker).await;
    let (ending, tally) = worker.end().await.unwrap();
    assert_eq!(ending, Ending::Asked);
    assert_eq!((tally.answered, tally.missed), (1, 0));
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
}

#[tokio::test]
async fn a_dry_run_signs_and_sends_nothing() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| {
            setup.dry_run = true;
            setup.once = true;
        })
        .await;
    let nonce = stage.open_window().await;
    let shown = worker
        .expect("a dry run", |event| matches!(event, Event::DryRun { .. }))
        .await;
    let Event::DryRun { value, tx, .. } = shown else {
        unreachable!("it fits");
    };
    assert_eq!(value, "0.0125");
    assert!(cosmrs::Tx::from_bytes(&hex::decode(tx).unwrap()).is_ok());
    assert_eq!(worker.end().await.unwrap().1.answered, 1);
    stage.close_window(nonce).await;
    assert!(stage.truth().await.seen.is_empty());
    assert!(stage.submission(nonce).await.is_none());
}
