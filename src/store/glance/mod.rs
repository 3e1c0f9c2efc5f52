//! Looking at databases without changing them: no file is made, no table brought up to date, nothing is
//! mended.

mod predictions;
mod server;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

pub use self::{
    predictions::newest_prediction,
    server::{ServerGlance, glance_at_server},
};
use super::{
    Store, StoreError, check,
    connection::{Lives, one_connection},
    database::newest_migration,
    pages::beside,
};

/// How a database's tables stand to those that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// They are the same.
    Current,
    /// The next start brings them up to date; at zero there are none yet.
    Older(i64),
    /// A newer version has used it.
    Newer(i64),
}

/// What a look at a worker's file has shown.
#[derive(Debug)]
pub enum Glance {
    /// There is no file yet.
    Missing,
    /// The file is damaged, and how.
    Damaged(String),
    /// It can be read.
    Sound {
        /// The store, to read from alone.
        store: Store,
        /// Its tables.
        tables: Tables,
    },
}

/// Looks at a worker's file, for `limit` at most; what a large file holds beyond that is not checked.
///
/// # Errors
/// When it can't be opened or read for another reason than damage.
pub async fn glance(path: &Path, limit: Duration) -> Result<Glance, StoreError> {
    let size = |path: PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
    if size(path.to_owned()) == 0 {
        return Ok(Glance::Missing);
    }
    if beside(path, check::MARK).exists() {
        return Ok(Glance::Damaged(
            "it was found damaged while it was used".into(),
        ));
    }
    let place = path.display().to_string();
    let failed = |cause| super::database::failure(place.clone(), cause);
    let options = options(path);
    match check::survey(&options, limit).await {
        Ok(None) => {}
        Ok(Some(damage)) => return Ok(Glance::Damaged(damage)),
        Err(cause) if super::is_damage(&cause) => return Ok(Glance::Damaged(cause.to_string())),
        Err(cause) => return Err(failed(cause)),
    }
    let pool = one_connection(Lives::OnDisk);
    let pool = pool.connect_with(options).await.map_err(failed)?;
    let known = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let known: i64 = sqlx::query_scalar(known)
        .fetch_one(&pool)
        .await
        .map_err(failed)?;
    let version: i64 = if known > 0 {
        let newest = "SELECT COALESCE(max(version), 0) FROM _sqlx_migrations";
        let newest = sqlx::query_scalar(newest).fetch_one(&pool).await;
        newest.map_err(failed)?
    } else {
        0
    };
    let tables = match version.cmp(&newest_migration()) {
        std::cmp::Ordering::Less => Tables::Older(version),
        std::cmp::Ordering::Equal => Tables::Current,
        std::cmp::Ordering::Greater => Tables::Newer(version),
    };
    let store = Store::of_pool(pool, place.clone());
    Ok(Glance::Sound { store, tables })
}

/// Reads a file without leaving anything beside it. While nobody else has it open, its write-ahead log is
/// in it, and it is read as one that does not change.
fn options(path: &Path) -> SqliteConnectOptions {
    let is_at_rest = !beside(path, "-wal").exists();
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(is_at_rest)
        .busy_timeout(Duration::from_secs(1))
        .disable_statement_logging()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseUrl;

    const LIMIT: Duration = Duration::from_secs(2);

    fn files(folder: &Path) -> Vec<String> {
        let all = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = all
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn looking_leaves_nothing_beside_the_file_and_changes_no_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        assert!(matches!(glance(&path, LIMIT).await, Ok(Glance::Missing)));
        assert_eq!(files(folder.path()), [""; 0]);
        let store = Store::open(&path).await.unwrap();
        store.pool.close().await;
        let before = std::fs::read(&path).unwrap();
        let found = glance(&path, LIMIT).await.unwrap();
        let Glance::Sound { store, tables } = found else {
            panic!("{found:?}")
        };
        assert_eq!(tables, Tables::Current);
        store.pool.close().await;
        assert_eq!(files(folder.path()), ["worker.db"]);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_file_that_a_worker_has_open_is_read_as_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        let open = Store::open(&path).await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations VALUES (999, 'later', 0, true, x'00', 0)")
            .execute(&open.pool)
            .await
            .unwrap();
        let found = glance(&path, LIMIT).await.unwrap();
        let is_newer = matches!(
            &found,
            Glance::Sound {
                tables: Tables::Newer(999),
                ..
            }
        );
        assert!(is_newer, "{found:?}");
    }

    #[tokio::test]
    async fn older_tables_are_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        let open = Store::open(&path).await.unwrap();
        sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 2")
            .execute(&open.pool)
            .await
            .unwrap();
        open.pool.close().await;
        for _ in 0..2 {
            let found = glance(&path, LIMIT).await.unwrap();
            let is_older = matches!(
                &found,
                Glance::Sound {
                    tables: Tables::Older(2),
                    ..
                }
            );
            assert!(is_older, "{found:?}");
        }
    }

    #[tokio::test]
    async fn damage_is_told_and_left_to_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.db");
        std::fs::write(&path, [7; 8192]).unwrap();
        let found = glance(&path, LIMIT).await.unwrap();
        assert!(matches!(found, Glance::Damaged(_)), "{found:?}");
        assert_eq!(files(folder.path()), ["worker.db"]);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_without_its_password() {
        let url: DatabaseUrl = "postgres://me:hushhush@127.0.0.1:9/them".parse().unwrap();
        let failed = glance_at_server(&url, LIMIT).await.unwrap_err().to_string();
        assert!(
            failed.contains("postgres://me@127.0.0.1:9/them"),
            "{failed}"
        );
        assert!(!failed.contains("hushhush"), "{failed}");
        let failed = newest_prediction(&url, "crunch", LIMIT).await.unwrap_err();
        assert!(!failed.to_string().contains("hushhush"), "{failed}");
    }
}
