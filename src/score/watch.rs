//! Passes without end, and what the operator is told of them.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{PassDone, ScoreConfig, Scorer};
use crate::{
    ops::{Reporter, ScoreEvent},
    store::StoreError,
};

/// How often it is told that the database is still away.
const TOLD_EVERY: Duration = Duration::from_secs(600);

/// Scores again and again. A database that is away is waited for.
pub struct Watch {
    scorer: Scorer,
    interval: Duration,
    pauses: (Duration, Duration),
    database: String,
    reporter: Reporter,
    outage: Option<Outage>,
}

struct Outage {
    since: Instant,
    told: Instant,
    next: Duration,
}

impl Watch {
    /// Passes of a scorer; `database` names it to the operator.
    #[must_use]
    pub fn new(scorer: Scorer, config: &ScoreConfig, database: String, reporter: Reporter) -> Self {
        Self {
            scorer,
            interval: config.interval,
            pauses: (config.retry_min, config.retry_max),
            database,
            reporter,
            outage: None,
        }
    }

    /// Scores until it is told to stop, be it in the middle of a pass.
    pub async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(async {
            loop {
                let pause = self.round().await;
                sleep(pause).await;
            }
        })
        .await;
    }

    /// One pass; gives how long to wait for the next.
    async fn round(&mut self) -> Duration {
        match self.once().await {
            Ok(_) => self.interval,
            Err(cause) => self.failed(&cause),
        }
    }

    /// One pass, which is told.
    ///
    /// # Errors
    /// When the database can't be read or written.
    pub async fn once(&mut self) -> Result<PassDone, StoreError> {
        let done = self.scorer.pass().await?;
        if let Some(outage) = self.outage.take() {
            let seconds = outage.since.elapsed().as_secs();
            let database = self.database.clone();
            self.tell(ScoreEvent::ScoreStoreBack { database, seconds });
        }
        self.tell(ScoreEvent::ScoringDone {
            scored: done.scored,
            unscorable: done.unscorable,
            waiting: done.waiting,
            unreadable: done.unreadable,
            models: done.models,
            until: done.until,
            took_ms: done.took.as_secs_f64() * 1e3,
        });
        if let Some((model_id, score)) = done.leader.clone()
            && done.leader_before.as_ref() != Some(&model_id)
        {
            let before = done.leader_before.clone();
            self.tell(ScoreEvent::LeaderChanged {
                model_id,
                score,
                before,
            });
        }
        Ok(done)
    }

    /// Told at once, and no more often than every ten minutes; gives the next pause, which doubles.
    fn failed(&mut self, cause: &StoreError) -> Duration {
        let now = Instant::now();
        let is_first = self.outage.is_none();
        let (shortest, longest) = self.pauses;
        let outage = self.outage.get_or_insert(Outage {
            since: now,
            told: now,
            next: shortest,
        });
        let is_due = is_first || now.duration_since(outage.told) >= TOLD_EVERY;
        if is_due {
            outage.told = now;
        }
        let pause = outage.next;
        outage.next = (pause * 2).min(longest);
        if is_due {
            self.tell(ScoreEvent::ScoreStoreUnavailable {
                database: self.database.clone(),
                cause: cause.to_string(),
            });
        }
        pause
    }

    fn tell(&self, event: ScoreEvent) {
        self.reporter.emit(event.into());
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
