//! Rounds, for whoever combines models.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, sqlite::SqliteRow};

use super::{
    super::{
        super::{RoundAnswer, RoundRepository, StoreError},
        score_rows::{self, ANSWER, WIDEST},
        values::id,
    },
    Sqlite,
};

#[async_trait]
impl RoundRepository for Sqlite {
    async fn answers_before(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        times: &[i64],
        age: i64,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let work = async {
            let mut answers = Vec::new();
            let Some(config) = self.widest(crunch_id, asset, horizon).await? else {
                return Ok(answers);
            };
            for time in times {
                let slots = time.saturating_sub(age)..*time;
                if let Some(slot) = self.newest_slot(config, slots).await? {
                    answers.extend(self.answers_of(config, slot).await?);
                }
            }
            Ok(answers)
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        rows.iter().map(score_rows::answer).collect()
    }

    async fn newest_answers(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        slots: Range<i64>,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let work = async {
            let Some(config) = self.widest(crunch_id, asset, horizon).await? else {
                return Ok(Vec::new());
            };
            let query = format!(
                "SELECT {ANSWER}, p.performed_at, p.resolvable_at FROM predictions p JOIN \
                 (SELECT model_id, max(slot) AS slot FROM predictions WHERE config_id = $1 \
                 AND slot >= $2 AND slot < $3 AND status = 'SUCCESS' GROUP BY model_id) n \
                 ON n.model_id = p.model_id AND n.slot = p.slot \
                 LEFT JOIN scores s ON s.prediction_id = p.id \
                 WHERE p.config_id = $1 ORDER BY p.model_id"
            );
            sqlx::query(AssertSqlSafe(query))
                .bind(config)
                .bind(slots.start)
                .bind(slots.end)
                .fetch_all(&self.reader)
                .await
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        rows.iter().map(score_rows::answer).collect()
    }
}

impl Sqlite {
    async fn widest(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(WIDEST)
            .bind(id(crunch_id))
            .bind(id(asset))
            .bind(horizon)
            .fetch_optional(&self.reader)
            .await
    }

    async fn newest_slot(
        &self,
        config: i64,
        slots: Range<i64>,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT slot FROM predictions WHERE config_id = ? AND slot >= ? AND slot < ? \
             AND status = 'SUCCESS' ORDER BY slot DESC LIMIT 1",
        )
        .bind(config)
        .bind(slots.start)
        .bind(slots.end)
        .fetch_optional(&self.reader)
        .await
    }

    async fn answers_of(&self, config: i64, slot: i64) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let query = format!(
            "SELECT {ANSWER}, p.performed_at, p.resolvable_at FROM predictions p \
             LEFT JOIN scores s ON s.prediction_id = p.id \
             WHERE p.config_id = ? AND p.slot = ? AND p.status = 'SUCCESS' ORDER BY p.model_id"
        );
        sqlx::query(AssertSqlSafe(query))
            .bind(config)
            .bind(slot)
            .fetch_all(&self.reader)
            .await
    }
}
