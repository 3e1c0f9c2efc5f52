//! What is done when a batch is not stored.

use std::sync::atomic::Ordering::Relaxed;

use tokio::time::timeout;

use super::{Drain, Step};
use crate::{
    ops::Event,
    predict::outbox::{connect::Connect, row::Row},
    store::{PredictionStore, StoreError},
};

/// How often in a row the database may be too slow for one fact alone and yet answer afterwards.
const LATE: u32 = 3;

/// Why a batch was not stored, in words.
pub(super) enum Setback {
    /// The database could be reached, and does not want it.
    Refused(String),
    /// It took too long.
    Late(String),
    /// Another time it may go well.
    Away(String),
}

impl From<StoreError> for Setback {
    fn from(cause: StoreError) -> Self {
        let words = cause.to_string();
        match cause {
            cause if cause.is_slow() => Self::Late(words),
            cause if cause.is_transient() => Self::Away(words),
            _ => Self::Refused(words),
        }
    }
}

impl<C: Connect> Drain<C> {
    /// The database refused rows though it could be reached: halves them until the culprit is alone.
    pub(super) async fn search(&mut self, rows: &[Row], cause: &str) -> Step {
        if let [row] = rows {
            return self.refuse(row, cause).await;
        }
        self.suspect = rows.last().map(|row| row.seq);
        Step::Went
    }

    pub(super) async fn refuse(&mut self, row: &Row, cause: &str) -> Step {
        if let Err(cause) = self.refusals.set_aside(row, cause).await {
            return self.trouble("written", &cause);
        }
        (self.suspect, self.late) = (None, None);
        if self.refusals.are_many() {
            Step::Failed
        } else {
            Step::Went
        }
    }

    /// The database was too slow for rows: it gets fewer. One that is too much for it though it is alone
    /// is set aside.
    pub(super) async fn late(
        &mut self,
        store: &dyn PredictionStore,
        rows: &[Row],
        cause: String,
    ) -> Step {
        self.most = (rows.len() / 2).max(1);
        if let [row] = rows {
            let before = self.late.filter(|(seq, _)| *seq == row.seq);
            let times = before.map_or(1, |(_, times)| times + 1);
            // Asked each time: a database that hung may come back at any moment.
            self.late = self.answers(store).await.then_some((row.seq, times));
            if self.late.is_some() && times >= LATE {
                return self.refuse(row, &cause).await;
            }
        }
        self.failed(cause)
    }

    /// Whether the database takes a small write soon. Nothing is declared that is not already.
    async fn answers(&self, store: &dyn PredictionStore) -> bool {
        let (crunch, configs) = (&self.around.crunch_id, &self.around.configs);
        let asked = store.declare(crunch, configs);
        let answer = timeout(self.around.write_timeout / 4, asked).await;
        answer.is_ok_and(|it| it.is_ok())
    }

    pub(super) fn failed(&mut self, cause: String) -> Step {
        self.around.held_up.store(true, Relaxed);
        self.outages.failed(cause, self.around.file.waiting());
        Step::Failed
    }

    /// The file itself fails.
    pub(super) fn trouble(&mut self, done: &str, cause: &sqlx::Error) -> Step {
        self.around.file.met(cause);
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
}
