//! The Predict worker's own pages, beside the worker's: metrics, health and readiness.

use std::{net::SocketAddr, process::Stdio};

use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    harness::eventually,
    models_are_told_asked_and_stored::Network,
    operator::{Home, terminate},
    pages::{free, get},
};

/// The value of a metric without labels, or with these.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|it| it.strip_prefix(name))?;
    line.trim().parse().ok()
}

async fn until_ready(address: SocketAddr) {
    let ready = eventually(async || (get(address, "/readyz").await.0 == 200).then_some(()));
    assert!(ready.await.is_some(), "{:?}", get(address, "/readyz").await);
}

#[tokio::test]
async fn it_is_ready_once_models_are_asked_and_counts_them() {
    let (home, address) = (Home::new(), free().await);
    let network = Network::of(&home, "3").await;
    let mut command = home.command(&network.played("1h"));
    command
        .env("ALLORA_PREDICT__HTTP__LISTEN", address.to_string())
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    home.told_by("predict", "predictions_collected", 1).await;
    until_ready(address).await;
    assert_eq!(get(address, "/healthz").await, (200, "alive\n".into()));
    let answered =
        "allora_predict_predictions_total{config=\"BTC/604800/604800\",status=\"success\"}";
    let counted = eventually(async || {
        let metrics = get(address, "/metrics").await.1;
        let is = value(&metrics, answered)? >= 3.0;
        (is && value(&metrics, "allora_predict_models_callable") == Some(3.0)).then_some(metrics)
    });
    let Some(metrics) = counted.await else {
        panic!("{}", get(address, "/metrics").await.1)
    };
    for name in [
        "allora_predict_models_known",
        "allora_predict_models_answering",
        "allora_predict_ticks_total",
        "allora_predict_round_seconds_count",
        "allora_predict_resident_memory_bytes",
    ] {
        assert!(
            value(&metrics, name).is_some_and(|it| it > 0.0),
            "{name} in\n{metrics}"
        );
    }
    assert_eq!(
        value(&metrics, "allora_predict_database_failures_total"),
        Some(0.0)
    );
    assert_eq!(terminate(child).await, Some(0));
    assert_eq!(
        get(address, "/readyz").await.0,
        0,
        "it ends with the process"
    );
}

/// Waits until the page gives a reason; gives its cause and its remedy.
async fn hindered(address: SocketAddr, reason: &str) -> (String, String) {
    let found = eventually(async || {
        let (status, body) = get(address, "/readyz").await;
        let body: Value = serde_json::from_str(&body).ok()?;
        let reasons = body["reasons"].as_array()?;
        let found = reasons.iter().find(|it| it["reason"] == reason)?;
        assert_eq!(status, 503);
        let text = |key: &str| found[key].as_str().unwrap().to_owned();
        Some((text("cause"), text("remedy")))
    });
    match found.await {
        Some(found) => found,
        None => panic!("not {reason}: {:?}", get(address, "/readyz").await),
    }
}

#[tokio::test]
async fn without_models_or_its_database_it_says_so_with_the_remedy_until_they_are_back() {
    let (home, address) = (Home::new(), free().await);
    let network = Network::of(&home, "2").await;
    let mut command = home.command(&network.played("1h"));
    command
        .env("ALLORA_PREDICT__HTTP__LISTEN", address.to_string())
        .env("ALLORA_PREDICT__WRITE_TIMEOUT", "1s")
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    home.told_by("predict", "predictions_collected", 1).await;
    until_ready(address).await;
    // Another hand holds the database.
    let file = home.artifact("predict.replay.db");
    let mut holder = SqliteConnection::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut holder)
        .await
        .unwrap();
    let (cause, remedy) = hindered(address, "no_database").await;
    assert!(cause.contains("can't be written"), "{cause}");
    assert!(remedy.contains("--database-url"), "{remedy}");
    let metrics = get(address, "/metrics").await.1;
    let failures = value(&metrics, "allora_predict_database_failures_total");
    assert!(failures.is_some_and(|it| it >= 1.0), "{metrics}");
    assert_eq!(value(&metrics, "allora_predict_ready"), Some(0.0));
    holder.close().await.unwrap();
    until_ready(address).await;
    drop(network);
    let (cause, remedy) = hindered(address, "no_models").await;
    assert!(cause.contains("models"), "{cause}");
    assert!(!remedy.is_empty());
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn a_token_is_asked_for_where_there_is_one() {
    let (home, address) = (Home::new(), free().await);
    let network = Network::of(&home, "1").await;
    let mut command = home.command(&network.played("1h"));
    command
        .env("ALLORA_PREDICT__HTTP__LISTEN", address.to_string())
        .env("OPS_HTTP_TOKEN", "0123456789abcdef")
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    home.told_by("predict", "predict_ready", 1).await;
    assert_eq!(get(address, "/metrics").await.0, 401);
    assert_eq!(get(address, "/metrics?token=0123456789abcdef").await.0, 200);
    assert_eq!(terminate(child).await, Some(0));
}
