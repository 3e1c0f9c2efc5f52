//! Faults by script: each endpoint has its own, and what they met is told.

use std::time::Duration;

use serde_json::{Value, json};

use super::kit::{ADDRESS, Client, TOPIC, Wallet};
use super::wallet::terms;
use crate::devnet::{Control, Devnet, DevnetConfig, DevnetTopic, WindowRecord, read_script};

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A chain of two endpoints, whose windows open at the tens for five blocks.
async fn two() -> (Devnet, [Client; 2]) {
    let devnet = Devnet::start(DevnetConfig {
        automatic_blocks: false,
        initial_height: Some(100),
        more_endpoints: vec![LOOPBACK.into()],
        control: Some(LOOPBACK.into()),
        prices: Some(LOOPBACK.into()),
        funded: vec![(ADDRESS.into(), u128::MAX / 2)],
        topics: vec![DevnetTopic {
            id: TOPIC,
            epoch_length: 10,
            window: 5,
            ..DevnetTopic::default()
        }],
        ..DevnetConfig::default()
    });
    let devnet = devnet.await.expect("it starts");
    let client = |index: usize| Client::new(format!("http://{}", devnet.addresses()[index]));
    let clients = [client(0), client(1)];
    (devnet, clients)
}

async fn order(devnet: &Devnet, script: &str) {
    let orders = read_script(script).expect("a script");
    devnet
        .control(Control::Play(orders))
        .await
        .expect("it runs");
}

async fn blocks(devnet: &Devnet, count: u32) {
    let order = Control::ProduceBlocks(count);
    devnet.control(order).await.expect("it runs");
}

async fn status(client: &Client) -> (String, i64, bool) {
    let status = client.call("status", json!({})).await.expect("a status");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (
        text(&status["node_info"]["network"]),
        text(&status["sync_info"]["latest_block_height"])
            .parse()
            .expect("a height"),
        status["sync_info"]["catching_up"] == true,
    )
}

#[tokio::test]
async fn one_endpoint_has_a_fault_and_the_other_has_none() {
    let (devnet, [first, second]) = two().await;
    blocks(&devnet, 20).await;
    order(
        &devnet,
        r#"{"fault": "stale-heights", "blocks": 4, "endpoint": 2, "for": 2}"#,
    )
    .await;
    order(&devnet, r#"{"fault": "catching-up", "endpoint": 1}"#).await;
    blocks(&devnet, 1).await;
    let id = "allora-devnet-1".to_owned();
    assert_eq!(status(&first).await, (id.clone(), 102, true));
    assert_eq!(status(&second).await, (id.clone(), 118, false));
    blocks(&devnet, 1).await;
    assert_eq!(status(&first).await, (id.clone(), 123, false));
    assert_eq!(status(&second).await, (id.clone(), 119, false));
    order(&devnet, r#"{"fault": "another-chain", "endpoint": 2}"#).await;
    blocks(&devnet, 1).await;
    assert_eq!(status(&first).await, (id, 124, false));
    assert_ne!(status(&second).await.0, "allora-devnet-1");
}

#[rstest::rstest]
#[case("too-many-requests", 429)]
#[case("server-error", 500)]
#[case("bad-gateway", 502)]
#[tokio::test]
async fn a_status_is_answered_for_as_long_as_it_is_ordered(
    #[case] fault: &str,
    #[case] expected: u16,
) {
    let (devnet, [first, second]) = two().await;
    let script = format!(r#"{{"fault": "{fault}", "endpoint": 1, "for": 2}}"#);
    order(&devnet, &script).await;
    blocks(&devnet, 1).await;
    for _ in 0..3 {
        assert_eq!(first.raw("status", json!({})).await.0, expected);
    }
    assert_eq!(second.raw("status", json!({})).await.0, 200);
    blocks(&devnet, 2).await;
    assert_eq!(first.raw("status", json!({})).await.0, 200);
}

#[tokio::test]
async fn a_truncated_body_ends_early_and_a_time_out_never_comes() {
    let (devnet, [first, second]) = two().await;
    order(
        &devnet,
        r#"[{"fault": "truncate", "endpoint": 1}, {"fault": "time-out", "endpoint": 2}]"#,
    )
    .await;
    blocks(&devnet, 1).await;
    let ask = |client: &Client| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}});
        client.http.post(&client.url).body(body.to_string()).send()
    };
    let answer = ask(&first).await.expect("a head");
    assert!(answer.status().is_success());
    assert!(answer.text().await.is_err(), "the body ends in its middle");
    let waited = tokio::time::timeout(Duration::from_millis(200), ask(&second)).await;
    assert!(waited.is_err(), "nothing is answered");
}

#[tokio::test]
async fn a_halt_stops_blocks_and_an_upgrade_changes_the_version() {
    let (devnet, [first, _]) = two().await;
    order(&devnet, r#"{"fault": "halt", "for": 3}"#).await;
    blocks(&devnet, 3).await;
    assert_eq!(first.height().await, 101);
    blocks(&devnet, 1).await;
    assert_eq!(first.height().await, 102);
    let knows = async |version: &str| {
        let path = format!("/emissions.{version}.QueryService/GetTopic");
        let request = crate::chain::proto::emissions::GetTopicRequest { topic_id: TOPIC.0 };
        first.query(&path, &request).await.code == 0
    };
    assert!(knows("v10").await);
    order(&devnet, r#"{"fault": "roll-back"}"#).await;
    blocks(&devnet, 2).await;
    assert!(knows("v9").await && !knows("v10").await);
    order(&devnet, r#"{"fault": "upgrade"}"#).await;
    blocks(&devnet, 2).await;
    assert!(knows("v10").await);
}

#[tokio::test]
async fn over_http_faults_are_ordered_and_what_they_met_is_told() {
    let (devnet, [first, _]) = two().await;
    let url = devnet.faults_url().expect("a port");
    let post = async |body: &'static str| {
        let sent = first.http.post(&url).body(body).send().await;
        sent.expect("an answer").status().as_u16()
    };
    let good = r#"[{"at": "window 1+1", "fault": "silence", "for": 2}, {"at": "window 2+7", "fault": "evict"}]"#;
    assert_eq!(post(good).await, 200);
    assert_eq!(post(r#"{"fault": "silence", "endpoint": 3}"#).await, 400);
    assert_eq!(post("nonsense").await, 400);
    blocks(&devnet, 15).await;
    let report = async || -> Value {
        let sent = first.http.get(&url).send().await.expect("an answer");
        sent.json().await.expect("JSON")
    };
    let told = report().await;
    assert_eq!(told["played"][0]["windows"], json!([[67, 110]]));
    assert_eq!(told["played"][0]["active"], false);
    assert_eq!(told["waiting"][0]["fault"], "evict");
    blocks(&devnet, 15).await;
    let told = report().await;
    assert_eq!(
        told["played"][1]["windows"],
        json!([]),
        "no window was open"
    );
    assert_eq!(told["waiting"], json!([]));
}

#[tokio::test]
async fn the_record_tells_which_endpoint_was_healthy_in_which_block() {
    let (devnet, _) = two().await;
    order(
        &devnet,
        r#"[{"at": "window+2", "fault": "silence", "endpoint": 2}, {"at": "window+4", "fault": "evict"},
            {"at": "window", "fault": "gas-price"}]"#,
    )
    .await;
    blocks(&devnet, 16).await;
    let windows = devnet.handle().windows();
    let [WindowRecord { nonce, blocks, .. }] = &windows[..] else {
        panic!("one window: {windows:?}");
    };
    assert_eq!(*nonce, 110);
    let healthy: Vec<_> = blocks.iter().map(|it| it.healthy.clone()).collect();
    assert_eq!(
        healthy,
        [
            [true, true],
            [true, false],
            [true, false],
            [false, false],
            [false, false]
        ]
    );
}

#[tokio::test]
async fn the_stand_in_for_tiingo_has_faults_of_its_own() {
    let (devnet, [first, _]) = two().await;
    let base = devnet.prices_url().expect("a server");
    let url = format!(
        "{base}/tiingo/crypto/prices?tickers=btcusd&startDate=2026-01-01&endDate=2026-01-01&resampleFreq=1hour"
    );
    let ask = async || {
        let answer = first.http.get(&url).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let later = answer.headers().contains_key("retry-after");
        let body: Value = answer.json().await.unwrap_or_default();
        (status, later, body)
    };
    let rows = |body: &Value| body[0]["priceData"].as_array().cloned().unwrap_or_default();
    assert_eq!(rows(&ask().await.2).len(), 24);
    let with = async |fault: &str| {
        order(&devnet, &format!(r#"{{"fault": "prices-{fault}"}}"#)).await;
        blocks(&devnet, 1).await;
        ask().await
    };
    assert_eq!(with("unauthorized").await.0, 401);
    let (status, later, _) = with("too-many").await;
    assert!(status == 429 && later);
    assert_eq!(with("server-error").await.0, 500);
    assert_eq!(with("empty").await.2, json!([]));
    let (_, _, body) = with("unordered").await;
    assert!(rows(&body)[0]["date"].as_str() > rows(&body)[23]["date"].as_str());
    let (_, _, body) = with("zero").await;
    assert_eq!(rows(&body)[7]["close"], 0.0);
    blocks(&devnet, 1).await;
    assert_ne!(rows(&ask().await.2)[7]["close"], 0.0);
}

#[tokio::test]
async fn a_black_hole_takes_transactions_and_passes_none_on() {
    let (devnet, [hole, other]) = two().await;
    order(
        &devnet,
        r#"{"endpoint": 1, "for": 3, "fault": "black-hole"}"#,
    )
    .await;
    blocks(&devnet, 1).await;
    let account = hole.account(ADDRESS).await;
    let wallet = Wallet::number(0);
    let sign = |sequence| {
        let mut terms = terms(sequence);
        terms.account_number = account.account_number;
        wallet.sign(vec![wallet.registration()], &terms)
    };
    let (first, second) = (sign(account.sequence), sign(account.sequence + 1));
    for tx in [&first, &second] {
        assert_eq!(hole.broadcast(tx).await.expect("an answer").code, 0);
    }
    let again = hole.broadcast(&first).await.expect_err("it has it");
    assert_eq!(again.data, "tx already exists in cache");
    blocks(&devnet, 1).await;
    assert_eq!(hole.account(ADDRESS).await.sequence, account.sequence);
    // The others have not heard of it, and their block is the hole's block.
    assert_eq!(other.broadcast(&first).await.expect("an answer").code, 0);
    blocks(&devnet, 1).await;
    assert_eq!(hole.account(ADDRESS).await.sequence, account.sequence + 1);
    hole.broadcast(&first)
        .await
        .expect_err("it stands in a block");
    // What it held is lost with the fault.
    blocks(&devnet, 2).await;
    assert_eq!(hole.account(ADDRESS).await.sequence, account.sequence + 1);
    assert_eq!(hole.broadcast(&second).await.expect("an answer").code, 0);
    blocks(&devnet, 1).await;
    assert_eq!(hole.account(ADDRESS).await.sequence, account.sequence + 2);
}
