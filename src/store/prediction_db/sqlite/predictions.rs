//! Predictions.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Sqlite as Lite, SqliteConnection};
use time::OffsetDateTime;

use super::{
    super::{
        super::{
            Packed, Prediction, PredictionFilter, PredictionRepository, StoreError,
            StoredPrediction,
        },
        merge,
        rows::{self, Columns as _},
        values::{count, id, maybe, millis, of_millis},
    },
    Sqlite,
};

/// Rows of one INSERT: a statement of always the same text is prepared once.
const ROWS_AT_ONCE: usize = 100;
/// Rows removed in one transaction, which an insert waits for.
const BITE: u32 = 500;

#[async_trait]
impl PredictionRepository for Sqlite {
    async fn save_all(&self, predictions: &[Prediction]) -> Result<u64, StoreError> {
        let work = async {
            let numbers = self.numbers(predictions).await?;
            let mut all = self.write().await?;
            let mut new = 0;
            let rows = merge::predictions(&numbers, predictions);
            for rows in rows.chunks(ROWS_AT_ONCE) {
                new += insert(&mut all, rows).await?;
            }
            all.commit().await?;
            Ok(new)
        };
        work.await.map_err(|cause| {
            self.configs.forget();
            self.failed(cause)
        })
    }

    async fn predictions(
        &self,
        filter: &PredictionFilter,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredPrediction>, StoreError> {
        let mut query = QueryBuilder::<Lite>::new("SELECT p.performed_at, p.resolvable_at, ");
        query.push(rows::PREDICTION);
        query.push(
            " FROM predictions p JOIN prediction_configs c ON c.id = p.config_id WHERE p.id > ",
        );
        query.push_bind(after);
        narrow(&mut query, filter);
        query.push(" ORDER BY p.id LIMIT ").push_bind(most);
        let rows = query.build().fetch_all(&self.reader).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::prediction).collect()
    }

    async fn newest(&self, crunch_id: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        let newest: Option<i64> = sqlx::query_scalar(
            "SELECT performed_at FROM predictions WHERE +config_id IN \
             (SELECT id FROM prediction_configs WHERE crunch_id = ?) \
             ORDER BY performed_at DESC LIMIT 1",
        )
        .bind(id(crunch_id))
        .fetch_optional(&self.reader)
        .await
        .map_err(|cause| self.failed(cause))?;
        Ok(newest.and_then(of_millis))
    }

    async fn prune(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
        most: u32,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        let mut left = most;
        while left > 0 {
            let bite = left.min(BITE);
            let done = sqlx::query(
                "DELETE FROM predictions WHERE id IN (SELECT id FROM predictions \
                 WHERE +config_id IN (SELECT id FROM prediction_configs WHERE crunch_id = ?) \
                 AND performed_at < ? ORDER BY performed_at, id LIMIT ?)",
            )
            .bind(id(crunch_id))
            .bind(millis(before))
            .bind(bite)
            .execute(&self.writer)
            .await
            .map_err(|cause| self.failed(cause))?;
            removed += done.rows_affected();
            if done.rows_affected() < u64::from(bite) {
                break;
            }
            left -= bite;
        }
        Ok(removed)
    }

    async fn best(
        &self,
        crunch_id: &str,
        since: OffsetDateTime,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(super::super::BEST)
            .bind(id(crunch_id))
            .bind(millis(since))
            .bind(most)
            .fetch_all(&self.reader)
            .await
            .map_err(|cause| self.failed(cause))?;
        let ids = rows.iter().map(|row| row.text("model_id"));
        ids.collect::<Result<_, _>>()
            .map_err(|cause| self.failed(cause))
    }
}

fn narrow(query: &mut QueryBuilder<Lite>, filter: &PredictionFilter) {
    if let Some(crunch) = &filter.crunch_id {
        query.push(" AND c.crunch_id = ");
        query.push_bind(id(crunch).into_owned());
    }
    if let Some(model) = &filter.model_id {
        query.push(" AND p.model_id = ");
        query.push_bind(id(model).into_owned());
    }
    if let Some(asset) = &filter.asset {
        query.push(" AND p.asset = ");
        query.push_bind(id(asset).into_owned());
    }
    if let Some(horizon) = filter.horizon {
        query.push(" AND p.horizon = ").push_bind(horizon);
    }
    if let Some(since) = filter.since {
        query.push(" AND p.performed_at >= ");
        query.push_bind(millis(since));
    }
    if let Some(until) = filter.until {
        query.push(" AND p.performed_at < ");
        query.push_bind(millis(until));
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    rows: &[(i64, &Prediction)],
) -> Result<u64, sqlx::Error> {
    let mut insert = QueryBuilder::<Lite>::new(
        "INSERT INTO predictions (config_id, slot, model_id, deployment_id, status, asset, horizon, \
         step, exec_time_us, base, performed_at, resolvable_at, detail, payload) ",
    );
    insert.push_values(rows, |mut row, (config, it)| {
        row.push_bind(*config)
            .push_bind(it.slot)
            .push_bind(id(&it.model_id))
            .push_bind(id(&it.deployment_id))
            .push_bind(it.status.name())
            .push_bind(id(&it.asset))
            .push_bind(it.horizon)
            .push_bind(it.step)
            .push_bind(count(it.exec_time_us))
            .push_bind(it.base)
            .push_bind(millis(it.performed_at))
            .push_bind(millis(it.resolvable_at))
            .push_bind(maybe(it.detail.as_deref()))
            .push_bind(it.payload.as_ref().map(Packed::as_bytes));
    });
    insert.push(super::super::ONCE);
    // Only whole ones have a text that comes again: the connection keeps a statement of each text.
    let insert = insert.build().persistent(rows.len() == ROWS_AT_ONCE);
    let done = insert.execute(connection).await?;
    Ok(done.rows_affected())
}
