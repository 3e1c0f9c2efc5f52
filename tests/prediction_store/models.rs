//! Models and their deployments.

use allora_worker::store::ModelRepository as _;

use super::{
    Place,
    make::{CRUNCH, at, deployment, model},
};

pub(crate) async fn models_are_kept_as_they_are_now(place: &Place) {
    let db = place.open().await;
    let mut other = model("a", 5);
    other.crunch_id = "other".into();
    db.keep_models(&[model("b", 100), model("a", 100), other])
        .await
        .unwrap();
    assert_eq!(
        db.models(CRUNCH).await.unwrap(),
        [model("a", 100), model("b", 100)]
    );
    // Times only widen; the rest is as it is now.
    let mut now = model("a", 50);
    now.model_name = Some("new\0 name".into());
    now.cruncher_id = Some("c1".into());
    now.cruncher_name = None;
    now.deployment_id = "a_2".into();
    db.keep_models(std::slice::from_ref(&now)).await.unwrap();
    now.model_name = Some("new\u{fffd} name".into());
    now.last_seen = at(100);
    now.metrics_since = at(100);
    assert_eq!(
        db.models(CRUNCH).await.unwrap(),
        [now.clone(), model("b", 100)]
    );
    let mut later = now.clone();
    later.first_seen = at(300);
    later.last_seen = at(300);
    later.metrics_since = at(200);
    db.keep_models(std::slice::from_ref(&later)).await.unwrap();
    later.first_seen = at(50);
    assert_eq!(db.models(CRUNCH).await.unwrap()[0], later);
    assert_eq!(db.models("nobody").await.unwrap(), []);
}

pub(crate) async fn a_model_named_twice_in_a_batch_is_kept_once(place: &Place) {
    let db = place.open().await;
    let mut last = model("a", 20);
    last.deployment_id = "a_2".into();
    db.keep_models(&[model("a", 10), model("a", 30), last.clone()])
        .await
        .unwrap();
    last.first_seen = at(10);
    last.last_seen = at(30);
    last.metrics_since = at(30);
    assert_eq!(db.models(CRUNCH).await.unwrap(), [last]);
}

pub(crate) async fn deployments_are_noted_once(place: &Place) {
    let db = place.open().await;
    let (second, third) = (deployment("a", 2, 20), deployment("a", 3, 30));
    let given = [
        third.clone(),
        second.clone(),
        deployment("b", 2, 5),
        second.clone(),
    ];
    db.deployed(&given).await.unwrap();
    db.deployed(&[deployment("a", 2, 99)]).await.unwrap();
    assert_eq!(db.deployments(CRUNCH, "a").await.unwrap(), [second, third]);
    assert_eq!(
        db.deployments(CRUNCH, "b").await.unwrap(),
        [deployment("b", 2, 5)]
    );
    assert_eq!(db.deployments("other", "a").await.unwrap(), []);
}
