//! The guards against two workers in one data folder, or with one wallet on one host.
//!
//! Both are advisory locks that the system drops with the process, so a file left behind is no
//! obstacle. The files stay: removing one would let a third process lock a file of the same name
//! while a second still holds the removed one.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Artifacts, OpsError};

/// Holds the data folder's pidfile; dropped, it sets the folder free.
#[derive(Debug)]
pub struct Pidfile {
    file: File,
    path: PathBuf,
}

/// Holds the wallet on this host; dropped, it sets the wallet free.
#[derive(Debug)]
pub struct WalletLock {
    files: Vec<File>,
}

impl Pidfile {
    /// Takes the data folder's pidfile and writes this process's id into it.
    ///
    /// # Errors
    /// [`OpsError::AlreadyRunning`] with the other's pid, or [`OpsError::Lock`].
    pub fn acquire(artifacts: &Artifacts) -> Result<Self, OpsError> {
        let path = artifacts.pidfile();
        let failed = |cause| OpsError::Lock {
            path: path.clone(),
            cause,
        };
        fs::create_dir_all(artifacts.folder()).map_err(failed)?;
        match lock(&path, &std::process::id().to_string()).map_err(failed)? {
            Locked::Ours(file) => Ok(Self { file, path }),
            Locked::Theirs(content) => Err(OpsError::AlreadyRunning {
                pid: line(&content, 0),
                pidfile: path,
            }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl WalletLock {
    /// Takes the wallet for this process in every place on the host where others would look:
    /// `$XDG_RUNTIME_DIR`, `/run/user/UID` and the temp folder, as far as they exist. Several,
    /// because a service and a login shell often don't have the same ones set.
    ///
    /// # Errors
    /// [`OpsError::WalletInUse`] with the other's pid and data folder, or
    /// [`OpsError::NoLockFolder`].
    pub fn acquire(chain_id: &str, address: &str, artifacts: &Artifacts) -> Result<Self, OpsError> {
        let uid = own_uid();
        let mut places = Vec::new();
        if let Some(folder) = env::var_os("XDG_RUNTIME_DIR").filter(|it| !it.is_empty()) {
            places.push(PathBuf::from(folder).join("allora-worker"));
        }
        let session = PathBuf::from(format!("/run/user/{uid}"));
        if session.is_dir() {
            places.push(session.join("allora-worker"));
        }
        places.push(env::temp_dir().join(format!("allora-worker-{uid}")));
        // Two names of one folder would make this process its own rival.
        places.dedup();
        Self::acquire_in(&places, chain_id, address, artifacts)
    }

    /// As [`WalletLock::acquire`], in places of the caller's choice: one that can't be used is
    /// passed over as long as another can.
    ///
    /// # Errors
    /// As [`WalletLock::acquire`].
    pub fn acquire_in(
        places: &[PathBuf],
        chain_id: &str,
        address: &str,
        artifacts: &Artifacts,
    ) -> Result<Self, OpsError> {
        let data_dir = fs::canonicalize(artifacts.data_dir())
            .unwrap_or_else(|_| artifacts.data_dir().to_owned());
        let content = format!("{}\n{}", std::process::id(), data_dir.display());
        let name = format!("{}-{}.lock", tame(chain_id), tame(address));
        let mut files = Vec::new();
        let mut tried = Vec::new();
        for place in places {
            let taken = private_folder(place).and_then(|()| lock(&place.join(&name), &content));
            match taken {
                Ok(Locked::Ours(file)) => files.push(file),
                Ok(Locked::Theirs(content)) => {
                    return Err(OpsError::WalletInUse {
                        chain_id: chain_id.to_owned(),
                        address: address.to_owned(),
                        pid: line(&content, 0),
                        data_dir: line(&content, 1),
                    });
                }
                Err(cause) => tried.push(format!("{}: {cause}", place.display())),
            }
        }
        if files.is_empty() {
            let tried = tried.join(", ");
            return Err(OpsError::NoLockFolder { tried });
        }
        Ok(Self { files })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl Drop for WalletLock {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = file.set_len(0);
        }
    }
}

enum Locked {
    Ours(File),
    Theirs(String),
}

/// Locks a file and writes into it who holds it, or reads who does.
fn lock(path: &Path, content: &str) -> io::Result<Locked> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match try_lock(&file) {
        Ok(()) => {
            file.set_len(0)?;
            writeln!(file, "{content}")?;
            Ok(Locked::Ours(file))
        }
        Err(TryLockError::WouldBlock) => Ok(Locked::Theirs(holder(&mut file)?)),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

/// A script that looks whether the file is held locks it for a moment itself: try more than once.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..3 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(15)),
            other => return other,
        }
    }
    file.try_lock()
}

/// What the holder wrote; it may be between locking and writing.
fn holder(file: &mut File) -> io::Result<String> {
    let mut content = String::new();
    for _ in 0..20 {
        file.seek(SeekFrom::Start(0))?;
        content.clear();
        file.read_to_string(&mut content)?;
        if content.ends_with('\n') {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(content)
}

fn line(content: &str, index: usize) -> String {
    content.lines().nth(index).unwrap_or("unknown").to_owned()
}

/// Makes a folder for this user alone, or makes sure that an existing one is. A folder of another
/// user could hold locks that nobody can release.
fn private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() || found.uid() != own_uid() || found.mode() & 0o022 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is not a folder of this user alone",
        ));
    }
    Ok(())
}

/// The user that this process runs as.
fn own_uid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

/// A text as part of a file's name.
fn tame(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    text.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const CHAIN: &str = "allora-testnet-1";
    const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

    fn own_pid() -> String {
        std::process::id().to_string()
    }

    #[test]
    fn a_second_worker_in_the_same_folder_is_refused_with_the_pid() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        let first = Pidfile::acquire(&artifacts).unwrap();
        let written = fs::read_to_string(first.path()).unwrap();
        assert_eq!(written.trim(), own_pid());
        let refused = Pidfile::acquire(&artifacts).unwrap_err();
        assert!(matches!(&refused, OpsError::AlreadyRunning { pid, .. } if *pid == own_pid()));
        assert!(refused.to_string().contains("stop_worker.sh"));
        drop(first);
        Pidfile::acquire(&artifacts).unwrap();
    }

    #[test]
    fn a_stale_pidfile_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        fs::create_dir_all(artifacts.folder()).unwrap();
        fs::write(artifacts.pidfile(), "1\nleft behind by a crash").unwrap();
        let guard = Pidfile::acquire(&artifacts).unwrap();
        let written = fs::read_to_string(guard.path()).unwrap();
        assert_eq!(written, format!("{}\n", own_pid()));
    }

    #[test]
    fn two_data_folders_cannot_share_a_wallet() {
        let host = tempfile::tempdir().unwrap();
        let places = [host.path().join("run"), host.path().join("tmp")];
        let (one, two) = (Artifacts::new("/data/one"), Artifacts::new("/data/two"));
        let first = WalletLock::acquire_in(&places, CHAIN, ADDRESS, &one).unwrap();
        // Another that has only one of the places set is refused all the same.
        for place in places.chunks(1) {
            let refused = WalletLock::acquire_in(place, CHAIN, ADDRESS, &two).unwrap_err();
            let text = refused.to_string();
            assert!(
                text.contains(&own_pid()) && text.contains("/data/one"),
                "{text}"
            );
        }
        WalletLock::acquire_in(&places, "allora-mainnet-1", ADDRESS, &two).unwrap();
        drop(first);
        WalletLock::acquire_in(&places, CHAIN, ADDRESS, &two).unwrap();
    }

    #[test]
    fn the_wallets_lock_is_for_this_user_alone() {
        let host = tempfile::tempdir().unwrap();
        let place = host.path().join("run");
        let places = [place.clone()];
        let artifacts = Artifacts::new("/data/one");
        let _held = WalletLock::acquire_in(&places, CHAIN, ADDRESS, &artifacts).unwrap();
        let file = fs::read_dir(&place).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_passed_over() {
        let host = tempfile::tempdir().unwrap();
        let (open, own) = (host.path().join("open"), host.path().join("own"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let artifacts = Artifacts::new("/data/one");
        let refused = WalletLock::acquire_in(&[open.clone()], CHAIN, ADDRESS, &artifacts);
        assert!(matches!(refused, Err(OpsError::NoLockFolder { .. })));
        WalletLock::acquire_in(&[open.clone(), own], CHAIN, ADDRESS, &artifacts).unwrap();
        assert_eq!(fs::read_dir(&open).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_of_another_process_is_seen_and_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::new(folder.path());
        fs::create_dir_all(artifacts.folder()).unwrap();
        fs::write(artifacts.pidfile(), "4242\n").unwrap();
        let mut other = std::process::Command::new("flock")
            .arg(artifacts.pidfile())
            .args(["sh", "-c", "echo held; read _"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0; 5];
        other.stdout.take().unwrap().read_exact(&mut held).unwrap();
        let refused = Pidfile::acquire(&artifacts).unwrap_err();
        assert!(matches!(&refused, OpsError::AlreadyRunning { pid, .. } if pid == "4242"));
        drop(other.stdin.take());
        other.wait().unwrap();
        Pidfile::acquire(&artifacts).unwrap();
    }
}
