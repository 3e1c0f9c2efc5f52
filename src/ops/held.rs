//! Who holds a data folder or a wallet, for those who only want to know: nothing is made or written.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::{
    Artifacts, WalletLock,
    singleton::{holder, line, try_lock},
};

/// A process that holds a lock, as it wrote itself down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number, or `unknown`.
    pub pid: String,
    /// Its data folder, where the lock is a wallet's.
    pub data_dir: Option<PathBuf>,
}

/// The worker that runs with this data folder, if one does.
#[must_use]
pub fn holder_of_folder(artifacts: &Artifacts) -> Option<Holder> {
    let written = content(&artifacts.pidfile())?;
    Some(Holder {
        pid: line(&written, 0),
        data_dir: None,
    })
}

/// The worker of this host that has the wallet to itself, or shares it through another database than
/// `database`, if one does.
#[must_use]
pub fn holder_of_wallet(chain_id: &str, address: &str, database: Option<&str>) -> Option<Holder> {
    holder_in(&WalletLock::places(), (chain_id, address), database)
}

fn holder_in(
    places: &[PathBuf],
    (chain_id, address): (&str, &str),
    database: Option<&str>,
) -> Option<Holder> {
    let name = WalletLock::name(chain_id, address);
    let written = places
        .iter()
        .find_map(|place| content(&place.join(&name)))?;
    let is_shared = database.is_some_and(|database| line(&written, 2) == database);
    (!is_shared).then(|| Holder {
        pid: line(&written, 0),
        data_dir: Some(line(&written, 1).into()),
    })
}

/// What the holder of a file's lock wrote; none when nobody holds it. The lock is taken for a moment, for
/// which whoever starts then waits.
fn content(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    match try_lock(&file) {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file).unwrap_or_default()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Pidfile;

    #[test]
    fn a_folder_is_held_as_long_as_its_worker_runs_and_looking_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        assert_eq!(holder_of_folder(&artifacts), None);
        assert!(!artifacts.pidfile().exists(), "it was made by looking");
        let held = Pidfile::acquire(&artifacts).unwrap();
        let found = holder_of_folder(&artifacts).unwrap();
        assert_eq!(found.pid, std::process::id().to_string());
        drop(held);
        assert_eq!(holder_of_folder(&artifacts), None);
        Pidfile::acquire(&artifacts).unwrap();
    }

    #[test]
    fn a_wallet_is_held_unless_it_is_shared_through_the_same_database() {
        let folder = tempfile::tempdir().unwrap();
        let places = [folder.path().join("locks")];
        let artifacts = Artifacts::new(folder.path());
        let wallet = ("allora-devnet-1", "allo1x");
        assert_eq!(holder_in(&places, wallet, None), None);
        let held = WalletLock::acquire_in(&places, wallet, &artifacts, None).unwrap();
        let found = holder_in(&places, wallet, Some("postgres://a")).unwrap();
        let own = std::fs::canonicalize(folder.path()).unwrap();
        assert_eq!(found.data_dir, Some(own));
        drop(held);
        let shared = WalletLock::acquire_in(&places, wallet, &artifacts, Some("postgres://a"));
        let _shared = shared.unwrap();
        assert_eq!(holder_in(&places, wallet, Some("postgres://a")), None);
        assert!(holder_in(&places, wallet, Some("postgres://b")).is_some());
        assert!(holder_in(&places, wallet, None).is_some());
    }
}
