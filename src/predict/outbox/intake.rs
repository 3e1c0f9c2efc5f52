//! What was put and is not on disk yet.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{pace::Seldom, row::weight};
use crate::{
    ops::{Event, Reporter},
    predict::Fact,
};

/// How often refusals are told.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Takes facts into memory, up to a bound.
pub(super) struct Intake {
    state: Mutex<State>,
    /// Something was put.
    ready: Notify,
    bound: usize,
    place: String,
    reporter: Reporter,
}

struct State {
    facts: VecDeque<Fact>,
    /// What the facts weigh, with those that were taken and are not on disk yet.
    bytes: usize,
    refused: u64,
    told: Seldom,
    open: bool,
}

impl Intake {
    /// Holds at most `bound` bytes; `place` is the file that they are meant for.
    pub(super) fn new(bound: usize, place: String, reporter: Reporter) -> Self {
        Self {
            state: Mutex::new(State {
                facts: VecDeque::new(),
                bytes: 0,
                refused: 0,
                told: Seldom::every(TOLD_EVERY),
                open: true,
            }),
            ready: Notify::new(),
            bound,
            place,
            reporter,
        }
    }

    /// Takes facts, but for those that would exceed the bound.
    pub(super) fn put(&self, facts: Vec<Fact>) {
        let told = {
            let mut state = self.state();
            let before = state.refused;
            for fact in facts {
                let bytes = weight(&fact);
                if state.open && state.bytes + bytes <= self.bound {
                    state.bytes += bytes;
                    state.facts.push_back(fact);
                } else {
                    state.refused += 1;
                }
            }
            let due = state.refused > before && state.told.due();
            due.then_some((state.refused, state.open))
        };
        self.ready.notify_one();
        if let Some((count, open)) = told {
            self.tell(count, open);
        }
    }

    fn tell(&self, refused: u64, open: bool) {
        let cause = if open {
            format!(
                "{refused} facts are lost: the outbox {} does not take them, and {} MiB of memory hold those that wait for it",
                self.place,
                self.bound >> 20
            )
        } else {
            format!("{refused} facts are lost: they came after the outbox was closed")
        };
        self.reporter.emit(Event::Trouble {
            cause,
            remedy: "see that its disk has space and answers".into(),
        });
    }

    /// The oldest facts, up to a weight and at least one if there is one; with what they weigh, which
    /// counts until [`Intake::release`].
    pub(super) fn take(&self, most: usize) -> (Vec<Fact>, usize) {
        let mut state = self.state();
        let (mut count, mut bytes) = (0, 0);
        for fact in &state.facts {
            let more = weight(fact);
            if count > 0 && bytes + more > most {
                break;
            }
            (count, bytes) = (count + 1, bytes + more);
        }
        (state.facts.drain(..count).collect(), bytes)
    }

    /// What was taken is on disk.
    pub(super) fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
    }

    /// Whether all that was put is on disk.
    pub(super) fn is_empty(&self) -> bool {
        self.state().bytes == 0
    }

    /// Takes no more. Gives how many facts are left.
    pub(super) fn close(&self) -> usize {
        let mut state = self.state();
        state.open = false;
        state.facts.len()
    }

    /// Waits until something is put.
    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
