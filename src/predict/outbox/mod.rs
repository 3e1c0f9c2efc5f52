//! The only way of facts into the database.
//!
//! What is put goes into memory, from there at once into a SQLite file on local disk ([`append`]), and
//! from there in its order into the database ([`drain`]), which may be away for as long as the disk's
//! share lasts. A fact leaves the file when the database has it. A process that is killed in between
//! stores some facts twice, which changes nothing.

mod append;
mod connect;
mod drain;
mod file;
#[cfg(test)]
pub(super) mod fuzz;
mod intake;
mod left;
mod mended;
mod merge;
mod outage;
mod pace;
mod pending;
mod refusals;
mod retention;
mod row;
mod space;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use self::{
    append::{Append, Losses, TOLD_EVERY},
    drain::{Drain, Surroundings},
    file::File,
    intake::Intake,
    outage::Outages,
    pace::{Backoff, Seldom},
    refusals::tell_refused,
};
pub use self::{connect::Connect, pending::Pending, retention::Retention};
use super::{Fact, Facts, PredictConfig, PredictError, ScheduleConfig};
use crate::{
    ops::{Event, Reporter},
    pulse::Pulse,
    store::{PredictionConfig, PredictionStore},
};

/// What may wait in memory while the local disk is stuck.
const MEMORY: usize = 256 << 20;
/// How long the database is written to after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(10);

/// How an outbox works.
#[derive(Clone, Debug)]
pub struct OutboxOptions {
    /// The crunch whose predictions are declared.
    pub crunch_id: String,
    /// What the configuration asks for; it is declared when the database is there.
    pub configs: Vec<PredictionConfig>,
    /// The database's name for the operator, without a password.
    pub database: String,
    /// The most that the file holds, in bytes; above it the oldest facts go.
    pub cap: u64,
    /// The most that waits in memory, in bytes; above it the newest facts are refused.
    pub memory: usize,
    /// First pause after a failure, which doubles.
    pub retry_min: Duration,
    /// The longest pause.
    pub retry_max: Duration,
    /// How long a batch may take, and the opening of the database.
    pub write_timeout: Duration,
    /// How long the database is written to after the end was asked for; what is left waits on disk.
    pub farewell: Duration,
    /// Who is told.
    pub reporter: Reporter,
}

impl OutboxOptions {
    /// By the configuration; `database` is its name without a password.
    #[must_use]
    pub fn new(
        config: &PredictConfig,
        crunch_id: impl Into<String>,
        database: impl Into<String>,
        reporter: Reporter,
    ) -> Self {
        Self {
            crunch_id: crunch_id.into(),
            configs: config
                .schedules
                .iter()
                .map(ScheduleConfig::stored)
                .collect(),
            database: database.into(),
            cap: config.outbox_mib << 20,
            memory: MEMORY,
            retry_min: config.retry_min,
            retry_max: config.retry_max,
            write_timeout: config.write_timeout,
            farewell: FAREWELL,
            reporter,
        }
    }
}

/// What waits on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Facts.
    pub facts: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes facts. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    intake: Arc<Intake>,
    file: Arc<File>,
    crunch_id: String,
    held_up: Arc<AtomicBool>,
    store: watch::Receiver<Option<Arc<dyn PredictionStore>>>,
}

/// The work behind an [`Outbox`]. Without it nothing is appended or stored.
pub struct OutboxTask {
    append: Append,
    around: Surroundings,
    options: OutboxOptions,
}

impl Outbox {
    /// Opens the outbox's file, makes it when it is missing. What an earlier process left in it is
    /// stored first. Only one process may use the file.
    ///
    /// # Errors
    /// When the file can't be made, is not an outbox, or is one of a newer version.
    pub async fn open(
        path: &Path,
        options: OutboxOptions,
    ) -> Result<(Self, OutboxTask), PredictError> {
        let reporter = options.reporter.clone();
        let file = Arc::new(File::open_mending(path, &reporter).await?);
        left::tell_stranded(path, &reporter).await;
        let intake = Arc::new(Intake::new(options.memory, file.place(), reporter.clone()));
        let (shown, store) = watch::channel(None);
        let appended = Arc::new(Notify::new());
        let held_up = Arc::new(AtomicBool::new(false));
        let outbox = Self {
            intake: Arc::clone(&intake),
            file: Arc::clone(&file),
            crunch_id: options.crunch_id.clone(),
            held_up: Arc::clone(&held_up),
            store,
        };
        let append = Append {
            file: Arc::clone(&file),
            intake: Arc::clone(&intake),
            appended: Arc::clone(&appended),
            reporter: reporter.clone(),
            backoff: Backoff::new(options.retry_min, options.retry_max),
            losses: Losses::new(options.cap),
            troubles: Seldom::every(TOLD_EVERY),
        };
        let around = Surroundings {
            file,
            intake,
            appended,
            held_up,
            store: shown,
            crunch_id: options.crunch_id.clone(),
            configs: options.configs.clone(),
            write_timeout: options.write_timeout,
            reporter,
            life: Pulse::unwatched(),
        };
        let task = OutboxTask {
            append,
            around,
            options,
        };
        Ok((outbox, task))
    }

    /// What an earlier process put and the database does not have yet. To be asked at the start, before
    /// anything is put; schedules and the roll hold it against what the database says.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn pending(&self) -> Result<Pending, PredictError> {
        let pending = self.file.pending(&self.crunch_id).await;
        pending.map_err(|cause| self.file.failed(cause))
    }

    /// Shows the database once it is there, with what the configuration asks for declared.
    #[must_use]
    pub fn store(&self) -> watch::Receiver<Option<Arc<dyn PredictionStore>>> {
        self.store.clone()
    }

    /// Becomes true when the file is found damaged: what is on it is stored after the next start, which
    /// mends it.
    #[must_use]
    pub fn damaged(&self) -> watch::Receiver<bool> {
        self.file.damaged()
    }

    /// What waits on disk now.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let (facts, bytes) = self.file.waiting();
        Waiting { facts, bytes }
    }
}

impl Facts for Outbox {
    fn put(&self, facts: Vec<Fact>) {
        self.intake.put(facts);
    }

    fn are_held_up(&self) -> bool {
        self.held_up.load(Relaxed)
    }
}

impl OutboxTask {
    /// Gives signs of life there, as far as the database lets it.
    #[must_use]
    pub fn watched(mut self, life: Pulse) -> Self {
        self.around.life = life;
        self
    }

    /// Appends what is put and stores it, until `cancel` and a little longer: all that was put before
    /// is appended, and the database is written to for [`OutboxOptions::farewell`] at most. Cancel it
    /// after those who put. Dropped before its end it loses what was not appended, as a kill does.
    pub async fn run(self, connect: impl Connect, cancel: CancellationToken) {
        let options = self.options;
        let file = Arc::clone(&self.around.file);
        tell_refused(&file, &options.reporter).await;
        let drain = Drain::new(
            self.around,
            connect,
            Backoff::new(options.retry_min, options.retry_max),
            Outages::new(options.database, options.reporter.clone()),
        );
        let stop = CancellationToken::new();
        let draining = async {
            drain.run(cancel, options.farewell).await;
            stop.cancel();
        };
        tokio::join!(self.append.run(stop.clone()), draining);
        tell_left(&file, &options.reporter);
        // Checkpoints, so that the file alone holds all.
        file.pool.close().await;
    }
}

fn tell_left(file: &File, reporter: &Reporter) {
    let (facts, bytes) = file.waiting();
    if facts > 0 {
        reporter.emit(Event::Notice {
            cause: format!(
                "{facts} facts ({} MiB) wait in the outbox {}",
                bytes >> 20,
                file.place()
            ),
            remedy: "the next start stores them".into(),
        });
    }
}

#[cfg(test)]
mod tests;
