use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{preflight::Level, types::Height};

const CHAIN: &str = "allora-testnet-1";
const NOW: OffsetDateTime = datetime!(2025-10-01 12:00 UTC);

fn node(change: impl FnOnce(&mut Said)) -> Node {
    let mut said = Said {
        chain_id: CHAIN.into(),
        height: 1_000,
        time: NOW - Duration::from_secs(5),
        is_catching_up: false,
        latency: Duration::from_millis(80),
        heard: NOW,
    };
    change(&mut said);
    Node {
        name: "RPC 1".into(),
        url: "https://node.example".into(),
        is_rpc: true,
        said: Ok(said),
    }
}

fn dead() -> Node {
    Node {
        said: Err("connection refused".into()),
        ..node(|_| {})
    }
}

fn foreign() -> Node {
    node(|it| it.chain_id = "allora-mainnet-1".into())
}

fn levels(nodes: &[Node]) -> Vec<Level> {
    let all = judge(nodes, CHAIN, false);
    all.iter().map(|it| it.level).collect()
}

#[test]
fn a_sound_node_is_told_with_its_height_and_latency() {
    let all = judge(&[node(|_| {})], CHAIN, false);
    assert_eq!(all.len(), 1);
    assert_eq!(
        all[0].what,
        "https://node.example: block 1,000, answers in 80 ms"
    );
    assert_eq!(all[0].level, Level::Ok);
}

#[test]
fn what_is_no_good_is_worth_a_look_beside_a_sound_one_and_wrong_alone() {
    let catching_up = || node(|it| it.is_catching_up = true);
    for bad in [dead(), foreign(), catching_up()] {
        assert_eq!(levels(&[bad.clone()]), [Level::Error], "{bad:?}");
        let both = levels(&[node(|_| {}), bad.clone()]);
        assert_eq!(both, [Level::Ok, Level::Warning], "{bad:?}");
    }
    let behind = node(|it| it.height = 900);
    assert_eq!(levels(&[node(|_| {}), behind]), [Level::Ok, Level::Warning]);
    let slow = node(|it| it.latency = Duration::from_secs(2));
    assert_eq!(levels(&[slow]), [Level::Warning]);
}

#[test]
fn only_nodes_that_are_all_of_another_chain_end_a_start() {
    let stops = |nodes: &[Node], was_here| judge(nodes, CHAIN, was_here).iter().any(Check::stops);
    assert!(stops(&[foreign(), foreign()], false));
    assert!(
        !stops(&[foreign(), dead()], false),
        "the dead one may be right"
    );
    assert!(!stops(&[foreign()], true), "the worker was here: they err");
    assert!(!stops(&[dead()], false));
    assert!(!stops(&[node(|_| {}), foreign()], false));
}

#[test]
fn endpoints_of_grpc_alone_are_worth_a_look() {
    let mut grpc = node(|_| {});
    grpc.is_rpc = false;
    assert_eq!(levels(&[grpc.clone()]), [Level::Ok, Level::Warning]);
    assert_eq!(levels(&[grpc, node(|_| {})]), [Level::Ok, Level::Ok]);
}

#[test]
fn sockets_are_judged_by_their_subscriptions_and_the_first_block() {
    let socket = |tried| Socket {
        name: "WebSocket 1".into(),
        url: "wss://node.example".into(),
        tried,
    };
    let granted = Duration::from_millis(120);
    let block = Some(Height(1_001));
    let well = socket(Ok(Trial { granted, block }));
    let silent = socket(Ok(Trial {
        granted,
        block: None,
    }));
    let refused = socket(Err("a subscription was refused".into()));
    let waited = Duration::from_secs(7);
    let levels = |all: &[Socket], waited| -> Vec<Level> {
        let all = judge_sockets(all, waited);
        all.iter().map(|it| it.level).collect()
    };
    assert_eq!(levels(&[well.clone()], waited), [Level::Ok]);
    assert_eq!(levels(&[silent.clone()], waited), [Level::Warning]);
    assert_eq!(levels(&[silent], Duration::ZERO), [Level::Ok]);
    assert_eq!(levels(&[refused.clone()], waited), [Level::Error]);
    assert_eq!(
        levels(&[well, refused], waited),
        [Level::Ok, Level::Warning]
    );
}

#[rstest]
#[case(5, Level::Ok)]
#[case(-5, Level::Ok)]
#[case(45, Level::Warning)]
#[case(-45, Level::Warning)]
#[case(4_000, Level::Error)]
#[case(-4_000, Level::Error)]
fn the_clock_is_judged_by_the_newest_block(#[case] lead: i64, #[case] level: Level) {
    let node = node(|it| it.time = NOW - time::Duration::seconds(lead));
    let found = judge_clock(&[dead(), node], CHAIN).unwrap();
    assert_eq!(found.level, level, "{found:?}");
    assert_eq!(found.remedy.is_empty(), level == Level::Ok);
    assert!(!found.stops());
}

#[test]
fn without_a_sound_node_nothing_is_said_of_the_clock() {
    assert_eq!(judge_clock(&[dead(), foreign()], CHAIN), None);
}
