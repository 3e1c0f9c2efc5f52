use std::sync::Arc;

use super::*;
use crate::{
    clock::SystemClock,
    density::Unit,
    ops::Event,
    score::testing::{self, normal, prediction, told},
    store::{DatabaseUrl, PredictionDb, PredictionRepository as _},
};

fn score_events(recording: &crate::ops::Recording) -> Vec<ScoreEvent> {
    let events = recording.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Score(event) => Some(event),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_new_first_is_told_once() {
    let db = Arc::new(PredictionDb::in_memory().await.unwrap());
    told(&db, -86_400, 6_000).await;
    let save = async |slot: i64, model: &str, scale: f64| {
        let answer = normal(0.0, scale);
        db.save_all(&[prediction(slot, model, &answer)])
            .await
            .unwrap();
    };
    let config = ScoreConfig {
        least_rounds: 1,
        ..ScoreConfig::default()
    };
    let (reporter, recording) = Reporter::recording();
    let scorer = testing::scorer(&db, config.clone());
    let mut watch = Watch::new(scorer, &config, "here".into(), reporter);
    save(600, "a", 500.0).await;
    watch.once().await.unwrap();
    save(1_200, "a", 500.0).await;
    watch.once().await.unwrap();
    save(1_200, "b", 20.0).await;
    watch.once().await.unwrap();
    let told = score_events(&recording);
    let leaders: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            ScoreEvent::LeaderChanged {
                model_id, before, ..
            } => Some((model_id.as_str(), before.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!(leaders, [("a", None), ("b", Some("a"))]);
    let done = |event: &ScoreEvent| matches!(event, ScoreEvent::ScoringDone { scored: 1, .. });
    assert_eq!(told.iter().filter(|event| done(event)).count(), 3);
}

#[tokio::test]
async fn a_database_that_is_away_is_told_once_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let url = DatabaseUrl::file(missing.join("predict.db"));
    let config = ScoreConfig {
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(40),
        ..ScoreConfig::default()
    };
    let scorer = Scorer::new(
        Arc::new(PredictionDb::new(url)),
        "condorgame",
        Unit::default(),
        config.clone(),
        Arc::new(SystemClock),
    );
    let (reporter, recording) = Reporter::recording();
    let watch = Watch::new(scorer, &config, "here".into(), reporter);
    let stop = CancellationToken::new();
    let running = tokio::spawn(watch.run(stop.clone()));
    let away = |event: &Event| matches!(event, Event::Score(ScoreEvent::ScoreStoreUnavailable { database, .. }) if database == "here");
    recording.wait_for(away).await;
    sleep(Duration::from_millis(150)).await;
    std::fs::create_dir(&missing).unwrap();
    let back = |event: &Event| matches!(event, Event::Score(ScoreEvent::ScoreStoreBack { .. }));
    let long = Duration::from_secs(20);
    tokio::time::timeout(long, recording.wait_for(back))
        .await
        .unwrap();
    stop.cancel();
    running.await.unwrap();
    assert_eq!(recording.count(away), 1);
}
