//! The orchestrator's socket.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use super::scene::{Scene, WAIT, config, orchestrator, predict, shorts};
use crate::models::{
    ModelNetwork, NetworkEvent, NoReplay,
    stub::{Behaviour, StubItem, StubModel},
};

#[tokio::test]
async fn a_lost_socket_is_opened_again_and_models_stay_connected() {
    let mut scene = Scene::configured(2, |config| {
        config.reconnect_min = Duration::from_millis(300);
    })
    .await;
    let mut connections = scene.orchestrator.connections();
    let begun = Instant::now();
    scene.orchestrator.cut();
    let pause = scene.news(|news| match news {
        NetworkEvent::OrchestratorLost { retry_in, .. } => Some(retry_in),
        _ => None,
    });
    let pause = pause.await;
    assert!((225..=375).contains(&pause.as_millis()), "{pause:?}");
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"; 2]);
    connections.wait_for(|count| *count == 2).await.unwrap();
    assert!(begun.elapsed() >= pause);
    scene
        .news(|news| matches!(news, NetworkEvent::Listed { models: 2 }).then_some(()))
        .await;
    assert!(scene.models.iter().all(|model| model.setups() == 1));
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_found_out() {
    let mut scene = Scene::configured(1, |config| {
        config.ping_interval = Duration::from_millis(100);
    })
    .await;
    scene.orchestrator.mute(true);
    let cause = scene.news(|news| match news {
        NetworkEvent::OrchestratorLost { cause, .. } => Some(cause),
        _ => None,
    });
    let cause = cause.await;
    assert!(cause.contains("no sign of life"), "{cause}");
    scene.orchestrator.mute(false);
    scene
        .news(|news| matches!(news, NetworkEvent::Listed { models: 1 }).then_some(()))
        .await;
}

#[tokio::test]
async fn an_orchestrator_that_comes_up_late_is_waited_for() {
    let early = orchestrator().await;
    let (config, address) = (config(&early), early.address());
    drop(early);
    let network = ModelNetwork::start(config, Arc::new(NoReplay)).unwrap();
    let mut events = network.events();
    assert!(matches!(
        events.recv().await,
        Ok(NetworkEvent::OrchestratorLost { .. })
    ));
    let late = loop {
        // The port may be taken for a moment.
        match crate::models::stub::StubOrchestrator::start("crunch", address).await {
            Ok(late) => break late,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let model = StubModel::start().await.unwrap();
    late.list([StubItem::new("a", "a1", model.address())]);
    super::scene::until(|| network.models().len() <= 1).await;
    late.run(StubItem::new("a", "a1", model.address()));
    super::scene::until(|| network.models().len() == 1).await;
}

#[tokio::test]
async fn odd_frames_are_passed_over() {
    let mut scene = Scene::of(1).await;
    let odd = [
        "no JSON",
        "{\"event\": \"news\", \"data\": [1]}",
        "{\"event\": \"update\", \"data\": [7, {\"model_id\": \"x\"}]}",
        "{\"event\": \"update\", \"data\": 7}",
        "{\"event\": \"update\", \"data\": [{\"deployment_id\": \"d\", \"model_id\": 9, \"infos\": null, \"state\": \"RUNNING\", \"ip\": null, \"port\": null}]}",
        "{\"event\": \"update\", \"data\": [{\"deployment_id\": \"a1\", \"model_id\": \"a\", \"state\": \"ASLEEP\"}]}",
    ];
    for frame in odd {
        scene.orchestrator.send(frame.to_owned());
    }
    for _ in 0..5 {
        scene
            .news(|news| matches!(news, NetworkEvent::Odd(_)).then_some(()))
            .await;
    }
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
    assert_eq!(
        *scene.orchestrator.connections().borrow(),
        1,
        "the socket held"
    );
}

#[tokio::test]
async fn a_frame_of_ten_thousand_models_is_read() {
    let mut scene = Scene::of(1).await;
    let mut items: Vec<_> = (0..10_000)
        .map(|n| {
            json!({ "deployment_id": format!("{n}_20261121_210030_061"), "model_id": n.to_string(), "state": "RUNNING",
                "infos": { "model_name": "x".repeat(100), "cruncher_id": null }, "ip": null, "port": null })
        })
        .collect();
    items.push(StubItem::new("a", "a1", scene.models[0].address()).json("RUNNING"));
    let frame = json!({ "event": "init", "data": items }).to_string();
    assert!(frame.len() > 1 << 20, "more than other clients read");
    scene.all_news();
    scene.orchestrator.send(frame);
    scene
        .news(|news| matches!(news, NetworkEvent::Listed { models: 1 }).then_some(()))
        .await;
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
}

#[tokio::test]
async fn a_report_made_without_a_socket_is_sent_when_it_is_back() {
    let scene = Scene::configured(3, |config| {
        config.max_consecutive_failures = 1;
        config.reconnect_min = Duration::from_millis(300);
    })
    .await;
    for model in &scene.models[..2] {
        model.behave(Behaviour::Raises("boom".into()));
    }
    scene.orchestrator.cut();
    scene.call(&predict()).await;
    scene.until_serving(&["c"]).await;
    // It stopped by itself meanwhile.
    scene.orchestrator.stop("b1");
    scene.wait_for_reports(&["a MULTIPLE_FAILED"]).await;
}

#[tokio::test]
async fn an_unknown_crunch_has_no_models() {
    let orchestrator = orchestrator().await;
    let mut config = config(&orchestrator);
    config.crunch_id = "another?x=1".into();
    let (network, settled) = ModelNetwork::init(config, Arc::new(NoReplay), WAIT)
        .await
        .unwrap();
    assert!(settled.is_listed && settled.serving == 0);
    assert!(
        network
            .call(&predict(), &crate::models::Subset::All)
            .all()
            .await
            .is_empty()
    );
}
