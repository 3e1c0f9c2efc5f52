//! Sharing the models with other workers.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

use super::storing::slug;
use crate::{
    config::Predicting,
    models::{ModelNetwork, Ours},
    ops::{Event, Reporter, TaskGroup},
    predict::{Roll, ShareKeeper, ShareParts, SharedBook, Sharing, worker_name},
    store::{DatabaseUrl, LeaseRepository},
};

/// How long the start waits for the first models.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which models are this worker's: all, or its share.
pub(super) struct Shared {
    leases: Option<Arc<dyn LeaseRepository>>,
    /// Where it is noted that a worker was alone.
    note: PathBuf,
    ours: watch::Sender<Ours>,
}

impl Shared {
    /// Models are shared by workers of today's prices with a PostgreSQL database. Past prices are played
    /// by a clock that starts with the process: two workers would never be in step.
    pub(super) fn of(
        settings: &Predicting,
        database: &DatabaseUrl,
        is_replay: bool,
        reporter: &Reporter,
    ) -> Self {
        let leases = database.leases(settings.predict.heartbeat);
        let leases = leases.filter(|_| settings.predict.share);
        if is_replay && leases.is_some() {
            reporter.emit(Event::Notice {
                cause: "this worker shares its models with nobody: past prices are played".into(),
                remedy: "let no other worker use the same database and crunch".into(),
            });
        }
        let leases = leases.filter(|_| !is_replay);
        let leases = leases.map(|it| Arc::new(it) as Arc<dyn LeaseRepository>);
        // One that shares has nothing until the database says so.
        let ours = leases.is_some().then(Arc::default);
        Self {
            leases,
            note: settings.artifacts.alone(&slug(database)),
            ours: watch::Sender::new(ours),
        }
    }

    /// The models that are called from here; none for all.
    pub(super) fn ours(&self) -> watch::Receiver<Ours> {
        self.ours.subscribe()
    }

    /// Begins to keep the share, and waits a while for its first models.
    pub(super) async fn begin(
        self,
        group: &mut TaskGroup,
        settings: &Predicting,
        network: &Arc<ModelNetwork>,
        roll: &Arc<Roll>,
        book: &Arc<SharedBook>,
        reporter: &Reporter,
    ) -> Option<Sharing> {
        let leases = self.leases?;
        let mut ours = self.ours.subscribe();
        let keeper = ShareKeeper::new(ShareParts {
            crunch_id: settings.models.crunch_id.clone(),
            name: worker_name(),
            heartbeat: settings.predict.heartbeat,
            down_within: settings.predict.down_within,
            note: self.note,
            absent_within: settings.predict.absent_within,
            leases: Arc::clone(&leases),
            listed: Arc::new(network.list_reader()),
            roll: Arc::clone(roll),
            book: Arc::clone(book),
            ours: self.ours,
            reporter: reporter.clone(),
        });
        let keeper = keeper.with_pulse(group.pulse("share"));
        group.spawn("share", keeper.run(group.token()));
        let has_some = |ours: &Ours| ours.as_ref().is_some_and(|ours| !ours.is_empty());
        // Without any the rounds wait for none.
        let _ = timeout(PATIENCE, ours.wait_for(has_some)).await;
        Some(Sharing {
            ours,
            leases,
            patience: settings.predict.settle,
            moves_within: settings.predict.heartbeat * 3 + settings.predict.settle,
        })
    }
}
