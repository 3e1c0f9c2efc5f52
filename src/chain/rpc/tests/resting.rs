//! Endpoints that keep failing rest, are probed beside, and come back.

use std::time::Duration;

use super::kit::{CHAIN, Node, brisk, nobody, pool};
use crate::{
    chain::rpc::{BreakerState, Notice, Rpc},
    types::Height,
};

const LONG: Duration = Duration::from_secs(3_600);

/// Two nodes, and a pool in which one that rests does so for an hour.
async fn lasting() -> (Node, Node, Rpc) {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let rpc = pool(&[first.url(), second.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    (first, second, rpc)
}

/// Asks one so often that it rests.
async fn wear_out(rpc: &Rpc, place: usize) {
    for _ in 0..3 {
        let _answer = rpc.endpoints[place].status().await;
    }
    assert_eq!(rpc.health()[place].breaker, BreakerState::Open);
}

/// Waits until something holds.
async fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not come to hold");
}

#[tokio::test]
async fn one_that_rests_is_asked_nothing_while_another_is_well() {
    let (first, second, rpc) = lasting().await;
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    let asked = first.count("status");
    // Nor when the other one takes longer than a hedge's delay that is measured.
    second.takes(30);
    for _ in 0..5 {
        rpc.tx("AB").await.unwrap();
        rpc.broadcast(b"tx").await.unwrap();
    }
    assert_eq!(first.count("status"), asked);
    assert_eq!(
        (first.count("tx"), first.count("broadcast_tx_sync")),
        (0, 0)
    );
    let health = &rpc.health()[0];
    assert!(health.open_for.is_some() && health.probe_in > Some(LONG / 2));
}

#[tokio::test]
async fn when_the_others_fail_one_that_rests_is_asked_after_all() {
    let (first, second, rpc) = lasting().await;
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    first.set(|it| it.html = false);
    second.set(|it| it.html = true);
    let sent = rpc.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.endpoint, first.url());
    assert_eq!(rpc.health()[0].breaker, BreakerState::Closed);
}

#[tokio::test]
async fn when_all_rest_all_are_asked() {
    let (first, second, rpc) = lasting().await;
    for (place, node) in [&first, &second].into_iter().enumerate() {
        node.set(|it| it.html = true);
        wear_out(&rpc, place).await;
    }
    second.set(|it| it.html = false);
    let sent = rpc.broadcast(b"tx").await.unwrap();
    assert_eq!(sent.endpoint, second.url());
}

#[tokio::test]
async fn where_the_well_one_led_nowhere_one_that_rests_is_tried_once_a_probe_has_found_it_well() {
    let (first, second, rpc) = lasting().await;
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    first.set(|it| it.html = false);
    second.refuses("sdk", 5, "insufficient funds");
    assert_eq!(rpc.broadcast(b"tx").await.unwrap().endpoint, second.url());
    rpc.prefer_next();
    assert_eq!(rpc.broadcast(b"tx").await.unwrap().endpoint, second.url());
    assert_eq!(first.count("broadcast_tx_sync"), 0);
    rpc.endpoints[0].status().await.unwrap();
    assert_eq!(rpc.broadcast(b"tx").await.unwrap().endpoint, first.url());
}

#[tokio::test]
async fn while_all_are_of_another_chain_they_are_asked_for_it_alone_and_it_is_told_once() {
    let node = Node::at(9).await;
    let rpc = brisk(&[node.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    // No request fails on the way there.
    node.set(|it| it.chain = "allora-elsewhere-1".into());
    rpc.warm().await;
    assert!(rpc.broadcast(b"tx").await.is_err());
    assert!(rpc.tx("AB").await.is_err());
    assert_eq!((node.count("broadcast_tx_sync"), node.count("tx")), (0, 0));
    let asked = node.count("status");
    until(|| node.count("status") >= asked + 4).await;
    let notices = rpc.take_notices();
    assert!(
        matches!(&notices[..], [Notice::Trouble { .. }]),
        "{notices:?}"
    );
    node.set(|it| it.chain = CHAIN.into());
    until(|| rpc.health()[0].breaker == BreakerState::Closed).await;
    let notices = rpc.take_notices();
    assert!(matches!(&notices[..], [Notice::Well { .. }]), "{notices:?}");
    assert_eq!(rpc.broadcast(b"tx").await.unwrap().endpoint, node.url());
}

#[tokio::test]
async fn a_probe_brings_it_back_and_the_operator_is_told_twice_in_all() {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let rpc = brisk(&[first.url(), second.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    assert!(rpc.take_notices().is_empty(), "it may not last");
    let asked = first.count("status");
    until(|| first.count("status") >= asked + 3).await;
    first.set(|it| it.html = false);
    until(|| rpc.health()[0].breaker == BreakerState::Closed).await;
    let notices = rpc.take_notices();
    let [
        Notice::Trouble { endpoint, cause },
        Notice::Well { endpoint: well, .. },
    ] = &notices[..]
    else {
        panic!("{notices:?}");
    };
    assert_eq!((endpoint, well), (&first.url(), &first.url()));
    assert!(
        cause.contains("<html>") && cause.contains("name another"),
        "{cause}"
    );
    assert_eq!(
        first.count("broadcast_tx_sync"),
        0,
        "a probe is no broadcast"
    );
    // It comes and goes: nothing more is told within ten minutes.
    for html in [true, false, true, false] {
        first.set(|it| it.html = html);
        if html {
            wear_out(&rpc, 0).await;
            let asked = first.count("status");
            until(|| first.count("status") >= asked + 2).await;
        } else {
            until(|| rpc.health()[0].breaker == BreakerState::Closed).await;
        }
    }
    assert!(rpc.take_notices().is_empty());
}

#[tokio::test]
async fn after_one_failure_it_is_probed_until_it_rests_or_is_well() {
    let (first, second) = (Node::at(9).await, Node::at(9).await);
    let rpc = brisk(&[first.url(), second.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    first.set(|it| it.html = true);
    rpc.broadcast(b"tx").await.unwrap();
    assert_eq!(rpc.health()[0].breaker, BreakerState::Closed);
    until(|| rpc.health()[0].open_for.is_some()).await;
    first.set(|it| it.html = false);
    until(|| rpc.health()[0].failures == 0).await;
    assert_eq!(first.count("broadcast_tx_sync"), 1);
}

#[tokio::test]
async fn before_a_window_those_that_rest_are_probed_at_once() {
    let (first, _second, rpc) = lasting().await;
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    first.set(|it| it.html = false);
    rpc.warm().await;
    until(|| rpc.health()[0].breaker == BreakerState::Closed).await;
}

#[tokio::test]
async fn one_that_asks_for_peace_gets_it_even_before_a_window() {
    let (first, _second, rpc) = lasting().await;
    first.set(|it| it.busy = Some(120));
    rpc.broadcast(b"tx").await.unwrap();
    let health = &rpc.health()[0];
    assert_eq!(
        health.breaker,
        BreakerState::Open,
        "at the first such answer"
    );
    assert!(health.probe_in > Some(Duration::from_secs(100)));
    let asked = first.count("status");
    rpc.warm().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(first.count("status"), asked);
}

#[tokio::test]
async fn one_that_stays_behind_rests_until_it_has_caught_up() {
    let (late, second) = (Node::at(50).await, Node::at(100).await);
    let rpc = brisk(&[late.url(), second.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    rpc.saw(Height(100));
    wear_out(&rpc, 0).await;
    late.set(|it| it.height = 100);
    until(|| rpc.health()[0].breaker == BreakerState::Closed).await;
}

#[tokio::test]
async fn one_that_named_another_chain_is_used_again_when_it_names_the_right_one() {
    let (turning, sound) = (Node::at(9).await, Node::at(9).await);
    let rpc = brisk(&[turning.url(), sound.url()]);
    rpc.verify_chain(CHAIN).await.unwrap();
    turning.set(|it| it.chain = "allora-elsewhere-1".into());
    rpc.warm().await;
    assert!(rpc.health()[0].is_shut_out);
    for _ in 0..3 {
        rpc.broadcast(b"tx").await.unwrap();
    }
    assert_eq!(turning.count("broadcast_tx_sync"), 0);
    turning.set(|it| it.chain = CHAIN.into());
    until(|| !rpc.health()[0].is_shut_out).await;
    let told = rpc.take_notices();
    assert!(
        matches!(&told[..], [Notice::Trouble { .. }, Notice::Well { .. }]),
        "{told:?}"
    );
}

#[tokio::test]
async fn its_websocket_is_known_by_host_and_port() {
    let (first, second, rpc) = lasting().await;
    first.set(|it| it.html = true);
    wear_out(&rpc, 0).await;
    let websocket = |node: &Node| format!("ws://{}/websocket", node.address);
    assert!(rpc.rests(&websocket(&first)) && !rpc.rests(&websocket(&second)));
    assert!(!rpc.rests(&nobody().await) && !rpc.rests("ws://"));
}
