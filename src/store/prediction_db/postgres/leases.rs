//! Leases of models, on a connection of their own: neither a long write nor a full pool delays a
//! heartbeat.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use sqlx::{Row as _, postgres::PgRow};
use tokio::sync::Semaphore;

use super::{
    super::{
        super::{Beat, Held, LeaseRepository, PredictionConfig, StoreError, line::Line},
        url::DatabaseUrl,
        values::id,
    },
    heartbeat::{self, name, stored},
};

/// Leases in a PostgreSQL database, whose tables another connection makes: a heartbeat has no time for
/// that, and fails until they are there.
#[derive(Debug)]
pub struct LeaseDb {
    line: Line,
    /// One question at a time beside the heartbeat, so that two connections do.
    questions: Semaphore,
}

impl DatabaseUrl {
    /// The leases in it; none in a file, which has one worker. The server gives up what takes longer
    /// than `limit`.
    #[must_use]
    pub fn leases(&self, limit: Duration) -> Option<LeaseDb> {
        // A worker that froze within a heartbeat is not in the others' way for longer than one.
        Some(LeaseDb {
            line: Line::to(self, limit)?,
            questions: Semaphore::new(1),
        })
    }
}

#[async_trait]
impl LeaseRepository for LeaseDb {
    async fn beat(&self, beat: &Beat) -> Result<Held, StoreError> {
        let mut connection = self.line.connection().await?;
        let held = heartbeat::transact(&mut connection, beat).await;
        let held = held.map_err(|cause| self.line.failed(cause))?;
        self.line.put_back(connection);
        Ok(held)
    }

    async fn leave(&self, crunch_id: &str, worker: &str) -> Result<(), StoreError> {
        let _alone = self.questions.acquire().await;
        let mut connection = self.line.connection().await?;
        let left = sqlx::query("DELETE FROM workers WHERE crunch_id = $1 AND name = $2")
            .bind(id(crunch_id))
            .bind(id(worker))
            .execute(&mut connection)
            .await;
        left.map_err(|cause| self.line.failed(cause))?;
        self.line.put_back(connection);
        Ok(())
    }

    async fn parts_of(
        &self,
        crunch_id: &str,
        rounds: &[(PredictionConfig, i64)],
        models: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError> {
        let _alone = self.questions.acquire().await;
        let mut connection = self.line.connection().await?;
        let names = stored(models);
        let column = |value: fn(&PredictionConfig) -> i64| {
            let values = rounds.iter().map(|(config, _)| value(config));
            values.collect::<Vec<_>>()
        };
        let assets: Vec<_> = rounds.iter().map(|(config, _)| id(&config.asset)).collect();
        let slots: Vec<_> = rounds.iter().map(|(_, slot)| *slot).collect();
        let found = sqlx::query(
            "SELECT r.place, p.model_id FROM UNNEST($2::text[], $3::bigint[], $4::bigint[], \
             $5::bigint[], $6::bigint[]) WITH ORDINALITY AS r (asset, horizon, step, best, slot, \
             place) JOIN prediction_configs c ON c.crunch_id = $1 AND c.asset = r.asset \
             AND c.horizon = r.horizon AND c.step = r.step AND COALESCE(c.best, 0) = r.best \
             JOIN predictions p ON p.config_id = c.id AND p.slot = r.slot \
             AND p.model_id = ANY($7) AND p.status <> 'ABSENT'",
        )
        .bind(id(crunch_id))
        .bind(assets)
        .bind(column(|it| it.horizon.into()))
        .bind(column(|it| it.step.into()))
        .bind(column(|it| it.best.unwrap_or_default().into()))
        .bind(slots)
        .bind(names.keys().cloned().collect::<Vec<_>>())
        .fetch_all(&mut connection)
        .await;
        let read = |row: &PgRow| {
            let place = usize::try_from(row.try_get::<i64, _>("place")? - 1).unwrap_or(usize::MAX);
            Ok((place, name(row, &names)?))
        };
        let parts = found.and_then(|rows| rows.iter().map(read).collect());
        let parts = parts.map_err(|cause| self.line.failed(cause))?;
        self.line.put_back(connection);
        Ok(parts)
    }
}
