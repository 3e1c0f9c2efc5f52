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

use super::{DatabaseUrl, StoreError, line::Line, prediction_db::bring_up_to_date};

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
        let make = || bring_up_to_date(line.options(), line.place(), migrator());
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
