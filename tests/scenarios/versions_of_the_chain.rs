//! Both versions of the emissions module, and the upgrade from one to the other.

use allora_worker::{
    devnet::{Control, EmissionsVersion},
    ops::Event,
};

use crate::harness::Stage;

async fn v9() -> Stage {
    Stage::with(|config| config.version = EmissionsVersion::V9).await
}

#[tokio::test]
async fn the_older_version_is_answered_as_the_newer() {
    let stage = v9().await;
    let worker = stage.worker().await;
    let first = stage.answer_a_window(&worker).await;
    stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(first), 2);
    worker
        .expect("the version", |event| {
            matches!(event, Event::WorkerInitialized { emissions, .. } if emissions == "v9")
        })
        .await;
    worker.stop().await;
}

#[tokio::test]
async fn an_upgrade_between_windows_needs_no_restart() {
    let stage = v9().await;
    let worker = stage.worker().await;
    let first = stage.answer_a_window(&worker).await;
    stage.control(Control::Upgrade(EmissionsVersion::V10)).await;
    // Nobody hears the newer event yet: the foretold block leads to the question that finds out.
    let nonce = stage.open_window().await;
    stage.block().await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    worker
        .expect_nth(2, "subscribed again", |event| {
            matches!(event, Event::WebsocketConnected { .. })
        })
        .await;
    let last = stage.answer_a_window(&worker).await;
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_once(first), 3);
    assert_eq!(truth.at(last)[0].height, last + 1);
    assert_eq!(truth.seen.len(), 3, "{:#?}", truth.seen);
    worker.stop().await;
}

#[tokio::test]
async fn an_upgrade_within_a_window_costs_no_window() {
    let stage = v9().await;
    let worker = stage.worker().await;
    stage
        .control(Control::refuse(
            allora_worker::devnet::Stage::Check,
            "sdk",
            20,
            "mempool is full",
        ))
        .await;
    let nonce = stage.open_window().await;
    worker.refused(1, 20).await;
    // What is signed speaks the older version, and the chain the newer one from here on.
    stage.control(Control::Upgrade(EmissionsVersion::V10)).await;
    stage.block().await;
    worker.submitted(nonce).await;
    stage.close_window(nonce).await;
    worker.counted(nonce).await;
    let truth = stage.truth().await;
    assert_eq!(
        (truth.at(nonce).len(), truth.each_answered_once(nonce)),
        (1, 1)
    );
    worker.stop().await;
}
