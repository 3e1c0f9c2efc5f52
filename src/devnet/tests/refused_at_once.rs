//! Refusals on the way into the mempool: nothing is spent.

use rstest::rstest;

use super::{
    kit::{ADDRESS, Stage, Wallet},
    wallet::{Terms, terms},
};
use crate::{
    chain::jsonrpc::BroadcastSync,
    devnet::{Control, EmissionsVersion},
};

/// Sends a submission under changed terms, and gives the mempool's answer.
async fn checked(stage: &Stage, change: impl FnOnce(&mut Terms)) -> BroadcastSync {
    let mut signed = terms(0);
    change(&mut signed);
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(1_008, "1")], &signed);
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
    assert!(found.tx_result.events.is_empty(), "so no event tells of it");
    assert_eq!(
        stage.client.account(ADDRESS).await.sequence,
        0,
        "nothing is spent"
    );
}

#[rstest]
#[case::none(0, "Has")]
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
async fn too_little_gas_for_settling_the_fee_leaves_the_mempool_a_sequence_ahead() {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| terms.gas = 70_000).await;
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 11));
    let ahead = checked(&stage, |_| {}).await;
    let log = "account sequence mismatch, expected 1, got 0: incorrect account sequence";
    refused(&ahead, "sdk", 32, log);
    stage.block().await;
    assert_eq!(
        checked(&stage, |_| {}).await.code,
        0,
        "a block sets it right"
    );
}

#[tokio::test]
async fn too_little_gas_for_the_messages_fails_in_the_block_and_is_paid() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    let mut signed = terms(0);
    signed.gas = 120_000;
    let submission = stage.wallet.submission(nonce, "1");
    let tx = stage.wallet.sign(vec![submission], &signed);
    let sent = stage.client.broadcast(&tx).await.expect("taken");
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
async fn a_message_of_v9_is_half_known_to_v10() {
    let stage = Stage::new().await;
    let mut message = stage.wallet.submission(1_008, "1");
    message.type_url = "/emissions.v9.InsertWorkerPayloadRequest".into();
    let tx = stage.wallet.sign(vec![message], &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    let log = "failed to retrieve the message of type \"emissions.v9.InputWorkerDataBundle\": tx parse error";
    refused(&sent, "sdk", 2, log);
}

#[tokio::test]
async fn a_field_that_the_message_does_not_have_is_refused() {
    let stage = Stage::new().await;
    let mut message = stage.wallet.submission(1_008, "1");
    message.value.extend([0x7a, 1, 65]);
    let tx = stage.wallet.sign(vec![message], &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    assert_eq!((sent.codespace.as_str(), sent.code), ("sdk", 2));
    assert!(sent.log.starts_with("errUnknownField"), "{}", sent.log);
}

#[tokio::test]
async fn labelled_values_are_unknown_to_v9() {
    let stage = Stage::with(|config| config.version = EmissionsVersion::V9).await;
    let mut message = stage.wallet.submission(1_008, "1");
    message.type_url = "/emissions.v9.InsertWorkerPayloadRequest".into();
    let tx = stage.wallet.sign(vec![message], &terms(0));
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
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
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
    let tx = other.sign(vec![other.submission(1_008, "1")], &terms(0));
    let sent = stage.client.broadcast(&tx).await.expect("an answer");
    let log = format!("account {} does not exist: unknown address", other.address);
    refused(&sent, "sdk", 9, &log);
}

#[tokio::test]
async fn another_key_than_the_senders_is_refused() {
    let stage = Stage::new().await;
    let other = Wallet::number(1);
    let tx = other.sign(vec![stage.wallet.submission(1_008, "1")], &terms(0));
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
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
    let second = stage
        .wallet
        .sign(vec![stage.wallet.registration()], &terms(1));
    assert_eq!(stage.client.broadcast(&first).await.expect("taken").code, 0);
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 0);
    assert_eq!(
        stage.client.broadcast(&second).await.expect("taken").code,
        0
    );
    stage.block().await;
    assert_eq!(stage.client.account(ADDRESS).await.sequence, 2);
}

/// Each case has the faults of all that follow it as well: the first check speaks.
#[rstest]
#[case::timeout(5, ("sdk", 30))]
#[case::memo(4, ("sdk", 12))]
#[case::gas(3, ("sdk", 11))]
#[case::sequence(2, ("sdk", 32))]
#[case::signature(1, ("sdk", 4))]
#[case::fee(0, ("sdk", 13))]
#[tokio::test]
async fn the_checks_come_in_the_nodes_order(#[case] faults: u8, #[case] first: (&str, u32)) {
    let stage = Stage::new().await;
    let sent = checked(&stage, |terms| {
        terms.fee = 1;
        if faults >= 1 {
            terms.chain_id = "other-1".into();
        }
        if faults >= 2 {
            terms.sequence = 9;
        }
        if faults >= 3 {
            terms.gas = 1;
        }
        if faults >= 4 {
            terms.memo = "m".repeat(257);
        }
        if faults >= 5 {
            terms.timeout = 1;
        }
    })
    .await;
    assert_eq!((sent.codespace.as_str(), sent.code), first, "{}", sent.log);
    assert_eq!(
        checked(&stage, |_| {}).await.code,
        0,
        "and nothing is spent"
    );
}
