//! Predictions in PostgreSQL.

mod closes;
mod configs;
mod heartbeat;
mod leases;
mod models;
mod predictions;
mod rounds;
mod scores;
mod snapshots;
mod tables;

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, PgPool, Postgres as Pg, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

pub use self::leases::LeaseDb;
pub(in crate::store) use self::tables::bring_up_to_date;
use super::{super::StoreError, KnownConfigs};

/// One stores, one reads, one prunes, one is to spare.
const CONNECTIONS: u32 = 4;
/// How long one waits for a connection, a server that starts included.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long one waits for another's lock at most. A transaction of a worker that froze holds up the
/// others no longer than that of a session.
const LOCK: Duration = Duration::from_secs(20);
const SESSION: &str = "SET idle_in_transaction_session_timeout = '15s'";
/// How long a question takes at most, such as for the best of many answers.
const UNHURRIED: &str = "SET LOCAL statement_timeout = '10min'";

/// A PostgreSQL server's database. Connections are tested when they are taken, so that they come back by
/// themselves when the server does.
#[derive(Debug)]
pub(super) struct Postgres {
    pub(super) pool: PgPool,
    configs: KnownConfigs,
    place: String,
}

impl Postgres {
    pub(super) async fn connect(
        options: &PgConnectOptions,
        place: String,
        write_timeout: Option<Duration>,
    ) -> Result<Self, StoreError> {
        let session = session(write_timeout);
        let mut options = options.clone();
        if options.get_application_name().is_none() {
            options = options.application_name("allora-worker");
        }
        bring_up_to_date(&options, &place, tables::migrator()).await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .after_connect(move |connection, _| {
                let session = AssertSqlSafe(session.clone());
                Box::pin(async move {
                    sqlx::raw_sql(session).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            configs: KnownConfigs::default(),
            place,
        })
    }

    /// Reads alone, for someone who waits for `limit` at most.
    pub(super) async fn read(
        options: &PgConnectOptions,
        place: String,
        limit: Option<Duration>,
    ) -> Result<Self, StoreError> {
        let limit = limit.unwrap_or(ACQUIRE);
        let session = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {0}; \
             SET lock_timeout = {0}",
            limit.as_millis().max(1)
        );
        let mut options = options.clone();
        if options.get_application_name().is_none() {
            options = options.application_name("allora-worker page");
        }
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(limit)
            .after_connect(move |connection, _| {
                let session = AssertSqlSafe(session.clone());
                Box::pin(async move {
                    sqlx::raw_sql(session).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        let read = Self {
            pool,
            configs: KnownConfigs::default(),
            place,
        };
        let found = sqlx::query_scalar("SELECT to_regclass('snapshots') IS NOT NULL");
        let found: Result<bool, _> = found.fetch_one(&read.pool).await;
        match found {
            Ok(true) => Ok(read),
            Ok(false) => Err(StoreError::Older { place: read.place }),
            Err(cause) => Err(read.failed(cause)),
        }
    }

    /// A transaction that is the only one to write predictions or configs. So numbers become visible in
    /// their order, and two workers that store the same can't wait for each other.
    async fn write(&self) -> Result<Transaction<'static, Pg>, sqlx::Error> {
        let mut all = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(20263, hashtext(current_schema()))")
            .execute(&mut *all)
            .await?;
        Ok(all)
    }

    /// A transaction that is given more time than a write.
    async fn unhurried(&self) -> Result<Transaction<'static, Pg>, sqlx::Error> {
        let mut all = self.pool.begin().await?;
        sqlx::raw_sql(UNHURRIED).execute(&mut *all).await?;
        Ok(all)
    }

    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        StoreError::Server {
            place: self.place.clone(),
            cause,
        }
    }
}

/// What a session begins with. The server gives up what takes longer than whoever writes waits for; and
/// waits for a lock a little less long, so that another's lock is not taken for a batch that is too large.
fn session(write_timeout: Option<Duration>) -> String {
    let lock = write_timeout.map_or(LOCK, |limit| LOCK.min(limit * 2 / 3));
    let limit = write_timeout.map_or(0, |limit| limit.as_millis().max(1));
    let lock = lock.as_millis().max(1);
    format!("{SESSION}; SET statement_timeout = {limit}; SET lock_timeout = {lock}")
}
