//! Looking at a PostgreSQL server.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use crate::store::{DatabaseUrl, StoreError};

/// What a look at a server has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerGlance {
    /// Where it is, without a password.
    pub place: String,
    /// Its version.
    pub version: String,
    /// Its time, as it was half-way between question and answer.
    pub lead: time::Duration,
    /// How long it took to answer.
    pub took: Duration,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// Whether the tables that several workers of a wallet share are there.
    pub is_shared: bool,
}

/// Asks a PostgreSQL server who and how late it is.
///
/// # Errors
/// When it can't be reached within `limit`, or refuses; or when the address is a file's.
pub async fn glance_at_server(
    url: &DatabaseUrl,
    limit: Duration,
) -> Result<ServerGlance, StoreError> {
    let place = url.to_string();
    let Some(options) = url.server() else {
        let cause =
            format!("{place} names a file; write postgres://user:password@host:5432/database");
        return Err(StoreError::Url { cause });
    };
    let asked = timeout(limit, ask_server(options, place.clone())).await;
    asked
        .unwrap_or_else(|_| Err(late(limit)))
        .map_err(|cause| StoreError::Server { place, cause })
}

async fn ask_server(
    options: &PgConnectOptions,
    place: String,
) -> Result<ServerGlance, sqlx::Error> {
    let mut connection = connect(options).await?;
    let began = Instant::now();
    let asked = "SELECT now(), current_setting('server_version'), \
                 pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', \
                 to_regclass('standby_migrations') IS NOT NULL";
    let row: (OffsetDateTime, String, bool, bool) =
        sqlx::query_as(asked).fetch_one(&mut connection).await?;
    let took = began.elapsed();
    let _ = connection.close().await;
    let (then, version, is_read_only, is_shared) = row;
    Ok(ServerGlance {
        place,
        version,
        lead: OffsetDateTime::now_utc() - took / 2 - then,
        took,
        is_read_only,
        is_shared,
    })
}

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let options = options.clone().disable_statement_logging();
    options
        .application_name("allora-worker check")
        .connect()
        .await
}

pub(super) fn late(limit: Duration) -> sqlx::Error {
    let words = format!("no answer within {} s", limit.as_secs());
    std::io::Error::new(std::io::ErrorKind::TimedOut, words).into()
}
