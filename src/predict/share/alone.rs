//! A note that a worker was alone, for its next start.

use std::{fs, io, path::PathBuf};

use crate::limits;

/// Says, in a file, whether this worker was the only one of a crunch at its last good heartbeat. One that
/// was goes on with all models when it is started again while the database is away: nobody has them.
#[derive(Debug)]
pub(super) struct AloneNote {
    path: PathBuf,
    crunch_id: String,
    /// What the last worker left.
    was_alone: bool,
    /// What it says now, if that is known.
    says: Option<bool>,
}

impl AloneNote {
    pub(super) fn of(path: PathBuf, crunch_id: &str) -> Self {
        let noted = limits::read_text(&path, limits::WRITTEN);
        let was_alone = noted.is_ok_and(|noted| noted == crunch_id);
        Self {
            path,
            crunch_id: crunch_id.to_owned(),
            was_alone,
            says: None,
        }
    }

    /// Whether the worker before this one was alone.
    pub(super) const fn was_alone(&self) -> bool {
        self.was_alone
    }

    /// Notes it where it has changed. What can't be written is tried again with the next heartbeat.
    pub(super) fn set(&mut self, is_alone: bool) {
        if self.says == Some(is_alone) {
            return;
        }
        let written = if is_alone {
            fs::write(&self.path, &self.crunch_id)
        } else {
            match fs::remove_file(&self.path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            }
        };
        match written {
            Ok(()) => self.says = Some(is_alone),
            Err(cause) => tracing::warn!(%cause, path = %self.path.display(), "can't be noted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_worker_of_the_same_crunch_knows() {
        let folder = tempfile::tempdir().unwrap();
        let note = |crunch| AloneNote::of(folder.path().join("alone"), crunch);
        assert!(!note("one").was_alone());
        note("one").set(true);
        assert!(note("one").was_alone() && !note("another").was_alone());
        let mut next = note("one");
        next.set(false);
        next.set(false);
        assert!(!note("one").was_alone());
    }
}
