//! Predictions.

use std::borrow::Cow;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, Postgres as Pg, QueryBuilder};
use time::OffsetDateTime;

use super::{
    super::{
        super::{
            Packed, Prediction, PredictionFilter, PredictionRepository, StoreError,
            StoredPrediction,
        },
        ONCE, merge,
        rows::{self, Columns as _},
        values::{count, id, maybe, moment},
    },
    Postgres,
};

/// Rows of one INSERT, and bytes of their answers: a message to the server has an end.
const ROWS_AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 32 << 20;

/// Rows by columns, in their order.
const INSERT: &str = "INSERT INTO predictions (config_id, slot, horizon, step, exec_time_us, base, \
     performed_at, resolvable_at, model_id, deployment_id, status, asset, detail, payload) \
     SELECT config_id, slot, horizon, step, exec_time_us, base, performed_at, resolvable_at, \
     model_id, deployment_id, status, asset, detail, payload \
     FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
     $6::double precision[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], \
     $11::text[], $12::text[], $13::text[], $14::bytea[]) WITH ORDINALITY \
     AS r (config_id, slot, horizon, step, exec_time_us, base, performed_at, resolvable_at, \
     model_id, deployment_id, status, asset, detail, payload, place) ORDER BY place";

#[async_trait]
impl PredictionRepository for Postgres {
    async fn save_all(&self, predictions: &[Prediction]) -> Result<u64, StoreError> {
        let work = async {
            let numbers = self.numbers(predictions).await?;
            let mut all = self.write().await?;
            let mut new = 0;
            let rows = merge::predictions(&numbers, predictions);
            let mut rest: &[_] = &rows;
            while !rest.is_empty() {
                let (rows, later) = rest.split_at(portion(rest));
                new += insert(&mut all, rows).await?;
                rest = later;
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
        let mut query = QueryBuilder::<Pg>::new(
            "SELECT (extract(epoch FROM p.performed_at) * 1000)::bigint AS performed_at, \
             (extract(epoch FROM p.resolvable_at) * 1000)::bigint AS resolvable_at, ",
        );
        query.push(rows::PREDICTION);
        query.push(
            " FROM predictions p JOIN prediction_configs c ON c.id = p.config_id WHERE p.id > ",
        );
        query.push_bind(after);
        narrow(&mut query, filter);
        query.push(" ORDER BY p.id LIMIT ");
        query.push_bind(i64::from(most));
        let work = async {
            let mut all = self.unhurried().await?;
            let rows = query.build().fetch_all(&mut *all).await?;
            all.commit().await?;
            Ok(rows)
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::prediction).collect()
    }

    async fn newest(&self, crunch_id: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        let work = async {
            let mut all = self.unhurried().await?;
            let newest = sqlx::query_scalar(
                "SELECT performed_at FROM predictions WHERE config_id IN \
                 (SELECT id FROM prediction_configs WHERE crunch_id = $1) \
                 ORDER BY performed_at DESC LIMIT 1",
            )
            .bind(id(crunch_id))
            .fetch_optional(&mut *all)
            .await?;
            all.commit().await?;
            Ok(newest)
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn prune(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
        most: u32,
    ) -> Result<u64, StoreError> {
        let work = async {
            let mut all = self.unhurried().await?;
            let done = sqlx::query(
                "DELETE FROM predictions WHERE id IN (SELECT id FROM predictions WHERE config_id IN \
                 (SELECT id FROM prediction_configs WHERE crunch_id = $1) AND performed_at < $2 \
                 ORDER BY performed_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)",
            )
            .bind(id(crunch_id))
            .bind(before)
            .bind(i64::from(most))
            .execute(&mut *all)
            .await?;
            all.commit().await?;
            Ok(done.rows_affected())
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn best(
        &self,
        crunch_id: &str,
        since: OffsetDateTime,
        most: u32,
    ) -> Result<Vec<String>, StoreError> {
        let work = async {
            let mut all = self.unhurried().await?;
            let rows = sqlx::query(super::super::BEST)
                .bind(id(crunch_id))
                .bind(since)
                .bind(i64::from(most))
                .fetch_all(&mut *all)
                .await?;
            all.commit().await?;
            Ok(rows)
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        let ids = rows.iter().map(|row| row.text("model_id"));
        ids.collect::<Result<_, _>>()
            .map_err(|cause| self.failed(cause))
    }
}

fn narrow(query: &mut QueryBuilder<Pg>, filter: &PredictionFilter) {
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
        query.push(" AND p.horizon = ");
        query.push_bind(i64::from(horizon));
    }
    if let Some(since) = filter.since {
        query.push(" AND p.performed_at >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" AND p.performed_at < ").push_bind(until);
    }
}

/// A prediction and its config's number.
type Row<'a> = (i64, &'a Prediction);

/// How many of the rows go into the next statement.
fn portion(rows: &[Row<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |(_, it): &&Row<'_>| {
        bytes += it.payload.as_ref().map_or(0, |it| it.as_bytes().len());
        bytes <= BYTES_AT_ONCE
    };
    let many = rows.iter().take(ROWS_AT_ONCE).take_while(fits).count();
    many.max(1)
}

/// A column's values.
fn column<'a, T>(rows: &[Row<'a>], value: impl Fn(&'a Prediction) -> T) -> Vec<T> {
    rows.iter().map(|(_, it)| value(it)).collect()
}

async fn insert(connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<u64, sqlx::Error> {
    let configs: Vec<_> = rows.iter().map(|(config, _)| *config).collect();
    let done = sqlx::query(AssertSqlSafe(format!("{INSERT}{ONCE}")))
        .bind(configs)
        .bind(column(rows, |it| it.slot))
        .bind(column(rows, |it| i64::from(it.horizon)))
        .bind(column(rows, |it| i64::from(it.step)))
        .bind(column(rows, |it| count(it.exec_time_us)))
        .bind(column(rows, |it| it.base.filter(|base| !base.is_nan())))
        .bind(column(rows, |it| moment(it.performed_at)))
        .bind(column(rows, |it| moment(it.resolvable_at)))
        .bind(texts(rows, |it| id(&it.model_id)))
        .bind(texts(rows, |it| id(&it.deployment_id)))
        .bind(column(rows, |it| it.status.name()))
        .bind(texts(rows, |it| id(&it.asset)))
        .bind(maybe_texts(rows, |it| maybe(it.detail.as_deref())))
        .bind(column(rows, |it| it.payload.as_ref().map(Packed::as_bytes)))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

fn texts<'a>(
    rows: &[Row<'a>],
    value: impl Fn(&'a Prediction) -> Cow<'a, str>,
) -> Vec<Cow<'a, str>> {
    column(rows, value)
}

fn maybe_texts<'a>(
    rows: &[Row<'a>],
    value: impl Fn(&'a Prediction) -> Option<Cow<'a, str>>,
) -> Vec<Option<Cow<'a, str>>> {
    column(rows, value)
}
