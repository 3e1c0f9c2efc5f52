//! Refusals by a message, in the block: fee and sequence number are spent.

use cosmrs::Any;
use rstest::rstest;

use super::{
    kit::{ADDRESS, Stage, TOPIC},
    wallet::{any, terms},
};
use crate::{
    chain::{jsonrpc::TxResult, proto::emissions::InputLabeledValue},
    devnet::Control,
};

/// Delivers a message in the window of a nonce; gives its refusal.
async fn delivered(stage: &Stage, message: Any) -> TxResult {
    let found = stage.deliver(message, 0).await;
    assert_ne!(found.tx_result.code, 0);
    assert_eq!(
        stage.client.account(ADDRESS).await.sequence,
        1,
        "a refused message is paid"
    );
    let text = "failed to execute message; message index: 0: ";
    assert!(
        found.tx_result.log.starts_with(text),
        "{}",
        found.tx_result.log
    );
    found.tx_result
}

fn is(result: &TxResult, codespace: &str, code: u32, log: &str) {
    assert_eq!(
        (result.codespace.as_str(), result.code),
        (codespace, code),
        "{}",
        result.log
    );
    assert!(result.log.ends_with(log), "{}", result.log);
}

#[tokio::test]
async fn the_same_nonce_again_is_already_submitted() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage.deliver(stage.wallet.submission(nonce, "1"), 0).await;
    let again = stage.deliver(stage.wallet.submission(nonce, "2"), 1).await;
    is(
        &again.tx_result,
        "undefined",
        1,
        "inference already submitted",
    );
}

#[tokio::test]
async fn a_nonce_that_is_not_open_is_unfulfilled() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let result = delivered(&stage, stage.wallet.submission(nonce + 12, "1")).await;
    is(&result, "emissions", 75, "unfulfilled nonce not found");
}

#[tokio::test]
async fn an_unregistered_worker_is_refused() {
    let stage = Stage::new().await;
    stage
        .control(Control::Register {
            topic: TOPIC,
            address: ADDRESS.into(),
            registered: false,
        })
        .await;
    let nonce = stage.open_window().await;
    let result = delivered(&stage, stage.wallet.submission(nonce, "1")).await;
    is(
        &result,
        "emissions",
        13,
        "worker is not registered in this topic: address not registered",
    );
}

#[tokio::test]
async fn a_barred_worker_is_refused() {
    let stage = Stage::new().await;
    stage
        .control(Control::Whitelist {
            topic: TOPIC,
            address: ADDRESS.into(),
            allowed: false,
        })
        .await;
    let nonce = stage.open_window().await;
    let result = delivered(&stage, stage.wallet.submission(nonce, "1")).await;
    is(
        &result,
        "emissions",
        83,
        "not permitted to submit worker payload",
    );
    assert!(!stage.client.window().await.is_whitelisted);
}

#[tokio::test]
async fn a_number_in_another_notation_spoils_the_bundles_signature() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let result = delivered(&stage, stage.wallet.submission(nonce, "1.2345e-07")).await;
    is(
        &result,
        "sdk",
        4,
        "signature verification failed: unauthorized",
    );
    let fine = stage
        .deliver(stage.wallet.submission(nonce, "1.2345E-7"), 1)
        .await;
    assert_eq!(fine.tx_result.code, 0, "{}", fine.tx_result.log);
}

#[tokio::test]
async fn a_bundle_that_contradicts_itself_is_refused() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let bundle = stage
        .wallet
        .bundle(nonce, "1", |inference| inference.block_height -= 1);
    let result = delivered(&stage, any(&bundle)).await;
    is(
        &result,
        "sdk",
        18,
        "does not match bundle block height 1008: invalid request",
    );
}

#[rstest]
#[case::too_many(|values: &mut Vec<_>| values.push(labelled("z")), "emissions", 97)]
#[case::another(|values: &mut Vec<_>| values[0] = labelled("z"), "sdk", 18)]
#[case::empty(|values: &mut Vec<_>| values[0] = labelled(" "), "emissions", 95)]
#[tokio::test]
async fn a_single_output_topic_takes_the_label_y_alone(
    #[case] change: fn(&mut Vec<InputLabeledValue>),
    #[case] codespace: &str,
    #[case] code: u32,
) {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let bundle = stage
        .wallet
        .bundle(nonce, "1", |inference| change(&mut inference.values));
    let result = delivered(&stage, any(&bundle)).await;
    assert_eq!(
        (result.codespace.as_str(), result.code),
        (codespace, code),
        "{}",
        result.log
    );
}

fn labelled(label: &str) -> InputLabeledValue {
    InputLabeledValue {
        label: label.into(),
        value: "1".into(),
    }
}

#[tokio::test]
async fn a_number_out_of_bounds_is_not_decoded() {
    let stage = Stage::new().await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(1_008, "1E+41")], &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!(
        (sent.codespace.as_str(), sent.code),
        ("sdk", 2),
        "{}",
        sent.log
    );
}

#[tokio::test]
async fn one_refused_message_refuses_all() {
    let stage = Stage::new().await;
    stage
        .control(Control::Register {
            topic: TOPIC,
            address: ADDRESS.into(),
            registered: false,
        })
        .await;
    let messages = vec![stage.wallet.registration(), stage.wallet.submission(5, "1")];
    let tx = stage.wallet.sign(messages, &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("taken");
    stage.block().await;
    let found = stage.client.tx(&sent.hash).await.expect("in the block");
    is(
        &found.tx_result,
        "emissions",
        75,
        "message index: 1: unfulfilled nonce not found",
    );
    assert!(
        !stage.client.window().await.is_registered,
        "the first message is undone"
    );
}
