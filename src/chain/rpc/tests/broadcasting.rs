//! Transactions: who takes them, and whose refusal counts.

use std::time::Duration;

use super::kit::{CHAIN, Node, nobody, pool, pool_at};
use crate::chain::rpc::Rpc;

fn pinned(pool: &Rpc) -> String {
    let health = pool.health();
    let pinned = health.iter().find(|it| it.is_pinned).unwrap();
    pinned.name.clone()
}

#[tokio::test]
async fn a_dead_node_is_passed_over_and_holds_nothing() {
    let sound = Node::at(9).await;
    let pool = pool(&[nobody().await, sound.url()]);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!((sent.endpoint, sent.maybe_elsewhere), (sound.url(), false));
    assert_eq!(pinned(&pool), sound.url());
}

#[tokio::test]
async fn a_node_that_answers_html_may_hold_the_bytes() {
    let (html, sound) = (Node::at(9).await, Node::at(9).await);
    html.set(|it| it.html = true);
    let pool = pool(&[html.url(), sound.url()]);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!((sent.endpoint, sent.maybe_elsewhere), (sound.url(), true));
}

#[tokio::test]
async fn a_frozen_node_costs_the_hedge_and_its_pin() {
    let (frozen, sound) = (Node::at(9).await, Node::at(9).await);
    let pool = pool(&[frozen.url(), sound.url()]);
    pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(pinned(&pool), frozen.url());
    frozen.set(|it| it.hangs = true);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!((sent.endpoint, sent.maybe_elsewhere), (sound.url(), true));
    let sent = pool.broadcast(b"tx 2").await.unwrap();
    assert!(!sent.maybe_elsewhere);
    assert_eq!(frozen.count("broadcast_tx_sync"), 1);
}

#[tokio::test]
async fn transactions_stay_with_the_node_that_took_the_last_wherever_questions_go() {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let never = Duration::from_secs(600);
    let pool = pool(&[first.url(), second.url()]).hedged(never, never);
    first.set(|it| it.html = true);
    pool.broadcast(b"1").await.unwrap();
    first.set(|it| it.html = false);
    // The first is well again, and questions prefer it.
    pool.warm().await;
    pool.status().await.unwrap();
    assert_eq!(second.count("status"), 1, "by being kept warm");
    for _ in 0..3 {
        let sent = pool.broadcast(b"2").await.unwrap();
        assert_eq!(sent.endpoint, pinned(&pool));
    }
    assert_eq!(first.count("broadcast_tx_sync"), 1);
    assert_eq!(second.count("broadcast_tx_sync"), 4);
}

#[tokio::test]
async fn a_node_that_is_behind_is_not_believed_that_a_window_is_closed() {
    let (late, sound) = (Node::at(50).await, Node::at(100).await);
    late.is_closed();
    let pool = pool_at(100, &[late.url(), sound.url()]);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.endpoint, sound.url());
    assert_eq!(sent.answer.unwrap().code, 0);
    assert_eq!(
        late.count("broadcast_tx_sync"),
        1,
        "before it was known to lag"
    );
    pool.broadcast(b"tx").await.unwrap();
    assert_eq!(late.count("broadcast_tx_sync"), 1);
}

#[tokio::test]
async fn a_node_that_is_behind_alone_decides_nothing() {
    let late = Node::at(50).await;
    late.is_closed();
    let error = pool_at(100, &[late.url()]).broadcast(b"tx").await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("height 50"), "{text}");
}

#[tokio::test]
async fn a_block_behind_the_opening_another_node_is_asked_first() {
    let (almost, sound) = (Node::at(99).await, Node::at(100).await);
    almost.is_closed();
    let pool = pool_at(100, &[almost.url(), sound.url()]);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap().code, 0);
    let alone = pool_at(100, &[almost.url()]);
    let sent = alone.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap().code, 75, "nobody else knows better");
}

#[tokio::test]
async fn a_node_at_the_head_is_believed() {
    let (sound, other) = (Node::at(100).await, Node::at(100).await);
    sound.is_closed();
    let pool = pool_at(100, &[sound.url(), other.url()]);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.answer.unwrap().code, 75);
    assert_eq!(other.count("broadcast_tx_sync"), 0);
}

#[tokio::test]
async fn with_nobody_the_causes_are_named() {
    let html = Node::at(9).await;
    html.set(|it| it.html = true);
    let dead = nobody().await;
    let pool = pool(&[dead.clone(), html.url()]);
    let text = pool.broadcast(b"tx").await.unwrap_err().to_string();
    assert!(text.contains(&dead) && text.contains("<html>"), "{text}");
}
