//! Ends and new beginnings.

use std::time::{Duration, Instant};

use super::{
    double::Mood,
    kit::{Scene, model, performed, predictions, round, slots, until},
};
use crate::{
    ops::Event,
    predict::{Fact, Outbox, Pending, PredictError},
    store::ConfigKey,
};

#[tokio::test]
async fn a_stop_stores_what_was_put_before_it() {
    let scene = Scene::new();
    let running = scene.start().await;
    running.put(predictions(0..3_000));
    running.stop().await;
    assert_eq!(slots(&scene.double.held()), (0..3_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_database_that_is_away_and_the_next_start_stores_all() {
    for mood in [Mood::Down, Mood::Hangs] {
        let mut scene = Scene::new();
        scene.options.write_timeout = Duration::from_secs(60);
        scene.options.farewell = Duration::from_millis(100);
        scene.double.become_(mood);
        let running = scene.start().await;
        running.put(predictions(0..500));
        let begun = Instant::now();
        running.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(scene.told(|event| matches!(event, Event::Notice { .. })), 1);
        scene.double.become_(Mood::Well);
        let running = scene.start().await;
        running.put(predictions(500..600));
        scene
            .until("all", |held| held.predictions.len() == 600)
            .await;
        running.stop().await;
        assert_eq!(slots(&scene.double.held()), (0..600).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_an_earlier_process_left_is_known_at_the_start() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    assert_eq!(running.outbox.pending().await.unwrap(), Pending::default());
    running.put(round(120, 2));
    running.put([
        performed(60),
        Fact::Model(model("2", 5)),
        Fact::Model(model("1", 0)),
    ]);
    running.put([Fact::Model(model("2", 9))]);
    // Of another crunch: it is stored, but is no business of this one's.
    let mut other = model("3", 0);
    other.crunch_id = "other".into();
    running.put([Fact::Model(other)]);
    running.waiting(8).await;
    running.kill().await;
    let (outbox, _task) = Outbox::open(&scene.path(), scene.options.clone())
        .await
        .unwrap();
    let pending = outbox.pending().await.unwrap();
    let key = ConfigKey("BTC/3600/60".into());
    assert_eq!(
        pending.performed.into_iter().collect::<Vec<_>>(),
        [(key, 120)]
    );
    let seen: Vec<_> = pending
        .models
        .iter()
        .map(|it| it.deployment_id.as_str())
        .collect();
    assert_eq!(seen, ["1_0", "2_9"]);
    assert_eq!(pending.models[1].first_seen, model("2", 5).first_seen);
}

#[tokio::test]
async fn what_is_put_after_the_end_is_told_of() {
    let scene = Scene::new();
    let running = scene.start().await;
    let outbox = running.outbox.clone();
    running.stop().await;
    crate::predict::Facts::put(&outbox, predictions(0..1).collect());
    assert_eq!(
        scene.told(|event| matches!(event, Event::Trouble { .. })),
        1
    );
    until("the end", || outbox.waiting().facts == 0).await;
}

#[tokio::test]
async fn a_file_that_is_no_outbox_is_set_aside_and_told_of() {
    let scene = Scene::new();
    let content = "no database at all, but long enough for a header".repeat(9);
    std::fs::write(scene.path(), &content).unwrap();
    let running = scene.start().await;
    running.stop().await;
    let told = |event: &Event| matches!(event, Event::Trouble { cause, .. } if cause.contains("was damaged"));
    assert_eq!(scene.recording.count(told), 1);
    let beside = std::fs::read_dir(scene.path().parent().unwrap()).unwrap();
    let mut kept = beside.filter_map(|it| std::fs::read(it.ok()?.path()).ok());
    assert!(kept.any(|it| it == content.as_bytes()));
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let scene = Scene::new();
    let running = scene.start().await;
    sqlx::raw_sql("PRAGMA user_version = 2")
        .execute(&running.outbox.file.pool)
        .await
        .unwrap();
    running.stop().await;
    let error = Outbox::open(&scene.path(), scene.options.clone())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(error, PredictError::OutboxLayout { found: 2, .. }),
        "{error}"
    );
}
