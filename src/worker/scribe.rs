//! The journal's own task: what is to be written is queued, so that a slow disk holds up nothing but
//! the bytes that must not leave before they are journaled. What a disk refuses is kept in order and
//! written later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::backlog::Backlog;
use crate::{
    failpoint::stall,
    ops::{Event, Reporter},
    pulse::Pulse,
    store::{Journal, StoreError, Transition},
};

/// How long a write may take before the operator is told. A disk takes milliseconds, a busy one a
/// second.
pub(super) const LIMIT: Duration = Duration::from_secs(2);
/// Pause before what the disk refused is written again.
const AGAIN: Duration = Duration::from_secs(2);
/// Writes that may wait for the task, while a write hangs: hours of a large worker.
const QUEUE: usize = 16_384;

/// Where steps are handed in to be written, in the order of the calls.
#[derive(Clone)]
pub(super) struct Scribe {
    pages: mpsc::Sender<Page>,
    patience: Duration,
    is_binding: bool,
    reporter: Reporter,
    /// Whether a write hangs: nobody waits for one that stands behind it.
    hangs: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
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
    hangs: Arc<AtomicBool>,
    /// What is not on the disk yet.
    backlog: Backlog,
    /// Whether the last write failed: that is told once.
    failing: bool,
    life: Pulse,
}

/// Becomes true when the steps are on the disk, or the disk refused them for now.
#[derive(Clone, Debug)]
pub(super) struct Written {
    settled: watch::Receiver<bool>,
    patience: Duration,
}

impl Written {
    /// Waits until the steps are written, or refused, no longer than the journal's patience: its
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
        let (patience, is_binding) = (journal.patience(), journal.is_binding());
        let hangs = Arc::new(AtomicBool::new(false));
        let writing = Writing {
            journal,
            pages: queue,
            reporter: reporter.clone(),
            hangs: Arc::clone(&hangs),
            backlog: Backlog::default(),
            failing: false,
            life: Pulse::unwatched(),
        };
        let full = Arc::default();
        let scribe = Self {
            pages,
            patience,
            is_binding,
            reporter,
            hangs,
            full,
        };
        (scribe, writing)
    }

    /// Hands steps in.
    pub(super) fn write(&self, steps: Vec<Transition>) -> Written {
        let is_passed_over = self.hangs.load(Ordering::Relaxed) && !self.is_binding;
        let at_once = steps.is_empty() || is_passed_over;
        let (settled, written) = watch::channel(at_once);
        if !steps.is_empty() {
            let is_full = self.pages.try_send(Page { steps, settled }).is_err();
            if is_full && !self.full.swap(true, Ordering::Relaxed) {
                self.reporter.emit(Event::Trouble {
                    cause: "the journal's database has not answered for long: steps are left out"
                        .into(),
                    remedy: REMEDY.into(),
                });
            } else if !is_full {
                self.full.store(false, Ordering::Relaxed);
            }
        }
        Written {
            settled: written,
            patience: self.patience,
        }
    }
}

const REMEDY: &str = "windows are answered all the same; free or repair the disk, the steps are kept \
    and written then; a restart before that asks the chain what it holds";

impl Writing {
    /// Gives signs of life there. A disk that hangs is none.
    pub(super) fn watched(mut self, life: Pulse) -> Self {
        self.life = life;
        self
    }

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
        loop {
            let page = if self.backlog.is_empty() {
                self.life.during(self.pages.recv()).await
            } else {
                let Ok(page) = timeout(AGAIN, self.life.during(self.pages.recv())).await else {
                    self.settle().await;
                    continue;
                };
                page
            };
            let Some(page) = page else {
                break;
            };
            stall("journal").await;
            let mut waiting = vec![page.settled];
            self.backlog.add(page.steps);
            // Whatever has queued up meanwhile takes one write of the disk.
            while let Ok(page) = self.pages.try_recv() {
                self.backlog.add(page.steps);
                waiting.push(page.settled);
            }
            self.settle().await;
            for settled in waiting {
                settled.send_replace(true);
            }
        }
        if !self.backlog.is_empty() {
            self.settle().await;
            self.tell_forsaken();
        }
    }

    /// Writes all that is not on the disk yet.
    async fn settle(&mut self) {
        let steps = self.backlog.steps().to_vec();
        match self.append(&steps).await {
            Ok(()) => self.caught_up(),
            Err(error) if error.is_transient() => self.tell(error.to_string()),
            Err(_) => self.one_by_one().await,
        }
    }

    /// Some step is refused for what it holds: it must not stand in the way of the others.
    async fn one_by_one(&mut self) {
        while let Some(step) = self.backlog.first().cloned() {
            match self.append(std::slice::from_ref(&step)).await {
                Ok(()) => {}
                Err(error) if error.is_transient() => return self.tell(error.to_string()),
                Err(error) => {
                    let state = step.state.name().as_str();
                    let (cause, remedy) = (
                        format!(
                            "the journal refuses the step {state:?} of {}: {error}",
                            step.key
                        ),
                        "it is left out of the journal; a restart asks the chain".to_owned(),
                    );
                    self.reporter.emit(Event::Trouble { cause, remedy });
                }
            }
            self.backlog.drop_first();
        }
        self.caught_up();
    }

    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        let append = self.journal.append(steps);
        tokio::pin!(append);
        if let Ok(written) = timeout(LIMIT, &mut append).await {
            return written;
        }
        if !self.failing {
            let cause = "the journal's database does not answer: does another program hold it?";
            let remedy = REMEDY.into();
            self.reporter.emit(Event::Trouble {
                cause: cause.into(),
                remedy,
            });
        }
        self.hangs.store(true, Ordering::Relaxed);
        let written = append.await;
        self.hangs.store(false, Ordering::Relaxed);
        written
    }

    fn caught_up(&mut self) {
        let (kept, lost) = self.backlog.clear();
        if std::mem::take(&mut self.failing) {
            let lost = match lost {
                0 => "none is lost".to_owned(),
                lost => format!("the oldest {lost} were lost for want of memory"),
            };
            self.reporter.emit(Event::Notice {
                cause: format!(
                    "the journal is written again: {kept} steps that waited are in it, {lost}"
                ),
                remedy: "nothing has to be done".into(),
            });
        }
    }

    fn tell(&mut self, cause: String) {
        if !std::mem::replace(&mut self.failing, true) {
            let remedy = REMEDY.into();
            self.reporter.emit(Event::Trouble { cause, remedy });
        }
    }

    fn tell_forsaken(&mut self) {
        let left = self.backlog.steps().len();
        if left > 0 {
            self.reporter.emit(Event::Trouble {
                cause: format!("{left} steps of submissions are not in the journal: the disk took nothing until the end"),
                remedy: "free or repair the disk; the next start asks the chain what it holds".into(),
            });
        }
    }
}

#[cfg(test)]
#[path = "scribe_tests.rs"]
mod tests;
