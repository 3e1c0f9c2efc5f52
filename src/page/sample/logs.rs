//! The logs, by the worker's own reporter.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;

use super::{SampleError, Season};
use crate::{
    clock::Clock,
    ops::{Artifacts, OpsError, Reporter, ReporterOptions},
};

/// Events between two looks whether all is written.
const AT_ONCE: usize = 500;
/// How long the disk may take for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that shows what it is set to.
struct Shown(Mutex<OffsetDateTime>);

impl Clock for Shown {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Season {
    pub(super) fn write_logs(&self, artifacts: &Artifacts) -> Result<(), SampleError> {
        let clock = Arc::new(Shown(Mutex::new(self.until)));
        let mut options = ReporterOptions::new(artifacts.clone());
        options.stdout = false;
        options.clock = Arc::clone(&clock) as _;
        let reporter = Reporter::start(options)?;
        let written = || {
            let cause = std::io::Error::other("the logs were not written within a minute");
            let is_written = reporter.flush(PATIENCE);
            is_written.then_some(()).ok_or(OpsError::Writer { cause })
        };
        for some in self.told().chunks(AT_ONCE) {
            for told in some {
                *clock.0.lock().unwrap_or_else(PoisonError::into_inner) = told.at;
                reporter.emit(told.event.clone());
            }
            written()?;
        }
        Ok(())
    }
}
