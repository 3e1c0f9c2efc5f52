//! Old predictions go.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    clock::SharedClock,
    ops::{Event, PredictEvent, Reporter},
    store::{PredictionStore, StoreError},
};

/// From one round to the next.
const EVERY: Duration = Duration::from_secs(3_600);
/// Predictions that are removed at a time, the pause in between, and the limit for each.
const BITE: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(60);

/// Removes predictions that are older than they are kept, each hour, in small bites. It can be made
/// anew at any time: what it left is removed then. Their age counts from the newest that is stored, or
/// from now where that is earlier: a clock that was set forward removes nothing by itself.
#[derive(Clone)]
pub struct Retention {
    /// Shows the database.
    pub store: watch::Receiver<Option<Arc<dyn PredictionStore>>>,
    /// Whose predictions.
    pub crunch_id: String,
    /// How long predictions are kept; 0 keeps them for ever.
    pub keep: Duration,
    /// What time it is.
    pub clock: SharedClock,
    /// Who is told.
    pub reporter: Reporter,
}

impl Retention {
    /// Runs for ever; begins when the database is there.
    pub async fn run(mut self) {
        if self.keep.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let Ok(store) = self
                .store
                .wait_for(Option::is_some)
                .await
                .map(|it| it.clone())
            else {
                // Nobody will ever connect.
                return std::future::pending().await;
            };
            if let Some(store) = store {
                self.round(&*store).await;
            }
            sleep(EVERY).await;
        }
    }

    async fn round(&self, store: &dyn PredictionStore) {
        let (removed, ended) = self.prune(store).await;
        if removed > 0 {
            self.reporter
                .emit(PredictEvent::PredictionsPruned { removed }.into());
        }
        match ended {
            // That the database is away is told by those who write to it.
            Err(cause) if !cause.is_transient() => self.reporter.emit(Event::Trouble {
                cause: format!("old predictions can't be removed: {cause}"),
                remedy: "it is tried again in an hour".into(),
            }),
            Err(cause) => tracing::warn!(%cause, "old predictions stay for another hour"),
            Ok(()) => {}
        }
    }

    async fn prune(&self, store: &dyn PredictionStore) -> (u64, Result<(), StoreError>) {
        let mut removed = 0;
        let newest = match timeout(LIMIT, store.newest(&self.crunch_id)).await {
            Ok(Ok(Some(newest))) => newest,
            Ok(Err(cause)) => return (removed, Err(cause)),
            Ok(Ok(None)) | Err(_) => return (removed, Ok(())),
        };
        loop {
            let before = self.clock.now().min(newest) - self.keep;
            match timeout(LIMIT, store.prune(&self.crunch_id, before, BITE)).await {
                Ok(Ok(bite)) => {
                    removed += bite;
                    if bite < u64::from(BITE) {
                        return (removed, Ok(()));
                    }
                }
                Ok(Err(cause)) => return (removed, Err(cause)),
                // The database is busy with more important things.
                Err(_) => return (removed, Ok(())),
            }
            sleep(PAUSE).await;
        }
    }
}
