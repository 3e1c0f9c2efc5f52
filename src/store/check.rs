//! Looking whether a database's file is whole, before anything is written to it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    is_damage,
    pages::beside,
    write_ahead::{HEAD, WriteAhead},
};

/// How long the look may take: a journal of months takes less, and what a larger one holds is found when
/// it is read.
const LIMIT: Duration = Duration::from_millis(80);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 1_000;
/// The tables that a submission depends on are looked at first.
const FIRST: [&str; 2] = ["journal", "transactions"];

/// What is wrong with the file, if anything was found in time. A file that can't be opened for another
/// reason is not found damaged.
pub(crate) async fn damage(path: &Path) -> Option<String> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let log = beside(path, "-wal");
    if size(path) == 0 {
        // It is of a file that is gone. What hinders this hinders the opening as well.
        let _ = std::fs::remove_file(beside(path, MARK));
        // SQLite would remove it, and begin anew without a word.
        let is_left = size(&log) > HEAD as u64;
        return is_left.then(|| "nothing is left of it but its write-ahead log".into());
    }
    if beside(path, MARK).exists() {
        return Some("it was found damaged while it was used".into());
    }
    let lost = WriteAhead::open(&log).damaged();
    if lost > 0 {
        return Some(format!("{lost} pages of its write-ahead log are damaged"));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(LIMIT)
        .disable_statement_logging();
    match survey(&options, LIMIT).await {
        Ok(found) => found,
        Err(cause) if is_damage(&cause) => Some(cause.to_string()),
        Err(_) => None,
    }
}

/// What is appended to the database's name for a file that says that it is damaged.
pub(super) const MARK: &str = ".damaged";

/// Has the next start mend the file without looking. Where it can't be marked, the start looks.
pub(crate) fn mark(path: &Path) {
    let _ = std::fs::write(beside(path, MARK), "");
}

/// Looks for `limit` at most.
pub(super) async fn survey(
    options: &SqliteConnectOptions,
    limit: Duration,
) -> Result<Option<String>, sqlx::Error> {
    let mut connection = options.connect().await?;
    let end = Instant::now() + limit;
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, move || Instant::now() < end);
    let found = check(&mut connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    connection.close().await?;
    found
}

async fn check(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    for table in FIRST {
        let known = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
        let known: i64 = sqlx::query_scalar(known)
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
        if known > 0 {
            let told = ask(connection, &format!("PRAGMA quick_check('{table}')")).await?;
            if told.is_some() {
                return Ok(told);
            }
        }
    }
    ask(connection, "PRAGMA quick_check(5)").await
}

async fn ask(connection: &mut SqliteConnection, sql: &str) -> Result<Option<String>, sqlx::Error> {
    // Made of constants of this file.
    let asked = sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()));
    let told: Vec<String> = match asked.fetch_all(connection).await {
        Ok(told) => told,
        Err(cause) if is_interrupt(&cause) => return Ok(None),
        Err(cause) => return Err(cause),
    };
    let first = told
        .into_iter()
        .find(|line| line != "ok" && !line.contains("interrupted"));
    Ok(first.map(|line| line.replace('\n', " ")))
}

fn is_interrupt(cause: &sqlx::Error) -> bool {
    let code = cause
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "9")
}
