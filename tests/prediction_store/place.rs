//! An empty database, of either kind.

use std::sync::atomic::{AtomicU32, Ordering};

use allora_worker::store::{DatabaseUrl, PredictionDb};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Where a test stores, and nobody else does.
pub(crate) struct Place {
    address: String,
    schema: Option<String>,
    _folder: Option<TempDir>,
}

impl Place {
    #[allow(dead_code, reason = "the real parts are servers")]
    /// A file of SQLite's.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("predictions.db");
        Self {
            address: format!("sqlite://{}", file.display()),
            schema: None,
            _folder: Some(folder),
        }
    }

    #[allow(dead_code, reason = "only the real parts have a server")]
    /// A schema of its own in a PostgreSQL database.
    pub(crate) async fn postgres(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let schema = format!("allora_test_{}_{number}", std::process::id());
        let mark = if server.contains('?') { '&' } else { '?' };
        let place = Self {
            address: format!(
                "{server}{mark}options=-csearch_path%3D{schema}&application_name={schema}"
            ),
            schema: Some(schema.clone()),
            _folder: None,
        };
        place
            .raw(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))
            .await;
        place.raw(&format!("CREATE SCHEMA {schema}")).await;
        place
    }

    /// What another process finds it by.
    #[allow(dead_code, reason = "only the real parts have other processes")]
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        self.address.parse().expect("the address is right")
    }

    pub(crate) async fn open(&self) -> PredictionDb {
        PredictionDb::connect(&self.url()).await.expect("it opens")
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.schema.is_some()
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn raw(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.address)
                .await
                .expect("a server");
            let done = sqlx::raw_sql(sql).execute(&mut connection).await;
            done.expect("the server takes it");
            let _ = connection.close().await;
        } else {
            let mut connection = SqliteConnection::connect(&self.address)
                .await
                .expect("a file");
            let done = sqlx::raw_sql(sql).execute(&mut connection).await;
            done.expect("the file takes it");
            let _ = connection.close().await;
        }
    }

    /// A change by another process that began before `meanwhile` does and ends once that waits for it. Of
    /// a server alone: writers of a file wait for one another.
    pub(crate) async fn while_changed<T>(
        &self,
        sql: &str,
        meanwhile: impl Future<Output = T>,
    ) -> T {
        const WAITS: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = \
            'predictions'::regclass";
        let connect = || PgConnection::connect(&self.address);
        let (mut other, mut watch) = (connect().await.unwrap(), connect().await.unwrap());
        let begin = AssertSqlSafe(format!("BEGIN; {sql}"));
        sqlx::raw_sql(begin).execute(&mut other).await.unwrap();
        let end = async {
            loop {
                let waits: i64 = sqlx::query_scalar(WAITS)
                    .fetch_one(&mut watch)
                    .await
                    .unwrap();
                if waits > 0 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        };
        tokio::join!(meanwhile, end).0
    }

    /// A number that the database gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.address)
                .await
                .expect("a server");
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            number.expect("a number")
        } else {
            let mut connection = SqliteConnection::connect(&self.address)
                .await
                .expect("a file");
            let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
            number.expect("a number")
        }
    }

    /// Leaves nothing behind in a server that is not the tests' own.
    pub(crate) async fn clear(self) {
        if let Some(schema) = &self.schema {
            self.raw(&format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}
