//! What is too old goes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{
    double::{Double, Mood},
    kit::{BEGIN, prediction},
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
    let left = double.held().predictions.len();
    assert!((985..=1_000).contains(&left), "{left}");
    assert_eq!(double.held().attempts, 3);
    // A database that is away is nothing to tell of here; the next hour does it.
    double.become_(Mood::Down);
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(recording.events().len(), 1);
    double.become_(Mood::Well);
    sleep(Duration::from_secs(3_600)).await;
    assert!(double.held().predictions.is_empty());
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
async fn a_retention_of_nothing_keeps_all() {
    let double = Arc::new(Double::default());
    double.held().predictions = vec![prediction(0, "1")];
    let retention = Retention {
        store: watch::channel(Some(Arc::clone(&double) as Arc<dyn PredictionStore>)).1,
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
