//! Servers that are restarted, emptied, frozen or gone.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::scene::{History, Scene, WAIT, methods, predict, shorts, takes, tick, until};
use crate::models::{Instance, ModelNetwork, NetworkEvent, NoReplay, Subset, stub::Behaviour};

#[tokio::test]
async fn a_restart_in_place_is_set_up_replayed_and_called() {
    let history = History::new();
    let scene = Scene::with(2, |_| (), history.clone()).await;
    scene.call(&predict()).await;
    scene.models[0].restart();
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"; 2]);
    assert_eq!(
        methods(&scene.models[0]),
        ["history", "predict", "history", "predict"]
    );
    assert_eq!(methods(&scene.models[1]), ["history", "predict", "predict"]);
    assert_eq!(scene.models[0].setups(), 2);
    let mut told = history.told();
    told.sort_by(|one, two| one.0.cmp(&two.0));
    let created = |name: &str| (name.to_owned(), Instance::Created);
    assert_eq!(told, [created("a"), created("a"), created("b")]);
    assert_eq!(scene.reported(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_lost_its_instance_is_set_up_replayed_and_called() {
    let scene = Scene::with(1, |_| (), History::new()).await;
    // The connection holds: only the answer tells.
    scene.models[0].empty();
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
    assert_eq!(methods(&scene.models[0]), ["history", "history", "predict"]);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_call_is_made_good() {
    let scene = Scene::with(1, |_| (), History::new()).await;
    scene.models[0].behave_in("predict", takes(300));
    let calling = scene.network.call(&predict(), &Subset::All);
    until(|| methods(&scene.models[0]).len() == 2).await;
    scene.models[0].restart();
    assert_eq!(
        shorts(&timeout(WAIT, calling.all()).await.unwrap()),
        ["SUCCESS"]
    );
    assert_eq!(
        methods(&scene.models[0]),
        ["history", "predict", "history", "predict"]
    );
}

#[tokio::test]
async fn a_connection_that_breaks_loses_no_instance_and_repeats_no_call() {
    let scene = Scene::with(1, |_| (), History::new()).await;
    scene.models[0].behave_in("tick", takes(300));
    let calling = scene.network.call(&tick(), &Subset::All);
    until(|| methods(&scene.models[0]).len() == 2).await;
    scene.models[0].cut();
    let outcomes = timeout(WAIT, calling.all()).await.unwrap();
    assert_eq!(
        shorts(&outcomes),
        ["FAILURE Unavailable"],
        "it may have been done"
    );
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
    assert_eq!(methods(&scene.models[0]), ["history", "tick", "predict"]);
}

#[tokio::test]
async fn a_model_that_was_there_before_is_told_apart() {
    let history = History::new();
    let scene = Scene::of(1).await;
    let mut config = super::scene::config(&scene.orchestrator);
    config.report_failure = false;
    let (second, settled) = ModelNetwork::init(config, history.clone(), WAIT)
        .await
        .unwrap();
    assert!(settled.is_listed && settled.serving == 1);
    assert_eq!(history.told(), [("a".to_owned(), Instance::Found)]);
    assert_eq!(scene.models[0].setups(), 1);
    second.close().await;
}

#[tokio::test]
async fn replays_run_a_few_at_a_time() {
    let orchestrator = super::scene::orchestrator().await;
    let mut models = Vec::new();
    for place in 0..6 {
        let model = crate::models::stub::StubModel::start().await.unwrap();
        model.behave_in("history", takes(100));
        let name = super::scene::name(place);
        orchestrator.list([crate::models::stub::StubItem::new(
            &name,
            &name,
            model.address(),
        )]);
        models.push(model);
    }
    let mut config = super::scene::config(&orchestrator);
    config.replays = 2;
    let begun = Instant::now();
    let (network, settled) = ModelNetwork::init(config, History::new(), WAIT)
        .await
        .unwrap();
    assert_eq!(settled.serving, 6);
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "three rounds of two"
    );
    network.close().await;
}

#[tokio::test]
async fn a_replay_that_fails_leaves_the_model_callable_and_is_told() {
    let history = History::new();
    let mut scene = Scene::with(1, |_| (), history.clone()).await;
    scene.models[0].behave_in("history", Behaviour::Raises("too much".into()));
    scene.models[0].restart();
    let cause = scene.news(|news| match news {
        NetworkEvent::Replayed {
            result: Err(cause), ..
        } => Some(cause),
        _ => None,
    });
    assert!(cause.await.contains("too much"));
    assert_eq!(shorts(&scene.call(&predict()).await), ["SUCCESS"]);
}

#[tokio::test]
async fn a_server_that_is_down_costs_a_call_its_patience_and_no_time_out() {
    let mut scene =
        Scene::configured(2, |config| config.patience = Duration::from_millis(100)).await;
    scene.models.remove(0);
    let outcomes = scene.call(&predict()).await;
    assert_eq!(shorts(&outcomes), ["FAILURE Unavailable", "SUCCESS"]);
    for _ in 0..12 {
        scene.call(&predict()).await;
    }
    assert_eq!(
        scene.serving(),
        ["a", "b"],
        "only the time that it is away counts"
    );
}

#[tokio::test]
async fn a_frozen_server_is_found_out_and_reported() {
    let mut scene = Scene::configured(2, |config| {
        config.connect_timeout = Duration::from_millis(200);
        config.patience = Duration::from_millis(100);
        config.unreachable_after = Duration::from_millis(400);
    })
    .await;
    scene.models[0].freeze(true);
    let quick = predict().within(Duration::from_millis(100));
    assert_eq!(
        shorts(&scene.call(&quick).await),
        ["TIMEOUT Deadline", "SUCCESS"]
    );
    // At the second time-out it is asked for a sign of life.
    scene
        .call_until(&quick, |it| {
            it.detail()
                .is_some_and(|it| it.contains("sign of life") || it.contains("lost"))
        })
        .await;
    let cause = scene.news(|news| match news {
        NetworkEvent::Unreachable { model, cause, .. } if model.model_id == "a" => Some(cause),
        _ => None,
    });
    assert!(cause.await.contains("no sign of life"));
    scene.wait_for_reports(&["a CONNECTION_FAILED"]).await;
    scene.until_serving(&["b"]).await;
}

#[tokio::test]
async fn when_nobody_can_be_reached_nobody_is_reported() {
    let mut scene = Scene::configured(3, |config| {
        config.connect_timeout = Duration::from_millis(100);
        config.patience = Duration::from_millis(100);
        config.unreachable_after = Duration::from_millis(300);
    })
    .await;
    for model in &scene.models {
        model.freeze(true);
        model.cut();
    }
    for _ in 0..3 {
        scene
            .news(|news| matches!(news, NetworkEvent::NobodyReachable { .. }).then_some(()))
            .await;
    }
    for model in &scene.models {
        model.freeze(false);
    }
    scene
        .call_until(&predict(), |it| it.payload().is_some())
        .await;
    assert_eq!(scene.reported(), Vec::<String>::new());
}

#[tokio::test]
async fn a_slow_constructor_delays_nobody() {
    let scene = Scene::of(1).await;
    let options = crate::models::stub::StubOptions {
        setup_takes: Duration::from_secs(60),
        ..Default::default()
    };
    let slow = crate::models::stub::StubModel::with(options, ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let item = crate::models::stub::StubItem::new("s", "s1", slow.address());
    scene.orchestrator.list([item]);
    let config = super::scene::config(&scene.orchestrator);
    let limit = Duration::from_millis(500);
    let (network, settled) = ModelNetwork::init(config, Arc::new(NoReplay), limit)
        .await
        .unwrap();
    assert_eq!((settled.serving, settled.joining), (1, 1));
    // The list stays current meanwhile.
    scene.orchestrator.stop("a1");
    until(|| network.models().is_empty()).await;
    network.close().await;
}
