//! Scores.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, QueryBuilder, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    super::{
        super::{
            Packed, PartAfter, ResolvedAfter, Score, ScoreRepository, ScoredPart, Snapshot,
            StoreError, Waiting,
        },
        rows::PREDICTION,
        score_rows::{self, ASKED, Asked, NEWEST, PART, sound},
        values::{id, maybe, millis},
    },
    Sqlite,
};

#[async_trait]
impl ScoreRepository for Sqlite {
    async fn newest_closes(
        &self,
        crunch_id: &str,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = sqlx::query(NEWEST)
            .bind(id(crunch_id))
            .bind(millis(now))
            .fetch_all(&self.reader)
            .await;
        let newest = rows.and_then(|rows| score_rows::newest(&rows));
        newest.map_err(|cause| self.failed(cause))
    }

    async fn unscored(
        &self,
        crunch_id: &str,
        until: OffsetDateTime,
        after: Option<ResolvedAfter>,
        most: u32,
    ) -> Result<Waiting, StoreError> {
        let columns = PREDICTION.replace("p.payload", "NULL AS payload");
        let query = format!(
            "SELECT u.resolvable_at AS due, u.prediction_id AS waits, p.performed_at, \
             p.resolvable_at, {columns} FROM unscored u \
             CROSS JOIN predictions p ON p.id = u.prediction_id \
             CROSS JOIN prediction_configs c ON c.id = p.config_id \
             WHERE u.crunch_id = ? AND (u.resolvable_at, u.prediction_id) > (?, ?) \
             AND u.resolvable_at <= ? AND p.status = 'SUCCESS' \
             ORDER BY u.resolvable_at, u.prediction_id LIMIT ?"
        );
        let rows = sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(after.map_or(i64::MIN, |after| millis(after.resolvable_at)))
            .bind(after.map_or(0, |after| after.id))
            .bind(millis(until))
            .bind(most)
            .fetch_all(&self.reader)
            .await
            .map_err(|cause| self.failed(cause))?;
        score_rows::waiting(&rows).map_err(|cause| self.failed(cause))
    }

    async fn payloads(&self, predictions: &[i64]) -> Result<BTreeMap<i64, Packed>, StoreError> {
        let mut query = QueryBuilder::new("SELECT id, payload FROM predictions WHERE id IN (");
        let mut numbers = query.separated(", ");
        for number in predictions {
            numbers.push_bind(*number);
        }
        query.push(")");
        // Each count of predictions is another text: no statement of each is kept.
        let query = query.build().persistent(false);
        let rows = query.fetch_all(&self.reader).await;
        let payloads = rows.and_then(|rows| score_rows::payloads(&rows));
        payloads.map_err(|cause| self.failed(cause))
    }

    async fn keep_scores(&self, scores: &[Score]) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.write().await?;
            for it in scores {
                // What was pruned in the meantime needs no score.
                sqlx::query(
                    "INSERT INTO scores (prediction_id, crps, log_score, crps_reference, \
                     log_reference, detail, scored_at) SELECT id, ?, ?, ?, ?, ?, ? \
                     FROM predictions WHERE id = ? ON CONFLICT DO NOTHING",
                )
                .bind(sound(it.crps))
                .bind(sound(it.log_score))
                .bind(sound(it.crps_reference))
                .bind(sound(it.log_reference))
                .bind(maybe(it.detail.as_deref()))
                .bind(millis(it.scored_at))
                .bind(it.prediction)
                .execute(&mut *all)
                .await?;
                sqlx::query("DELETE FROM unscored WHERE prediction_id = ?")
                    .bind(it.prediction)
                    .execute(&mut *all)
                    .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn parts(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        after: Option<&PartAfter>,
        most: u32,
    ) -> Result<Vec<ScoredPart>, StoreError> {
        let rows = sqlx::query(ASKED)
            .bind(id(crunch_id))
            .fetch_all(&self.reader)
            .await
            .map_err(|cause| self.failed(cause))?;
        let mut parts = Vec::new();
        for asked in score_rows::asked(&rows, after) {
            let left = most.saturating_sub(u32::try_from(parts.len()).unwrap_or(u32::MAX));
            if left == 0 {
                break;
            }
            let rows = self.parts_of(&asked, from..until, after, left).await;
            let rows = rows.map_err(|cause| self.failed(cause))?;
            for row in &rows {
                parts.push(score_rows::part(row, &asked)?);
            }
        }
        Ok(parts)
    }

    async fn keep_snapshots(
        &self,
        crunch_id: &str,
        snapshots: &[Snapshot],
    ) -> Result<(), StoreError> {
        let done = self.write_snapshots(crunch_id, snapshots).await;
        done.map_err(|cause| self.failed(cause))
    }

    async fn snapshots(
        &self,
        crunch_id: &str,
        from: OffsetDateTime,
        until: OffsetDateTime,
        daily: bool,
    ) -> Result<Vec<Snapshot>, StoreError> {
        let read = self.read_snapshots(crunch_id, from..until, daily).await;
        let rows = read.map_err(|cause| self.failed(cause))?;
        rows.iter().map(score_rows::snapshot).collect()
    }

    async fn leaderboard(&self, crunch_id: &str) -> Result<Vec<Snapshot>, StoreError> {
        let rows = self.newest_snapshots(crunch_id).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter().map(score_rows::snapshot).collect()
    }

    async fn thin_snapshots(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let done = self.remove_snapshots(crunch_id, before).await;
        done.map_err(|cause| self.failed(cause))
    }
}

impl Sqlite {
    async fn parts_of(
        &self,
        asked: &Asked,
        resolved: Range<OffsetDateTime>,
        after: Option<&PartAfter>,
        most: u32,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let (slot, model) = asked.place(resolved.start, after);
        let last = asked.last_slot(resolved.end);
        let query = format!(
            "SELECT {PART}, p.resolvable_at FROM predictions p INDEXED BY predictions_parts \
             LEFT JOIN scores s ON s.prediction_id = p.id \
             WHERE p.config_id = ? AND (p.slot, p.model_id) > (?, ?) AND p.slot <= ? \
             AND p.resolvable_at >= ? AND p.resolvable_at < ? \
             ORDER BY p.slot, p.model_id LIMIT ?"
        );
        sqlx::query(AssertSqlSafe(query))
            .bind(asked.number)
            .bind(slot)
            .bind(model)
            .bind(last)
            .bind(millis(resolved.start))
            .bind(millis(resolved.end))
            .bind(most)
            .fetch_all(&self.reader)
            .await
    }
}
