//! The prices that models were told.

use std::ops::Range;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{
    super::{
        super::{Close, CloseRepository, StoreError},
        merge, rows,
        values::id,
    },
    Postgres,
};

#[async_trait]
impl CloseRepository for Postgres {
    async fn keep_closes(&self, asset: &str, closes: &[Close]) -> Result<(), StoreError> {
        let closes = merge::closes(closes);
        let (at, prices): (Vec<_>, Vec<_>) = closes
            .into_iter()
            .map(|(at, price)| (moment(at), price))
            .unzip();
        sqlx::query(
            "INSERT INTO closes (asset, \"at\", price) \
             SELECT $1, r.moment, r.price \
             FROM UNNEST($2::timestamptz[], $3::double precision[]) AS r (moment, price) \
             ON CONFLICT (asset, \"at\") DO UPDATE SET price = excluded.price",
        )
        .bind(id(asset))
        .bind(at)
        .bind(prices)
        .execute(&self.pool)
        .await
        .map(drop)
        .map_err(|cause| self.failed(cause))
    }

    async fn closes(&self, asset: &str, range: Range<i64>) -> Result<Vec<Close>, StoreError> {
        let rows = sqlx::query(
            "SELECT (extract(epoch FROM c.\"at\") * 1000)::bigint AS \"at\", price FROM closes c \
             WHERE asset = $1 AND c.\"at\" >= $2 AND c.\"at\" < $3 ORDER BY c.\"at\"",
        )
        .bind(id(asset))
        .bind(moment(range.start))
        .bind(moment(range.end))
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        let closes: Result<_, _> = rows.iter().map(rows::close).collect();
        closes.map_err(|cause| self.failed(cause))
    }
}

/// The time of unix seconds; the calendar's ends stand for what is beyond them.
fn moment(seconds: i64) -> OffsetDateTime {
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_300_799;
    let at = OffsetDateTime::from_unix_timestamp(seconds.clamp(FIRST, LAST));
    at.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
