//! The guards against two workers in one data folder, or with one wallet on one host.
//!
//! Both are advisory locks that the system drops with the process, so a file left behind is no
//! obstacle. The files stay: removing one would let a third process lock a file of the same name
//! while a second still holds the removed one.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Artifacts, OpsError};

/// Bytes of a pidfile that are read.
const LONGEST: u64 = 16 << 10;

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
    /// What is written in them is for all that share it.
    is_shared: bool,
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
        Self::acquire_in(&Self::places(), (chain_id, address), artifacts, None)
    }

    /// As [`WalletLock::acquire`], beside others on this host that share the wallet through the same
    /// database, and no others.
    ///
    /// # Errors
    /// As [`WalletLock::acquire`].
    pub fn share(
        chain_id: &str,
        address: &str,
        artifacts: &Artifacts,
        database: &str,
    ) -> Result<Self, OpsError> {
        let wallet = (chain_id, address);
        Self::acquire_in(&Self::places(), wallet, artifacts, Some(database))
    }

    pub(super) fn places() -> Vec<PathBuf> {
        let uid = own_uid();
        let mut places = Vec::new();
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let session = PathBuf::from(format!("/run/user/{uid}"));
        for folder in runtime.into_iter().chain([session]) {
            // Two names of one folder would make this process its own rival.
            if let Ok(folder) = fs::canonicalize(folder) {
                places.push(folder.join("allora-worker"));
            }
        }
        places.dedup();
        places.push(env::temp_dir().join(format!("allora-worker-{uid}")));
        places
    }

    /// The file's name in each place.
    pub(super) fn name(chain_id: &str, address: &str) -> String {
        format!("{}-{}.lock", tame(chain_id), tame(address))
    }

    /// As [`WalletLock::acquire`], in places of the caller's choice: one that can't be used is
    /// passed over as long as another can. With a database's name it is shared with those that name
    /// the same.
    ///
    /// # Errors
    /// As [`WalletLock::acquire`].
    pub fn acquire_in(
        places: &[PathBuf],
        (chain_id, address): (&str, &str),
        artifacts: &Artifacts,
        database: Option<&str>,
    ) -> Result<Self, OpsError> {
        let data_dir = fs::canonicalize(artifacts.data_dir())
            .unwrap_or_else(|_| artifacts.data_dir().to_owned());
        let mut content = format!("{}\n{}", std::process::id(), data_dir.display());
        if let Some(database) = database {
            content = format!("{content}\n{database}");
        }
        let name = Self::name(chain_id, address);
        let mut files = Vec::new();
        let mut tried = Vec::new();
        for place in places {
            let path = place.join(&name);
            let taken = private_folder(place).and_then(|()| match database {
                Some(database) => lock_shared(&path, &content, database),
                None => lock(&path, &content),
            });
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
        let is_shared = database.is_some();
        Ok(Self { files, is_shared })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl Drop for WalletLock {
    fn drop(&mut self) {
        for file in self.files.iter().filter(|_| !self.is_shared) {
            let _ = file.set_len(0);
        }
    }
}

enum Locked {
    Ours(File),
    Theirs(String),
}

/// Locks a file and writes into it who holds it, or reads who does. The lock holds though the disk takes
/// nothing: a full one leaves the file empty, and a read-only one leaves it as it is.
fn lock(path: &Path, content: &str) -> io::Result<Locked> {
    let mut file = opened(path)?;
    match try_lock(&file) {
        Ok(()) => {
            // Who holds it is for people; that it is held is what counts.
            let _ = note(&file, content);
            Ok(Locked::Ours(file))
        }
        Err(TryLockError::WouldBlock) => Ok(Locked::Theirs(holder(&mut file)?)),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

/// To write; to read where that can't be done: a lock holds all the same.
fn opened(path: &Path) -> io::Result<File> {
    match open_to_write(path) {
        Err(cause) if is_unwritable(&cause) => {
            File::open(path).map_err(|missing| match missing.kind() {
                io::ErrorKind::NotFound => cause,
                _ => missing,
            })
        }
        opened => opened,
    }
}

/// Over what is there, so that a full disk has room for it, and then cut.
fn note(file: &File, content: &str) -> io::Result<()> {
    let content = format!("{content}\n");
    file.write_all_at(content.as_bytes(), 0)?;
    file.set_len(content.len() as u64)
}

fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Locks a file together with others that share a database. The first writes which one it is; it stays
/// written until somebody has the file for himself. Where nothing can be written, and another database's
/// name or none is there, the first has the file for itself: better alone than not at all.
fn lock_shared(path: &Path, content: &str, database: &str) -> io::Result<Locked> {
    let mut file = opened(path)?;
    for _ in 0..5 {
        match file.try_lock() {
            Ok(()) => {
                if note(&file, content).is_err() && line(&holder(&mut file)?, 2) != database {
                    return Ok(Locked::Ours(file));
                }
                // Another may come in between: then it is looked what that one has written.
                file.unlock()?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        match file.try_lock_shared() {
            Ok(()) => {
                let written = holder(&mut file)?;
                if line(&written, 2) == database {
                    return Ok(Locked::Ours(file));
                }
                return Ok(Locked::Theirs(written));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(15)),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
    }
    Ok(Locked::Theirs(holder(&mut file)?))
}

fn is_unwritable(cause: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        cause.kind(),
        PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded
    )
}

/// A script that looks whether the file is held locks it for a moment itself: try more than once.
pub(super) fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..3 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(15)),
            other => return other,
        }
    }
    file.try_lock()
}

/// What the holder wrote; it may be between locking and writing.
pub(super) fn holder(file: &mut File) -> io::Result<String> {
    let mut content = String::new();
    for _ in 0..20 {
        file.seek(SeekFrom::Start(0))?;
        content.clear();
        let mut start = Read::by_ref(file).take(LONGEST);
        start.read_to_string(&mut content)?;
        if content.ends_with('\n') {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(content)
}

pub(super) fn line(content: &str, index: usize) -> String {
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
    rustix::process::geteuid().as_raw()
}

/// A text as part of a file's name.
fn tame(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    text.chars().map(keep).collect()
}

#[cfg(test)]
#[path = "singleton_tests.rs"]
mod tests;
