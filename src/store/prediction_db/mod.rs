//! Predictions in SQL: a file of SQLite's, or a PostgreSQL server.
//!
//! Each database has its own tables and statements, in its own types; what rows say is read in one
//! place. What several processes store at once is stored once.

mod lazy;
mod merge;
mod postgres;
mod rows;
mod score_rows;
mod showing;
mod sqlite;
mod url;
mod values;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use values::ConfigId;

pub(in crate::store) use self::{postgres::bring_up_to_date, rows::Columns};

pub use self::{lazy::PredictionDb, postgres::LeaseDb, url::DatabaseUrl};

/// Where the migrations that a database has are noted. A PostgreSQL database may be shared with others.
const MIGRATIONS_TABLE: &str = "prediction_migrations";

/// What happens to a model's part in a round that is there already: an answer takes the place of
/// `ABSENT`, which one worker may have stored before another, or its next life, asked the model.
const ONCE: &str = " ON CONFLICT (config_id, slot, model_id) DO UPDATE SET \
    deployment_id = excluded.deployment_id, status = excluded.status, asset = excluded.asset, \
    horizon = excluded.horizon, step = excluded.step, exec_time_us = excluded.exec_time_us, \
    base = excluded.base, performed_at = excluded.performed_at, \
    resolvable_at = excluded.resolvable_at, detail = excluded.detail, payload = excluded.payload \
    WHERE predictions.status = 'ABSENT' AND excluded.status <> 'ABSENT'";

/// The best models: of a crunch `$1`, by their answers since `$2`, `$3` of them at most. Both databases
/// understand it. A model that could not be asked gave no answer, and
/// one that was not seen since then has left, whatever its score.
const BEST: &str = "WITH answers AS (\
    SELECT p.model_id, \
        1.0 * count(*) FILTER (WHERE p.status = 'SUCCESS') / count(*) AS share, \
        avg(p.exec_time_us) FILTER (WHERE p.status = 'SUCCESS') AS pace \
    FROM prediction_configs c JOIN predictions p ON p.config_id = c.id \
    LEFT JOIN models m ON m.crunch_id = c.crunch_id AND m.model_id = p.model_id \
    WHERE c.crunch_id = $1 AND p.performed_at >= $2 AND p.status <> 'ABSENT' \
        AND (m.metrics_since IS NULL OR p.performed_at >= m.metrics_since) \
    GROUP BY p.model_id), \
scored AS (SELECT model_id, score FROM models WHERE crunch_id = $1 AND score IS NOT NULL \
    AND last_seen >= $2) \
SELECT COALESCE(s.model_id, a.model_id) AS model_id \
FROM answers a FULL JOIN scored s ON s.model_id = a.model_id \
ORDER BY s.score DESC NULLS LAST, a.share DESC NULLS LAST, a.pace NULLS LAST, 1 LIMIT $3";

/// The numbers of configured predictions, so that a batch need not ask for them.
#[derive(Debug, Default)]
struct KnownConfigs(Mutex<HashMap<ConfigId, i64>>);

impl KnownConfigs {
    fn get(&self, config: &ConfigId) -> Option<i64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(config).copied()
    }

    fn add(&self, config: ConfigId, number: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(config, number);
    }

    /// After a failure: the database may be another one.
    fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
    }
}
