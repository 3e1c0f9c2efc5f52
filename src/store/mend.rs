//! Replacing a damaged database by one that holds all that could be read of it. The damaged file is
//! set aside as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
use time::{Duration, OffsetDateTime, macros::format_description};

use super::{
    Store, StoreError,
    check::MARK,
    connection::Lives,
    loss::Mended,
    pages::beside,
    salvage::{Scope, carry},
};

/// Names of the new file while it is filled, and once it is whole.
const FILLING: &str = ".mending";
const WHOLE: &str = ".mended";
/// How a damaged file's extension begins once it is set aside; the time follows.
const ASIDE: &str = "damaged-";

/// Damaged databases that one day may leave: a disk that goes on damaging them is not filled with them.
const MOST_A_DAY: usize = 3;

/// A new database that is filled beside a damaged one and then takes its place. Given up before that, it
/// leaves nothing.
pub(crate) struct Replacement {
    path: PathBuf,
    filling: PathBuf,
}

impl Replacement {
    /// Looks whether there is room for the database's replacement.
    ///
    /// # Errors
    /// When the disk has no room for a copy, or the last day has left three damaged databases here.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        has_room(path)?;
        let made = OffsetDateTime::now_utc();
        if asides(path, made - Duration::DAY, made) >= MOST_A_DAY {
            let name = path.display();
            return Err(io::Error::other(format!(
                "{name} is damaged, as {MOST_A_DAY} times within a day before, and is not mended again \
                 today: replace the disk, or remove the damaged files beside it"
            )));
        }
        let filling = beside(path, FILLING);
        clear(&filling);
        let path = path.to_owned();
        Ok(Self { path, filling })
    }

    /// Where the new database is to be made.
    pub(crate) fn place(&self) -> &Path {
        &self.filling
    }

    /// Puts the new database, which is closed, in the damaged one's place; gives where that is now. A crash
    /// on the way leaves either the damaged one in its place or the new one ready for [`finish`].
    ///
    /// # Errors
    /// When the folder can't be written to, or not all of the new database could be written.
    pub(crate) fn put_in_place(self) -> io::Result<PathBuf> {
        if beside(&self.filling, "-wal").exists() {
            return Err(io::Error::other(
                "the disk did not take all of the new database",
            ));
        }
        fs::File::open(&self.filling)?.sync_all()?;
        fs::rename(&self.filling, beside(&self.path, WHOLE))?;
        let aside = set_aside(&self.path)?;
        finish(&self.path)?;
        Ok(aside)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // What was filled in part would only take space that may be short.
        clear(&self.filling);
    }
}

/// Puts a database that holds all that can be read of a damaged one in its place.
pub(super) async fn mend(path: &Path, cause: String) -> Result<Mended, StoreError> {
    let failed = |cause: io::Error| StoreError::Database {
        place: path.display().to_string(),
        cause: cause.into(),
    };
    let new = Replacement::begin(path).map_err(failed)?;
    let options = SqliteConnectOptions::new()
        .filename(new.place())
        .create_if_missing(true)
        .disable_statement_logging();
    let place = new.place().display().to_string();
    let store = Store::connect(options, place, Lives::OnDisk).await?;
    let salvage = carry(path, &store, Scope::All).await;
    store.pool.close().await;
    let salvage = salvage?;
    let aside = new.put_in_place().map_err(failed)?;
    Ok(Mended {
        cause,
        aside,
        salvage,
    })
}

fn has_room(path: &Path) -> io::Result<()> {
    let size = |more| fs::metadata(beside(path, more)).map_or(0, |found| found.len());
    let needed = size("") + size("-wal");
    // A disk that does not tell is tried.
    match rustix::fs::statvfs(folder(path)) {
        Ok(space) if space.f_bavail.saturating_mul(space.f_frsize) < needed => {
            let (name, needed) = (path.display(), needed.div_ceil(1 << 20));
            Err(io::Error::other(format!(
                "{name} is damaged, and mending it needs {needed} MiB of free space"
            )))
        }
        _ => Ok(()),
    }
}

/// How many databases were set aside in that time.
fn asides(path: &Path, after: OffsetDateTime, until: OffsetDateTime) -> usize {
    let start = path.with_extension(ASIDE);
    let start = start.file_name().unwrap_or_default().to_string_lossy();
    let (after, until) = (stamp(after), stamp(until));
    let is_one = |name: &str| {
        let name = name
            .strip_prefix(&*start)
            .and_then(|it| it.strip_suffix(".db"));
        let made = name.and_then(|it| it.get(..after.len()));
        made.is_some_and(|made| made > &*after && made <= &*until)
    };
    let entries = fs::read_dir(folder(path)).into_iter().flatten().flatten();
    entries
        .filter(|entry| is_one(&entry.file_name().to_string_lossy()))
        .count()
}

/// Puts a new database in place that a crash left beside its place.
///
/// # Errors
/// When the folder can't be written to.
pub(crate) fn finish(path: &Path) -> io::Result<()> {
    let whole = beside(path, WHOLE);
    if path.exists() || !whole.exists() {
        return Ok(());
    }
    // SQLite would take the damaged file's log for the new one's.
    if beside(path, "-wal").exists() {
        set_aside(path)?;
    }
    remove(&beside(path, "-shm"))?;
    remove(&beside(path, MARK))?;
    fs::rename(whole, path)?;
    fs::File::open(folder(path))?.sync_all()
}

/// Renames a database and its log; gives the database's new name, or its log's where that is all.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let stamp = stamp(OffsetDateTime::now_utc());
    let name = |more: String| path.with_extension(format!("{ASIDE}{stamp}{more}.db"));
    let (mut aside, mut number) = (name(String::new()), 1);
    while aside.exists() || beside(&aside, "-wal").exists() {
        number += 1;
        aside = name(format!("-{number}"));
    }
    let has_file = path.exists();
    if has_file {
        fs::rename(path, &aside)?;
    }
    let (log, log_aside) = (beside(path, "-wal"), beside(&aside, "-wal"));
    if log.exists() {
        fs::rename(log, &log_aside)?;
    }
    Ok(if has_file { aside } else { log_aside })
}

fn stamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    at.format(&format).unwrap_or_default()
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn clear(path: &Path) {
    for more in ["", "-wal", "-shm", "-journal"] {
        // What can't be removed is told of by whoever opens it.
        let _ = remove(&beside(path, more));
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
