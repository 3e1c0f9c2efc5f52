//! One connection to a PostgreSQL server, for those that neither a long write nor a full pool may delay.

use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

use super::{DatabaseUrl, StoreError, underway::Underway};

/// A connection that is opened when it is needed and kept while it is well.
pub(super) struct Line {
    options: PgConnectOptions,
    place: String,
    /// What a session begins with.
    session: String,
    /// How long connecting may take: longer than whoever asks may wait, who comes again.
    limit: Duration,
    opening: Underway<PgConnection, sqlx::Error>,
    /// The connection, while nobody uses it. What is given up half-way is closed, and so undone.
    idle: Mutex<Option<PgConnection>>,
}

/// Without a password.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.place)
    }
}

impl Line {
    /// One to a server; none to a file. The server gives up what takes longer than `limit`, and soon what
    /// waits for another's lock.
    pub(super) fn to(url: &DatabaseUrl, limit: Duration) -> Option<Self> {
        let mut options = url.server()?.clone();
        if options.get_application_name().is_none() {
            options = options.application_name("allora-worker");
        }
        let milliseconds = limit.as_millis().max(1);
        let session = format!(
            "SET statement_timeout = {milliseconds}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {milliseconds}",
            (milliseconds / 2).max(1)
        );
        Some(Self {
            options,
            place: url.to_string(),
            session,
            limit,
            opening: Underway::default(),
            idle: Mutex::new(None),
        })
    }

    /// How the server is connected to.
    pub(super) const fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// The server, without a password.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The connection that is at hand, if its server still answers, or a new one.
    pub(super) async fn connection(&self) -> Result<PgConnection, StoreError> {
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
        let (options, session) = (self.options.clone(), self.session.clone());
        let limit = self.limit;
        let open = || async move {
            let opened = timeout(limit, open(&options, session)).await;
            opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        };
        let opened = self.opening.outcome(open).await;
        let opened = opened.unwrap_or_else(|| Err(io::Error::other("it was given up").into()));
        opened.map_err(|cause| self.failed(cause))
    }

    /// Keeps a connection that is well for the next one.
    pub(super) fn put_back(&self, connection: PgConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get_or_insert(connection);
    }

    /// A failure with the place that it came from.
    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        failed_at(&self.options, &self.place, cause)
    }
}

async fn open(options: &PgConnectOptions, session: String) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let session = AssertSqlSafe(session);
    sqlx::raw_sql(session).execute(&mut connection).await?;
    Ok(connection)
}

/// A server's failure with its place.
pub(super) fn failed_at(options: &PgConnectOptions, place: &str, cause: sqlx::Error) -> StoreError {
    // That something is not found tells of the server only where it listens at a file.
    let cause = match cause {
        sqlx::Error::Io(cause)
            if cause.kind() == io::ErrorKind::NotFound && options.get_socket().is_none() =>
        {
            io::Error::other(cause).into()
        }
        cause => cause,
    };
    StoreError::Server {
        place: place.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Down;

    fn line(url: &str) -> Line {
        let url: DatabaseUrl = url.parse().unwrap();
        Line::to(&url, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn a_password_is_not_shown() {
        let line = line("postgres://me:secret@host/them");
        assert_eq!(format!("{line:?}"), "Line(postgres://me@host:5432/them)");
    }

    #[test]
    fn what_is_not_found_tells_of_a_server_at_a_file_alone() {
        for (url, expected) in [
            ("postgres://me@host/them", None),
            ("postgres:///them?host=/run&user=me", Some(Down::Refused)),
        ] {
            let cause = io::Error::from(io::ErrorKind::NotFound).into();
            assert_eq!(line(url).failed(cause).down(), expected, "{url}");
        }
    }
}
