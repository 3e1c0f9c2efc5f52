//! What the database knows of what is asked for, and of who performs best. It is read beside the rounds,
//! which never wait for it.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use super::{StoreWatch, presence::appeared};
use crate::{
    clock::SharedClock,
    ops::{Event, Reporter},
    store::{PredictionConfig, PredictionStore, StoreError, StoredConfig},
};

/// How often the configs are read.
const OFTEN: Duration = Duration::from_secs(60);
/// How often the best performers are: it takes the database longer.
const SELDOM: Duration = Duration::from_secs(300);
/// Until it is tried again when the database could not be read.
const PAUSE: Duration = Duration::from_secs(5);
/// How long the database may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is told that it can't be read.
const REPEAT: Duration = Duration::from_secs(600);

/// What the database said.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) rows: Vec<StoredConfig>,
    /// The best performers, when they were asked for.
    pub(super) best: Option<Vec<String>>,
}

/// Reads the database.
#[derive(Clone)]
pub(super) struct Library {
    pub(super) crunch_id: String,
    /// What the configuration asks for, which is written before the first reading.
    pub(super) declared: Vec<PredictionConfig>,
    /// The answers by which the best performers are told.
    pub(super) performance: Duration,
    pub(super) clock: SharedClock,
    pub(super) reporter: Reporter,
    pub(super) stores: StoreWatch,
}

#[derive(Default)]
struct Progress {
    is_declared: bool,
    ranked: Option<Instant>,
}

impl Library {
    /// Reads again and again, as long as somebody listens.
    pub(super) async fn read(mut self, tell: mpsc::Sender<Reading>) {
        let mut progress = Progress::default();
        let mut told: Option<Instant> = None;
        loop {
            let store = appeared(&mut self.stores).await;
            let read = timeout(PATIENCE, self.read_once(&*store, &mut progress)).await;
            let cause = match read {
                Ok(Ok(reading)) => {
                    if tell.send(reading).await.is_err() {
                        return;
                    }
                    told = None;
                    sleep(OFTEN).await;
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    format!("the database did not answer within {PATIENCE:?}; check its load")
                }
            };
            if told.is_none_or(|told| told.elapsed() >= REPEAT) {
                told = Some(Instant::now());
                let cause = format!("the schedules in the database can't be read: {cause}");
                let remedy = "those known so far go on, and it is tried again in 5 s".into();
                self.reporter.emit(Event::Trouble { cause, remedy });
            }
            sleep(PAUSE).await;
        }
    }

    async fn read_once(
        &self,
        store: &dyn PredictionStore,
        progress: &mut Progress,
    ) -> Result<Reading, StoreError> {
        if !progress.is_declared {
            store.declare(&self.crunch_id, &self.declared).await?;
            progress.is_declared = true;
        }
        let rows = store.configs(&self.crunch_id).await?;
        let subsets = rows.iter().filter(|row| row.config.active);
        let most = subsets.filter_map(|row| row.config.best).max();
        let is_fresh = progress.ranked.is_some_and(|at| at.elapsed() < SELDOM);
        let best = match most {
            Some(most) if !is_fresh => {
                let since = self.clock.now() - self.performance;
                let best = store.best(&self.crunch_id, since, most).await?;
                if !best.is_empty() {
                    progress.ranked = Some(Instant::now());
                }
                Some(best)
            }
            _ => None,
        };
        Ok(Reading { rows, best })
    }
}
