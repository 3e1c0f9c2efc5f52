//! Rounds, for whoever combines models.

use std::ops::Range;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgRow};

use super::{
    super::{
        super::{RoundAnswer, RoundRepository, StoreError},
        score_rows::{self, ANSWER, WIDEST},
        values::id,
    },
    Postgres,
};

/// The times of an answer's row.
const TIMES: &str = "(extract(epoch FROM p.performed_at) * 1000)::bigint AS performed_at, \
    (extract(epoch FROM p.resolvable_at) * 1000)::bigint AS resolvable_at";

#[async_trait]
impl RoundRepository for Postgres {
    async fn answers_before(
        &self,
        crunch_id: &str,
        asset: &str,
        horizon: u32,
        times: &[i64],
        age: i64,
    ) -> Result<Vec<RoundAnswer>, StoreError> {
        let work = async {
            let mut all = self.unhurried().await?;
            let mut answers = Vec::new();
            let Some(config) = widest(&mut all, crunch_id, asset, horizon).await? else {
                return Ok(answers);
            };
            for time in times {
                let slots = time.saturating_sub(age)..*time;
                if let Some(slot) = newest_slot(&mut all, config, slots).await? {
                    answers.extend(answers_of(&mut all, config, slot).await?);
                }
            }
            all.commit().await?;
            Ok(answers)
        };
        let rows: Vec<PgRow> = work.await.map_err(|cause| self.failed(cause))?;
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
            let mut all = self.unhurried().await?;
            let Some(config) = widest(&mut all, crunch_id, asset, horizon).await? else {
                return Ok(Vec::new());
            };
            let query = format!(
                "SELECT {ANSWER}, {TIMES} FROM predictions p JOIN \
                 (SELECT model_id, max(slot) AS slot FROM predictions WHERE config_id = $1 \
                 AND slot >= $2 AND slot < $3 AND status = 'SUCCESS' GROUP BY model_id) n \
                 ON n.model_id = p.model_id AND n.slot = p.slot \
                 LEFT JOIN scores s ON s.prediction_id = p.id \
                 WHERE p.config_id = $1 ORDER BY p.model_id COLLATE \"C\""
            );
            let rows = sqlx::query(AssertSqlSafe(query))
                .bind(config)
                .bind(slots.start)
                .bind(slots.end)
                .fetch_all(&mut *all)
                .await?;
            all.commit().await?;
            Ok(rows)
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        rows.iter().map(score_rows::answer).collect()
    }
}

async fn widest(
    connection: &mut PgConnection,
    crunch_id: &str,
    asset: &str,
    horizon: u32,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(WIDEST)
        .bind(id(crunch_id))
        .bind(id(asset))
        .bind(i64::from(horizon))
        .fetch_optional(connection)
        .await
}

async fn newest_slot(
    connection: &mut PgConnection,
    config: i64,
    slots: Range<i64>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT slot FROM predictions WHERE config_id = $1 AND slot >= $2 AND slot < $3 \
         AND status = 'SUCCESS' ORDER BY slot DESC LIMIT 1",
    )
    .bind(config)
    .bind(slots.start)
    .bind(slots.end)
    .fetch_optional(connection)
    .await
}

async fn answers_of(
    connection: &mut PgConnection,
    config: i64,
    slot: i64,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let query = format!(
        "SELECT {ANSWER}, {TIMES} FROM predictions p \
         LEFT JOIN scores s ON s.prediction_id = p.id WHERE p.config_id = $1 AND p.slot = $2 \
         AND p.status = 'SUCCESS' ORDER BY p.model_id COLLATE \"C\""
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(config)
        .bind(slot)
        .fetch_all(connection)
        .await
}
