//! Requests that count against a plan's quota, so that a restart does not forget them.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Store, StoreError};

/// Milliseconds for which requests are remembered.
const DAY: i64 = 24 * 3_600_000;
/// Milliseconds that a request may lie ahead of the clock before it is taken as the mark of a clock
/// that was wrong.
const AHEAD: i64 = 3_600_000;

/// How many requests fit into a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimit {
    /// Milliseconds; a day at most.
    pub span: i64,
    /// Requests within it.
    pub most: u32,
}

/// Remembers the requests of each account, shared by all processes that use the store.
#[async_trait]
pub trait QuotaRepository: Send + Sync + 'static {
    /// Notes a request at `at` (unix milliseconds) if all limits allow it; says whether they do.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn request(
        &self,
        account: &str,
        at: i64,
        limits: &[QuotaLimit],
    ) -> Result<bool, StoreError>;

    /// When requests after `since` were made (unix milliseconds), oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn requests(&self, account: &str, since: i64) -> Result<Vec<i64>, StoreError>;
}

#[async_trait]
impl QuotaRepository for Store {
    async fn request(
        &self,
        account: &str,
        at: i64,
        limits: &[QuotaLimit],
    ) -> Result<bool, StoreError> {
        let work = async {
            sqlx::query("DELETE FROM price_requests WHERE account = ? AND (at <= ? OR at > ?)")
                .bind(account)
                .bind(at - DAY)
                .bind(at + AHEAD)
                .execute(&self.pool)
                .await?;
            // One statement, so that two processes can't both take the last one.
            let mut insert =
                QueryBuilder::<Sqlite>::new("INSERT INTO price_requests (account, at) ");
            insert
                .push("SELECT ")
                .push_bind(account)
                .push(", ")
                .push_bind(at);
            insert.push(" WHERE 1 = 1");
            for limit in limits {
                insert.push(" AND (SELECT COUNT(*) FROM price_requests WHERE account = ");
                insert.push_bind(account).push(" AND at > ");
                insert.push_bind(at - limit.span).push(") < ");
                insert.push_bind(i64::from(limit.most));
            }
            insert.build().execute(&self.pool).await
        };
        let done = work.await.map_err(|cause| self.failed(cause))?;
        Ok(done.rows_affected() == 1)
    }

    async fn requests(&self, account: &str, since: i64) -> Result<Vec<i64>, StoreError> {
        sqlx::query("SELECT at FROM price_requests WHERE account = ? AND at > ? ORDER BY at")
            .bind(account)
            .bind(since)
            .try_map(|row: SqliteRow| row.try_get("at"))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn grants_no_more_than_the_limits_even_to_two_at_once() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("worker.db");
        let (one, other) = (Store::open(&path).await?, Store::open(&path).await?);
        let limits = [
            QuotaLimit {
                span: 3_600_000,
                most: 3,
            },
            QuotaLimit { span: DAY, most: 4 },
        ];
        let now = 10 * DAY;
        let mut granted = 0;
        for turn in 0..4 {
            let at = now + turn;
            let (a, b) = tokio::join!(
                one.request("tiingo", at, &limits),
                other.request("tiingo", at, &limits)
            );
            granted += usize::from(a?) + usize::from(b?);
        }
        assert_eq!(granted, 3);
        drop((one, other));

        let again = Store::open(&path).await?;
        assert!(!again.request("tiingo", now + 10, &limits).await?);
        assert!(again.request("another", now + 10, &limits).await?);
        let later = now + 3_600_001;
        assert!(again.request("tiingo", later, &limits).await?);
        assert!(
            !again.request("tiingo", later, &limits).await?,
            "four a day"
        );
        assert_eq!(again.requests("tiingo", 0).await?.len(), 4);
        assert!(again.request("tiingo", now + 2 * DAY, &limits).await?);
        assert_eq!(again.requests("tiingo", 0).await?, [now + 2 * DAY]);
        Ok(())
    }

    #[tokio::test]
    async fn requests_far_ahead_are_those_of_a_wrong_clock() -> Result<(), StoreError> {
        let store = Store::in_memory().await?;
        let limits = [QuotaLimit { span: DAY, most: 1 }];
        assert!(store.request("tiingo", 100 * DAY, &limits).await?);
        assert!(store.request("tiingo", 10 * DAY, &limits).await?);
        Ok(())
    }
}
