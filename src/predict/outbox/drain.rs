//! From disk into the database.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    append::TOLD_EVERY,
    connect::Connect,
    file::File,
    intake::Intake,
    merge::groups,
    outage::Outages,
    pace::{Backoff, Seldom},
    row::Row,
};
use crate::{
    ops::{Event, Reporter},
    predict::Fact,
    store::{PredictionConfig, PredictionStore, StoreError},
};

/// Facts of one batch, and about their bytes.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 4 << 20;
/// When so many in a row were refused, it may be the database that is wrong and not they: those that
/// follow are set aside one a pause, which leaves time to see to it.
const MANY: u32 = 20;

/// What the drain needs to know of its surroundings.
pub(super) struct Surroundings {
    pub(super) file: Arc<File>,
    pub(super) intake: Arc<Intake>,
    /// Something was appended.
    pub(super) appended: Arc<Notify>,
    /// Shows the database once it is there.
    pub(super) store: watch::Sender<Option<Arc<dyn PredictionStore>>>,
    pub(super) crunch_id: String,
    pub(super) configs: Vec<PredictionConfig>,
    pub(super) write_timeout: Duration,
    pub(super) reporter: Reporter,
}

/// Stores what waits in the file, in its order.
pub(super) struct Drain<C> {
    around: Surroundings,
    connect: C,
    backoff: Backoff,
    outages: Outages,
    /// All facts up to this number are stored.
    done: i64,
    /// Whether stored facts are still in the file, because it could not be written.
    undeleted: bool,
    /// Facts of a batch: fewer while the database is too slow for its time limit.
    most: usize,
    /// Among the facts after `done` and up to this number is one that the database refuses.
    suspect: Option<i64>,
    refused: u64,
    /// Refused ones since the last that was stored.
    in_a_row: u32,
    refusals: Seldom,
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

enum Setback {
    Late,
    Store(StoreError),
}

impl<C: Connect> Drain<C> {
    pub(super) fn new(
        around: Surroundings,
        connect: C,
        backoff: Backoff,
        outages: Outages,
    ) -> Self {
        Self {
            around,
            connect,
            backoff,
            outages,
            done: 0,
            undeleted: false,
            most: MOST,
            suspect: None,
            refused: 0,
            in_a_row: 0,
            refusals: Seldom::every(TOLD_EVERY),
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
        loop {
            match self.step().await {
                Step::Went => {}
                Step::Empty => {
                    if cancel.is_cancelled() && self.around.intake.is_empty() {
                        return;
                    }
                    let leaving = cancel.is_cancelled();
                    tokio::select! {
                        () = self.around.appended.notified() => {}
                        () = cancel.cancelled(), if !leaving => {}
                    }
                }
                Step::Failed if cancel.is_cancelled() => return,
                Step::Failed => {
                    let pause = self.backoff.pause();
                    tokio::select! {
                        () = sleep(pause) => {}
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
            Err(Setback::Store(cause)) if !cause.is_transient() => {
                self.search(rows, &cause.to_string()).await
            }
            Err(Setback::Store(cause)) => self.failed(cause.to_string()),
            Err(Setback::Late) => {
                self.most = (rows.len() / 2).max(1);
                self.failed(self.late(rows.len()))
            }
        }
    }

    /// The next rows to store: the first half of those among which is a culprit, if there is one.
    async fn next(&mut self) -> Result<Vec<Row>, sqlx::Error> {
        let until = self.suspect.unwrap_or(i64::MAX);
        let file = &self.around.file;
        let mut rows = file.batch(self.done, until, self.most, MOST_BYTES).await?;
        if self.suspect.is_some() {
            rows.truncate(rows.len().div_ceil(2));
        }
        if rows.is_empty() && self.suspect.take().is_some() {
            rows = file
                .batch(self.done, i64::MAX, self.most, MOST_BYTES)
                .await?;
        }
        Ok(rows)
    }

    async fn write(&self, store: &dyn PredictionStore, facts: Vec<Fact>) -> Result<(), Setback> {
        let all = async {
            for group in groups(facts) {
                group.store(store).await?;
            }
            Ok(())
        };
        match timeout(self.around.write_timeout, all).await {
            Ok(written) => written.map_err(Setback::Store),
            Err(_) => Err(Setback::Late),
        }
    }

    async fn went(&mut self, rows: &[Row]) -> Step {
        self.done = rows.last().map_or(self.done, |row| row.seq);
        self.suspect = self.suspect.filter(|until| *until > self.done);
        self.most = (self.most * 2).min(MOST);
        self.backoff.reset();
        self.in_a_row = 0;
        self.undeleted = true;
        let newest = self.around.file.newest();
        self.outages.stored(self.done, rows.len(), newest);
        self.remove().await
    }

    /// Removes what is stored. Where that fails it is tried again with the next batch; nothing of it is
    /// stored again.
    async fn remove(&mut self) -> Step {
        if let Err(cause) = self.around.file.remove(self.done).await {
            let _ = self.trouble("written", &cause);
            return Step::Went;
        }
        self.undeleted = false;
        Step::Went
    }

    async fn at_the_end(&mut self) -> Step {
        if self.undeleted {
            self.remove().await;
            if self.undeleted {
                return Step::Failed;
            }
        }
        self.outages.stored(i64::MAX, 0, self.done);
        if let Err(cause) = self.around.file.shrink().await {
            tracing::warn!(%cause, "the outbox can't be shrunk");
        }
        Step::Empty
    }

    /// The database refused rows though it could be reached: halves them until the culprit is alone.
    async fn search(&mut self, rows: &[Row], cause: &str) -> Step {
        if let [row] = rows {
            return self.refuse(row, cause).await;
        }
        self.suspect = rows.last().map(|row| row.seq);
        Step::Went
    }

    /// Sets a row aside that can't be stored, so that those behind it can.
    async fn refuse(&mut self, row: &Row, cause: &str) -> Step {
        let file = &self.around.file;
        if let Err(cause) = file.refuse(row.seq, cause).await {
            return self.trouble("written", &cause);
        }
        (self.done, self.suspect) = (row.seq, None);
        self.refused += 1;
        self.in_a_row += 1;
        if self.refusals.due() {
            self.around.reporter.emit(Event::Trouble {
                cause: format!(
                    "a fact can't be stored ({}, {}): {cause}; {} were set aside since the start",
                    row.kind,
                    file.place(),
                    self.refused
                ),
                remedy: "look at the table refused of that file; what is right can be moved back into its table facts".into(),
            });
        }
        if self.in_a_row > MANY {
            Step::Failed
        } else {
            Step::Went
        }
    }

    fn failed(&mut self, cause: String) -> Step {
        self.outages.failed(cause, self.around.file.waiting());
        Step::Failed
    }

    fn late(&self, facts: usize) -> String {
        let limit = self.around.write_timeout.as_secs_f64();
        format!("{facts} facts were not written within {limit} s")
    }

    /// The file itself fails.
    fn trouble(&mut self, done: &str, cause: &sqlx::Error) -> Step {
        if self.troubles.due() {
            self.around.reporter.emit(Event::Trouble {
                cause: format!(
                    "the outbox {} can't be {done}: {cause}",
                    self.around.file.place()
                ),
                remedy: "see that its disk has space and answers; it is tried again".into(),
            });
        }
        Step::Failed
    }

    /// The database, opened when it is not yet; none when it can't be reached.
    async fn connected(&mut self) -> Option<Arc<dyn PredictionStore>> {
        let known = self.around.store.borrow().clone();
        if known.is_some() {
            return known;
        }
        let limit = self.around.write_timeout;
        let opening = async {
            let store = self.connect.connect().await?;
            let (crunch, configs) = (&self.around.crunch_id, &self.around.configs);
            store.declare(crunch, configs).await?;
            Ok::<_, StoreError>(store)
        };
        let cause = match timeout(limit, opening).await {
            Ok(Ok(store)) => {
                self.backoff.reset();
                self.around.store.send_replace(Some(Arc::clone(&store)));
                return Some(store);
            }
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => format!("it did not open within {} s", limit.as_secs_f64()),
        };
        self.failed(cause);
        None
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
