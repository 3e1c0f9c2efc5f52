//! The worker was away: what opened meanwhile is answered if it is open still, and told if it is not.

use std::time::Duration;

use allora_worker::{devnet::Answer, devnet::Control, ops::Event};

use crate::{
    gate::Gate,
    harness::{EPOCH, Stage},
    running::Running,
};

/// Waits until the window is told as missed for being away.
async fn unheard(worker: &Running, nonce: i64) {
    worker
        .expect(&format!("nonce {nonce} went by unheard"), |event| {
            matches!(event, Event::WindowMissed { nonce: n, cause, .. }
                if n.0 == nonce && cause.contains("not connected"))
        })
        .await;
}

fn missed(worker: &Running) -> usize {
    let missed = |event: &Event| matches!(event, Event::WindowMissed { .. });
    worker.told.count(missed)
}

#[tokio::test]
async fn without_any_connection() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            setup.network.rpc = vec![gate.rpc_url()];
            setup.network.ws = vec![gate.ws_url()];
        })
        .await;
    let first = stage.answer_a_window(&worker).await;
    gate.set_open(false);
    for _ in 0..2 {
        let nonce = stage.open_window().await;
        stage.close_window(nonce).await;
    }
    let open = stage.open_window().await;
    gate.set_open(true);
    worker.submitted(open).await;
    stage.block().await;
    worker.successful(open).await;
    for nonce in [first + EPOCH, first + 2 * EPOCH] {
        unheard(&worker, nonce).await;
    }
    stage.close_window(open).await;
    worker.counted(open).await;
    assert_eq!(missed(&worker), 2, "each is told once");
    worker.stop().await;
}

#[tokio::test]
async fn between_two_runs() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let first = stage.answer_a_window(&worker).await;
    worker.kill().await;
    let gone = stage.open_window().await;
    stage.close_window(gone).await;
    let open = stage.open_window().await;

    let worker = stage.worker().await;
    worker.submitted(open).await;
    stage.block().await;
    worker.successful(open).await;
    unheard(&worker, gone).await;
    stage.close_window(open).await;
    worker.counted(open).await;
    assert_eq!(missed(&worker), 1);
    let truth = stage.truth().await;
    assert_eq!((truth.at(first).len(), truth.at(open).len()), (1, 1));
    worker.stop().await;
}

#[tokio::test]
async fn a_wallet_without_a_past_is_told_of_no_window() {
    let stage = Stage::new().await;
    let gone = stage.open_window().await;
    stage.close_window(gone).await;
    let worker = stage.worker().await;
    let nonce = stage.answer_a_window(&worker).await;
    assert!(nonce > gone);
    assert_eq!(missed(&worker), 0);
    worker.stop().await;
}

#[tokio::test]
async fn a_node_that_freezes_at_the_broadcast_is_not_waited_for() {
    let stage = Stage::new().await;
    let gate = Gate::before(stage.devnet.address()).await;
    let worker = stage
        .worker_with(|setup| {
            // Longer than any test waits.
            setup.chain.request_timeout = Duration::from_secs(60);
            setup.network.rpc = vec![stage.devnet.rpc_url(), gate.rpc_url()];
        })
        .await;
    stage
        .control(Control::Answer {
            method: "broadcast_tx_sync".into(),
            times: 1,
            with: Answer::Delay(Duration::from_secs(3600)),
        })
        .await;
    let nonce = stage.open_window().await;
    let Event::Submitted { endpoint, .. } = worker.submitted(nonce).await else {
        unreachable!("it fits");
    };
    assert_eq!(endpoint, gate.rpc_url());
    stage.block().await;
    worker.successful(nonce).await;
    let next = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.at(next).len(), 1);
    worker.stop().await;
}
