//! The tables, and bringing them up to date.

use std::{borrow::Cow, io, time::Duration};

use sqlx::{
    Connection as _, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
};
use tokio::time::{sleep, timeout};

use super::{
    super::{
        super::{StoreError, line::failed_at},
        MIGRATIONS_TABLE,
    },
    ACQUIRE,
};

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (
        1,
        "predictions",
        include_str!("../../migrations/predictions_postgres/0001_predictions.sql"),
    ),
    (
        2,
        "scores",
        include_str!("../../migrations/predictions_postgres/0002_scores.sql"),
    ),
    (
        3,
        "leases",
        include_str!("../../migrations/predictions_postgres/0003_leases.sql"),
    ),
];
/// How often it is looked whether the server is still at it.
const LOOK: Duration = Duration::from_secs(15);
/// No limit, as there may be millions of rows to go through, and others wait meanwhile. A server that
/// can (from version 14 on) ends what it does for a process that has ended.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
    SELECT set_config('client_connection_check_interval', '5s', false) \
    WHERE current_setting('client_connection_check_interval', true) IS NOT NULL";

/// Makes the tables or brings them up to date, however long that takes, as long as the server is at it.
///
/// # Errors
/// When the server can't be reached, or refuses, or a newer worker has changed the tables.
pub(in crate::store) async fn bring_up_to_date(
    options: &PgConnectOptions,
    place: &str,
    migrator: Migrator,
) -> Result<(), StoreError> {
    let failed = |cause| failed_at(options, place, cause);
    let begun = timeout(ACQUIRE, begin(options)).await;
    let begun = begun.unwrap_or_else(|_| Err(silent("it did not answer")));
    let (mut connection, process) = begun.map_err(failed)?;
    let done = tokio::select! {
        done = migrator.run_direct(None, &mut connection, false) => done,
        () = given_up(options, process) => {
            return Err(failed(silent("it brought tables up to date and is not heard of any more")));
        }
    };
    done.map_err(|cause| not_migrated(cause, place))?;
    // The server notices when it is not told.
    let _ = timeout(ACQUIRE, connection.close()).await;
    Ok(())
}

/// A connection for it, and its process at the server.
async fn begin(options: &PgConnectOptions) -> Result<(PgConnection, i32), sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    sqlx::raw_sql(SESSION).execute(&mut connection).await?;
    let process = sqlx::query_scalar("SELECT pg_backend_pid()");
    let process = process.fetch_one(&mut connection).await?;
    Ok((connection, process))
}

/// Ends when the server does not answer any more, or knows nothing of that process: a connection that is
/// silent for minutes may be lost without a word.
async fn given_up(options: &PgConnectOptions, process: i32) {
    loop {
        sleep(LOOK).await;
        match timeout(ACQUIRE, is_there(options, process)).await {
            Ok(Ok(false)) | Err(_) => return,
            // A refusal, as of one connection too many, says nothing of it.
            Ok(Ok(true) | Err(_)) => {}
        }
    }
}

async fn is_there(options: &PgConnectOptions, process: i32) -> Result<bool, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let there = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)")
        .bind(process)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(there)
}

fn silent(words: &str) -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, words).into()
}

fn not_migrated(cause: MigrateError, place: &str) -> StoreError {
    let place = place.to_owned();
    match cause {
        MigrateError::Execute(cause) => StoreError::Server { place, cause },
        cause => StoreError::Tables {
            place,
            cause: Box::new(cause),
        },
    }
}

pub(super) fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name(Cow::Borrowed(MIGRATIONS_TABLE));
    migrator
}
