//! Leaderboards.

use std::ops::Range;

use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite as Lite, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    super::{
        super::Snapshot,
        score_rows::{SNAPSHOT, sound},
        values::{id, millis},
    },
    Sqlite,
};

/// Rows of one INSERT.
const ROWS_AT_ONCE: usize = 500;
/// The last time of each day, in milliseconds; a range and the grouping follow.
const LAST_OF_DAYS: &str = "SELECT max(\"at\") FROM snapshots WHERE crunch_id = $1";
/// Whether there is a leaderboard after a time.
const NEWER: &str = "SELECT 1 FROM snapshots WHERE crunch_id = ? AND \"at\" > ? LIMIT 1";

impl Sqlite {
    pub(super) async fn write_snapshots(
        &self,
        crunch_id: &str,
        snapshots: &[Snapshot],
    ) -> Result<(), sqlx::Error> {
        let mut all = self.write().await?;
        if let Some(it) = snapshots.first() {
            sqlx::query("DELETE FROM snapshots WHERE crunch_id = $1 AND \"at\" = $2")
                .bind(id(crunch_id))
                .bind(millis(it.at))
                .execute(&mut *all)
                .await?;
        }
        for rows in snapshots.chunks(ROWS_AT_ONCE) {
            let mut insert = QueryBuilder::<Lite>::new("INSERT INTO snapshots (");
            insert.push(SNAPSHOT).push(") ");
            insert.push_values(rows, |mut row, it| {
                row.push_bind(id(crunch_id))
                    .push_bind(millis(it.at))
                    .push_bind(id(&it.model_id))
                    .push_bind(it.rank);
                for window in [&it.recent, &it.steady, &it.anchor] {
                    row.push_bind(sound(window.score))
                        .push_bind(sound(window.log_gain))
                        .push_bind(window.rounds)
                        .push_bind(window.answered);
                }
            });
            insert.push(" ON CONFLICT DO NOTHING");
            // Only whole ones have a text that comes again: the connection keeps a statement of each text.
            let whole = rows.len() == ROWS_AT_ONCE;
            insert.build().persistent(whole).execute(&mut *all).await?;
        }
        let newer = sqlx::query(NEWER).bind(id(crunch_id));
        let newer = newer.bind(snapshots.first().map(|it| millis(it.at)));
        if newer.fetch_optional(&mut *all).await?.is_some() {
            return all.commit().await;
        }
        sqlx::query("UPDATE models SET score = NULL WHERE crunch_id = ?")
            .bind(id(crunch_id))
            .execute(&mut *all)
            .await?;
        for it in snapshots {
            sqlx::query("UPDATE models SET score = ? WHERE crunch_id = ? AND model_id = ?")
                .bind(sound(it.anchor.score))
                .bind(id(crunch_id))
                .bind(id(&it.model_id))
                .execute(&mut *all)
                .await?;
        }
        all.commit().await
    }

    pub(super) async fn read_snapshots(
        &self,
        crunch_id: &str,
        taken: Range<OffsetDateTime>,
        daily: bool,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let daily = if daily {
            format!(
                "AND \"at\" IN ({LAST_OF_DAYS} AND \"at\" >= $2 AND \"at\" < $3 \
                 GROUP BY \"at\" / 86400000)"
            )
        } else {
            String::new()
        };
        let query = format!(
            "SELECT * FROM snapshots WHERE crunch_id = $1 AND \"at\" >= $2 AND \"at\" < $3 {daily} \
             ORDER BY \"at\", \"rank\" NULLS LAST, model_id"
        );
        sqlx::query(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(millis(taken.start))
            .bind(millis(taken.end))
            .fetch_all(&self.reader)
            .await
    }

    pub(super) async fn newest_snapshots(
        &self,
        crunch_id: &str,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        sqlx::query(
            "SELECT * FROM snapshots WHERE crunch_id = $1 AND \"at\" = \
             (SELECT max(\"at\") FROM snapshots WHERE crunch_id = $1) \
             ORDER BY \"rank\" NULLS LAST, model_id",
        )
        .bind(id(crunch_id))
        .fetch_all(&self.reader)
        .await
    }

    pub(super) async fn remove_snapshots(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
    ) -> Result<u64, sqlx::Error> {
        // What goes is looked for without the lock that others wait for.
        let query = format!(
            "SELECT DISTINCT \"at\" FROM snapshots WHERE crunch_id = $1 AND \"at\" < $2 \
             AND \"at\" NOT IN ({LAST_OF_DAYS} AND \"at\" < ($2 / 86400000 + 1) * 86400000 \
             GROUP BY \"at\" / 86400000)"
        );
        let times: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(id(crunch_id))
            .bind(millis(before))
            .fetch_all(&self.reader)
            .await?;
        let mut removed = 0;
        for at in times {
            let done = sqlx::query("DELETE FROM snapshots WHERE crunch_id = ? AND \"at\" = ?")
                .bind(id(crunch_id))
                .bind(at)
                .execute(&self.writer)
                .await?;
            removed += done.rows_affected();
        }
        Ok(removed)
    }
}
