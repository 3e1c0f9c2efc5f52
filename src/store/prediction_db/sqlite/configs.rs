//! What models are asked for.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{
    super::{
        super::{
            ConfigKey, Prediction, PredictionConfig, PredictionConfigRepository, StoreError,
            StoredConfig,
        },
        merge, rows,
        values::{ConfigId, id},
    },
    Sqlite,
};

impl Sqlite {
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
             active) VALUES (?, ?, ?, ?, NULLIF(?, 0), 0, 0) ON CONFLICT DO NOTHING",
        )
        .bind(&config.crunch_id)
        .bind(&config.asset)
        .bind(config.horizon)
        .bind(config.step)
        .bind(config.best)
        .execute(&mut *all)
        .await?;
        let number = sqlx::query_scalar(
            "SELECT id FROM prediction_configs WHERE crunch_id = ? AND asset = ? AND horizon = ? \
             AND step = ? AND COALESCE(best, 0) = ?",
        )
        .bind(&config.crunch_id)
        .bind(&config.asset)
        .bind(config.horizon)
        .bind(config.step)
        .bind(config.best)
        .fetch_one(&mut *all)
        .await?;
        all.commit().await?;
        self.configs.add(config, number);
        Ok(number)
    }
}

#[async_trait]
impl PredictionConfigRepository for Sqlite {
    async fn declare(
        &self,
        crunch_id: &str,
        configs: &[PredictionConfig],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.write().await?;
            // What is still named becomes active again below, in the same transaction.
            sqlx::query(
                "UPDATE prediction_configs SET active = 0 WHERE crunch_id = ? AND declared = 1",
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
        let rows = sqlx::query("SELECT * FROM prediction_configs WHERE crunch_id = ?")
            .bind(id(crunch_id))
            .fetch_all(&self.reader)
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
                     SET performed_slot = max(COALESCE(performed_slot, ?1), ?1) WHERE id = ?2",
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
    all: &mut SqliteConnection,
    id: &ConfigId,
    config: &PredictionConfig,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO prediction_configs (crunch_id, asset, horizon, step, best, \"interval\", \
         active, \"order\", declared) VALUES (?, ?, ?, ?, NULLIF(?, 0), ?, ?, ?, 1) \
         ON CONFLICT (crunch_id, asset, horizon, step, COALESCE(best, 0)) DO UPDATE SET \
         \"interval\" = excluded.\"interval\", active = excluded.active, \
         \"order\" = excluded.\"order\", declared = 1",
    )
    .bind(&id.crunch_id)
    .bind(&id.asset)
    .bind(id.horizon)
    .bind(id.step)
    .bind(id.best)
    .bind(config.interval)
    .bind(config.active)
    .bind(config.order)
    .execute(all)
    .await
    .map(drop)
}
