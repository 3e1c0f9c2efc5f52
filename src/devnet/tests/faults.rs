//! What can be ordered.

use std::time::{Duration, Instant};

use serde_json::json;

use super::kit::{ADDRESS, Socket, Stage, TOPIC};
use crate::devnet::{Answer, Control, Devnet, DevnetConfig, Indexer, Stage as At};

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
async fn a_held_transaction_waits_its_blocks() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage.control(Control::HoldTransactions { blocks: 2 }).await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    for _ in 0..2 {
        stage.block().await;
        assert!(stage.client.tx(&sent.hash).await.is_err());
    }
    stage.block().await;
    assert_eq!(
        stage.client.tx(&sent.hash).await.expect("in").height,
        nonce + 3
    );
}

#[tokio::test]
async fn evicted_bytes_may_come_again() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    stage.control(Control::EvictMempool).await;
    stage.block().await;
    assert!(
        stage.client.tx(&sent.hash).await.is_err(),
        "it is in no block"
    );
    assert_eq!(
        stage.client.broadcast(&tx).await.expect("taken again").code,
        0
    );
    stage.block().await;
    assert_eq!(
        stage.client.tx(&sent.hash).await.expect("in").height,
        nonce + 2
    );
}

#[tokio::test]
async fn a_transaction_that_outlives_its_timeout_leaves_the_mempool() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage.control(Control::HoldTransactions { blocks: 5 }).await;
    let mut terms = stage.terms(0);
    terms.timeout = u32::try_from(nonce + 1).expect("a height");
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms);
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    for _ in 0..7 {
        stage.block().await;
    }
    assert!(
        stage.client.tx(&sent.hash).await.is_err(),
        "it came into no block"
    );
    let again = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!(again.code, 30, "and is forgotten: {}", again.log);
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
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
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
async fn refusals_are_forced_where_they_are_ordered() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let text = "out of something: out of gas";
    stage
        .control(Control::refuse(At::Check, "sdk", 20, "mempool is full"))
        .await;
    stage
        .control(Control::refuse(At::Deliver, "sdk", 11, text))
        .await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!((sent.code, sent.log.as_str()), (20, "mempool is full"));
    let found = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    assert_eq!(
        (found.tx_result.code, found.tx_result.log.as_str()),
        (11, text)
    );
    let fine = stage.deliver(stage.wallet.submission(nonce, "1"), 1).await;
    assert_eq!(fine.tx_result.code, 0, "{}", fine.tx_result.log);
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

#[tokio::test]
async fn an_inactive_topic_says_so_and_opens_nothing() {
    let stage = Stage::new().await;
    stage
        .control(Control::TopicActive {
            topic: TOPIC,
            active: false,
        })
        .await;
    stage.open_window().await;
    let status = stage.client.window().await;
    assert!(!status.is_open && !status.is_topic_active);
    assert_eq!(status.next_window_start_block, 0);
}

#[tokio::test]
async fn a_sequence_used_elsewhere_is_told() {
    let stage = Stage::new().await;
    stage
        .control(Control::Sequence {
            address: ADDRESS.into(),
            sequence: 4,
        })
        .await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.registration()], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!(sent.code, 32);
    assert!(
        sent.log
            .starts_with("account sequence mismatch, expected 4, got 0"),
        "{}",
        sent.log
    );
}

#[tokio::test]
async fn the_best_places_are_counted_anew_when_their_number_changes() {
    let stage = Stage::new().await;
    stage.control(Control::MaxTopInferers(0)).await;
    let nonce = stage.open_window().await;
    let left_out = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    assert_eq!(left_out.tx_result.code, 0);
    stage.control(Control::MaxTopInferers(1)).await;
    stage
        .control(Control::Score {
            topic: TOPIC,
            address: ADDRESS.into(),
            score: 3.0,
        })
        .await;
    for _ in 0..10 {
        stage.block().await;
    }
    let nonce = stage.open_window().await;
    let placed = stage.deliver(stage.wallet.submission(nonce, "1"), 1).await;
    let admitted = placed
        .tx_result
        .events
        .iter()
        .any(|e| e.kind.ends_with("InsertInfererPayload"));
    assert!(admitted, "{}", placed.tx_result.log);
}
