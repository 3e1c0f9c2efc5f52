//! The same bytes to a second node, because the first is slow or passes nothing on: it stays one
//! signature, one transaction, one answer.

use std::{collections::BTreeSet, time::Duration};

use allora_worker::{
    devnet::{Answer, Control, Devnet, read_script},
    ops::Event,
};

use crate::{
    harness::{Stage, TOPIC, eventually},
    running::{Running, Setup},
};

/// When a node that seems to hang takes the bytes after all.
const LATE: Duration = Duration::from_millis(1_500);

/// A chain with three endpoints, whose blocks are ordered one by one.
async fn three() -> Stage {
    Stage::with(|config| config.more_endpoints = vec![([127, 0, 0, 1], 0).into(); 2]).await
}

fn urls(devnet: &Devnet, form: fn(&str) -> String) -> Vec<String> {
    let addresses = devnet.addresses().iter();
    addresses.map(|it| form(&it.to_string())).collect()
}

/// A worker that knows all endpoints, and asks a second one after these milliseconds.
async fn worker(stage: &Stage, hedge: [u64; 2]) -> Running {
    let [least, most] = hedge.map(Duration::from_millis);
    let with = |setup: &mut Setup| {
        setup.network.rpc = urls(&stage.devnet, |it| format!("http://{it}"));
        setup.network.ws = urls(&stage.devnet, |it| format!("ws://{it}/websocket"));
        (setup.chain.hedge_least, setup.chain.hedge_after) = (least, most);
    };
    stage.worker_with(with).await
}

async fn play(stage: &Stage, script: &str) {
    let orders = read_script(script).unwrap();
    stage.control(Control::Play(orders)).await;
}

/// What the first endpoint does with the next broadcast.
async fn the_first(stage: &Stage, with: Answer) {
    let method = "broadcast_tx_sync".into();
    let order = Control::Answer {
        method,
        times: 1,
        with,
    };
    stage.control(order).await;
}

/// The hashes of all that was told to be sent for a window.
fn signed(worker: &Running) -> BTreeSet<String> {
    let hash = |event| match event {
        Event::Submitted { hash, .. } | Event::SubmissionResent { hash, .. } => Some(hash),
        _ => None,
    };
    worker.told.events().into_iter().filter_map(hash).collect()
}

fn refusals(worker: &Running) -> usize {
    worker
        .told
        .count(|event| matches!(event, Event::SubmissionRefused { .. }))
}

/// The window is answered with one transaction, of one signature.
async fn once(stage: &Stage, worker: Running, nonce: i64) {
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    let signed = signed(&worker);
    assert!(signed.iter().all(|hash| *hash == truth.at(nonce)[0].hash));
    assert_eq!(worker.stop().await.answered, 1);
}

#[tokio::test]
async fn what_a_node_takes_and_passes_to_nobody_goes_to_the_next_with_the_same_bytes() {
    let stage = three().await;
    let worker = worker(&stage, [20, 500]).await;
    let script = r#"{"at": "window", "endpoint": 1, "for": 12, "fault": "black-hole"}"#;
    play(&stage, script).await;
    let nonce = stage.open_window().await;
    let Event::Submitted { endpoint, .. } = worker.submitted(nonce).await else {
        unreachable!("it fits");
    };
    assert_eq!(endpoint, stage.devnet.rpc_url());
    for _ in 0..2 {
        stage.block().await;
    }
    let again = worker
        .expect(
            "the same is sent elsewhere",
            |event| matches!(event, Event::SubmissionResent { endpoint: e, .. } if *e != endpoint),
        )
        .await;
    assert!(matches!(again, Event::SubmissionResent { .. }));
    stage.block().await;
    assert_eq!(worker.successful(nonce).await, nonce + 3);
    assert_eq!(refusals(&worker), 0);
    once(&stage, worker, nonce).await;
}

#[tokio::test]
async fn a_second_node_that_refuses_is_no_reason_to_sign_again_when_the_first_takes_it_late() {
    let stage = three().await;
    let worker = worker(&stage, [30, 3_000]).await;
    let script = r#"[
        {"at": "window-1", "endpoint": 2, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13},
        {"at": "window-1", "endpoint": 3, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13}
    ]"#;
    play(&stage, script).await;
    the_first(&stage, Answer::Delay(Duration::from_millis(400))).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    assert_eq!(refusals(&worker), 0);
    stage.block().await;
    worker.successful(nonce).await;
    once(&stage, worker, nonce).await;
}

#[tokio::test]
async fn while_a_node_that_hangs_may_hold_it_a_refusal_by_another_is_told_and_waited_out() {
    let stage = three().await;
    let worker = worker(&stage, [50, 500]).await;
    let script = r#"[
        {"at": "window-1", "endpoint": 2, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13},
        {"at": "window-1", "endpoint": 3, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13}
    ]"#;
    play(&stage, script).await;
    the_first(&stage, Answer::Delay(LATE)).await;
    let nonce = stage.open_window().await;
    worker.refused(1, 13).await;
    tokio::time::sleep(LATE).await;
    stage.block().await;
    worker.successful(nonce).await;
    assert_eq!(refusals(&worker), 1);
    once(&stage, worker, nonce).await;
}

#[tokio::test]
async fn a_node_that_hangs_for_good_keeps_no_refusal_by_the_other_from_being_mended() {
    let stage =
        Stage::with(|config| config.more_endpoints = vec![([127, 0, 0, 1], 0).into()]).await;
    let worker = worker(&stage, [50, 300]).await;
    for _ in 0..64 {
        the_first(&stage, Answer::Swallow).await;
    }
    stage.control(Control::GasPrice(20)).await;
    let nonce = stage.open_window().await;
    worker.refused(1, 13).await;
    for _ in 0..2 {
        stage.block().await;
    }
    let submitted = worker.submitted(nonce).await;
    let second = urls(&stage.devnet, |it| format!("http://{it}"))[1].clone();
    assert!(matches!(submitted, Event::Submitted { endpoint, .. } if endpoint == second));
    stage.block().await;
    worker.successful(nonce).await;
    once(&stage, worker, nonce).await;
}

#[tokio::test]
async fn a_registration_that_one_node_refuses_and_another_may_hold_is_paid_for_once() {
    let stage = three().await;
    stage.register(TOPIC, false).await;
    let script = r#"[
        {"at": "now", "endpoint": 2, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13},
        {"at": "now", "endpoint": 3, "for": 20, "fault": "refuse-check", "codespace": "sdk", "code": 13}
    ]"#;
    play(&stage, script).await;
    the_first(&stage, Answer::Swallow).await;
    let worker = stage.start_with(|setup| {
        setup.network.rpc = urls(&stage.devnet, |it| format!("http://{it}"));
        setup.network.ws = urls(&stage.devnet, |it| format!("ws://{it}/websocket"));
        setup.chain.hedge_least = Duration::from_millis(50);
        setup.chain.hedge_after = Duration::from_millis(200);
    });
    let sent = eventually(async || {
        let told = &stage
            .ask(&[("num_unconfirmed_txs", serde_json::json!({}))])
            .await[0];
        (told["n_txs"] == "1").then_some(())
    });
    assert!(sent.await.is_some(), "no registration was sent");
    // The second node's refusal comes, and is held back for as long as the first may answer.
    tokio::time::sleep(Duration::from_millis(600)).await;
    stage.block().await;
    worker
        .expect("registered", |event| {
            matches!(event, Event::Registered { .. })
        })
        .await;
    let in_vain = |event: &Event| matches!(event, Event::TopicUnavailable { .. });
    assert_eq!(worker.told.count(in_vain), 0);
    assert_eq!(stage.truth().await.seen.len(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_second_node_that_has_it_already_makes_it_no_second_submission() {
    let stage = three().await;
    let worker = worker(&stage, [50, 500]).await;
    the_first(&stage, Answer::Swallow).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    stage.block().await;
    worker.successful(nonce).await;
    assert_eq!(refusals(&worker), 0);
    once(&stage, worker, nonce).await;
}

#[tokio::test]
async fn a_node_that_is_out_for_long_is_told_once_and_once_when_it_is_back() {
    let stage = three().await;
    let worker = stage
        .worker_with(|setup| {
            setup.network.rpc = urls(&stage.devnet, |it| format!("http://{it}"));
            setup.chain.rest_min = Duration::from_millis(50);
            setup.chain.rest_max = Duration::from_millis(200);
        })
        .await;
    let script = r#"{"at": "window", "endpoint": 1, "for": 3, "fault": "bad-gateway"}"#;
    play(&stage, script).await;
    let nonce = stage.open_window().await;
    worker.submitted(nonce).await;
    let url = stage.devnet.rpc_url();
    worker.node_trouble(&url).await;
    stage.close_window(nonce).await;
    let well =
        |event: &Event| matches!(event, Event::NodeWell { endpoint, .. } if *endpoint == url);
    worker.expect("the node is well again", well).await;
    worker.counted(nonce).await;
    let troubles = |event: &Event| matches!(event, Event::NodeTrouble { .. });
    assert_eq!(
        (worker.told.count(troubles), worker.told.count(well)),
        (1, 1)
    );
    worker.stop().await;
}
