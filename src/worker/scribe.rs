//! The journal's own task: what is to be written is queued, so that a slow disk holds up nothing but
//! the bytes that must not leave before they are journaled.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    ops::{Event, Reporter},
    store::{Journal, Transition},
};

/// How long a write may take before the operator is told. A disk takes milliseconds, a busy one a
/// second.
pub(super) const LIMIT: Duration = Duration::from_secs(2);
/// Writes that may wait for the disk: hours of a large worker.
const QUEUE: usize = 16_384;

/// Where steps are handed in to be written, in the order of the calls.
#[derive(Clone)]
pub(super) struct Scribe {
    pages: mpsc::Sender<Page>,
    patience: Duration,
    reporter: Reporter,
}

/// Steps that are written together, and who waits for them.
#[derive(Debug)]
struct Page {
    steps: Vec<Transition>,
    settled: watch::Sender<bool>,
}

/// The task that writes.
pub(super) struct Writing {
    journal: Arc<dyn Journal>,
    pages: mpsc::Receiver<Page>,
    reporter: Reporter,
    /// Whether the last write failed: that is told once.
    failing: bool,
}

/// Becomes true when the steps are on the disk, or can't be.
#[derive(Clone, Debug)]
pub(super) struct Written {
    settled: watch::Receiver<bool>,
    patience: Duration,
}

impl Written {
    /// Waits until the steps are written, or can't be, no longer than the journal's patience: its
    /// failure holds no submission up, because the chain itself refuses a second answer.
    pub(super) async fn settled(mut self) {
        // An error means that the task is gone, and then the worker ends.
        let waited = self.settled.wait_for(|settled| *settled);
        let _ = timeout(self.patience, waited).await;
    }

    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        *self.settled.borrow()
    }
}

impl Scribe {
    pub(super) fn new(journal: Arc<dyn Journal>, reporter: Reporter) -> (Self, Writing) {
        let (pages, queue) = mpsc::channel(QUEUE);
        let patience = journal.patience();
        let writing = Writing {
            journal,
            pages: queue,
            reporter: reporter.clone(),
            failing: false,
        };
        let scribe = Self {
            pages,
            patience,
            reporter,
        };
        (scribe, writing)
    }

    /// Hands steps in.
    pub(super) fn write(&self, steps: Vec<Transition>) -> Written {
        let (settled, written) = watch::channel(steps.is_empty());
        if !steps.is_empty() && self.pages.try_send(Page { steps, settled }).is_err() {
            self.reporter.emit(Event::Trouble {
                cause: "the journal's database has not written for long: a step is left out".into(),
                remedy: REMEDY.into(),
            });
        }
        Written {
            settled: written,
            patience: self.patience,
        }
    }
}

const REMEDY: &str = "free or repair the disk; until then a restart may forget submissions";

impl Writing {
    /// Writes until nobody is left who hands in steps. After `cancel` a disk that hangs is not waited
    /// for long.
    pub(super) async fn run(self, cancel: CancellationToken) {
        let patience = async {
            cancel.cancelled().await;
            sleep(LIMIT).await;
        };
        tokio::select! {
            () = self.write() => {}
            () = patience => {}
        }
    }

    async fn write(mut self) {
        while let Some(page) = self.pages.recv().await {
            let mut waiting = vec![page.settled];
            let mut steps = page.steps;
            // Whatever has queued up meanwhile takes one write of the disk.
            while let Ok(page) = self.pages.try_recv() {
                steps.extend(page.steps);
                waiting.push(page.settled);
            }
            self.append(&steps).await;
            for settled in waiting {
                settled.send_replace(true);
            }
        }
    }

    async fn append(&mut self, steps: &[Transition]) {
        let journal = Arc::clone(&self.journal);
        let append = journal.append(steps);
        tokio::pin!(append);
        let written = if let Ok(written) = timeout(LIMIT, &mut append).await {
            written
        } else {
            let cause = "the journal's database does not answer: does another program hold it?";
            self.tell(cause.into());
            append.await
        };
        match written {
            Ok(()) => self.failing = false,
            Err(error) => self.tell(error.to_string()),
        }
    }

    fn tell(&mut self, cause: String) {
        if !std::mem::replace(&mut self.failing, true) {
            let remedy = REMEDY.into();
            self.reporter.emit(Event::Trouble { cause, remedy });
        }
    }
}

#[cfg(test)]
#[path = "scribe_tests.rs"]
mod tests;
