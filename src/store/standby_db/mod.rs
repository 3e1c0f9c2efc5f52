//! What several workers of one wallet share, in PostgreSQL: who leads, and the journal.
//!
//! The tables' names begin with `standby_`, so that they may stand beside others.

mod journal;
mod leases;

use std::{borrow::Cow, time::Duration};

use sqlx::{
    PgConnection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
    postgres::PgListener,
};
use tokio::sync::{Mutex, OnceCell};

use super::{
    DatabaseUrl, StoreError, line::Line, prediction_db::bring_up_to_date, underway::Underway,
};

const MIGRATIONS: [(i64, &str, &str); 1] = [(
    1,
    "standby",
    include_str!("../migrations/standby_postgres/0001_standby.sql"),
)];

/// A PostgreSQL database that the workers of a wallet share. It is opened, and its tables are made, with
/// the first question that reaches it. Leases and journal have a connection each.
#[derive(Debug)]
pub struct StandbyDb {
    leases: Line,
    journal: Line,
    tables: OnceCell<()>,
    making: Underway<(), StoreError>,
    heard: Mutex<Option<PgListener>>,
}

impl StandbyDb {
    /// The database at an address; none in a file, which has one worker. The server gives up what takes
    /// longer than `limit`.
    #[must_use]
    pub fn at(url: &DatabaseUrl, limit: Duration) -> Option<Self> {
        Some(Self {
            leases: Line::to(url, limit)?,
            journal: Line::to(url, limit)?,
            tables: OnceCell::new(),
            making: Underway::default(),
            heard: Mutex::default(),
        })
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn place(&self) -> &str {
        self.leases.place()
    }

    /// A connection of a line, once the tables are there.
    async fn on(&self, line: &Line) -> Result<PgConnection, StoreError> {
        let make = || async {
            let (options, place) = (line.options().clone(), line.place().to_owned());
            let made = self
                .making
                .outcome(|| async move { bring_up_to_date(&options, &place, migrator()).await });
            let given_up = || {
                let cause = std::io::Error::other("making the tables was given up");
                Err(line.failed(cause.into()))
            };
            made.await.unwrap_or_else(given_up)
        };
        self.tables.get_or_try_init(make).await?;
        line.connection().await
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.dangerous_set_table_name(Cow::Borrowed("standby_migrations"));
    migrator
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::store::{Wallet, WalletLeases as _};

    #[tokio::test]
    async fn a_certificate_that_is_not_there_is_no_server_that_is_down() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).await.unwrap();
                stream.write_all(b"S").await.unwrap();
            }
        });
        let url = format!(
            "postgres://me@127.0.0.1:{port}/them?sslmode=verify-full&sslrootcert=/none/root.crt"
        );
        let db = StandbyDb::at(&url.parse().unwrap(), Duration::from_secs(5)).unwrap();
        let wallet = Wallet {
            chain_id: "allora-localnet-1".into(),
            address: "allo1x".into(),
        };
        let failed = db.look(&wallet).await.unwrap_err();
        assert!(failed.to_string().contains("postgres://me@"), "{failed}");
        assert_eq!(failed.down(), None, "{failed:?}");
    }
}
