//! File descriptors: as many as the system grants, and one that is kept for what must be opened.

use std::{fs::File, io};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Fewer than so many are few: the worker holds about 30 and, with a network of models, two for each.
pub const FEW: u64 = 256;

/// Raises the limit of open files as far as the system lets this process; gives the limit, none when there
/// is none.
#[must_use]
pub fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// A descriptor that does nothing but keep its place, so that a file can be opened when there is no
/// other left.
#[derive(Debug)]
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Does what opens a file and closes it again; in the spare's place when there is no other.
    pub(super) fn lend<T>(&mut self, mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let found = match open() {
            Err(cause) if is_exhausted(&cause) && self.0.take().is_some() => open(),
            other => other,
        };
        if self.0.is_none() {
            *self = Self::new();
        }
        found
    }
}

/// Whether the process, or the whole system, has no descriptor left.
fn is_exhausted(cause: &io::Error) -> bool {
    let code = cause.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spare_is_given_up_once_and_taken_again() {
        let mut spare = Spare::new();
        let mut tries = 0;
        let done = spare.lend(|| {
            tries += 1;
            if tries == 1 {
                return Err(Errno::MFILE.into());
            }
            Ok(tries)
        });
        assert_eq!(done.unwrap(), 2);
        assert!(spare.0.is_some());
        let refused: io::Result<()> = spare.lend(|| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn without_a_spare_the_failure_is_told() {
        let mut spare = Spare(None);
        let refused: io::Result<()> = spare.lend(|| Err(Errno::NFILE.into()));
        assert!(is_exhausted(&refused.unwrap_err()));
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let raised = raise_descriptors();
        assert_eq!(raised, getrlimit(Resource::Nofile).maximum);
        assert_eq!(raised, getrlimit(Resource::Nofile).current);
    }
}
