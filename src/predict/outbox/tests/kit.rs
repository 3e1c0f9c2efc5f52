//! What the tests are made of.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tempfile::TempDir;
use time::{OffsetDateTime, macros::datetime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::double::{Double, Held};
use crate::{
    ops::{Event, Recording, Reporter},
    predict::{Fact, Facts, Outbox, OutboxOptions, PredictConfig},
    store::{
        ConfigKey, ModelRecord, Packed, Prediction, PredictionStatus, PredictionStore, StoreError,
    },
};

pub(super) const CRUNCH: &str = "condorgame";
pub(super) const BEGIN: OffsetDateTime = datetime!(2026-11-22 08:00 UTC);

/// An outbox that runs.
pub(super) struct Running {
    pub(super) outbox: Outbox,
    pub(super) cancel: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// A folder with an outbox's file, and a database.
pub(super) struct Scene {
    folder: TempDir,
    pub(super) double: Arc<Double>,
    pub(super) options: OutboxOptions,
    pub(super) recording: Recording,
}

impl Scene {
    pub(super) fn new() -> Self {
        let (reporter, recording) = Reporter::recording();
        let mut options =
            OutboxOptions::new(&PredictConfig::default(), CRUNCH, "the double", reporter);
        options.retry_min = Duration::from_millis(2);
        options.retry_max = Duration::from_millis(10);
        options.write_timeout = Duration::from_millis(60);
        Self {
            folder: tempfile::tempdir().unwrap(),
            double: Arc::default(),
            options,
            recording,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("outbox.sqlite")
    }

    /// Opens the outbox and starts its task.
    pub(super) async fn start(&self) -> Running {
        let opened = Outbox::open(&self.path(), self.options.clone()).await;
        let (outbox, task) = opened.unwrap();
        let cancel = CancellationToken::new();
        let double = Arc::clone(&self.double);
        let connect = move || {
            let store: Arc<dyn PredictionStore> = Arc::clone(&double) as _;
            std::future::ready(Ok::<_, StoreError>(store))
        };
        let task = tokio::spawn(task.run(connect, cancel.clone()));
        Running {
            outbox,
            cancel,
            task,
        }
    }

    /// Waits until the database holds what is wanted.
    pub(super) async fn until(&self, what: &str, fits: impl Fn(&Held) -> bool) {
        until(what, || fits(&self.double.held())).await;
    }

    pub(super) fn told(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.recording.count(fits)
    }
}

impl Running {
    pub(super) fn put(&self, facts: impl IntoIterator<Item = Fact>) {
        self.outbox.put(facts.into_iter().collect());
    }

    /// Waits until so many facts are on disk.
    pub(super) async fn waiting(&self, facts: u64) {
        until("facts on disk", || self.outbox.waiting().facts == facts).await;
    }

    /// Ends it as a stop does.
    pub(super) async fn stop(self) {
        self.cancel.cancel();
        self.task.await.unwrap();
    }

    /// Ends it as a kill does: in the middle of whatever it does.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(super) async fn until(what: &str, fits: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if fits() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never came: {what}");
}

pub(in crate::predict::outbox) fn prediction(slot: i64, model: &str) -> Prediction {
    Prediction {
        crunch_id: CRUNCH.into(),
        config: ConfigKey("BTC/3600/60".into()),
        slot,
        model_id: model.into(),
        deployment_id: format!("{model}_1"),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        exec_time_us: 1_234,
        payload: Some(Packed::new(&format!("[{slot}, \"{model}\"]"))),
        detail: None,
        base: Some(90_744.701_234_567_9),
        performed_at: BEGIN + Duration::from_secs(slot.unsigned_abs()),
        resolvable_at: BEGIN + Duration::from_secs(slot.unsigned_abs() + 3_600),
    }
}

/// Predictions of one model, one for each slot.
pub(super) fn predictions(slots: std::ops::Range<i64>) -> impl Iterator<Item = Fact> {
    slots.map(|slot| Fact::Prediction(prediction(slot, "1")))
}

/// A round: all models' parts, then its end.
pub(super) fn round(slot: i64, models: i64) -> Vec<Fact> {
    let parts = (0..models).map(|model| Fact::Prediction(prediction(slot, &model.to_string())));
    parts.chain([performed(slot)]).collect()
}

pub(in crate::predict::outbox) fn performed(slot: i64) -> Fact {
    Fact::Performed {
        crunch_id: CRUNCH.into(),
        config: ConfigKey("BTC/3600/60".into()),
        slot,
    }
}

pub(in crate::predict::outbox) fn model(id: &str, seen: i64) -> ModelRecord {
    let at = BEGIN + Duration::from_secs(seen.unsigned_abs());
    ModelRecord {
        crunch_id: CRUNCH.into(),
        model_id: id.into(),
        model_name: Some(format!("model {id}")),
        cruncher_id: None,
        cruncher_name: Some("wallet".into()),
        deployment_id: format!("{id}_{seen}"),
        first_seen: at,
        last_seen: at,
        metrics_since: at,
    }
}

/// The slots of the predictions held, in the order of storing.
pub(super) fn slots(held: &Held) -> Vec<i64> {
    held.predictions.iter().map(|it| it.slot).collect()
}
