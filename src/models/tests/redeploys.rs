//! Models that come, go, move and are replaced.

use std::time::Duration;

use serde_json::json;

use super::scene::{History, Scene, methods, predict, shorts, tick, until};
use crate::models::{
    Left, NetworkEvent,
    stub::{StubItem, StubModel, StubOptions},
};

async fn slow_to_make() -> StubModel {
    let options = StubOptions {
        setup_takes: Duration::from_millis(500),
        ..StubOptions::default()
    };
    StubModel::with(options, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap()
}

fn left(news: NetworkEvent) -> Option<(String, Left)> {
    match news {
        NetworkEvent::Left { model, why } => Some((model.deployment_id.clone(), why)),
        _ => None,
    }
}

#[tokio::test]
async fn the_new_deployment_is_ready_before_the_old_one_is_let_go() {
    let mut scene = Scene::with(2, |_| (), History::new()).await;
    let new = slow_to_make().await;
    scene
        .orchestrator
        .update(&StubItem::new("a", "a2", new.address()).json("RUNNING"));
    let mut deployments = Vec::new();
    while deployments.last().is_none_or(|it| it == "a1") {
        let outcomes = scene.call(&tick()).await;
        assert_eq!(shorts(&outcomes), ["SUCCESS"; 2], "a is never absent");
        deployments.push(outcomes[0].model.deployment_id.clone());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        deployments.len() > 5,
        "the old one served meanwhile: {deployments:?}"
    );
    assert_eq!(scene.news(left).await, ("a1".into(), Left::Replaced));
    assert_eq!(
        methods(&new)[0],
        "history",
        "it is brought up to date first"
    );
    // The stop of the old one comes twice, and late.
    let old = StubItem::new("a", "a1", scene.models[0].address());
    for _ in 0..2 {
        scene.orchestrator.update(&old.json("STOPPED"));
    }
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"; 2]);
}

#[tokio::test]
async fn a_new_deployment_that_fails_leaves_the_old_one_serving() {
    let mut scene = Scene::of(1).await;
    let setup_fails = Some(("SETUP_FAILED".to_owned(), "no weights".to_owned()));
    let options = StubOptions {
        setup_fails,
        ..StubOptions::default()
    };
    let new = StubModel::with(options, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    scene
        .orchestrator
        .update(&StubItem::new("a", "a2", new.address()).json("RUNNING"));
    assert_eq!(scene.news(left).await, ("a2".into(), Left::Disconnected));
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
}

#[tokio::test]
async fn a_model_that_stops_is_gone_at_once_and_its_second_stop_changes_nothing() {
    let mut scene = Scene::of(2).await;
    scene.orchestrator.stop("a1");
    scene.until_serving(&["b"]).await;
    assert_eq!(scene.news(left).await, ("a1".into(), Left::Stopped));
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
    assert!(scene.all_news().into_iter().find_map(left).is_none());
}

#[tokio::test]
async fn a_recovering_model_comes_back_elsewhere_and_is_replayed() {
    let scene = Scene::with(1, |_| (), History::new()).await;
    scene.orchestrator.recover("a1");
    scene.until_serving(&[]).await;
    let again = StubModel::start().await.unwrap();
    scene
        .orchestrator
        .run(StubItem::new("a", "a1", again.address()));
    scene.until_serving(&["a"]).await;
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
    assert_eq!(methods(&again), ["history", "predict"]);
}

#[tokio::test]
async fn an_address_that_changes_is_followed() {
    let scene = Scene::of(1).await;
    let again = StubModel::start().await.unwrap();
    let mut item = StubItem::new("a", "a1", again.address()).json("RUNNING");
    item["port"] = json!(again.address().port().to_string());
    item["infos"] = json!(null);
    scene.orchestrator.update(&item);
    until(|| again.setups() == 1).await;
    scene
        .call_until(&predict(), |_| !again.calls().is_empty())
        .await;
    assert_eq!(scene.network.models()[0].model_name, None);
}

#[tokio::test]
async fn new_names_are_told_and_cost_no_connection() {
    let mut scene = Scene::of(1).await;
    let mut item = StubItem::new("a", "a1", scene.models[0].address());
    item.model_name = Some("better".into());
    item.wallet = Some("someone".into());
    scene.orchestrator.run(item);
    let renamed = scene.news(|news| match news {
        NetworkEvent::Renamed(model) => Some(model),
        _ => None,
    });
    assert_eq!(renamed.await.model_name.as_deref(), Some("better"));
    let outcomes = scene.call(&predict()).await;
    assert_eq!(outcomes[0].model.cruncher_name.as_deref(), Some("someone"));
    assert_eq!(scene.models[0].setups(), 1);
}
