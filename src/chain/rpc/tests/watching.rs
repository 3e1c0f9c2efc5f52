//! Connections that are kept warm, and endpoints that are looked after.

use super::kit::{CHAIN, Node, Relay, pool};
use crate::types::Height;

#[tokio::test]
async fn a_broadcast_leaves_on_the_connection_that_was_warmed() {
    let node = Node::at(9).await;
    let relay = Relay::before(&node).await;
    let pool = pool(&[relay.url()]);
    pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(relay.accepted(), 1);
    for round in 2..5 {
        relay.cut().await;
        pool.warm().await;
        assert_eq!(relay.accepted(), round, "the idle connection was closed");
        pool.broadcast(b"tx").await.unwrap();
        assert_eq!(relay.accepted(), round, "a second connection was opened");
    }
}

#[tokio::test]
async fn a_frozen_node_loses_the_pin_before_the_broadcast() {
    let (frozen, sound) = (Node::at(9).await, Node::at(9).await);
    let pool = pool(&[frozen.url(), sound.url()]);
    pool.verify_chain(CHAIN).await.unwrap();
    frozen.set(|it| it.hangs = true);
    pool.warm().await;
    assert!(pool.health()[1].is_pinned);
    let sent = pool.broadcast(b"tx").await.unwrap();
    assert!(!sent.maybe_elsewhere);
    assert_eq!(frozen.count("broadcast_tx_sync"), 0);
}

#[tokio::test]
async fn a_node_that_fell_behind_loses_the_pin() {
    let (late, sound) = (Node::at(100).await, Node::at(100).await);
    let pool = pool(&[late.url(), sound.url()]);
    pool.verify_chain(CHAIN).await.unwrap();
    sound.set(|it| it.height = 150);
    pool.warm().await;
    pool.warm().await;
    assert!(pool.health()[1].is_pinned);
    assert_eq!(pool.health()[0].lag, 50);
}

#[tokio::test]
async fn a_sound_node_keeps_the_pin() {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let pool = pool(&[first.url(), second.url()]);
    pool.verify_chain(CHAIN).await.unwrap();
    for _ in 0..3 {
        pool.warm().await;
    }
    assert!(pool.health()[0].is_pinned);
    assert_eq!((first.count("status"), second.count("status")), (4, 4));
}

#[tokio::test]
async fn the_best_known_head_is_told() {
    let node = Node::at(42).await;
    let pool = pool(&[node.url()]);
    let mut heads = pool.heads();
    pool.verify_chain(CHAIN).await.unwrap();
    assert_eq!(heads.borrow_and_update().0, 42);
    node.set(|it| it.height = 40);
    pool.warm().await;
    assert!(!heads.has_changed().unwrap(), "it never falls");
}

#[tokio::test]
async fn a_node_that_comes_to_lead_elsewhere_is_shut_out_before_it_is_believed() {
    let (turning, sound) = (Node::at(100).await, Node::at(100).await);
    let rpc = pool(&[turning.url(), sound.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    rpc.saw(Height(100));
    turning.set(|node| {
        node.chain = "allora-elsewhere-1".into();
        node.height = 119_000_000;
    });
    let question = crate::chain::proto::emissions::GetParamsRequest {};
    let answer: crate::chain::proto::emissions::GetParamsResponse =
        rpc.query("/any", &question).await.unwrap();
    assert!(answer.params.is_none());
    assert!(sound.count("abci_query") > 0);
    let health = rpc.health();
    assert!(health[0].is_shut_out && !health[1].is_shut_out);
    assert_eq!(*rpc.heads().borrow(), Height(100));
}

#[tokio::test]
async fn a_node_that_failed_names_its_chain_before_it_is_used_again() {
    let node = Node::at(100).await;
    let rpc = pool(&[node.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    node.set(|node| node.html = true);
    assert!(rpc.tx("AB").await.is_err());
    assert!(!rpc.health()[0].is_verified);
    let asked = node.count("status");
    node.set(|node| node.html = false);
    assert!(rpc.tx("AB").await.unwrap().is_none());
    assert_eq!(node.count("status"), asked + 1);
    assert!(rpc.health()[0].is_verified);
}
