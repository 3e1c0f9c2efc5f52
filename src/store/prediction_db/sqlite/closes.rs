//! The prices that models were told.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{QueryBuilder, Sqlite as Lite};

use super::{
    super::{
        super::{Close, CloseRepository, StoreError},
        merge, rows,
        values::id,
    },
    Sqlite,
};

/// Rows of one INSERT; their values stay far below SQLite's limit of 32,766.
const ROWS_AT_ONCE: usize = 500;

#[async_trait]
impl CloseRepository for Sqlite {
    async fn keep_closes(&self, asset: &str, closes: &[Close]) -> Result<(), StoreError> {
        let closes: Vec<_> = merge::closes(closes).into_iter().collect();
        let work = async {
            let mut all = self.write().await?;
            for closes in closes.chunks(ROWS_AT_ONCE) {
                let mut insert =
                    QueryBuilder::<Lite>::new("INSERT INTO closes (asset, \"at\", price) ");
                insert.push_values(closes, |mut row, (at, price)| {
                    row.push_bind(id(asset))
                        .push_bind(at.saturating_mul(1_000))
                        .push_bind(*price);
                });
                insert.push(" ON CONFLICT (asset, \"at\") DO UPDATE SET price = excluded.price");
                // Only whole ones have a text that comes again: the connection keeps a statement of each text.
                let whole = closes.len() == ROWS_AT_ONCE;
                insert.build().persistent(whole).execute(&mut *all).await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn closes(&self, asset: &str, range: Range<i64>) -> Result<Vec<Close>, StoreError> {
        let rows = sqlx::query(
            "SELECT \"at\", price FROM closes WHERE asset = ? AND \"at\" >= ? AND \"at\" < ? \
             ORDER BY \"at\"",
        )
        .bind(id(asset))
        .bind(range.start.saturating_mul(1_000))
        .bind(range.end.saturating_mul(1_000))
        .fetch_all(&self.reader)
        .await
        .map_err(|cause| self.failed(cause))?;
        let closes: Result<_, _> = rows.iter().map(rows::close).collect();
        closes.map_err(|cause| self.failed(cause))
    }
}
