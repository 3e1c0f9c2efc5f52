//! The same bytes to a second node: when they go, and which of two answers counts.

use std::time::{Duration, Instant};

use rstest::rstest;

use super::kit::{CHAIN, Node, pool};
use crate::chain::rpc::{Rpc, Sent};

const BROADCAST: &str = "broadcast_tx_sync";

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn two() -> (Node, Node) {
    (Node::at(9).await, Node::at(9).await)
}

fn pool_of((first, second): &(Node, Node)) -> Rpc {
    pool(&[first.url(), second.url()])
}

/// The first answers after the second has been asked as well.
async fn both_answer(nodes: &(Node, Node)) -> Sent {
    nodes.0.takes(450);
    let pool = pool_of(nodes).hedged(ms(300), ms(300));
    pool.broadcast(b"tx").await.unwrap()
}

#[tokio::test]
async fn one_that_usually_answers_at_once_and_hangs_costs_little() {
    let nodes = two().await;
    // With a fixed time it would be ten seconds.
    let pool = pool_of(&nodes).hedged(ms(20), Duration::from_secs(10));
    pool.verify_chain(CHAIN).await.unwrap();
    for _ in 0..10 {
        pool.broadcast(b"tx").await.unwrap();
    }
    nodes.0.set(|it| it.hangs = true);
    let began = Instant::now();
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(sent.endpoint, nodes.1.url());
    let hedging = pool.hedging();
    assert!(hedging.hedged_broadcasts >= 1 && hedging.broadcasts == 11);
    let usual = pool.health()[0].usual_broadcast;
    assert!(usual.is_some_and(|usual| usual < ms(1_000)), "{usual:?}");
}

#[rstest]
#[case("sdk", 32, "account sequence mismatch, expected 8, got 7")]
#[case("sdk", 13, "insufficient fee")]
#[case("emissions", 78, "cannot update EMA more than once per window")]
#[case("undefined", 1, "inference already submitted")]
#[case("emissions", 71, "invalid worker data")]
#[tokio::test]
async fn a_refusal_by_the_second_does_not_count_when_the_first_takes_it(
    #[case] codespace: &str,
    #[case] code: u32,
    #[case] log: &str,
) {
    let nodes = two().await;
    nodes.1.refuses(codespace, code, log);
    let sent = both_answer(&nodes).await;
    assert_eq!(nodes.1.count(BROADCAST), 1, "the second was asked");
    assert_eq!(sent.endpoint, nodes.0.url());
    assert_eq!(sent.answer.unwrap().code, 0);
    assert!(!sent.maybe_elsewhere && !sent.is_out);
}

#[tokio::test]
async fn where_the_second_has_it_already_the_first_is_not_waited_for() {
    let nodes = two().await;
    nodes.1.set(|it| it.has_it = true);
    let sent = both_answer(&nodes).await;
    assert_eq!(sent.endpoint, nodes.1.url());
    assert!(sent.answer.is_err() && sent.is_out && sent.maybe_elsewhere);
}

#[tokio::test]
async fn where_both_refuse_the_one_that_answered_first_counts_and_nobody_holds_it() {
    let nodes = two().await;
    nodes.0.refuses("sdk", 13, "insufficient fee");
    nodes.1.refuses("sdk", 11, "out of gas");
    let sent = both_answer(&nodes).await;
    assert_eq!(sent.answer.unwrap().code, 11);
    assert!(!sent.maybe_elsewhere && !sent.is_out);
}

#[tokio::test]
async fn a_refusal_is_held_back_for_a_while_only_and_told_with_its_doubt() {
    let nodes = two().await;
    nodes.0.set(|it| it.hangs = true);
    nodes.1.refuses("sdk", 13, "insufficient fee");
    let sent = pool_of(&nodes).broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap().code, 13);
    assert!(sent.maybe_elsewhere && sent.is_out);
}

#[tokio::test]
async fn the_one_that_lets_wait_is_doubted_and_not_the_one_that_refuses() {
    let nodes = two().await;
    nodes.0.set(|it| it.hangs = true);
    nodes.1.refuses("sdk", 13, "insufficient fee");
    let pool = pool_of(&nodes);
    assert!(pool.broadcast(b"tx").await.unwrap().is_out);
    let doubted = |place: usize| pool.health()[place].is_doubted;
    assert_eq!((doubted(0), doubted(1)), (true, false));
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!((sent.endpoint, sent.is_out), (nodes.1.url(), false));
    assert_eq!(nodes.0.count(BROADCAST), 1);
}

#[tokio::test]
async fn a_refusal_without_a_hedge_is_told_at_once_and_nobody_else_is_asked() {
    let nodes = two().await;
    nodes.0.refuses("sdk", 13, "insufficient fee");
    let sent = pool_of(&nodes).broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap().code, 13);
    assert!(!sent.maybe_elsewhere && !sent.is_out);
    assert_eq!(nodes.1.count(BROADCAST), 0);
}

#[tokio::test]
async fn one_that_leads_nowhere_is_given_transactions_last_until_one_has_landed() {
    let nodes = two().await;
    let pool = pool_of(&nodes);
    pool.broadcast(b"tx").await.unwrap();
    pool.prefer_next();
    assert!(pool.health()[0].is_doubted);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.endpoint, nodes.1.url());
    pool.landed();
    assert!(!pool.health()[0].is_doubted);
}
