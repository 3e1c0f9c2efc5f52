//! What the database refuses is set aside, so that what is behind it can be stored.

use std::sync::Arc;

use super::{append::TOLD_EVERY, file::File, pace::Seldom, row::Row};
use crate::ops::{Event, Reporter};

/// When so many in a row were refused, it may be the database that is wrong and not they: those that
/// follow are set aside one a pause, which leaves time to see to it.
const MANY: u32 = 20;
/// Under a new number, as each fact that is put: an old one may be taken for what is stored already.
const REMEDY: &str = "look at the table refused of that file; put back what is right with INSERT INTO \
    facts (kind, bytes, fact, payload) SELECT kind, bytes, fact, payload FROM refused WHERE seq = …, \
    and delete it from refused";

/// Sets facts aside, and tells of them.
pub(super) struct Refusals {
    file: Arc<File>,
    reporter: Reporter,
    count: u64,
    /// Since the last that was stored.
    in_a_row: u32,
    told: Seldom,
}

impl Refusals {
    pub(super) const fn new(file: Arc<File>, reporter: Reporter) -> Self {
        Self {
            file,
            reporter,
            count: 0,
            in_a_row: 0,
            told: Seldom::every(TOLD_EVERY),
        }
    }

    /// Moves a row to those that are set aside.
    pub(super) async fn set_aside(&mut self, row: &Row, cause: &str) -> Result<(), sqlx::Error> {
        self.file.refuse(row.seq, cause).await?;
        self.count += 1;
        self.in_a_row += 1;
        if self.told.due() {
            self.reporter.emit(Event::Trouble {
                cause: format!(
                    "a fact can't be stored ({}, {}): {cause}; {} were set aside since the start",
                    row.kind,
                    self.file.place(),
                    self.count
                ),
                remedy: REMEDY.into(),
            });
        }
        Ok(())
    }

    /// Something was stored.
    pub(super) const fn ended(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether a pause is due.
    pub(super) const fn are_many(&self) -> bool {
        self.in_a_row > MANY
    }
}

/// Tells what earlier processes set aside.
pub(super) async fn tell_refused(file: &File, reporter: &Reporter) {
    match file.refused().await {
        Ok(0) => {}
        Ok(count) => reporter.emit(Event::Notice {
            cause: format!(
                "{count} facts that the database refused earlier are in the table refused of {}",
                file.place()
            ),
            remedy: REMEDY.into(),
        }),
        Err(cause) => tracing::warn!(%cause, "the outbox's refused facts can't be counted"),
    }
}
