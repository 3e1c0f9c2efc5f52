//! What models are asked for.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::{
    super::{
        super::{
            ConfigKey, Prediction, PredictionConfig, PredictionConfigRepository, StoreError,
            StoredConfig,
        },
        merge, rows,
        values::{ConfigId, id},
    },
    Postgres,
};

impl Postgres {
    /// The numbers of the predictions' configs, in their order. An unknown one is written down: it has no
    /// interval, so nobody makes rounds of it.
    pub(super) async fn numbers(
        &self,
        predictions: &[Prediction],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let mut numbers = Vec::with_capacity(predictions.len());
        for it in predictions {
            numbers.push(self.number(ConfigId::of_prediction(it)).await?);
        }
        Ok(numbers)
    }

    async fn number(&self, config: ConfigId) -> Result<i64, sqlx::Error> {
        if let Some(number) = self.configs.get(&config) {
            return Ok(number);
        }
        let mut all = self.write().await?;
        sqlx::query(
            "INSERT INTO prediction_configs (crunch_id, asset, horizon, step, best, \"interval\", \
             active) VALUES ($1, $2, $3, $4, NULLIF($5, 0), 0, false) ON CONFLICT DO NOTHING",
        )
        .bind(&config.crunch_id)
        .bind(&config.asset)
        .bind(i64::from(config.horizon))
        .bind(i64::from(config.step))
        .bind(i64::from(config.best))
        .execute(&mut *all)
        .await?;
        let number = sqlx::query_scalar(
            "SELECT id FROM prediction_configs WHERE crunch_id = $1 AND asset = $2 \
             AND horizon = $3 AND step = $4 AND COALESCE(best, 0) = $5",
        )
        .bind(&config.crunch_id)
        .bind(&config.asset)
        .bind(i64::from(config.horizon))
        .bind(i64::from(config.step))
        .bind(i64::from(config.best))
        .fetch_one(&mut *all)
        .await?;
        all.commit().await?;
        self.configs.add(config, number);
        Ok(number)
    }
}

#[async_trait]
impl PredictionConfigRepository for Postgres {
    async fn declare(
        &self,
        crunch_id: &str,
        configs: &[PredictionConfig],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.write().await?;
            // What is still named becomes active again below, in the same transaction.
            sqlx::query(
                "UPDATE prediction_configs SET active = false WHERE crunch_id = $1 AND declared",
            )
            .bind(id(crunch_id))
            .execute(&mut *all)
            .await?;
            for (id, config) in merge::configs(crunch_id, configs) {
                write(&mut all, &id, &config).await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn configs(&self, crunch_id: &str) -> Result<Vec<StoredConfig>, StoreError> {
        let rows = sqlx::query("SELECT * FROM prediction_configs WHERE crunch_id = $1")
            .bind(id(crunch_id))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(rows::configs(&rows))
    }

    async fn performed(
        &self,
        crunch_id: &str,
        rounds: &[(ConfigKey, i64)],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut known = Vec::with_capacity(rounds.len());
            for (key, slot) in rounds {
                if let Some(config) = ConfigId::of_key(crunch_id, key) {
                    known.push((self.number(config).await?, *slot));
                }
            }
            let mut all = self.write().await?;
            for (number, slot) in known {
                sqlx::query(
                    "UPDATE prediction_configs \
                     SET performed_slot = GREATEST(performed_slot, $1) WHERE id = $2",
                )
                .bind(slot)
                .bind(number)
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| {
            self.configs.forget();
            self.failed(cause)
        })
    }
}

async fn write(
    all: &mut PgConnection,
    id: &ConfigId,
    config: &PredictionConfig,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO prediction_configs (crunch_id, asset, horizon, step, best, \"interval\", \
         active, \"order\", declared) VALUES ($1, $2, $3, $4, NULLIF($5, 0), $6, $7, $8, true) \
         ON CONFLICT (crunch_id, asset, horizon, step, COALESCE(best, 0)) DO UPDATE SET \
         \"interval\" = excluded.\"interval\", active = excluded.active, \
         \"order\" = excluded.\"order\", declared = true",
    )
    .bind(&id.crunch_id)
    .bind(&id.asset)
    .bind(i64::from(id.horizon))
    .bind(i64::from(id.step))
    .bind(i64::from(id.best))
    .bind(i64::from(config.interval))
    .bind(config.active)
    .bind(i64::from(config.order))
    .execute(all)
    .await
    .map(drop)
}
