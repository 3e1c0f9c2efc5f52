//! The candles that were fetched once, so that a restart need not fetch them again.

use async_trait::async_trait;
use sqlx::{Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{Store, StoreError};
use crate::forecast::Candle;

/// Rows of one INSERT; their values stay far below SQLite's limit of 32,766.
const ROWS_AT_ONCE: usize = 500;

/// Keeps complete hourly candles by ticker.
#[async_trait]
pub trait CandleRepository: Send + Sync + 'static {
    /// The candles of a ticker that start at `since` (unix seconds) or later, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn load(&self, ticker: &str, since: i64) -> Result<Vec<Candle>, StoreError>;

    /// Writes candles, all or none. A candle of an hour that is known replaces the known one.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn save_all(&self, ticker: &str, candles: &[Candle]) -> Result<(), StoreError>;

    /// The newest candle of a ticker.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn newest(&self, ticker: &str) -> Result<Option<Candle>, StoreError>;
}

#[async_trait]
impl CandleRepository for Store {
    async fn load(&self, ticker: &str, since: i64) -> Result<Vec<Candle>, StoreError> {
        sqlx::query(
            "SELECT start, open, high, low, close, volume FROM candles \
             WHERE ticker = ? AND start >= ? ORDER BY start",
        )
        .bind(ticker)
        .bind(since)
        .try_map(read)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn save_all(&self, ticker: &str, candles: &[Candle]) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.pool.begin().await?;
            for rows in candles.chunks(ROWS_AT_ONCE) {
                upsert(&mut transaction, ticker, rows).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn newest(&self, ticker: &str) -> Result<Option<Candle>, StoreError> {
        sqlx::query(
            "SELECT start, open, high, low, close, volume FROM candles \
             WHERE ticker = ? ORDER BY start DESC LIMIT 1",
        )
        .bind(ticker)
        .try_map(read)
        .fetch_optional(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }
}

async fn upsert(
    connection: &mut SqliteConnection,
    ticker: &str,
    rows: &[Candle],
) -> Result<(), sqlx::Error> {
    let mut insert = sqlx::QueryBuilder::<Sqlite>::new(
        "INSERT INTO candles (ticker, start, open, high, low, close, volume) ",
    );
    insert.push_values(rows, |mut row, candle| {
        row.push_bind(ticker)
            .push_bind(candle.start)
            .push_bind(candle.open)
            .push_bind(candle.high)
            .push_bind(candle.low)
            .push_bind(candle.close)
            .push_bind(candle.volume);
    });
    insert.push(
        " ON CONFLICT (ticker, start) DO UPDATE SET open = excluded.open, high = excluded.high, \
         low = excluded.low, close = excluded.close, volume = excluded.volume",
    );
    insert.build().execute(connection).await.map(drop)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `try_map` asks for"
)]
fn read(row: SqliteRow) -> Result<Candle, sqlx::Error> {
    Ok(Candle {
        start: row.try_get("start")?,
        open: row.try_get("open")?,
        high: row.try_get("high")?,
        low: row.try_get("low")?,
        close: row.try_get("close")?,
        volume: row.try_get("volume")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(hour: i64, close: f64) -> Candle {
        Candle {
            start: hour * 3600,
            open: 1.0,
            high: 3.0,
            low: 0.5,
            close,
            volume: 7.25,
        }
    }

    #[tokio::test]
    async fn keeps_candles_by_ticker_and_time() -> Result<(), StoreError> {
        let store = Store::in_memory().await?;
        assert_eq!(store.newest("btcusd").await?, None);
        store.save_all("btcusd", &[]).await?;
        let candles: Vec<_> = (0..1203).map(|h| candle(h, 2.0 + h as f64)).collect();
        store.save_all("btcusd", &candles).await?;
        store.save_all("ethusd", &candles[..2]).await?;

        assert_eq!(store.load("btcusd", 0).await?, candles);
        assert_eq!(store.load("btcusd", 1000 * 3600).await?, candles[1000..]);
        assert_eq!(store.newest("btcusd").await?, candles.last().copied());
        assert_eq!(store.newest("ethusd").await?, Some(candles[1]));
        Ok(())
    }

    #[tokio::test]
    async fn a_corrected_candle_replaces_the_first() -> Result<(), StoreError> {
        let store = Store::in_memory().await?;
        store
            .save_all("btcusd", &[candle(1, 2.0), candle(2, 2.0)])
            .await?;
        store.save_all("btcusd", &[candle(2, 9.0)]).await?;
        assert_eq!(
            store.load("btcusd", 0).await?,
            [candle(1, 2.0), candle(2, 9.0)]
        );
        Ok(())
    }

    #[tokio::test]
    async fn writes_all_or_none() -> Result<(), StoreError> {
        let store = Store::in_memory().await?;
        // SQLite stores NaN as NULL, which the table refuses: here in the second statement.
        let mut candles: Vec<_> = (0..600).map(|h| candle(h, 2.0)).collect();
        candles[599].close = f64::NAN;
        assert!(store.save_all("btcusd", &candles).await.is_err());
        assert_eq!(store.load("btcusd", 0).await?, []);
        Ok(())
    }
}
