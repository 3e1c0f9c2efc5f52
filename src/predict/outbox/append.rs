//! From memory to disk.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    file::File,
    intake::Intake,
    pace::{Backoff, Seldom},
    row::Row,
};
use crate::{
    ops::{Event, PredictEvent, Reporter},
    predict::Fact,
};

/// About the bytes of one transaction, by which the file may exceed its share for a moment.
const BITE: u64 = 8 << 20;
/// How often the same is told.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(600);
/// How long a file that can't be written is tried again after the end was asked for.
const LAST_TRIES: Duration = Duration::from_secs(5);

/// Appends what was put.
pub(super) struct Append {
    pub(super) file: Arc<File>,
    pub(super) intake: Arc<Intake>,
    /// Something was appended.
    pub(super) appended: Arc<Notify>,
    pub(super) reporter: Reporter,
    pub(super) backoff: Backoff,
    pub(super) losses: Losses,
    pub(super) troubles: Seldom,
}

/// Facts that were lost because the disk's share was full.
pub(super) struct Losses {
    cap: u64,
    untold: u64,
    in_all: u64,
    told: Seldom,
}

impl Losses {
    pub(super) const fn new(cap: u64) -> Self {
        Self {
            cap,
            untold: 0,
            in_all: 0,
            told: Seldom::every(TOLD_EVERY),
        }
    }

    fn bite(&self) -> usize {
        usize::try_from(BITE.min(self.cap / 8)).unwrap_or(usize::MAX)
    }

    fn lose(&mut self, lost: u64) {
        self.untold += lost;
        self.in_all += lost;
    }

    fn tell(&mut self, reporter: &Reporter, last: bool) {
        if self.untold > 0 && (last || self.told.due()) {
            reporter.emit(
                PredictEvent::StoreOverflow {
                    lost: std::mem::take(&mut self.untold),
                    lost_in_all: self.in_all,
                }
                .into(),
            );
        }
    }
}

impl Append {
    /// Runs until `stop`; then all that was put before is appended.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            // What gathers while one transaction is written goes into the next.
            let (facts, bytes) = self.intake.take(self.losses.bite());
            if facts.is_empty() {
                if stop.is_cancelled() {
                    break;
                }
                tokio::select! {
                    () = self.intake.ready() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            let rows = self.encode(facts);
            if !self.append(&rows, &stop).await {
                self.give_up(rows.len());
                break;
            }
            self.appended.notify_one();
            self.trim().await;
            self.intake.release(bytes);
        }
        let left = self.intake.close();
        if left > 0 {
            self.give_up(left);
        }
        self.losses.tell(&self.reporter, true);
    }

    fn encode(&self, facts: Vec<Fact>) -> Vec<Row> {
        let encoded = facts.into_iter().map(Row::encode);
        encoded
            .filter_map(|row| {
                row.inspect_err(|cause| {
                    self.trouble(
                        format!("a fact can't be written as JSON and is lost: {cause}"),
                        "report this as a defect of the worker",
                    );
                })
                .ok()
            })
            .collect()
    }

    /// Tries until it is done; gives whether it is.
    async fn append(&mut self, rows: &[Row], stop: &CancellationToken) -> bool {
        let mut stopped: Option<Instant> = None;
        while let Err(cause) = self.file.append(rows).await {
            self.file.met(&cause);
            if self.troubles.due() {
                self.trouble(
                    format!(
                        "the outbox {} can't be written: {cause}; what is to be stored waits in memory",
                        self.file.place()
                    ),
                    "see that its disk has space; it is tried again",
                );
            }
            let mut pause = self.backoff.pause();
            if stop.is_cancelled() {
                let since = stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= LAST_TRIES {
                    return false;
                }
                pause = pause.min(LAST_TRIES / 10);
                sleep(pause).await;
            } else {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        self.backoff.reset();
        true
    }

    async fn trim(&mut self) {
        match self.file.trim(self.losses.cap).await {
            Ok(lost) => self.losses.lose(lost),
            Err(cause) => {
                self.file.met(&cause);
                tracing::warn!(%cause, "the outbox can't be trimmed");
            }
        }
        self.losses.tell(&self.reporter, false);
    }

    fn give_up(&self, facts: usize) {
        self.trouble(
            format!(
                "{facts} facts are lost: the outbox {} could not be written before the end",
                self.file.place()
            ),
            "see that its disk has space",
        );
    }

    fn trouble(&self, cause: String, remedy: &str) {
        self.reporter.emit(Event::Trouble {
            cause,
            remedy: remedy.into(),
        });
    }
}
