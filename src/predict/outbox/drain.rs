//! From disk into the database.

mod setbacks;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::setbacks::Setback;
use super::{
    append::TOLD_EVERY,
    connect::Connect,
    file::File,
    intake::Intake,
    merge::groups,
    outage::Outages,
    pace::{Backoff, Seldom},
    refusals::Refusals,
    row::Row,
};
use crate::{
    ops::Reporter,
    predict::Fact,
    pulse::Pulse,
    store::{PredictionConfig, PredictionStore, StoreError},
};

/// Facts of one batch, and about their bytes.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 4 << 20;

/// What the drain needs to know of its surroundings.
pub(super) struct Surroundings {
    pub(super) file: Arc<File>,
    pub(super) intake: Arc<Intake>,
    /// Something was appended.
    pub(super) appended: Arc<Notify>,
    /// Whether facts wait because the database is away or too slow.
    pub(super) held_up: Arc<AtomicBool>,
    /// Shows the database once it is there.
    pub(super) store: watch::Sender<Option<Arc<dyn PredictionStore>>>,
    pub(super) crunch_id: String,
    pub(super) configs: Vec<PredictionConfig>,
    pub(super) write_timeout: Duration,
    pub(super) reporter: Reporter,
    pub(super) life: Pulse,
}

/// Stores what waits in the file, in its order.
pub(super) struct Drain<C> {
    around: Surroundings,
    connect: C,
    backoff: Backoff,
    outages: Outages,
    /// From the first to the last of the facts that are stored and still in the file.
    undeleted: Option<(i64, i64)>,
    /// Facts of a batch: fewer while the database is too slow for its time limit.
    most: usize,
    /// Among the facts up to this number is one that the database refuses.
    suspect: Option<i64>,
    /// A fact that the database was too slow for though it was alone, and how often.
    late: Option<(i64, u32)>,
    refusals: Refusals,
    troubles: Seldom,
}

enum Step {
    /// There may be more.
    Went,
    /// Nothing waits.
    Empty,
    /// A pause is due.
    Failed,
}

impl<C: Connect> Drain<C> {
    pub(super) fn new(
        around: Surroundings,
        connect: C,
        backoff: Backoff,
        outages: Outages,
    ) -> Self {
        let refusals = Refusals::new(Arc::clone(&around.file), around.reporter.clone());
        Self {
            around,
            connect,
            backoff,
            outages,
            undeleted: None,
            most: MOST,
            suspect: None,
            late: None,
            refusals,
            troubles: Seldom::every(TOLD_EVERY),
        }
    }

    /// Runs until `cancel`, and then until nothing waits, the database fails, or the time is up.
    pub(super) async fn run(mut self, cancel: CancellationToken, farewell: Duration) {
        let time_is_up = async {
            cancel.cancelled().await;
            sleep(farewell).await;
        };
        tokio::select! {
            () = self.drain(&cancel) => {}
            () = time_is_up => {}
        }
    }

    async fn drain(&mut self, cancel: &CancellationToken) {
        let life = self.around.life.clone();
        loop {
            life.beat();
            match self.step().await {
                Step::Went => {}
                Step::Empty => {
                    if cancel.is_cancelled() && self.around.intake.is_empty() {
                        return;
                    }
                    let leaving = cancel.is_cancelled();
                    tokio::select! {
                        () = life.during(self.around.appended.notified()) => {}
                        () = cancel.cancelled(), if !leaving => {}
                    }
                }
                Step::Failed if cancel.is_cancelled() => return,
                Step::Failed => {
                    let pause = self.backoff.pause();
                    tokio::select! {
                        () = life.during(sleep(pause)) => {}
                        () = cancel.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Step {
        let Some(store) = self.connected().await else {
            return Step::Failed;
        };
        let rows = match self.next().await {
            Ok(rows) => rows,
            Err(cause) => return self.trouble("read", &cause),
        };
        if rows.is_empty() {
            return self.at_the_end().await;
        }
        let facts = match decoded(&rows) {
            Ok(facts) => facts,
            Err(cause) => return self.refuse(&rows[0], &cause).await,
        };
        // Fewer than the rows when one in the middle can't be read: it comes first next time.
        let rows = &rows[..facts.len()];
        match self.write(&*store, facts).await {
            Ok(()) => self.went(rows).await,
            Err(Setback::Refused(cause)) => self.search(rows, &cause).await,
            Err(Setback::Late(cause)) => self.late(&*store, rows, cause).await,
            Err(Setback::Away(cause)) => self.failed(cause),
        }
    }

    /// The next rows to store: the first half of those among which is a culprit, if there is one. What a
    /// hand put back under an old number is the first.
    async fn next(&mut self) -> Result<Vec<Row>, sqlx::Error> {
        let until = self.suspect.unwrap_or(i64::MAX);
        let after = self.undeleted.map_or(i64::MIN, |(_, last)| last);
        let file = &self.around.file;
        let mut rows = file.batch(after, until, self.most, MOST_BYTES).await?;
        if self.suspect.is_some() {
            rows.truncate(rows.len().div_ceil(2));
        }
        if rows.is_empty() && self.suspect.take().is_some() {
            rows = file.batch(after, i64::MAX, self.most, MOST_BYTES).await?;
        }
        Ok(rows)
    }

    async fn write(&self, store: &dyn PredictionStore, facts: Vec<Fact>) -> Result<(), Setback> {
        let facts_in_all = facts.len();
        let all = async {
            for group in groups(facts) {
                group.store(store).await?;
            }
            Ok(())
        };
        if let Ok(written) = timeout(self.around.write_timeout, all).await {
            return written.map_err(|cause: StoreError| cause.into());
        }
        let limit = self.around.write_timeout.as_secs_f64();
        let cause = format!("{facts_in_all} facts were not written within {limit} s");
        Err(Setback::Late(cause))
    }

    async fn went(&mut self, rows: &[Row]) -> Step {
        let [first, ..] = rows else {
            return Step::Empty;
        };
        let last = rows.last().map_or(first.seq, |row| row.seq);
        let first = self.undeleted.map_or(first.seq, |(first, _)| first);
        self.undeleted = Some((first, last));
        self.suspect = self.suspect.filter(|until| *until > last);
        self.most = (self.most * 2).min(MOST);
        self.backoff.reset();
        self.refusals.ended();
        let newest = self.around.file.newest();
        self.stored(last, rows.len(), newest);
        self.remove().await
    }

    /// Removes what is stored. Where that fails it is tried again with the next batch; nothing of it is
    /// stored again.
    async fn remove(&mut self) -> Step {
        if let Some((first, last)) = self.undeleted {
            match self.around.file.remove(first, last).await {
                Ok(()) => self.undeleted = None,
                Err(cause) => drop(self.trouble("written", &cause)),
            }
        }
        Step::Went
    }

    async fn at_the_end(&mut self) -> Step {
        if self.undeleted.is_some() {
            self.remove().await;
            return match self.undeleted {
                // What a hand put back meanwhile comes now.
                None => Step::Went,
                Some(_) => Step::Failed,
            };
        }
        self.stored(i64::MAX, 0, 0);
        if let Err(cause) = self.around.file.shrink().await {
            self.around.file.met(&cause);
            tracing::warn!(%cause, "the outbox can't be shrunk");
        }
        Step::Empty
    }

    fn stored(&mut self, until: i64, stored: usize, newest: i64) {
        self.outages.stored(until, stored, newest);
        let is_on = self.outages.is_on();
        self.around.held_up.store(is_on, Relaxed);
    }

    /// The database, opened when it is not yet; none when it can't be reached.
    async fn connected(&mut self) -> Option<Arc<dyn PredictionStore>> {
        let known = self.around.store.borrow().clone();
        if known.is_some() {
            return known;
        }
        let cause = match self.open().await {
            Ok(store) => {
                self.backoff.reset();
                self.around.store.send_replace(Some(Arc::clone(&store)));
                return Some(store);
            }
            Err(cause) => cause,
        };
        self.failed(cause);
        None
    }

    /// Connecting limits itself: to bring tables up to date may take minutes, and is not given up.
    async fn open(&self) -> Result<Arc<dyn PredictionStore>, String> {
        let store = self.connect.connect().await;
        let store = store.map_err(|cause| cause.to_string())?;
        let limit = self.around.write_timeout;
        let declaring = store.declare(&self.around.crunch_id, &self.around.configs);
        match timeout(limit, declaring).await {
            Ok(Ok(())) => Ok(store),
            Ok(Err(cause)) => Err(cause.to_string()),
            Err(_) => Err(format!("it did not open within {} s", limit.as_secs_f64())),
        }
    }
}

/// Facts of the rows up to the first that can't be read; an error when that is the first.
fn decoded(rows: &[Row]) -> Result<Vec<Fact>, String> {
    let mut facts = Vec::with_capacity(rows.len());
    for row in rows {
        match row.decode() {
            Ok(fact) => facts.push(fact),
            Err(cause) if facts.is_empty() => return Err(cause.to_string()),
            Err(_) => break,
        }
    }
    Ok(facts)
}
