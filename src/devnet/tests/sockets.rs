//! The sockets' own manners.

use serde_json::{Value, json};

use super::kit::{ADDRESS, Socket, Stage};

#[tokio::test]
async fn a_client_has_five_subscriptions_and_hears_of_each_refusal() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    let query = |n: u64| format!("tm.event='NewBlock' AND block.height > {n}");
    let unread = socket.subscribe(9, "tm.event = ").await;
    assert_eq!(unread["error"]["code"], -32_603);
    assert_eq!(
        unread["error"]["data"],
        "failed to parse query: offset 11: EOF"
    );
    for n in 0..5 {
        assert_eq!(socket.subscribe(n, &query(n)).await["result"], json!({}));
        if n == 0 {
            let twice = socket.subscribe(20, &query(0)).await;
            assert_eq!(twice["error"]["data"], "already subscribed");
        }
    }
    let sixth = socket.subscribe(5, &query(5)).await;
    assert_eq!(sixth["error"]["code"], -32_603);
    assert_eq!(
        sixth["error"]["data"],
        "max_subscriptions_per_client 5 reached"
    );
    let gone = socket
        .call(6, "unsubscribe", json!({"query": query(3)}))
        .await;
    assert_eq!(gone["result"], json!({}));
    assert_eq!(socket.subscribe(7, &query(7)).await["result"], json!({}));
    assert_eq!(
        socket.call(8, "unsubscribe_all", json!({})).await["result"],
        json!({})
    );
    let none = socket.call(8, "unsubscribe_all", json!({})).await;
    assert_eq!(none["error"]["data"], "subscription not found");
}

#[tokio::test]
async fn a_header_comes_for_each_block_under_its_subscriptions_id() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    socket.subscribe(42, "tm.event='NewBlockHeader'").await;
    for _ in 0..3 {
        let height = stage.block().await;
        let frame = socket.next().await.expect("a header");
        assert_eq!(frame["id"], 42);
        let header = &frame["result"]["data"]["value"]["header"];
        assert_eq!(header["height"], height.to_string());
        assert_eq!(header["chain_id"], "allora-devnet-1");
        assert_eq!(
            frame["result"]["events"],
            json!({"tm.event": ["NewBlockHeader"]})
        );
    }
}

#[tokio::test]
async fn a_filter_for_the_other_version_is_silent() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    let v9 = "tm.event='NewBlockEvents' AND emissions.v9.EventWorkerSubmissionWindowOpened.topic_id EXISTS";
    assert_eq!(socket.subscribe(1, v9).await["result"], json!({}));
    socket.subscribe(2, "tm.event='NewBlockHeader'").await;
    let nonce = stage.open_window().await;
    stage.block().await;
    let mut last = String::new();
    while last != (nonce + 1).to_string() {
        let frame = socket.next().await.expect("a header");
        assert_eq!(frame["id"], 2, "only headers come");
        last = frame["result"]["data"]["value"]["header"]["height"]
            .as_str()
            .unwrap_or_default()
            .into();
    }
}

#[tokio::test]
async fn other_methods_work_over_the_socket_too() {
    let stage = Stage::new().await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    assert_eq!(
        socket.call(1, "health", json!({})).await["result"],
        json!({})
    );
    let status = socket.call(2, "status", Value::Null).await;
    assert_eq!(status["result"]["node_info"]["network"], "allora-devnet-1");
    let unknown = socket.call(3, "nonsense", json!({})).await;
    assert_eq!(
        unknown["error"],
        json!({"code": -32_601, "message": "Method not found"})
    );
}

#[tokio::test]
async fn http_speaks_as_the_node_does() {
    let stage = Stage::new().await;
    let client = &stage.client;
    let (status, body) = client.raw("nonsense", json!({})).await;
    assert_eq!(status, 200);
    let body: Value = serde_json::from_str(&body).expect("json");
    assert_eq!(
        body["error"],
        json!({"code": -32_601, "message": "Method not found"})
    );
    let error = client
        .call("block_results", json!({"height": 5}))
        .await
        .expect_err("a number");
    assert_eq!(error.code, -32_602);
    assert!(error.data.contains("expected string"), "{error}");
    let error = client
        .call("block_results", json!({"height": "99999"}))
        .await
        .expect_err("none");
    assert_eq!(
        error.data,
        "height 99999 must be less than or equal to the current blockchain height 1001"
    );
    let error = client.tx(&"00".repeat(32)).await.expect_err("none");
    assert_eq!(error.data, format!("tx ({}) not found", "00".repeat(32)));
    let block = client.call("block", json!({})).await.expect("a block");
    assert_eq!(block["block"]["header"]["height"], "1001");
    let page = client
        .http
        .get(format!("{}/health", client.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status().as_u16(), 200);
    let page = client
        .http
        .get(format!("{}/nonsense", client.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status().as_u16(), 404);
    let garbage = client
        .http
        .post(&client.url)
        .body("not json")
        .send()
        .await
        .expect("an answer");
    assert_eq!(garbage.status().as_u16(), 500);
}

#[tokio::test]
async fn a_search_by_sender_finds_refused_transactions_too_and_pages() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    for sequence in 0..3 {
        stage
            .deliver(stage.wallet.submission(nonce, "1"), sequence)
            .await;
    }
    let query = format!("message.sender='{ADDRESS}'");
    let params = json!({"query": query, "page": "2", "per_page": "2", "order_by": "asc"});
    let found = stage
        .client
        .call("tx_search", params)
        .await
        .expect("a page");
    assert_eq!(found["total_count"], "3");
    assert_eq!(found["txs"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["txs"][0]["tx_result"]["code"], 1, "already submitted");
    let params = json!({"query": query, "page": "3", "per_page": "2"});
    let error = stage
        .client
        .call("tx_search", params)
        .await
        .expect_err("no such page");
    assert_eq!(error.data, "page should be within [1, 2] range, given 3");
}
