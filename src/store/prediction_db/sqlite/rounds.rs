//! Rounds, for whoever combines models.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, sqlite::SqliteRow};

use super::{
    super::{
        super::{RoundAnswer, RoundRepository, StoreError},
        score_rows::{self, ANSWER, DAY, WIDEST},
        values::id,
    },
    Sqlite,
};

#[async_trait]
impl RoundRepository for Sqlite {
    async fn daily_answers(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        slots: Range<i64>,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let work = async {
            let mut answers = Vec::new();
            let Some(config) = self.widest(crunch_id, asset, horizon).await? else {
                return Ok(answers);
            };
            let mut from = slots.start;
            while let Some(slot) = self.next_slot(config, from..slots.end).await? {
                answers.extend(self.answers_of(config, slot).await?);
                from = (slot.div_euclid(DAY) + 1).saturating_mul(DAY);
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
        since: i64,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let work = async {
            let Some(config) = self.widest(crunch_id, asset, horizon).await? else {
                return Ok(Vec::new());
            };
            let query = format!(
                "SELECT {ANSWER}, p.performed_at FROM predictions p JOIN \
                 (SELECT model_id, max(slot) AS slot FROM predictions WHERE config_id = $1 \
                 AND slot >= $2 AND status = 'SUCCESS' GROUP BY model_id) n \
                 ON n.model_id = p.model_id AND n.slot = p.slot \
                 WHERE p.config_id = $1 ORDER BY p.model_id"
            );
            sqlx::query(AssertSqlSafe(query))
                .bind(config)
                .bind(since)
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

    async fn next_slot(&self, config: i64, slots: Range<i64>) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT slot FROM predictions WHERE config_id = ? AND slot >= ? AND slot < ? \
             AND status = 'SUCCESS' ORDER BY slot LIMIT 1",
        )
        .bind(config)
        .bind(slots.start)
        .bind(slots.end)
        .fetch_optional(&self.reader)
        .await
    }

    async fn answers_of(&self, config: i64, slot: i64) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let query = format!(
            "SELECT {ANSWER}, p.performed_at FROM predictions p \
             WHERE p.config_id = ? AND p.slot = ? AND p.status = 'SUCCESS' ORDER BY p.model_id"
        );
        sqlx::query(AssertSqlSafe(query))
            .bind(config)
            .bind(slot)
            .fetch_all(&self.reader)
            .await
    }
}
