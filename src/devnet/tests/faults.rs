//! What the node can be ordered to do.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    kit::{ADDRESS, Socket, Stage},
    wallet::terms,
};
use crate::devnet::{Answer, Control, Devnet, DevnetConfig, Indexer};

#[tokio::test]
async fn all_sockets_are_cut_at_once_and_may_come_back() {
    let stage = Stage::new().await;
    let mut first = Socket::open(&stage.devnet.ws_url()).await;
    let mut second = Socket::open(&stage.devnet.ws_url()).await;
    first.call(1, "health", json!({})).await;
    second.call(1, "health", json!({})).await;
    stage.control(Control::DropSockets).await;
    assert!(first.next().await.is_none() && second.next().await.is_none());
    let mut third = Socket::open(&stage.devnet.ws_url()).await;
    third.call(1, "health", json!({})).await;
}

#[tokio::test]
async fn a_silent_socket_stays_open_and_answers() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    socket.subscribe(1, "tm.event='NewBlockHeader'").await;
    stage.control(Control::Silence(true)).await;
    stage.block().await;
    socket.call(2, "health", json!({})).await;
    stage.control(Control::Silence(false)).await;
    let height = stage.block().await;
    let frame = socket.next().await.expect("a header");
    assert_eq!(
        frame["result"]["data"]["value"]["header"]["height"],
        height.to_string()
    );
}

#[tokio::test]
async fn the_next_subscription_is_refused_and_the_one_after_it_is_not() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    stage.control(Control::RefuseSubscribes(1)).await;
    let refused = socket.subscribe(1, "tm.event='NewBlockHeader'").await;
    assert_eq!(
        refused["error"]["data"],
        "max_subscription_clients 100 reached"
    );
    assert_eq!(
        socket.subscribe(2, "tm.event='NewBlockHeader'").await["result"],
        json!({})
    );
}

#[tokio::test]
async fn blocks_come_by_themselves_until_they_are_paused() {
    let block_time = Duration::from_millis(20);
    let config = DevnetConfig {
        block_time,
        ..DevnetConfig::default()
    };
    let devnet = Devnet::start(config).await.expect("a devnet");
    let mut socket = Socket::open(&devnet.ws_url()).await;
    socket.subscribe(1, "tm.event='NewBlockHeader'").await;
    for _ in 0..3 {
        socket.next().await.expect("a header");
    }
    let paused = devnet.control(Control::Pause).await.expect("paused");
    tokio::time::sleep(block_time * 3).await;
    assert_eq!(
        devnet
            .control(Control::ProduceBlocks(0))
            .await
            .expect("height"),
        paused
    );
    assert_eq!(
        devnet.produce_block().await.expect("a block"),
        paused.plus(1)
    );
    devnet.control(Control::Resume).await.expect("resumed");
    devnet.shutdown().await;
}

#[tokio::test]
async fn requests_get_false_answers_as_often_as_ordered() {
    let stage = Stage::new().await;
    let html = Answer::Http {
        status: 502,
        content_type: "text/html".into(),
        body: "<html>Bad Gateway</html>".into(),
    };
    stage
        .control(Control::Answer {
            method: "status".into(),
            times: 1,
            with: html,
        })
        .await;
    let error = Answer::Error {
        code: -32_603,
        message: "Internal error".into(),
        data: "busy".into(),
    };
    stage
        .control(Control::Answer {
            method: "*".into(),
            times: 1,
            with: error,
        })
        .await;
    let (status, body) = stage.client.raw("status", json!({})).await;
    assert_eq!((status, body.as_str()), (502, "<html>Bad Gateway</html>"));
    let busy = stage
        .client
        .call("status", json!({}))
        .await
        .expect_err("any method");
    assert_eq!(busy.data, "busy");
    let by = Duration::from_millis(60);
    stage
        .control(Control::Answer {
            method: "status".into(),
            times: 1,
            with: Answer::Delay(by),
        })
        .await;
    let asked = Instant::now();
    stage
        .client
        .call("status", json!({}))
        .await
        .expect("the true answer");
    assert!(asked.elapsed() >= by, "{:?}", asked.elapsed());
    stage
        .client
        .call("status", json!({}))
        .await
        .expect("the truth again");
}

#[tokio::test]
async fn a_swallowed_broadcast_takes_effect_without_an_answer() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
    let order = Control::Answer {
        method: "broadcast_tx_sync".into(),
        times: 1,
        with: Answer::Swallow,
    };
    stage.control(order).await;
    let waited = Duration::from_millis(200);
    let unanswered = tokio::time::timeout(waited, stage.client.broadcast(&tx)).await;
    assert!(unanswered.is_err(), "no answer comes");
    stage.block().await;
    let again = stage.client.broadcast(&tx).await.expect_err("known");
    assert_eq!(again.data, "tx already exists in cache");
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 1);
}

#[tokio::test]
async fn a_lagging_node_tells_the_past() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let found = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    stage.control(Control::Lag(2)).await;
    assert_eq!(stage.client.height().await, nonce - 1);
    assert!(
        !stage.client.window().await.is_open,
        "the window is not open yet there"
    );
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 0);
    assert!(stage.client.tx(&found.hash).await.is_err());
    stage.control(Control::Lag(0)).await;
    assert!(stage.client.window().await.is_open);
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 1);
}

#[tokio::test]
async fn the_indexer_lags_or_is_off() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let found = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    stage.control(Control::Indexer(Indexer::Behind(1))).await;
    let error = stage.client.tx(&found.hash).await.expect_err("not yet");
    assert_eq!(error.data, format!("tx ({}) not found", found.hash));
    stage.block().await;
    stage.client.tx(&found.hash).await.expect("now");
    stage.control(Control::Indexer(Indexer::Off)).await;
    let error = stage.client.tx(&found.hash).await.expect_err("off");
    assert_eq!(error.data, "transaction indexing is disabled");
}
