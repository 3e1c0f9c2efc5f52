//! What the chain can be ordered to do.

use super::{
    kit::{ADDRESS, Stage, TOPIC},
    wallet::terms,
};
use crate::devnet::{Control, Stage as At};

#[tokio::test]
async fn a_held_transaction_waits_its_blocks() {
    let stage = Stage::new().await;
    let nonce = stage.open_window().await;
    stage.control(Control::HoldTransactions { blocks: 2 }).await;
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
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
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
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
    let mut signed = terms(0);
    signed.timeout = u32::try_from(nonce + 1).expect("a height");
    let tx = stage
        .wallet
        .sign(vec![stage.wallet.submission(nonce, "1")], &signed);
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
        .sign(vec![stage.wallet.submission(nonce, "1")], &terms(0));
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
        .sign(vec![stage.wallet.registration()], &terms(0));
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
