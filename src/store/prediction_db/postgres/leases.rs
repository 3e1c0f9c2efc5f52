//! Leases of models, on a connection of their own: neither a long write nor a full pool delays a
//! heartbeat.

use std::{
    collections::HashSet,
    fmt, io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::sync::Semaphore;

use super::{
    super::{
        super::{Beat, Held, LeaseRepository, PredictionConfig, StoreError},
        url::{DatabaseUrl, Kind},
        values::id,
    },
    heartbeat::{self, name, stored},
};

/// Leases in a PostgreSQL database, whose tables another connection makes: a heartbeat has no time for
/// that, and fails until they are there.
pub struct LeaseDb {
    options: PgConnectOptions,
    place: String,
    /// What a session begins with.
    session: String,
    /// The connection, while nobody uses it. What is given up half-way is closed, and so undone.
    idle: Mutex<Option<PgConnection>>,
    /// One question at a time beside the heartbeat, so that two connections do.
    questions: Semaphore,
}

/// Without a password.
impl fmt::Debug for LeaseDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseDb({})", self.place)
    }
}

impl DatabaseUrl {
    /// The leases in it; none in a file, which has one worker. The server gives up what takes longer
    /// than `limit`.
    #[must_use]
    pub fn leases(&self, limit: Duration) -> Option<LeaseDb> {
        let Kind::Postgres(options) = &self.0 else {
            return None;
        };
        let mut options = (**options).clone();
        if options.get_application_name().is_none() {
            options = options.application_name("allora-worker");
        }
        let limit = limit.as_millis().max(1);
        // A worker that froze within a heartbeat is not in the others' way for longer than one.
        let session = format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {limit}",
            (limit / 2).max(1)
        );
        Some(LeaseDb {
            options,
            place: self.to_string(),
            session,
            idle: Mutex::new(None),
            questions: Semaphore::new(1),
        })
    }
}

impl LeaseDb {
    /// The connection that is at hand, if its server still answers, or a new one.
    async fn connection(&self) -> Result<PgConnection, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut connection) = idle
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        let connected = PgConnection::connect_with(&self.options).await;
        let mut connection = connected.map_err(|cause| self.failed(cause))?;
        let session = AssertSqlSafe(self.session.clone());
        let set = sqlx::raw_sql(session).execute(&mut connection).await;
        set.map_err(|cause| self.failed(cause))?;
        Ok(connection)
    }

    /// Keeps a connection that is well for the next one.
    fn put_back(&self, connection: PgConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get_or_insert(connection);
    }

    fn failed(&self, cause: sqlx::Error) -> StoreError {
        // That something is not found tells of the server only where it listens at a file.
        let cause = match cause {
            sqlx::Error::Io(cause)
                if cause.kind() == io::ErrorKind::NotFound
                    && self.options.get_socket().is_none() =>
            {
                io::Error::other(cause).into()
            }
            cause => cause,
        };
        StoreError::Server {
            place: self.place.clone(),
            cause,
        }
    }
}

#[async_trait]
impl LeaseRepository for LeaseDb {
    async fn beat(&self, beat: &Beat) -> Result<Held, StoreError> {
        let mut connection = self.connection().await?;
        let held = heartbeat::transact(&mut connection, beat).await;
        let held = held.map_err(|cause| self.failed(cause))?;
        self.put_back(connection);
        Ok(held)
    }

    async fn leave(&self, crunch_id: &str, worker: &str) -> Result<(), StoreError> {
        let _alone = self.questions.acquire().await;
        let mut connection = self.connection().await?;
        let left = sqlx::query("DELETE FROM workers WHERE crunch_id = $1 AND name = $2")
            .bind(id(crunch_id))
            .bind(id(worker))
            .execute(&mut connection)
            .await;
        left.map_err(|cause| self.failed(cause))?;
        self.put_back(connection);
        Ok(())
    }

    async fn parts_of(
        &self,
        crunch_id: &str,
        rounds: &[(PredictionConfig, i64)],
        models: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError> {
        let _alone = self.questions.acquire().await;
        let mut connection = self.connection().await?;
        let names = stored(models);
        let column = |value: fn(&PredictionConfig) -> i64| {
            let values = rounds.iter().map(|(config, _)| value(config));
            values.collect::<Vec<_>>()
        };
        let assets: Vec<_> = rounds.iter().map(|(config, _)| id(&config.asset)).collect();
        let slots: Vec<_> = rounds.iter().map(|(_, slot)| *slot).collect();
        let found = sqlx::query(
            "SELECT r.place, p.model_id FROM UNNEST($2::text[], $3::bigint[], $4::bigint[], \
             $5::bigint[], $6::bigint[]) WITH ORDINALITY AS r (asset, horizon, step, best, slot, \
             place) JOIN prediction_configs c ON c.crunch_id = $1 AND c.asset = r.asset \
             AND c.horizon = r.horizon AND c.step = r.step AND COALESCE(c.best, 0) = r.best \
             JOIN predictions p ON p.config_id = c.id AND p.slot = r.slot \
             AND p.model_id = ANY($7) AND p.status <> 'ABSENT'",
        )
        .bind(id(crunch_id))
        .bind(assets)
        .bind(column(|it| it.horizon.into()))
        .bind(column(|it| it.step.into()))
        .bind(column(|it| it.best.unwrap_or_default().into()))
        .bind(slots)
        .bind(names.keys().cloned().collect::<Vec<_>>())
        .fetch_all(&mut connection)
        .await;
        let read = |row: &PgRow| {
            let place = usize::try_from(row.try_get::<i64, _>("place")? - 1).unwrap_or(usize::MAX);
            Ok((place, name(row, &names)?))
        };
        let parts = found.and_then(|rows| rows.iter().map(read).collect());
        let parts = parts.map_err(|cause| self.failed(cause))?;
        self.put_back(connection);
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Down;

    #[test]
    fn a_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://me:secret@host/them".parse().unwrap();
        let leases = url.leases(Duration::from_secs(1)).unwrap();
        assert_eq!(
            format!("{leases:?}"),
            "LeaseDb(postgres://me@host:5432/them)"
        );
    }

    #[test]
    fn what_is_not_found_tells_of_a_server_at_a_file_alone() {
        for (url, expected) in [
            ("postgres://me@host/them", None),
            ("postgres:///them?host=/run&user=me", Some(Down::Refused)),
        ] {
            let leases = url.parse::<DatabaseUrl>().unwrap();
            let leases = leases.leases(Duration::from_secs(1)).unwrap();
            let cause = io::Error::from(io::ErrorKind::NotFound).into();
            assert_eq!(leases.failed(cause).down(), expected, "{url}");
        }
    }
}
