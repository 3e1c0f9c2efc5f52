//! A SQLite database's one connection.

use sqlx::{Connection as _, Sqlite, pool::PoolOptions, sqlite::SqlitePoolOptions};

/// Where a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lives {
    /// In a file: a new connection finds all that was committed.
    OnDisk,
    /// In memory: it ends with its connection.
    InMemory,
}

/// A pool of one connection, which is kept as long as its transactions end as they should: SQLite has one
/// writer at a time, and a database in memory lives with its connection.
///
/// A full disk can end a transaction by itself, or only one of its statements. sqlx then counts one too
/// many: it goes back to a savepoint and leaves open what it means to have ended, or begins no transaction
/// any more. Nothing written after that would ever be committed. So what is open is rolled back, and where
/// sqlx still counts one, the connection is replaced.
pub(crate) fn one_connection(lives: Lives) -> PoolOptions<Sqlite> {
    SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(move |connection, _| {
            Box::pin(async move {
                // Fails when nothing is open, as it should be.
                let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
                Ok(lives == Lives::InMemory || !connection.is_in_transaction())
            })
        })
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    /// As a full disk does it: SQLite has rolled back, and sqlx does not know.
    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_hinders_none_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let pool = one_connection(Lives::OnDisk)
            .connect_with(options.clone())
            .await
            .unwrap();
        sqlx::raw_sql("CREATE TABLE numbers (number INTEGER NOT NULL)")
            .execute(&pool)
            .await
            .unwrap();
        for number in 0..3 {
            let mut all = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            sqlx::raw_sql("ROLLBACK").execute(&mut *all).await.unwrap();
            assert!(all.commit().await.is_err());
            let mut all = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
            sqlx::query("INSERT INTO numbers VALUES (?)")
                .bind(number)
                .execute(&mut *all)
                .await
                .unwrap();
            all.commit().await.unwrap();
        }
        // Another connection sees what was really committed.
        let other = one_connection(Lives::OnDisk)
            .connect_with(options)
            .await
            .unwrap();
        let found: i64 = sqlx::query_scalar("SELECT count(*) FROM numbers")
            .fetch_one(&other)
            .await
            .unwrap();
        assert_eq!(found, 3);
    }
}
