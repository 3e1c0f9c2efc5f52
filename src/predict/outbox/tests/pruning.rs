//! What is too old goes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{
    double::{Double, Mood},
    kit::{BEGIN, CRUNCH, prediction},
};
use crate::{
    clock::SimulatedClock,
    ops::{Event, PredictEvent, Reporter},
    predict::Retention,
    store::PredictionStore,
};

#[tokio::test(start_paused = true)]
async fn old_predictions_go_each_hour_in_bites() {
    let double = Arc::new(Double::default());
    double.held().predictions = (0..3_500).map(|slot| prediction(slot, "1")).collect();
    let (reporter, recording) = Reporter::recording();
    let (shown, store) = watch::channel(None);
    let retention = Retention {
        store,
        crunch_id: CRUNCH.into(),
        keep: Duration::from_secs(1_000),
        clock: Arc::new(SimulatedClock::starting_at(
            BEGIN + Duration::from_secs(3_500),
        )),
        reporter,
    };
    let task = tokio::spawn(retention.run());
    sleep(Duration::from_secs(10)).await;
    assert_eq!(double.held().attempts, 0);
    shown.send_replace(Some(Arc::clone(&double) as Arc<dyn PredictionStore>));
    sleep(Duration::from_secs(10)).await;
    // So many as the newest is young, and itself.
    assert_eq!(double.held().predictions.len(), 1_001);
    assert_eq!(double.held().attempts, 3);
    // A database that is away is nothing to tell of here; the next hour does it.
    double.become_(Mood::Down);
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(recording.events().len(), 1);
    double.become_(Mood::Well);
    let late = prediction(1_000_000, "1");
    double.held().predictions.push(late.clone());
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(double.held().predictions, [late]);
    let removed: u64 = recording
        .events()
        .iter()
        .map(|event| match event {
            Event::Predict(PredictEvent::PredictionsPruned { removed }) => *removed,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(removed, 3_500);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_removes_nothing_and_others_have_an_age_of_their_own() {
    let double = Arc::new(Double::default());
    let mut other = prediction(0, "1");
    other.crunch_id = "other".into();
    double.held().predictions = vec![other, prediction(5_000, "1"), prediction(5_500, "1")];
    let retention = Retention {
        store: watch::channel(Some(Arc::clone(&double) as Arc<dyn PredictionStore>)).1,
        crunch_id: CRUNCH.into(),
        keep: Duration::from_secs(1_000),
        clock: Arc::new(SimulatedClock::starting_at(
            BEGIN + Duration::from_secs(1 << 30),
        )),
        reporter: Reporter::recording().0,
    };
    let task = tokio::spawn(retention.run());
    sleep(Duration::from_secs(10_000)).await;
    assert!(double.held().attempts > 0);
    assert_eq!(double.held().predictions.len(), 3);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_retention_of_nothing_keeps_all() {
    let double = Arc::new(Double::default());
    double.held().predictions = vec![prediction(0, "1")];
    let retention = Retention {
        store: watch::channel(Some(Arc::clone(&double) as Arc<dyn PredictionStore>)).1,
        crunch_id: CRUNCH.into(),
        keep: Duration::ZERO,
        clock: Arc::new(SimulatedClock::starting_at(
            BEGIN + Duration::from_secs(1 << 30),
        )),
        reporter: Reporter::recording().0,
    };
    let task = tokio::spawn(retention.run());
    sleep(Duration::from_secs(10_000)).await;
    assert_eq!(double.held().attempts, 0);
    task.abort();
}
