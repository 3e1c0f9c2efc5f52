//! The straight way: a signed submission gets in and counts.

use serde_json::json;

use super::{
    kit::{ADDRESS, Socket, Stage, TOPIC},
    wallet::{any, terms},
};
use crate::{
    chain::{
        jsonrpc::{BlockResults, EventData, SubscriptionEvent},
        proto::{cosmos, emissions as pb},
    },
    devnet::{Control, DevnetTopic, Rival},
    types::Height,
};

#[tokio::test]
async fn a_signed_submission_is_included_at_nonce_plus_one_and_counted() {
    let stage = Stage::new().await;
    assert_eq!(stage.wallet.address.as_ref(), ADDRESS);
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    let opened = "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS";
    let ours = format!("tm.event='Tx' AND message.sender='{ADDRESS}'");
    assert_eq!(socket.subscribe(1, opened).await["result"], json!({}));
    assert_eq!(socket.subscribe(2, &ours).await["result"], json!({}));

    let nonce = stage.open_window().await;
    let frame = socket.next().await.expect("the event");
    assert_eq!(frame["id"], 1);
    assert_eq!(frame["result"]["query"], opened);
    let event: SubscriptionEvent = serde_json::from_value(frame["result"].clone()).expect("shape");
    let EventData::NewBlockEvents { height, events } = event.data else {
        panic!("another event")
    };
    assert_eq!(height, nonce);
    let window = &events.expect("events")[0];
    assert_eq!(
        window.attribute("nonce_block_height"),
        Some(format!("\"{nonce}\"").as_str())
    );
    assert_eq!(
        window.attribute("window_end_block"),
        Some(format!("\"{}\"", nonce + 8).as_str())
    );

    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "0.0123")], &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    assert_eq!((sent.code, sent.log.as_str()), (0, ""));
    assert_eq!(stage.block().await, nonce + 1);
    let frame = socket.next().await.expect("our transaction");
    assert_eq!(frame["id"], 2);
    let event: SubscriptionEvent = serde_json::from_value(frame["result"].clone()).expect("shape");
    let EventData::Tx { tx_result } = event.data else {
        panic!("another event")
    };
    assert_eq!((tx_result.height, tx_result.result.code), (nonce + 1, 0));
    assert_eq!(frame["result"]["events"]["tx.hash"], json!([sent.hash]));

    let found = stage.client.tx(&sent.hash).await.expect("indexed");
    assert_eq!(found.height, nonce + 1);
    assert!(
        (144_200..=145_300).contains(&found.tx_result.gas_used),
        "{}",
        found.tx_result.gas_used
    );
    let admitted = "emissions.v10.EventInsertInfererPayload";
    assert!(
        found
            .tx_result
            .events
            .iter()
            .any(|event| event.kind == admitted)
    );

    stage
        .devnet
        .produce_until(Height(nonce + 8))
        .await
        .expect("the window's end");
    let results = stage
        .client
        .call("block_results", json!({"height": (nonce + 8).to_string()}));
    let results: BlockResults =
        serde_json::from_value(results.await.expect("results")).expect("shape");
    let events = results.finalize_block_events.expect("events");
    let counted = events
        .iter()
        .find(|e| e.kind.ends_with("EventActiveInferersSet"));
    let names = counted.and_then(|event| event.attribute("addresses"));
    assert_eq!(names, Some(format!("[\"{ADDRESS}\"]").as_str()));
    let at = pb::GetInferencesAtBlockRequest {
        topic_id: TOPIC.0,
        block_height: nonce,
    };
    let path = "/emissions.v10.QueryService/GetInferencesAtBlock";
    let kept: pb::GetInferencesAtBlockResponse = stage.client.ask(path, &at).await;
    let kept = kept.inferences.expect("a list").inferences;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].inferer.as_str(), kept[0].values.as_slice()),
        (ADDRESS, &["0.0123".into()][..])
    );
    stage.devnet.shutdown().await;
}

#[tokio::test]
async fn the_whole_fee_and_the_sending_fee_are_spent_and_the_sequence_grows() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage
        .deliver(stage.wallet.submission(nonce, "1.5"), 0)
        .await;
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 1);
    let request = cosmos::bank::v1beta1::QueryBalanceRequest {
        address: ADDRESS.into(),
        denom: "uallo".into(),
    };
    let path = "/cosmos.bank.v1beta1.Query/Balance";
    let answer: cosmos::bank::v1beta1::QueryBalanceResponse =
        stage.client.ask(path, &request).await;
    let held = answer.balance.expect("a balance").amount;
    assert_eq!(held, (1_000_000_000 - 2_500_000 - 10).to_string());
}

#[tokio::test]
async fn a_window_takes_its_last_block_and_no_later() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage
        .devnet
        .produce_until(Height(nonce + 7))
        .await
        .expect("blocks");
    let last = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    assert_eq!((last.height, last.tx_result.code), (nonce + 8, 0));
    let late = stage.deliver(stage.wallet.submission(nonce, "1"), 1).await;
    assert_eq!(late.tx_result.codespace, "emissions");
    assert_eq!(late.tx_result.code, 75, "{}", late.tx_result.log);
}

#[tokio::test]
async fn several_submissions_in_one_transaction_share_a_sequence_and_cost_less_gas() {
    let stage = Stage::with(|config| {
        let second = DevnetTopic {
            id: crate::types::TopicId(68),
            ..DevnetTopic::default()
        };
        config.topics.push(second);
    })
    .await;
    stage
        .control(Control::Register {
            topic: crate::types::TopicId(68),
            address: ADDRESS.into(),
            registered: true,
        })
        .await;
    let nonce = stage.open_window().await;
    let mut second = stage
        .wallet
        .bundle(nonce, "2", |inference| inference.topic_id = 68);
    second
        .worker_data_bundle
        .as_mut()
        .expect("a bundle")
        .topic_id = 68;
    let messages = vec![stage.wallet.submission(nonce, "1"), any(&second)];
    let tx = stage.wallet.sign(messages, &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    stage.block().await;
    let found = stage.client.tx(&sent.hash).await.expect("included");
    assert_eq!(found.tx_result.code, 0, "{}", found.tx_result.log);
    let used = found.tx_result.gas_used;
    assert!((209_200..210_300).contains(&used), "{used}");
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 1);
}

#[tokio::test]
async fn the_lowest_score_is_left_out_when_places_are_taken() {
    let stage = Stage::with(|config| {
        config.max_top_inferers = 1;
        let rival = Rival {
            address: "rival".into(),
            score: 1.0,
            value: "0.5".into(),
        };
        config.topics[0].rivals.push(rival);
    })
    .await;
    let nonce = stage.open_window().await;
    stage.block().await;
    let ours = stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    assert_eq!(ours.tx_result.code, 0, "delivered");
    let admitted =
        |event: &crate::chain::jsonrpc::Event| event.kind.ends_with("InsertInfererPayload");
    assert!(
        !ours.tx_result.events.iter().any(admitted),
        "left out in silence"
    );
    let again = stage.deliver(stage.wallet.submission(nonce, "1"), 1).await;
    assert_eq!(
        (again.tx_result.codespace.as_str(), again.tx_result.code),
        ("emissions", 78)
    );
}

#[tokio::test]
async fn a_registration_costs_its_fee_once() {
    let stage = Stage::new().await;
    stage
        .control(Control::Register {
            topic: TOPIC,
            address: ADDRESS.into(),
            registered: false,
        })
        .await;
    let done = stage.deliver(stage.wallet.registration(), 0).await;
    assert_eq!(done.tx_result.code, 0, "{}", done.tx_result.log);
    assert!(stage.client.window().await.is_registered);
    let again = stage.deliver(stage.wallet.registration(), 1).await;
    assert_eq!(
        (again.tx_result.codespace.as_str(), again.tx_result.code),
        ("emissions", 8)
    );
}

#[tokio::test]
async fn an_inference_stands_for_its_worker_while_its_window_is_open() {
    let stage = Stage::new().await;
    let path = "/emissions.v10.QueryService/GetWorkerLatestInputInferenceByTopicId";
    let request = pb::LatestInferenceRequest {
        topic_id: TOPIC.0,
        worker_address: ADDRESS.into(),
    };
    let nonce = stage.open_window().await;
    let none = stage.client.query(path, &request).await;
    assert_eq!((none.codespace.as_str(), none.code), ("sdk", 22));
    assert!(none.log.contains("not found"), "{}", none.log);

    stage
        .deliver(stage.wallet.submission(nonce, "1.5"), 0)
        .await;
    let found: pb::LatestInferenceResponse = stage.client.ask(path, &request).await;
    assert_eq!(
        found.latest_inference.map(|it| it.block_height),
        Some(nonce)
    );

    let closed = stage.devnet.produce_until(Height(nonce + 8)).await;
    closed.expect("the window's end");
    assert_eq!(stage.client.query(path, &request).await.code, 22);
    let older = path.replace("v10", "v9");
    assert_eq!(stage.client.query(&older, &request).await.code, 6);
    stage.devnet.shutdown().await;
}
