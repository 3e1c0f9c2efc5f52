//! What the node tells who asks.

use super::{
    kit::{ADDRESS, Socket, Stage, TOPIC, Wallet},
    wallet::terms,
};
use crate::{
    chain::proto::{cosmos, emissions as pb, feemarket},
    devnet::{Control, EmissionsVersion},
};

#[tokio::test]
async fn the_window_status_tells_the_open_nonce_and_the_next_opening() {
    let stage = Stage::new().await;
    let before = stage.client.window().await;
    assert!(
        !before.is_open && before.is_registered && before.is_whitelisted && before.is_topic_active
    );
    let nonce = stage.open_window().await;
    assert_eq!(before.next_window_start_block, nonce);
    let open = stage.client.window().await;
    assert!(open.is_open);
    assert_eq!(open.current_nonce_block_height, nonce);
    assert_eq!(
        (open.window_start_block, open.window_end_block),
        (nonce, nonce + 8)
    );
    assert_eq!(
        (open.next_window_start_block, open.next_window_end_block),
        (nonce + 12, nonce + 20)
    );
    let nonces: pb::GetUnfulfilledWorkerNoncesResponse = stage
        .client
        .ask(
            "/emissions.v10.QueryService/GetUnfulfilledWorkerNonces",
            &pb::GetUnfulfilledWorkerNoncesRequest { topic_id: TOPIC.0 },
        )
        .await;
    assert_eq!(
        nonces.nonces.expect("nonces").nonces,
        [pb::Nonce {
            block_height: nonce
        }]
    );
}

#[tokio::test]
async fn parameters_prices_and_estimates_are_told() {
    let stage = Stage::new().await;
    let params: pb::GetParamsResponse = stage
        .client
        .ask(
            "/emissions.v10.QueryService/GetParams",
            &pb::GetParamsRequest {},
        )
        .await;
    let params = params.params.expect("parameters");
    assert_eq!(
        (
            params.registration_fee.as_str(),
            params.data_sending_fee.as_str()
        ),
        ("200", "10")
    );
    assert_eq!(params.max_top_inferers_to_reward, 32);
    let prices: feemarket::GasPricesResponse = stage
        .client
        .ask(
            "/feemarket.feemarket.v1.Query/GasPrices",
            &feemarket::GasPricesRequest {},
        )
        .await;
    assert_eq!(prices.prices[0].amount, "10000000000000000000");
    let nonce = stage.open_window().await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
    #[allow(deprecated, reason = "the protobuf message keeps its old field")]
    let request = cosmos::tx::v1beta1::SimulateRequest {
        tx: None,
        tx_bytes: tx,
    };
    let path = "/cosmos.tx.v1beta1.Service/Simulate";
    let answer: cosmos::tx::v1beta1::SimulateResponse = stage.client.ask(path, &request).await;
    assert!(answer.gas_info.expect("gas").gas_used > 144_000);
    assert_eq!(
        stage.client.account(ADDRESS).await.sequence,
        0,
        "an estimate changes nothing"
    );
}

#[tokio::test]
async fn the_other_version_is_an_unknown_path() {
    let stage = Stage::with(|config| config.version = EmissionsVersion::V9).await;
    let request = pb::GetTopicRequest { topic_id: TOPIC.0 };
    let other = stage
        .client
        .query("/emissions.v10.QueryService/GetTopic", &request)
        .await;
    assert_eq!((other.code, other.codespace.as_str()), (6, "sdk"));
    assert_eq!(other.log, "unknown query path: unknown request");
    let topic: pb::GetTopicResponse = stage
        .client
        .ask("/emissions.v9.QueryService/GetTopic", &request)
        .await;
    assert_eq!(topic.topic.expect("a topic").epoch_length, 12);
}

#[tokio::test]
async fn an_upgrade_changes_paths_and_events_while_clients_are_connected() {
    let stage = Stage::with(|config| config.version = EmissionsVersion::V9).await;
    let mut socket = Socket::open(&stage.devnet.ws_url()).await;
    let opened = |version| {
        format!(
            "tm.event='NewBlockEvents' AND emissions.{version}.EventWorkerSubmissionWindowOpened.topic_id EXISTS"
        )
    };
    socket.subscribe(9, &opened("v9")).await;
    socket.subscribe(10, &opened("v10")).await;
    stage.open_window().await;
    assert_eq!(socket.next().await.expect("an event")["id"], 9);
    stage.control(Control::Upgrade(EmissionsVersion::V10)).await;
    stage.open_window().await;
    assert_eq!(socket.next().await.expect("an event")["id"], 10);
    assert!(stage.client.window().await.is_open, "v10's path answers");
}

#[tokio::test]
async fn an_unknown_account_is_not_found_unless_all_are_funded() {
    let other = Wallet::number(1).address.to_string();
    let request = cosmos::auth::v1beta1::QueryAccountInfoRequest {
        address: other.clone(),
    };
    let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
    let stage = Stage::new().await;
    let answer = stage.client.query(path, &request).await;
    assert_eq!((answer.code, answer.codespace.as_str()), (22, "sdk"));
    assert!(
        answer
            .log
            .ends_with(&format!("account {other} not found: key not found")),
        "{}",
        answer.log
    );
    let stage = Stage::with(|config| config.fund_unknown = Some(5)).await;
    assert_eq!(stage.client.account(&other).await.account_number, 2);
}
