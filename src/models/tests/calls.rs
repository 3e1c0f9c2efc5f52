//! Calls of models that behave.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::join_all};
use tokio::time::{Instant, timeout};

use super::scene::{Scene, WAIT, methods, predict, short, shorts, takes, tick};
use crate::models::{Call, Calling, Payload, Subset, Value, stub::Behaviour};

#[tokio::test]
async fn each_model_answers() {
    let scene = Scene::of(3).await;
    let ticked = scene.call(&tick()).await;
    assert_eq!(shorts(&ticked), ["SUCCESS"; 3]);
    assert!(ticked.iter().all(|it| it.payload() == Some(&Payload::None)));
    let predicted = scene.call(&predict()).await;
    assert_eq!(shorts(&predicted), ["SUCCESS"; 3]);
    for outcome in &predicted {
        let Some(Payload::Json(json)) = outcome.payload() else {
            panic!("{outcome:?}")
        };
        let items: Vec<serde_json::Value> = json.parse().unwrap();
        assert_eq!(
            (items.len(), &items[2]["step"]),
            (3, &serde_json::json!(3_600))
        );
        assert!(outcome.exec_time_us > 0 && outcome.detail().is_none());
    }
    let ids: Vec<_> = predicted
        .iter()
        .map(|it| it.model.model_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(predicted[0].model.model_name.as_deref(), Some("model-a"));
}

#[tokio::test]
async fn results_come_as_they_are_there() {
    let scene = Scene::of(3).await;
    scene.models[1].behave(takes(700));
    let begun = Instant::now();
    let mut calling = scene.network.call(&predict(), &Subset::All);
    assert_eq!(calling.asked().len(), 3);
    let mut came = Vec::new();
    while let Some(outcome) = timeout(WAIT, calling.next()).await.unwrap() {
        came.push((
            outcome.model.model_id.clone(),
            outcome.exec_time_us,
            begun.elapsed(),
        ));
    }
    assert_eq!(came.len(), 3);
    let (slow, took, at) = came.pop().unwrap();
    assert_eq!(slow, "b");
    assert!(took >= 700_000 && at >= Duration::from_millis(700));
    for (quick, took, at) in came {
        // Its time does not hold the slow one's.
        assert!(
            took < 700_000 && at < Duration::from_millis(700),
            "{quick}: {took} us, {at:?}"
        );
    }
}

#[tokio::test]
async fn a_subset_is_called_and_an_empty_one_calls_nobody() {
    let scene = Scene::of(3).await;
    let some = Subset::Only(vec!["c".into(), "nobody".into(), "a".into(), "a".into()]);
    let outcomes = scene.call_some(&tick(), &some).await;
    assert_eq!(outcomes.len(), 2);
    let nobody = scene.network.call(&tick(), &Subset::Only(Vec::new()));
    assert!(nobody.asked().is_empty());
    assert!(timeout(WAIT, nobody.all()).await.unwrap().is_empty());
    let calls = scene.models.iter().map(|model| model.calls().len());
    assert_eq!(calls.collect::<Vec<_>>(), [1, 0, 1]);
}

#[tokio::test]
async fn a_big_tick_arrives_whole() {
    let scene = Scene::of(3).await;
    let big = Call::new("tick", &[Value::Json(vec![b' '; 5 << 20].into())]).unwrap();
    assert_eq!(shorts(&scene.call(&big).await), ["SUCCESS"; 3]);
    for model in &scene.models {
        assert_eq!(model.calls(), [("tick".to_owned(), big.size() - 5)]);
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_read() {
    let scene = Scene::of(1).await;
    scene.models[0].behave(Behaviour::Gives(Value::Json("[1, NaN, -Infinity]".into())));
    let outcomes = scene.call(&predict()).await;
    let Some(Payload::Json(json)) = outcomes[0].payload() else {
        panic!("{outcomes:?}")
    };
    let numbers: Vec<f64> = json.parse().unwrap();
    assert!(numbers[1].is_nan() && numbers[2].is_infinite());
    assert_eq!(json.standard(), "[1, null, null]");
}

#[tokio::test]
async fn calls_of_one_model_wait_for_one_another_rather_than_find_it_busy() {
    let scene = Scene::of(2).await;
    scene.models[0].behave_in("tick", takes(200));
    let ticking = scene.network.call(&tick(), &Subset::All);
    let first = scene.models[0].calls();
    assert!(first.len() <= 1);
    let predicted = scene.call(&predict()).await;
    assert_eq!(shorts(&predicted), ["SUCCESS"; 2]);
    assert!(
        predicted[0].exec_time_us < 200_000,
        "the wait is not the model's time"
    );
    assert_eq!(
        shorts(&timeout(WAIT, ticking.all()).await.unwrap()),
        ["SUCCESS"; 2]
    );
    let order = methods(&scene.models[0]);
    assert_eq!(order, ["tick", "predict"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_reach_a_model_in_the_order_in_which_they_are_made() {
    let scene = Arc::new(Scene::of(1).await);
    for sizes in (1..=320).step_by(16).map(|first| first..first + 16) {
        let scene = Arc::clone(&scene);
        // In a task, as the one that is spawned last there runs first.
        let calls = tokio::spawn(async move {
            let call = |size| Call::new("tick", &[Value::Json(vec![b' '; size].into())]).unwrap();
            let made = sizes.map(|size| scene.network.call(&call(size), &Subset::All));
            let made: Vec<_> = made.collect();
            join_all(made.into_iter().map(Calling::all)).await
        });
        let outcomes = timeout(WAIT, calls).await.unwrap().unwrap().concat();
        assert!(outcomes.iter().all(|it| it.payload().is_some()));
    }
    let sizes = scene.models[0].calls().into_iter().map(|(_, size)| size);
    assert_eq!(sizes.clone().count(), 320);
    assert!(sizes.is_sorted());
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_made() {
    let scene = Scene::of(1).await;
    drop(scene.network.call(&tick(), &Subset::All));
    super::scene::until(|| scene.models[0].calls().len() == 1).await;
    assert_eq!(short(&scene.call(&predict()).await[0]), "SUCCESS");
}

#[tokio::test]
async fn a_closed_network_leaves_nothing_behind() {
    let scene = Scene::of(2).await;
    scene.models[0].behave(Behaviour::Hangs);
    let calling = scene.network.call(&tick(), &Subset::All);
    timeout(WAIT, scene.network.close()).await.unwrap();
    // The one that hangs is given up at once rather than at its deadline.
    let outcomes = timeout(Duration::from_secs(5), calling.all())
        .await
        .unwrap();
    assert_eq!(outcomes.len(), 2);
}
