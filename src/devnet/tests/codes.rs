//! Each refusal, with the node's code and text.

use cosmrs::Any;
use rstest::rstest;

use super::kit::{ADDRESS, Stage, TOPIC, Terms, Wallet, any};
use crate::{
    chain::jsonrpc::{BroadcastSync, TxResult},
    devnet::{Control, EmissionsVersion},
};

/// Sends a submission under changed terms, and gives the mempool's answer.
async fn checked(stage: &Stage, change: impl FnOnce(&mut Terms)) -> BroadcastSync {
    let mut terms = stage.terms(0);
    change(&mut terms);
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(1_008, "1")], &terms);
    stage.client.broadcast(&tx).await.expect("an answer")
}

fn refused(sent: &BroadcastSync, codespace: &str, code: u32, log: &str) {
    assert_eq!(
        (sent.codespace.as_str(), sent.code),
        (codespace, code),
        "{}",
        sent.log
    );
    assert_eq!(sent.log, log);
}

#[tokio::test]
async fn a_wrong_sequence_names_both_numbers() {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| terms.sequence = 7).await;
    let log = "account sequence mismatch, expected 0, got 7: incorrect account sequence";
    refused(&sent, "sdk", 32, log);
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 0);
}

#[rstest]
#[case::chain_id(|terms: &mut Terms| terms.chain_id = "other-1".into())]
#[case::account_number(|terms: &mut Terms| terms.account_number = 9)]
#[tokio::test]
async fn a_signature_for_another_chain_or_account_is_unauthorized(#[case] change: fn(&mut Terms)) {
    let stage = Stage::new().await;
    let sent = checked(&stage, change).await;
    let log = "signature verification failed; please verify account number (1) and chain-id (allora-devnet-1): (unable to verify single signer signature): unauthorized";
    refused(&sent, "sdk", 4, log);
}

#[tokio::test]
async fn a_fee_below_the_price_is_insufficient() {
    let stage = Stage::new().await;
    stage.control(Control::GasPrice(20)).await;
    let sent = checked(&stage, |_| {}).await;
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 13));
    let text = "error checking fee: got: 2500000uallo required: 5000000uallo, minGasPrice: 20.000000000000000000uallo, gas: ";
    assert!(sent.log.starts_with(text), "{}", sent.log);
    assert!(sent.log.ends_with(": insufficient fee"), "{}", sent.log);
}

#[tokio::test]
async fn a_poor_account_has_insufficient_funds() {
    let stage = Stage::new().await;
    stage
        .control(Control::Fund {
            address: ADDRESS.into(),
            balance: 5,
        })
        .await;
    let sent = checked(&stage, |_| {}).await;
    let log = "error escrowing funds: spendable balance 5uallo is smaller than 2500000uallo: insufficient funds";
    refused(&sent, "sdk", 5, log);
}

#[tokio::test]
async fn a_passed_timeout_height_is_refused() {
    let stage = Stage::new().await;
    assert_eq!(stage.client.height().await, 1_001);
    let sent = checked(&stage, |terms| terms.timeout = 1_000).await;
    refused(
        &sent,
        "sdk",
        30,
        "block height: 1001, timeout height: 1000: tx timeout height",
    );
}

#[tokio::test]
async fn a_timeout_at_the_newest_height_passes_the_mempool_and_fails_in_the_block() {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| terms.timeout = 1_001).await;
    assert_eq!(sent.code, 0, "the mempool knows the newest block only");
    stage.block().await;
    let found = stage.client.tx(&sent.hash).await.expect("in the block");
    assert_eq!(
        (found.tx_result.codespace.as_str(), found.tx_result.code),
        ("sdk", 30)
    );
    assert_eq!(
        stage.client.account(ADDRESS).await.sequence,
        0,
        "nothing is spent"
    );
}

#[rstest]
#[case::far_too_low(1_000, "txSize")]
#[case::below_the_checks(50_000, "WriteFlat")]
#[tokio::test]
async fn too_little_gas_for_the_checks_is_refused_at_once(#[case] gas: u64, #[case] place: &str) {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| terms.gas = gas).await;
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 11));
    let text = format!("out of gas in location: {place}; gasWanted: {gas}, gasUsed: ");
    assert!(
        sent.log.starts_with(&text) && sent.log.ends_with(": out of gas"),
        "{}",
        sent.log
    );
}

#[tokio::test]
async fn too_little_gas_for_the_messages_fails_in_the_block_and_is_paid() {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| terms.gas = 120_000).await;
    assert_eq!(sent.code, 0, "{}", sent.log);
    stage.block().await;
    let found = stage.client.tx(&sent.hash).await.expect("in the block");
    assert_eq!(
        (found.tx_result.codespace.as_str(), found.tx_result.code),
        ("sdk", 11)
    );
    assert_eq!(
        stage.client.account(ADDRESS).await.sequence,
        1,
        "the sequence is spent"
    );
}

#[tokio::test]
async fn bytes_that_are_no_transaction_are_not_decoded() {
    let stage = Stage::new().await;
    let sent = stage.client.broadcast(&[0, 0, 0]).await.expect("an answer");
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 2));
    assert!(sent.log.ends_with("tx parse error"), "{}", sent.log);
}

#[tokio::test]
async fn a_message_of_the_other_version_is_not_decoded() {
    let stage = Stage::with(|config| config.version = EmissionsVersion::V9).await;
    let sent = checked(&stage, |_| {}).await;
    let log =
        "unable to resolve type URL /emissions.v10.InsertWorkerPayloadRequest: tx parse error";
    refused(&sent, "sdk", 2, log);
}

#[tokio::test]
async fn labelled_values_are_unknown_to_v9() {
    let stage = Stage::with(|config| config.version = EmissionsVersion::V9).await;
    let mut message = stage.wallet.submission(1_008, "1");
    message.type_url = "/emissions.v9.InsertWorkerPayloadRequest".into();
    let tx = stage.wallet.sign(vec![message], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 2));
    assert!(sent.log.contains("TagNum: 7"), "{}", sent.log);
}

#[tokio::test]
async fn the_same_bytes_again_are_known_to_the_mempool() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
    stage.client.broadcast(&tx).await.expect("taken");
    for _ in 0..2 {
        let error = stage.client.broadcast(&tx).await.expect_err("known");
        assert_eq!(
            (error.code, error.data.as_str()),
            (-32_603, "tx already exists in cache")
        );
        stage.block().await;
    }
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_unknown() {
    let stage = Stage::new().await;
    let other = Wallet::number(1);
    let tx = other.sign(vec![other.submission(1_008, "1")], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    let log = format!("account {} does not exist: unknown address", other.address);
    refused(&sent, "sdk", 9, &log);
}

#[tokio::test]
async fn another_key_than_the_senders_is_refused() {
    let stage = Stage::new().await;
    let other = Wallet::number(1);
    let tx = other.sign(vec![stage.wallet.submission(1_008, "1")], &stage.terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!(
        (sent.codespace.as_str(), sent.code),
        ("sdk", 8),
        "{}",
        sent.log
    );
}

#[tokio::test]
async fn the_mempools_sequence_runs_ahead_of_the_blocks() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let first = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &stage.terms(0));
    let second = stage
        .wallet
        .sign(vec![stage.wallet.registration()], &stage.terms(1));
    assert_eq!(stage.client.broadcast(&first).await.expect("taken").code, 0);
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 0);
    assert_eq!(
        stage.client.broadcast(&second).await.expect("taken").code,
        0
    );
    stage.block().await;
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 2);
}

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
    #[case] change: fn(&mut Vec<crate::chain::proto::emissions::InputLabeledValue>),
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

fn labelled(label: &str) -> crate::chain::proto::emissions::InputLabeledValue {
    crate::chain::proto::emissions::InputLabeledValue {
        label: label.into(),
        value: "1".into(),
    }
}

#[tokio::test]
async fn a_number_out_of_bounds_is_not_decoded() {
    let stage = Stage::new().await;
    let tx = stage.wallet.sign(
        vec![stage.wallet.submission(1_008, "1E+41")],
        &stage.terms(0),
    );
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
    let tx = stage.wallet.sign(messages, &stage.terms(0));
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
