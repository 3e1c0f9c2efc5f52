//! Candles in SQL.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, sqlite::SqliteRow};

use super::{
    CandleRepository, Interval, Origin, Pair, Series, SetAside, Store, StoreError, StoredCandle,
};
use crate::forecast::Candle;

/// Rows of one INSERT; their values stay far below SQLite's limit of 32,766.
const ROWS_AT_ONCE: usize = 500;

#[async_trait]
impl CandleRepository for Store {
    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
    ) -> Result<Vec<StoredCandle>, StoreError> {
        let rows = sqlx::query(
            "SELECT start, source, open, high, low, close, volume FROM candles \
             WHERE ticker = ? AND seconds = ? AND start >= ? AND start < ? ORDER BY start",
        )
        .bind(&series.ticker)
        .bind(series.interval.seconds())
        .bind(range.start)
        .bind(range.end)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        let mut candles: Vec<StoredCandle> = Vec::with_capacity(rows.len());
        for row in &rows {
            let (origin, candle) = (origin(row)?, candle(row));
            let candle = candle.map_err(|cause| self.failed(cause))?;
            let next = StoredCandle { candle, origin };
            match candles.last_mut() {
                Some(last) if last.candle.start == candle.start => {
                    if last.origin < origin {
                        *last = next;
                    }
                }
                _ => candles.push(next),
            }
        }
        Ok(candles)
    }

    async fn keep(
        &self,
        series: &Series,
        origin: Origin,
        candles: &[Candle],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.pool.begin().await?;
            for rows in candles.chunks(ROWS_AT_ONCE) {
                upsert(&mut transaction, series, origin, rows).await?;
                let starts = rows.iter().map(|candle| candle.start);
                delete(
                    &mut transaction,
                    "candles_set_aside",
                    series,
                    origin,
                    starts,
                )
                .await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn set_aside(&self, series: &Series, candles: &[SetAside]) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.pool.begin().await?;
            for row in candles {
                insert_set_aside(&mut transaction, series, row).await?;
                let start = [row.start].into_iter();
                delete(&mut transaction, "candles", series, row.source, start).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn set_asides(&self, series: &Series, since: i64) -> Result<Vec<SetAside>, StoreError> {
        let rows = sqlx::query(
            "SELECT start, source, at, reason FROM candles_set_aside \
             WHERE ticker = ? AND seconds = ? AND start >= ? ORDER BY start, source",
        )
        .bind(&series.ticker)
        .bind(series.interval.seconds())
        .bind(since)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        let read = |row: &SqliteRow| {
            let (start, at, reason) = (|| {
                Ok((
                    row.try_get("start")?,
                    row.try_get("at")?,
                    row.try_get("reason")?,
                ))
            })()
            .map_err(|cause| self.failed(cause))?;
            let source = origin(row)?;
            Ok(SetAside {
                start,
                source,
                at,
                reason,
            })
        };
        rows.iter().map(read).collect()
    }

    async fn pairs(
        &self,
        series: &Series,
        [first, second]: [Origin; 2],
        since: i64,
    ) -> Result<Vec<Pair>, StoreError> {
        sqlx::query(
            "SELECT a.start AS start, a.close AS first, b.close AS second \
             FROM candles a JOIN candles b ON b.ticker = a.ticker AND b.seconds = a.seconds \
             AND b.start = a.start WHERE a.ticker = ? AND a.seconds = ? AND a.start >= ? \
             AND a.source = ? AND b.source = ? ORDER BY a.start",
        )
        .bind(&series.ticker)
        .bind(series.interval.seconds())
        .bind(since)
        .bind(first.name())
        .bind(second.name())
        .try_map(|row: SqliteRow| {
            Ok(Pair {
                start: row.try_get("start")?,
                first: row.try_get("first")?,
                second: row.try_get("second")?,
            })
        })
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn inventory(&self) -> Result<Vec<(Series, Origin, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT ticker, seconds, source, COUNT(*) AS candles FROM candles \
             GROUP BY ticker, seconds, source ORDER BY ticker, seconds, source",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        let read = |row: &SqliteRow| {
            let get = || -> Result<(String, i64, i64), sqlx::Error> {
                Ok((
                    row.try_get("ticker")?,
                    row.try_get("seconds")?,
                    row.try_get("candles")?,
                ))
            };
            let (ticker, seconds, candles) = get().map_err(|cause| self.failed(cause))?;
            let interval = Interval::of_seconds(seconds).ok_or_else(|| StoreError::Corrupt {
                what: "candles",
                cause: format!("{seconds} seconds are no interval"),
            })?;
            let series = Series { ticker, interval };
            Ok((series, origin(row)?, candles.unsigned_abs()))
        };
        rows.iter().map(read).collect()
    }
}

async fn upsert(
    connection: &mut SqliteConnection,
    series: &Series,
    origin: Origin,
    rows: &[Candle],
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO candles (ticker, seconds, start, source, open, high, low, close, volume) ",
    );
    insert.push_values(rows, |mut row, candle| {
        row.push_bind(&series.ticker)
            .push_bind(series.interval.seconds())
            .push_bind(candle.start)
            .push_bind(origin.name())
            .push_bind(candle.open)
            .push_bind(candle.high)
            .push_bind(candle.low)
            .push_bind(candle.close)
            .push_bind(candle.volume);
    });
    insert.push(
        " ON CONFLICT (ticker, seconds, start, source) DO UPDATE SET open = excluded.open, \
         high = excluded.high, low = excluded.low, close = excluded.close, \
         volume = excluded.volume",
    );
    // Only whole ones have a text that comes again: the connection keeps a statement of each text.
    let whole = rows.len() == ROWS_AT_ONCE;
    let insert = insert.build().persistent(whole);
    insert.execute(connection).await.map(drop)
}

async fn insert_set_aside(
    connection: &mut SqliteConnection,
    series: &Series,
    row: &SetAside,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO candles_set_aside (ticker, seconds, start, source, at, reason) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (ticker, seconds, start, source) \
         DO UPDATE SET at = excluded.at, reason = excluded.reason",
    )
    .bind(&series.ticker)
    .bind(series.interval.seconds())
    .bind(row.start)
    .bind(row.source.name())
    .bind(row.at)
    .bind(&row.reason)
    .execute(connection)
    .await
    .map(drop)
}

async fn delete(
    connection: &mut SqliteConnection,
    table: &'static str,
    series: &Series,
    origin: Origin,
    starts: impl Iterator<Item = i64>,
) -> Result<(), sqlx::Error> {
    let mut delete = QueryBuilder::<Sqlite>::new("DELETE FROM ");
    delete.push(table).push(" WHERE ticker = ");
    delete.push_bind(&series.ticker).push(" AND seconds = ");
    delete.push_bind(series.interval.seconds());
    delete.push(" AND source = ").push_bind(origin.name());
    delete.push(" AND start IN (");
    let mut list = delete.separated(", ");
    for start in starts {
        list.push_bind(start);
    }
    delete.push(")");
    // Each count of candles is another text.
    let delete = delete.build().persistent(false);
    delete.execute(connection).await.map(drop)
}

fn origin(row: &SqliteRow) -> Result<Origin, StoreError> {
    let name: Result<String, _> = row.try_get("source");
    let known = name.ok().and_then(|name| Origin::of_name(&name));
    known.ok_or_else(|| StoreError::Corrupt {
        what: "candles",
        cause: "their source is none that is known".into(),
    })
}

fn candle(row: &SqliteRow) -> Result<Candle, sqlx::Error> {
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
#[path = "candles_tests.rs"]
mod tests;
