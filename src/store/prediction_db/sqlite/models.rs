//! Models and their deployments.

use async_trait::async_trait;

use super::{
    super::{
        super::{Deployment, ModelRecord, ModelRepository, StoreError},
        merge, rows,
        values::{id, maybe, millis},
    },
    Sqlite,
};

#[async_trait]
impl ModelRepository for Sqlite {
    async fn keep_models(&self, models: &[ModelRecord]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.write().await?;
            for model in merge::models(models) {
                sqlx::query(
                    "INSERT INTO models (crunch_id, model_id, model_name, cruncher_id, \
                     cruncher_name, deployment_id, first_seen, last_seen, metrics_since) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (crunch_id, model_id) \
                     DO UPDATE SET model_name = excluded.model_name, \
                     cruncher_id = excluded.cruncher_id, cruncher_name = excluded.cruncher_name, \
                     deployment_id = excluded.deployment_id, \
                     first_seen = min(first_seen, excluded.first_seen), \
                     last_seen = max(last_seen, excluded.last_seen), \
                     metrics_since = max(metrics_since, excluded.metrics_since), \
                     score = CASE WHEN excluded.metrics_since > metrics_since THEN NULL \
                     ELSE score END",
                )
                .bind(id(&model.crunch_id))
                .bind(id(&model.model_id))
                .bind(maybe(model.model_name.as_deref()))
                .bind(maybe(model.cruncher_id.as_deref()))
                .bind(maybe(model.cruncher_name.as_deref()))
                .bind(id(&model.deployment_id))
                .bind(millis(model.first_seen))
                .bind(millis(model.last_seen))
                .bind(millis(model.metrics_since))
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn models(&self, crunch_id: &str) -> Result<Vec<ModelRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM models WHERE crunch_id = ? ORDER BY model_id")
            .bind(id(crunch_id))
            .fetch_all(&self.reader)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::model).collect()
    }

    async fn deployed(&self, deployments: &[Deployment]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.write().await?;
            for it in deployments {
                sqlx::query(
                    "INSERT INTO deployments (crunch_id, model_id, previous_id, deployment_id, \
                     seen_at, effect) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )
                .bind(id(&it.crunch_id))
                .bind(id(&it.model_id))
                .bind(id(&it.before))
                .bind(id(&it.deployment_id))
                .bind(millis(it.at))
                .bind(rows::effect_name(it.effect))
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn deployments(
        &self,
        crunch_id: &str,
        model_id: &str,
    ) -> Result<Vec<Deployment>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM deployments WHERE crunch_id = ? AND model_id = ? ORDER BY seen_at, id",
        )
        .bind(id(crunch_id))
        .bind(id(model_id))
        .fetch_all(&self.reader)
        .await
        .map_err(|cause| self.failed(cause))?;
        rows.iter().map(rows::deployment).collect()
    }
}
