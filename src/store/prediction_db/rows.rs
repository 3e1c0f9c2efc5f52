//! What rows of either database say. Times are selected as unix milliseconds.

use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    super::{
        Close, Deployment, DeploymentEffect, ModelRecord, Packed, Prediction, PredictionConfig,
        StoreError, StoredConfig, StoredPrediction,
    },
    values::of_millis,
};

/// A row's columns by their names.
pub(in crate::store) trait Columns {
    fn text(&self, name: &'static str) -> Result<String, sqlx::Error>;
    fn text_or_none(&self, name: &'static str) -> Result<Option<String>, sqlx::Error>;
    fn number(&self, name: &'static str) -> Result<i64, sqlx::Error>;
    fn number_or_none(&self, name: &'static str) -> Result<Option<i64>, sqlx::Error>;
    fn real(&self, name: &'static str) -> Result<f64, sqlx::Error>;
    fn real_or_none(&self, name: &'static str) -> Result<Option<f64>, sqlx::Error>;
    fn bytes_or_none(&self, name: &'static str) -> Result<Option<Vec<u8>>, sqlx::Error>;
    fn flag(&self, name: &'static str) -> Result<bool, sqlx::Error>;
}

macro_rules! columns {
    ($row:ty: $($method:ident -> $value:ty),* $(,)?) => {
        impl Columns for $row {
            $(fn $method(&self, name: &'static str) -> Result<$value, sqlx::Error> {
                self.try_get(name)
            })*
        }
    };
    ($($row:ty),*) => {
        $(columns!($row:
            text -> String,
            text_or_none -> Option<String>,
            number -> i64,
            number_or_none -> Option<i64>,
            real -> f64,
            real_or_none -> Option<f64>,
            bytes_or_none -> Option<Vec<u8>>,
            flag -> bool,
        );)*
    };
}

columns!(SqliteRow, PgRow);

/// Why a row can't be taken.
pub(super) enum Fault {
    /// The database gave no such value.
    Database(sqlx::Error),
    /// The value makes no sense.
    Nonsense(String),
}

impl From<sqlx::Error> for Fault {
    fn from(cause: sqlx::Error) -> Self {
        Self::Database(cause)
    }
}

impl Fault {
    /// As the store tells it; `which` names the row.
    pub(super) fn told(self, what: &'static str, which: &str) -> StoreError {
        let cause = match self {
            Self::Database(cause) => cause.to_string(),
            Self::Nonsense(cause) => cause,
        };
        StoreError::Corrupt {
            what,
            cause: format!("{which}: {cause}; correct or delete that row"),
        }
    }
}

pub(super) fn time(row: &impl Columns, name: &'static str) -> Result<OffsetDateTime, Fault> {
    let millis = row.number(name)?;
    of_millis(millis)
        .ok_or_else(|| Fault::Nonsense(format!("{name} is {millis} ms, which is no time")))
}

pub(super) fn small(row: &impl Columns, name: &'static str) -> Result<u32, Fault> {
    let number = row.number(name)?;
    u32::try_from(number).map_err(|_| Fault::Nonsense(format!("{name} is {number}")))
}

/// The columns of [`prediction`], of `predictions p` and `prediction_configs c`, but for the times.
pub(super) const PREDICTION: &str = "p.id, p.slot, p.model_id, p.deployment_id, p.status, p.asset, \
    p.horizon, p.step, p.exec_time_us, p.base, p.detail, p.payload, c.crunch_id, \
    c.asset AS config_asset, c.horizon AS config_horizon, c.step AS config_step, c.best";

pub(super) fn prediction(row: &impl Columns) -> Result<StoredPrediction, StoreError> {
    let id = row.number("id").unwrap_or_default();
    let read = || -> Result<Prediction, Fault> {
        let performed_at = time(row, "performed_at")?;
        let status = row.text("status")?.parse().map_err(Fault::Nonsense)?;
        let asked = PredictionConfig {
            asset: row.text("config_asset")?,
            horizon: small(row, "config_horizon")?,
            step: small(row, "config_step")?,
            interval: 0,
            active: false,
            order: 0,
            best: best(row)?,
        };
        Ok(Prediction {
            crunch_id: row.text("crunch_id")?,
            config: asked.key(),
            slot: row.number("slot")?,
            model_id: row.text("model_id")?,
            deployment_id: row.text("deployment_id")?,
            status,
            asset: row.text("asset")?,
            horizon: small(row, "horizon")?,
            step: small(row, "step")?,
            exec_time_us: u64::try_from(row.number("exec_time_us")?).unwrap_or_default(),
            payload: row.bytes_or_none("payload")?.map(Packed::from_stored),
            detail: row.text_or_none("detail")?,
            base: row.real_or_none("base")?,
            performed_at,
            resolvable_at: time(row, "resolvable_at")?,
        })
    };
    let prediction = read().map_err(|fault| fault.told("a prediction", &format!("number {id}")))?;
    Ok(StoredPrediction { id, prediction })
}

pub(super) fn best(row: &impl Columns) -> Result<Option<u32>, Fault> {
    match row.number_or_none("best")? {
        None => Ok(None),
        Some(_) => small(row, "best").map(Some),
    }
}

pub(super) fn model(row: &impl Columns) -> Result<ModelRecord, StoreError> {
    let id = row.text("model_id").unwrap_or_default();
    let read = || -> Result<ModelRecord, Fault> {
        Ok(ModelRecord {
            crunch_id: row.text("crunch_id")?,
            model_id: row.text("model_id")?,
            model_name: row.text_or_none("model_name")?,
            cruncher_id: row.text_or_none("cruncher_id")?,
            cruncher_name: row.text_or_none("cruncher_name")?,
            deployment_id: row.text("deployment_id")?,
            first_seen: time(row, "first_seen")?,
            last_seen: time(row, "last_seen")?,
            metrics_since: time(row, "metrics_since")?,
        })
    };
    read().map_err(|fault| fault.told("a model", &id))
}

/// An effect's name in the database.
pub(super) const fn effect_name(effect: DeploymentEffect) -> &'static str {
    match effect {
        DeploymentEffect::Keep => "keep",
        DeploymentEffect::Reset => "reset",
    }
}

pub(super) fn deployment(row: &impl Columns) -> Result<Deployment, StoreError> {
    let id = row.text("deployment_id").unwrap_or_default();
    let read = || -> Result<Deployment, Fault> {
        let effect = row.text("effect")?;
        let known = [DeploymentEffect::Keep, DeploymentEffect::Reset];
        let known = known.into_iter().find(|it| effect_name(*it) == effect);
        Ok(Deployment {
            crunch_id: row.text("crunch_id")?,
            model_id: row.text("model_id")?,
            before: row.text("previous_id")?,
            deployment_id: row.text("deployment_id")?,
            at: time(row, "seen_at")?,
            effect: known
                .ok_or_else(|| Fault::Nonsense(format!("{effect:?} is neither keep nor reset")))?,
        })
    };
    read().map_err(|fault| fault.told("a deployment", &id))
}

/// A configured prediction, or none when the row makes no sense: people write such rows by hand.
pub(super) fn config(row: &impl Columns) -> Option<StoredConfig> {
    let read = || -> Result<StoredConfig, Fault> {
        let config = PredictionConfig {
            asset: row.text("asset")?,
            horizon: small(row, "horizon")?,
            step: small(row, "step")?,
            interval: small(row, "interval")?,
            active: row.flag("active")?,
            order: small(row, "order")?,
            best: best(row)?,
        };
        Ok(StoredConfig {
            config,
            performed: row.number_or_none("performed_slot")?,
        })
    };
    let makes_sense = |it: &StoredConfig| {
        let PredictionConfig {
            asset,
            horizon,
            step,
            interval,
            ..
        } = &it.config;
        let is_multiple = horizon.checked_rem(*step) == Some(0);
        !asset.is_empty() && *horizon > 0 && *interval > 0 && is_multiple
    };
    read().ok().filter(makes_sense)
}

/// Configured predictions in their order.
pub(super) fn configs(rows: &[impl Columns]) -> Vec<StoredConfig> {
    let mut configs: Vec<_> = rows.iter().filter_map(config).collect();
    configs.sort_by_cached_key(|it| (it.config.order, it.config.key()));
    configs
}

/// A close, whose time is selected in milliseconds.
pub(super) fn close(row: &impl Columns) -> Result<Close, sqlx::Error> {
    Ok(Close {
        at: row.number("at")?.div_euclid(1_000),
        price: row.real("price")?,
    })
}
