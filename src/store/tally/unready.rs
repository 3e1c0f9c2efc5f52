//! When a worker that ran could answer no window.

use sqlx::{Row as _, SqlitePool, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::runs::{date, milliseconds};

/// A time within a run in which no window could be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// The row's number; rises with time. 0 until it is noted.
    pub id: i64,
    /// The run.
    pub run: i64,
    /// Why: a word of `/readyz`.
    pub reason: String,
    /// When it began.
    pub began: OffsetDateTime,
    /// When it ended; none while it lasts, and where the run ended before it.
    pub ended: Option<OffsetDateTime>,
}

const UNREADY: &str = "INSERT INTO unready (id, run, reason, began, ended) \
    VALUES (NULLIF(?, 0), ?, ?, ?, ?) \
    ON CONFLICT (id) DO UPDATE SET ended = excluded.ended RETURNING id";

/// Notes one, or brings its row up to date; gives its number.
pub(super) async fn note(pool: &SqlitePool, unready: &Unready) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(UNREADY)
        .bind(unready.id)
        .bind(unready.run)
        .bind(&unready.reason)
        .bind(milliseconds(unready.began))
        .bind(unready.ended.map(milliseconds))
        .fetch_one(pool)
        .await
}

/// A time without readiness, of a row of `unready`.
pub(super) fn read(row: &SqliteRow) -> Result<Unready, sqlx::Error> {
    let ended: Option<i64> = row.try_get("ended")?;
    Ok(Unready {
        id: row.try_get("id")?,
        run: row.try_get("run")?,
        reason: row.try_get("reason")?,
        began: date(row.try_get("began")?),
        ended: ended.map(date),
    })
}
