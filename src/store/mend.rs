//! Replacing a damaged database by one that holds all that could be read of it. The damaged file is
//! set aside as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
use time::{OffsetDateTime, macros::format_description};

use super::{
    Store, StoreError,
    check::MARK,
    loss::Mended,
    pages::beside,
    salvage::{Scope, carry},
};

/// Names of the new file while it is filled, and once it is whole.
const FILLING: &str = ".mending";
const WHOLE: &str = ".mended";

/// Puts a whole database in the place of a damaged one. A crash on the way leaves either the damaged file
/// in its place or the new one ready for [`finish`].
pub(super) async fn mend(path: &Path, cause: String) -> Result<Mended, StoreError> {
    let filling = beside(path, FILLING);
    clear(&filling);
    let options = SqliteConnectOptions::new()
        .filename(&filling)
        .create_if_missing(true)
        .disable_statement_logging();
    let store = Store::connect(options, filling.display().to_string()).await?;
    let salvage = carry(path, &store, Scope::All).await;
    store.pool.close().await;
    let salvage = match salvage {
        Ok(salvage) => salvage,
        Err(error) => {
            // What was filled in part would only take space that may be short.
            clear(&filling);
            return Err(error);
        }
    };
    let failed = |cause: io::Error| store.failed(cause.into());
    let whole = beside(path, WHOLE);
    fs::File::open(&filling)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&filling, &whole))
        .map_err(failed)?;
    let aside = set_aside(path).map_err(failed)?;
    finish(path).map_err(failed)?;
    Ok(Mended {
        cause,
        aside,
        salvage,
    })
}

/// Puts a new database in place that a crash left beside its place.
pub(super) fn finish(path: &Path) -> io::Result<()> {
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
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Renames a database and its log; gives the database's new name.
///
/// # Errors
/// When the folder can't be written to.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = OffsetDateTime::now_utc()
        .format(&format)
        .unwrap_or_default();
    let name = |more: String| path.with_extension(format!("damaged-{stamp}{more}.db"));
    let (mut aside, mut number) = (name(String::new()), 1);
    while aside.exists() || beside(&aside, "-wal").exists() {
        number += 1;
        aside = name(format!("-{number}"));
    }
    if path.exists() {
        fs::rename(path, &aside)?;
    }
    let log = beside(path, "-wal");
    if log.exists() {
        fs::rename(log, beside(&aside, "-wal"))?;
    }
    Ok(aside)
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
