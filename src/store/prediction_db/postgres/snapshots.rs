//! Leaderboards.

use std::ops::Range;

use sqlx::{AssertSqlSafe, PgConnection, Postgres as Pg, QueryBuilder, postgres::PgRow};
use time::OffsetDateTime;

use super::{
    super::{
        super::Snapshot,
        score_rows::{SNAPSHOT, sound},
        values::{id, moment},
    },
    Postgres,
};

/// Rows of one INSERT; their values stay far below the limit of 65,535.
const ROWS_AT_ONCE: usize = 1_000;
/// All but the time.
const COLUMNS: &str = "model_id, \"rank\", recent_score, recent_log_gain, recent_rounds, \
    recent_answered, steady_score, steady_log_gain, steady_rounds, steady_answered, anchor_score, \
    anchor_log_gain, anchor_rounds, anchor_answered, \
    (extract(epoch FROM s.\"at\") * 1000)::bigint AS \"at\"";
/// The last time of each day (UTC).
const LAST_OF_DAYS: &str = "SELECT max(\"at\") FROM snapshots WHERE crunch_id = $1 \
    GROUP BY (\"at\" AT TIME ZONE 'UTC')::date";
/// Whether there is a leaderboard after a time.
const NEWER: &str = "SELECT 1 FROM snapshots WHERE crunch_id = $1 AND \"at\" > $2 LIMIT 1";
/// Each model's score, or none. Rows that change are locked in the order in which the Predict worker
/// writes them, so that neither waits for the other in a ring.
const GIVE: &str = "WITH given AS (SELECT * FROM \
    UNNEST($2::text[], $3::double precision[]) AS g (model_id, score)), \
changed AS (SELECT m.model_id, g.score FROM models m LEFT JOIN given g ON g.model_id = m.model_id \
    WHERE m.crunch_id = $1 AND m.score IS DISTINCT FROM g.score \
    ORDER BY m.model_id COLLATE \"C\" FOR NO KEY UPDATE OF m) \
UPDATE models m SET score = c.score FROM changed c \
WHERE m.crunch_id = $1 AND m.model_id = c.model_id";

impl Postgres {
    pub(super) async fn write_snapshots(
        &self,
        crunch_id: &str,
        snapshots: &[Snapshot],
    ) -> Result<(), sqlx::Error> {
        let mut all = self.pool.begin().await?;
        if let Some(it) = snapshots.first() {
            sqlx::query("DELETE FROM snapshots WHERE crunch_id = $1 AND \"at\" = $2")
                .bind(id(crunch_id))
                .bind(moment(it.at))
                .execute(&mut *all)
                .await?;
        }
        for rows in snapshots.chunks(ROWS_AT_ONCE) {
            insert(&mut all, crunch_id, rows).await?;
        }
        let newer = sqlx::query(NEWER).bind(id(crunch_id));
        let newer = newer.bind(snapshots.first().map(|it| moment(it.at)));
        if newer.fetch_optional(&mut *all).await?.is_some() {
            return all.commit().await;
        }
        let models: Vec<_> = snapshots.iter().map(|it| id(&it.model_id)).collect();
        let scores: Vec<_> = snapshots.iter().map(|it| sound(it.anchor.score)).collect();
        sqlx::query(GIVE)
            .bind(id(crunch_id))
            .bind(models)
            .bind(scores)
            .execute(&mut *all)
            .await?;
        all.commit().await
    }

    pub(super) async fn read_snapshots(
        &self,
        crunch_id: &str,
        taken: Range<OffsetDateTime>,
        daily: bool,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let daily = if daily {
            let last = LAST_OF_DAYS.replace("$1", "$1 AND \"at\" >= $2 AND \"at\" < $3");
            format!("AND s.\"at\" IN ({last})")
        } else {
            String::new()
        };
        let query = format!(
            "SELECT {COLUMNS} FROM snapshots s WHERE crunch_id = $1 AND s.\"at\" >= $2 \
             AND s.\"at\" < $3 {daily} ORDER BY s.\"at\", \"rank\" NULLS LAST, model_id COLLATE \"C\""
        );
        let mut all = self.unhurried().await?;
        let rows = sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(taken.start)
            .bind(taken.end)
            .fetch_all(&mut *all)
            .await?;
        all.commit().await?;
        Ok(rows)
    }

    pub(super) async fn newest_snapshots(
        &self,
        crunch_id: &str,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM snapshots s WHERE crunch_id = $1 AND s.\"at\" = \
             (SELECT max(\"at\") FROM snapshots WHERE crunch_id = $1) \
             ORDER BY \"rank\" NULLS LAST, model_id COLLATE \"C\""
        );
        sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .fetch_all(&self.pool)
            .await
    }

    pub(super) async fn remove_snapshots(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
    ) -> Result<u64, sqlx::Error> {
        let day = "(($2 AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC'";
        let last = LAST_OF_DAYS.replace("$1", &format!("$1 AND \"at\" < {day}"));
        let query = format!(
            "DELETE FROM snapshots WHERE crunch_id = $1 AND \"at\" < $2 \
             AND \"at\" NOT IN ({last})"
        );
        let mut all = self.unhurried().await?;
        let done = sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(before)
            .execute(&mut *all)
            .await?;
        all.commit().await?;
        Ok(done.rows_affected())
    }
}

async fn insert(
    connection: &mut PgConnection,
    crunch_id: &str,
    rows: &[Snapshot],
) -> Result<(), sqlx::Error> {
    let mut insert = QueryBuilder::<Pg>::new("INSERT INTO snapshots (");
    insert.push(SNAPSHOT).push(") ");
    insert.push_values(rows, |mut row, it| {
        row.push_bind(id(crunch_id))
            .push_bind(moment(it.at))
            .push_bind(id(&it.model_id))
            .push_bind(it.rank.map(i64::from));
        for window in [&it.recent, &it.steady, &it.anchor] {
            row.push_bind(sound(window.score))
                .push_bind(sound(window.log_gain))
                .push_bind(i64::from(window.rounds))
                .push_bind(i64::from(window.answered));
        }
    });
    insert.push(" ON CONFLICT DO NOTHING");
    // Only whole ones have a text that comes again: the connection keeps a statement of each text.
    let insert = insert.build().persistent(rows.len() == ROWS_AT_ONCE);
    insert.execute(connection).await.map(drop)
}
