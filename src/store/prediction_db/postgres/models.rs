//! Models and their deployments.

use async_trait::async_trait;

use super::{
    super::{
        super::{Deployment, ModelRecord, ModelRepository, StoreError},
        merge, rows,
        values::{id, maybe, moment},
    },
    Postgres,
};

#[async_trait]
impl ModelRepository for Postgres {
    async fn keep_models(&self, models: &[ModelRecord]) -> Result<(), StoreError> {
        let models = merge::models(models);
        let work = async {
            sqlx::query(
                "INSERT INTO models AS m (crunch_id, model_id, model_name, cruncher_id, \
                 cruncher_name, deployment_id, first_seen, last_seen, metrics_since) \
                 SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], \
                 $6::text[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[]) \
                 ON CONFLICT (crunch_id, model_id) DO UPDATE SET \
                 model_name = excluded.model_name, cruncher_id = excluded.cruncher_id, \
                 cruncher_name = excluded.cruncher_name, deployment_id = excluded.deployment_id, \
                 first_seen = LEAST(m.first_seen, excluded.first_seen), \
                 last_seen = GREATEST(m.last_seen, excluded.last_seen), \
                 metrics_since = GREATEST(m.metrics_since, excluded.metrics_since), \
                 score = CASE WHEN excluded.metrics_since > m.metrics_since THEN NULL \
                 ELSE m.score END",
            )
            .bind(column(&models, |it| id(&it.crunch_id)))
            .bind(column(&models, |it| id(&it.model_id)))
            .bind(column(&models, |it| maybe(it.model_name.as_deref())))
            .bind(column(&models, |it| maybe(it.cruncher_id.as_deref())))
            .bind(column(&models, |it| maybe(it.cruncher_name.as_deref())))
            .bind(column(&models, |it| id(&it.deployment_id)))
            .bind(column(&models, |it| moment(it.first_seen)))
            .bind(column(&models, |it| moment(it.last_seen)))
            .bind(column(&models, |it| moment(it.metrics_since)))
            .execute(&self.pool)
            .await
        };
        work.await.map(drop).map_err(|cause| self.failed(cause))
    }

    async fn models(&self, crunch_id: &str) -> Result<Vec<ModelRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT crunch_id, model_id, model_name, cruncher_id, cruncher_name, deployment_id, \
             (extract(epoch FROM first_seen) * 1000)::bigint AS first_seen, \
             (extract(epoch FROM last_seen) * 1000)::bigint AS last_seen, \
             (extract(epoch FROM metrics_since) * 1000)::bigint AS metrics_since \
             FROM models WHERE crunch_id = $1 ORDER BY model_id COLLATE \"C\"",
        )
        .bind(id(crunch_id))
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::model).collect()
    }

    async fn deployed(&self, deployments: &[Deployment]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO deployments (crunch_id, model_id, previous_id, deployment_id, seen_at, \
             effect) SELECT crunch_id, model_id, previous_id, deployment_id, seen_at, effect \
             FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], \
             $6::text[]) WITH ORDINALITY AS r (crunch_id, model_id, previous_id, deployment_id, \
             seen_at, effect, place) ORDER BY place ON CONFLICT DO NOTHING",
        )
        .bind(column(deployments, |it| id(&it.crunch_id)))
        .bind(column(deployments, |it| id(&it.model_id)))
        .bind(column(deployments, |it| id(&it.before)))
        .bind(column(deployments, |it| id(&it.deployment_id)))
        .bind(column(deployments, |it| moment(it.at)))
        .bind(column(deployments, |it| rows::effect_name(it.effect)))
        .execute(&self.pool)
        .await
        .map(drop)
        .map_err(|cause| self.failed(cause))
    }

    async fn deployments(
        &self,
        crunch_id: &str,
        model_id: &str,
    ) -> Result<Vec<Deployment>, StoreError> {
        let rows = sqlx::query(
            "SELECT crunch_id, model_id, previous_id, deployment_id, effect, \
             (extract(epoch FROM seen_at) * 1000)::bigint AS seen_at FROM deployments d \
             WHERE crunch_id = $1 AND model_id = $2 ORDER BY d.seen_at, d.id",
        )
        .bind(id(crunch_id))
        .bind(id(model_id))
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::deployment).collect()
    }
}

/// A column's values.
fn column<'a, T, V>(rows: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(value).collect()
}
