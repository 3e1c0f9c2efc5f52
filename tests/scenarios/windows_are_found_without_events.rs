//! The WebSocket fails in each of its ways, and windows are answered all the same.

use std::time::Duration;

use allora_worker::{
    devnet::{Control, DevnetTopic},
    ops::{Event, WindowSource},
};

use crate::{
    gate::Doubling,
    harness::{Stage, TOPIC},
    running::Running,
};

async fn source(worker: &Running, nonce: i64) -> WindowSource {
    match worker.window_open(nonce).await {
        Event::WindowOpen { source, .. } => source,
        _ => unreachable!("it fits"),
    }
}

async fn lost(worker: &Running, words: &str) {
    worker
        .expect(
            &format!("the WebSocket is lost: {words:?}"),
            |event| matches!(event, Event::WebsocketLost { cause, .. } if cause.contains(words)),
        )
        .await;
}

async fn connected(worker: &Running, nth: usize) {
    worker
        .expect_nth(nth, "the WebSocket is connected", |event| {
            matches!(event, Event::WebsocketConnected { .. })
        })
        .await;
}

#[tokio::test]
async fn with_a_dead_websocket_the_foretold_block_tells_and_the_feed_comes_back() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.control(Control::RefuseSubscribes(100_000)).await;
    stage.control(Control::DropSockets).await;
    lost(&worker, "subscription was refused").await;

    let nonce = stage.open_window().await;
    stage.block().await;
    worker.submitted(nonce).await;
    assert_eq!(source(&worker, nonce).await, WindowSource::Poll);
    for _ in 0..2 {
        stage.block().await;
    }
    worker.successful(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;

    stage.control(Control::RefuseSubscribes(0)).await;
    connected(&worker, 2).await;
    let next = stage.answer_a_window(&worker).await;
    assert_eq!(source(&worker, next).await, WindowSource::Event);
    assert_eq!(stage.truth().await.each_answered_once(nonce), 2);
    worker.stop().await;
}

#[tokio::test]
async fn with_events_lost_the_poll_tells() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.config.poll_interval = Duration::from_millis(100))
        .await;
    stage.control(Control::Silence(true)).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    assert_eq!(source(&worker, nonce).await, WindowSource::Poll);
    stage.block().await;
    stage.control(Control::Silence(false)).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_silent_socket_is_taken_for_dead_and_windows_go_on() {
    let long = |id| DevnetTopic {
        id,
        epoch_length: 30,
        window: 24,
        ..DevnetTopic::default()
    };
    let stage = Stage::with(|config| {
        config.automatic_blocks = true;
        config.block_time = Duration::from_millis(50);
        config.topics = vec![long(TOPIC)];
    })
    .await;
    let worker = stage
        .worker_with(|setup| setup.chain.silence = Duration::from_millis(300))
        .await;
    let since = stage.control(Control::Silence(true)).await;
    lost(&worker, "no block for").await;
    let first = (since.div_euclid(30) + 1) * 30;
    for nonce in [first, first + 30] {
        worker.counted(nonce).await;
    }
    stage.control(Control::Silence(false)).await;
    let height = stage.height().await;
    let next = (height.div_euclid(30) + 1) * 30;
    worker.counted(next).await;
    stage.blocks_until(next + 26).await;
    assert!(stage.truth().await.each_answered_once(first) >= 3);
    worker.stop().await;
}

#[tokio::test]
async fn a_window_that_both_the_event_and_many_polls_tell_of_is_answered_once() {
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.config.poll_interval = Duration::from_millis(20))
        .await;
    let first = stage.answer_a_window(&worker).await;
    stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(first), 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_window_whose_event_comes_twice_is_answered_once() {
    let stage = Stage::new().await;
    let relay = Doubling::before(&stage.devnet.ws_url()).await;
    let worker = stage
        .worker_with(|setup| setup.network.ws = vec![relay.url()])
        .await;
    let first = stage.answer_a_window(&worker).await;
    stage.answer_a_window(&worker).await;
    assert!(relay.doubled() >= 2, "no window's event was doubled");
    assert_eq!(stage.truth().await.each_answered_at_once(first), 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_socket_cut_within_a_window_changes_nothing() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.control(Control::DropSockets).await;
    lost(&worker, "").await;
    connected(&worker, 2).await;
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
async fn a_client_that_was_too_slow_for_the_node_subscribes_again() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    // So many blocks at once end the subscriptions of every client.
    stage.control(Control::ProduceBlocks(150)).await;
    lost(&worker, "not pulling messages fast enough").await;
    connected(&worker, 2).await;
    let next = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(next), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_node_that_lags_decides_nothing() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    stage.answer_a_window(&worker).await;
    stage.control(Control::Lag(6)).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    let height = stage.block().await;
    assert_eq!(worker.successful(nonce).await, height);
    stage.close_window(nonce).await;
    for _ in 0..3 {
        stage.block().await;
    }
    let ended = |event: &Event| {
        matches!(event,
            Event::WindowMissed { nonce: n, .. } | Event::Counted { nonce: n, .. }
            if n.0 == nonce)
    };
    assert_eq!(
        worker.told.count(ended),
        0,
        "by a node that is behind the close"
    );
    stage.control(Control::Lag(0)).await;
    stage.block().await;
    worker.counted(nonce).await;
    assert_eq!(stage.truth().await.at(nonce).len(), 1);
    worker.stop().await;
}
