//! What is shown of a database of predictions.

use async_trait::async_trait;

use super::{
    super::{RoundSummary, StoreError},
    postgres::Postgres,
    rows::{Columns, Fault, small, time},
    sqlite::Sqlite,
    values::id,
};

/// The parts of a crunch's newest round by status. `+` keeps SQLite from going through all of a config's
/// rows to find the newest.
const ROUND: &str = "SELECT p.status, count(*) AS parts, max(p.asset) AS asset, \
    max(p.horizon) AS horizon, max(p.performed_at) AS performed_at FROM predictions p JOIN \
    (SELECT config_id, slot FROM predictions WHERE +config_id IN \
        (SELECT id FROM prediction_configs WHERE crunch_id = $1) \
        ORDER BY performed_at DESC LIMIT 1) n ON n.config_id = p.config_id AND n.slot = p.slot \
    GROUP BY p.status";

/// The same with a time as PostgreSQL has it.
const ROUND_AT_SERVER: &str = "SELECT p.status, count(*) AS parts, max(p.asset) AS asset, \
    max(p.horizon) AS horizon, \
    (extract(epoch FROM max(p.performed_at)) * 1000)::bigint AS performed_at \
    FROM predictions p JOIN \
    (SELECT config_id, slot FROM predictions WHERE config_id IN \
        (SELECT id FROM prediction_configs WHERE crunch_id = $1) \
        ORDER BY performed_at DESC LIMIT 1) n ON n.config_id = p.config_id AND n.slot = p.slot \
    GROUP BY p.status";

/// What is shown, and an end to it.
#[async_trait]
pub(super) trait Showing: Send + Sync {
    /// What became of a crunch's newest round.
    async fn newest_round(&self, crunch_id: &str) -> Result<Option<RoundSummary>, StoreError>;

    /// Closes its connections.
    async fn close(&self);
}

#[async_trait]
impl Showing for Sqlite {
    async fn newest_round(&self, crunch_id: &str) -> Result<Option<RoundSummary>, StoreError> {
        let rows = sqlx::query(ROUND).bind(id(crunch_id));
        let rows = rows.fetch_all(&self.reader).await;
        summary(&rows.map_err(|cause| self.failed(cause))?)
    }

    async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }
}

#[async_trait]
impl Showing for Postgres {
    async fn newest_round(&self, crunch_id: &str) -> Result<Option<RoundSummary>, StoreError> {
        let rows = sqlx::query(ROUND_AT_SERVER).bind(id(crunch_id));
        let rows = rows.fetch_all(&self.pool).await;
        summary(&rows.map_err(|cause| self.failed(cause))?)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn summary(rows: &[impl Columns]) -> Result<Option<RoundSummary>, StoreError> {
    let mut all: Option<RoundSummary> = None;
    for row in rows {
        let part = part(row).map_err(|fault| fault.told("a round", "the newest"))?;
        match &mut all {
            None => all = Some(part),
            Some(all) => {
                all.performed_at = all.performed_at.max(part.performed_at);
                all.by_status.extend(part.by_status);
            }
        }
    }
    Ok(all)
}

/// The models of one status.
fn part(row: &impl Columns) -> Result<RoundSummary, Fault> {
    let models = row.number("parts")?.unsigned_abs();
    Ok(RoundSummary {
        performed_at: time(row, "performed_at")?,
        asset: row.text("asset")?,
        horizon: small(row, "horizon")?,
        by_status: [(row.text("status")?, models)].into_iter().collect(),
    })
}
