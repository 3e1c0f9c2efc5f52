//! Whether the worker runs, told without touching its pidfile's lock.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};
use serde::Deserialize;

use crate::{limits, ops::Phase};

/// The most that is read of a small file.
const SMALL: usize = 64 << 10;
/// The most that is read of the system's list of locks.
const LOCKS: usize = 4 << 20;
/// The program's name, as the system shows it.
const NAME: &str = "allora-worker";

/// The content of `worker.state` as far as it is needed here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StateFile {
    pub(super) pid: u32,
    pub(super) state: Option<Phase>,
    pub(super) since: String,
    pub(super) address: String,
    pub(super) message: String,
    /// Why the logs can't be written.
    pub(super) logs: Option<String>,
}

/// Reads `worker.state`; none when there is none.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(super) fn state_file(path: &Path) -> Result<Option<StateFile>, String> {
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |cause: &dyn std::fmt::Display| {
        let path = path.display();
        format!("{path} can't be read: {cause}; a worker writes it anew when it starts")
    };
    let text = limits::read_text(path, SMALL).map_err(|cause| wrong(&cause))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|cause| wrong(&cause))
}

/// The process that holds a pidfile, if one does.
pub(super) fn running(pidfile: &Path) -> Option<u32> {
    let text = limits::read_text(pidfile, SMALL).ok()?;
    let pid: u32 = text.trim().parse().ok()?;
    let number = Pid::from_raw(i32::try_from(pid).ok()?)?;
    // Another user's process is there, too.
    let is_there = matches!(test_kill_process(number), Ok(()) | Err(Errno::PERM));
    (is_there && (is_locked(pidfile) || is_ours(pid))).then_some(pid)
}

/// Whether the system lists a lock on the file. A number of the file system that differs, as with layered
/// ones, makes it not found.
fn is_locked(path: &Path) -> bool {
    let (Ok(about), Ok(locks)) = (
        fs::metadata(path),
        limits::read_text(Path::new("/proc/locks"), LOCKS),
    ) else {
        return false;
    };
    let inode = format!(":{}", about.ino());
    let holds = |line: &str| {
        line.contains("FLOCK") && line.split_whitespace().any(|word| word.ends_with(&inode))
    };
    locks.lines().any(holds)
}

/// The process may be another one that was given a dead worker's number.
fn is_ours(pid: u32) -> bool {
    let path = PathBuf::from(format!("/proc/{pid}/comm"));
    limits::read_text(&path, SMALL).is_ok_and(|name| name.trim() == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Artifacts, Pidfile};

    #[test]
    fn a_worker_is_seen_while_it_holds_its_pidfile() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        assert_eq!(running(&artifacts.pidfile()), None);
        let held = Pidfile::acquire(&artifacts).unwrap();
        assert_eq!(running(&artifacts.pidfile()), Some(std::process::id()));
        drop(held);
        assert_eq!(
            running(&artifacts.pidfile()),
            None,
            "it ended in good order"
        );
        // A killed one leaves its number; another process may have it by now.
        fs::write(artifacts.pidfile(), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(running(&artifacts.pidfile()), None);
        for odd in ["", "x", "0", "-1", "4294967295", "99999999999999"] {
            fs::write(artifacts.pidfile(), odd).unwrap();
            assert_eq!(running(&artifacts.pidfile()), None, "{odd}");
        }
    }

    #[test]
    fn a_state_that_makes_no_sense_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.state");
        assert!(state_file(&path).unwrap().is_none());
        fs::write(
            &path,
            "{\"pid\":7,\"state\":\"ready\",\"since\":\"\",\"new\":1}",
        )
        .unwrap();
        let read = state_file(&path).unwrap().unwrap();
        assert_eq!((read.pid, read.state), (7, Some(Phase::Ready)));
        for odd in ["", "7", "{\"pid\":-1}", "{\"state\":\"dancing\"}"] {
            fs::write(&path, odd).unwrap();
            let told = state_file(&path).unwrap_err();
            assert!(told.contains("can't be read"), "{told}");
        }
    }
}
