//! Scores.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgRow};
use time::{OffsetDateTime, macros::datetime};

use super::{
    super::{
        super::{
            Packed, PartAfter, ResolvedAfter, Score, ScoreRepository, ScoredPart, Snapshot,
            StoreError, Waiting,
        },
        rows::PREDICTION,
        score_rows::{self, ASKED, Asked, NEWEST, PART, sound},
        values::{id, maybe, moment},
    },
    Postgres,
};

/// What is to be scored, so that it can't be pruned until it is; nothing that stores predictions waits for
/// that. It comes first, as who prunes locks predictions before what refers to them, too.
const HOLD: &str = "SELECT id FROM predictions WHERE id = ANY($1) ORDER BY id FOR KEY SHARE";
/// Scores by columns. What was pruned in the meantime needs none.
const KEEP: &str = "WITH kept AS (\
    INSERT INTO scores (prediction_id, crps, log_score, crps_reference, log_reference, detail, \
    scored_at) SELECT p.id, r.crps, r.log_score, r.crps_reference, r.log_reference, r.detail, \
    r.scored_at FROM UNNEST($1::bigint[], $2::double precision[], $3::double precision[], \
    $4::double precision[], $5::double precision[], $6::text[], $7::timestamptz[]) \
    AS r (id, crps, log_score, crps_reference, log_reference, detail, scored_at) \
    JOIN predictions p ON p.id = r.id \
    ON CONFLICT DO NOTHING) \
DELETE FROM unscored WHERE prediction_id = ANY($1)";

/// Before all that is stored.
const FIRST: OffsetDateTime = datetime!(0001-01-01 0:00 UTC);

#[async_trait]
impl ScoreRepository for Postgres {
    async fn newest_closes(
        &self,
        crunch_id: &str,
        now: OffsetDateTime,
    ) -> Result<BTreeMap<String, i64>, StoreError> {
        let query = format!(
            "SELECT n.asset, (extract(epoch FROM n.\"at\") * 1000)::bigint AS \"at\" FROM ({NEWEST}) n"
        );
        let rows = sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(moment(now))
            .fetch_all(&self.pool)
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
        let columns = PREDICTION.replace("p.payload", "NULL::bytea AS payload");
        let query = format!(
            "SELECT (extract(epoch FROM u.resolvable_at) * 1000)::bigint AS due, \
             u.prediction_id AS waits, (extract(epoch FROM p.performed_at) * 1000)::bigint AS performed_at, \
             (extract(epoch FROM p.resolvable_at) * 1000)::bigint AS resolvable_at, {columns} \
             FROM unscored u JOIN predictions p ON p.id = u.prediction_id \
             JOIN prediction_configs c ON c.id = p.config_id \
             WHERE u.crunch_id = $1 AND u.resolvable_at <= $2 AND p.status = 'SUCCESS' \
             AND (u.resolvable_at, u.prediction_id) > ($3, $4) \
             ORDER BY u.resolvable_at, u.prediction_id LIMIT $5"
        );
        let work = async {
            let mut all = self.unhurried().await?;
            let rows = sqlx::query(AssertSqlSafe(query))
                .bind(id(crunch_id))
                .bind(until)
                .bind(after.map_or(FIRST, |after| moment(after.resolvable_at)))
                .bind(after.map_or(0, |after| after.id))
                .bind(i64::from(most))
                .fetch_all(&mut *all)
                .await?;
            all.commit().await?;
            Ok(rows)
        };
        let rows = work.await.map_err(|cause| self.failed(cause))?;
        score_rows::waiting(&rows).map_err(|cause| self.failed(cause))
    }

    async fn payloads(&self, predictions: &[i64]) -> Result<BTreeMap<i64, Packed>, StoreError> {
        let rows = sqlx::query("SELECT id, payload FROM predictions WHERE id = ANY($1)")
            .bind(predictions)
            .fetch_all(&self.pool)
            .await;
        let payloads = rows.and_then(|rows| score_rows::payloads(&rows));
        payloads.map_err(|cause| self.failed(cause))
    }

    async fn keep_scores(&self, scores: &[Score]) -> Result<(), StoreError> {
        let column = |value: fn(&Score) -> Option<f64>| -> Vec<Option<f64>> {
            scores.iter().map(|it| sound(value(it))).collect()
        };
        let numbers: Vec<_> = scores.iter().map(|it| it.prediction).collect();
        let details: Vec<_> = scores
            .iter()
            .map(|it| maybe(it.detail.as_deref()))
            .collect();
        let times: Vec<_> = scores.iter().map(|it| moment(it.scored_at)).collect();
        let work = async {
            let mut all = self.pool.begin().await?;
            sqlx::query(HOLD).bind(&numbers).execute(&mut *all).await?;
            sqlx::query(KEEP)
                .bind(&numbers)
                .bind(column(|it| it.crps))
                .bind(column(|it| it.log_score))
                .bind(column(|it| it.crps_reference))
                .bind(column(|it| it.log_reference))
                .bind(details)
                .bind(times)
                .execute(&mut *all)
                .await?;
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
        let failed = |cause| self.failed(cause);
        let mut all = self.unhurried().await.map_err(failed)?;
        let rows = sqlx::query(ASKED).bind(id(crunch_id));
        let rows = rows.fetch_all(&mut *all).await.map_err(failed)?;
        let mut parts = Vec::new();
        for asked in score_rows::asked(&rows, after) {
            let left = most.saturating_sub(u32::try_from(parts.len()).unwrap_or(u32::MAX));
            if left == 0 {
                break;
            }
            let rows = parts_of(&mut all, &asked, from..until, after, left).await;
            for row in &rows.map_err(failed)? {
                parts.push(score_rows::part(row, &asked)?);
            }
        }
        all.commit().await.map_err(failed)?;
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

async fn parts_of(
    connection: &mut PgConnection,
    asked: &Asked,
    resolved: Range<OffsetDateTime>,
    after: Option<&PartAfter>,
    most: u32,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let (slot, model) = asked.place(resolved.start, after);
    let last = asked.last_slot(resolved.end);
    let query = format!(
        "SELECT {PART}, (extract(epoch FROM p.resolvable_at) * 1000)::bigint AS resolvable_at \
         FROM predictions p LEFT JOIN scores s ON s.prediction_id = p.id \
         WHERE p.config_id = $1 AND (p.slot, p.model_id) > ($2, $3) AND p.slot <= $7 \
         AND p.resolvable_at >= $4 AND p.resolvable_at < $5 \
         ORDER BY p.slot, p.model_id LIMIT $6"
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(asked.number)
        .bind(slot)
        .bind(model)
        .bind(resolved.start)
        .bind(resolved.end)
        .bind(i64::from(most))
        .bind(last)
        .fetch_all(connection)
        .await
}
