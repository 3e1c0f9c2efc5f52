//! What may be spent on one answer.
//!
//! Models send what they like, and some families cost a thousand times what others do. Effort is counted
//! and not timed, so an answer is worth the same on every machine.

use std::cell::Cell;

use thiserror::Error;

/// The effort for one answer, in about so many divisions: a second of a slow machine. Mixtures of three
/// heavy families over 288 steps take less than half of it.
pub(super) const OF_AN_ANSWER: u64 = 120_000_000;

/// An answer whose densities cost more than an answer may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "its densities take too much to be integrated; have the model answer with fewer or simpler components, such as norm or t"
)]
pub struct TooCostly;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget(Cell<Option<u64>>);

impl Budget {
    pub(super) const fn new(effort: u64) -> Self {
        Self(Cell::new(Some(effort)))
    }

    /// Whether there was as much. Once there was not, nothing is left.
    pub(super) fn spend(&self, effort: u64) -> bool {
        let left = self.0.get().and_then(|left| left.checked_sub(effort));
        self.0.set(left);
        left.is_some()
    }

    pub(super) const fn check(&self) -> Result<(), TooCostly> {
        if self.0.get().is_some() {
            Ok(())
        } else {
            Err(TooCostly)
        }
    }
}
