//! The machine: room on its disk, files that may be open, and who can read what the worker writes.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access, statvfs};

use super::{Area, Check, words};
use crate::ops::{Artifacts, FEW, raise_descriptors};

/// Less than this, and the disk is full before the operator looks again.
const LITTLE: u64 = 1 << 30;
/// Less than this, and the database may be refused a page.
const NONE: u64 = 64 << 20;

/// What is known of a data folder's disk.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// The folder, or what is there of the way to it.
    pub(super) folder: PathBuf,
    /// Bytes that this user may still write.
    pub(super) free: Option<u64>,
    pub(super) is_writable: bool,
    /// Whether a worker's lock is there already: with it one goes on, though nothing can be written.
    pub(super) has_lock: bool,
}

/// Looks at the machine.
pub(super) fn look(artifacts: &Artifacts) -> Vec<Check> {
    let mut all = vec![
        Check::ok(Area::Host, "program", program()),
        descriptors(raise_descriptors()),
    ];
    all.extend(space(&disk(artifacts)));
    all.extend(exposed(&artifacts.exposed()));
    all
}

/// Whether somebody else listens where the worker would.
pub(super) fn port(listen: SocketAddr) -> Option<Check> {
    let refused = TcpListener::bind(listen).err()?;
    let what = format!("metrics, health and the page can't be served at {listen}: {refused}");
    let remedy = "the worker goes on without them: choose another address, as \
                  ALLORA_OPS__HTTP__LISTEN=127.0.0.1:9567 in .env or ops.http.listen";
    Some(Check::warning(Area::Host, "page", what, remedy))
}

fn program() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "allora-worker {} on {} {}, {cores} cores",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

fn descriptors(limit: Option<u64>) -> Check {
    match limit {
        Some(limit) if limit < FEW => Check::warning(
            Area::Host,
            "open files",
            format!("no more than {limit} files and connections may be open"),
            format!("raise the hard limit to {FEW} or more: ulimit -Hn, LimitNOFILE= of the unit"),
        ),
        Some(limit) => Check::ok(Area::Host, "open files", format!("{limit} may be open")),
        None => Check::ok(Area::Host, "open files", "no limit"),
    }
}

fn disk(artifacts: &Artifacts) -> Disk {
    let wanted = artifacts.folder();
    let present = |path: &&Path| path.is_dir();
    let folder = wanted.ancestors().find(present).unwrap_or(Path::new("/"));
    let room = statvfs(folder).ok();
    Disk {
        free: room.map(|it| it.f_bavail.saturating_mul(it.f_frsize)),
        is_writable: access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok(),
        has_lock: artifacts.pidfile().exists(),
        folder: folder.to_owned(),
    }
}

pub(super) fn space(disk: &Disk) -> Vec<Check> {
    let folder = disk.folder.display();
    let mut all = Vec::new();
    if !disk.is_writable {
        let what = format!("{folder} can't be written to");
        let remedy = format!("chown or chmod {folder}, or choose another --data-dir");
        let check = Check::error(Area::Host, "data folder", what, remedy);
        all.push(if disk.has_lock {
            check
        } else {
            check.ends_a_start()
        });
    }
    let Some(free) = disk.free else { return all };
    let what = format!("{} free at {folder}", words::bytes(free));
    let remedy = "free some, or choose another --data-dir; without room submissions are journaled in \
                  memory alone";
    all.push(match free {
        ..NONE => Check::error(Area::Host, "disk", what, remedy),
        NONE..LITTLE => Check::warning(Area::Host, "disk", what, remedy),
        _ => Check::ok(Area::Host, "disk", what),
    });
    all
}

/// What others can read or replace, each with the command after its colon.
fn exposed(found: &[String]) -> Vec<Check> {
    let told = found.iter().map(|it| {
        let (what, remedy) = it.rsplit_once(": ").unwrap_or((it, "change its mode"));
        Check::warning(Area::Host, "data folder", what, remedy)
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    fn of(free: u64, is_writable: bool, has_lock: bool) -> Vec<Check> {
        space(&Disk {
            folder: "/data".into(),
            free: Some(free),
            is_writable,
            has_lock,
        })
    }

    #[test]
    fn room_is_well_from_a_gibibyte_on_and_wrong_when_there_is_none() {
        assert_eq!(of(2 << 30, true, false)[0].level, Level::Ok);
        let little = &of(500 << 20, true, false)[0];
        assert_eq!(little.level, Level::Warning);
        assert!(little.what.contains("500 MiB free at /data"), "{little:?}");
        let none = &of(1 << 20, true, false)[0];
        assert_eq!(none.level, Level::Error);
        assert!(!none.stops(), "the worker goes on in memory");
    }

    #[test]
    fn a_folder_that_is_read_only_ends_a_start_that_finds_no_lock_in_it() {
        assert!(of(2 << 30, false, false)[0].stops());
        let locked = &of(2 << 30, false, true)[0];
        assert_eq!((locked.level, locked.stops()), (Level::Error, false));
    }

    #[test]
    fn a_port_that_another_program_has_is_told_with_the_variable_that_changes_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let check = port(at).unwrap();
        assert!(check.what.contains(&at.to_string()), "{check:?}");
        assert!(check.remedy.contains("ALLORA_OPS__HTTP__LISTEN"));
        drop(taken);
        assert!(port(at).is_none());
    }

    #[test]
    fn few_descriptors_and_open_folders_are_told_with_the_command() {
        assert_eq!(descriptors(Some(FEW)).level, Level::Ok);
        assert_eq!(descriptors(None).level, Level::Ok);
        let few = descriptors(Some(64));
        assert_eq!(few.level, Level::Warning);
        assert!(few.remedy.contains("LimitNOFILE"), "{few:?}");
        let open = exposed(&["other users can read files in /d: chmod -R go= /d".into()]);
        assert_eq!(open[0].remedy, "chmod -R go= /d");
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_way_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let found = disk(&Artifacts::new(folder.path().join("none/yet")));
        assert_eq!(found.folder, folder.path());
        assert!(found.is_writable && !found.has_lock && found.free.is_some());
        assert!(
            !folder.path().join("none").exists(),
            "it was made by looking"
        );
    }
}
