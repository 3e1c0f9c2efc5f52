//! What tests of the room score.

use std::sync::Arc;

use time::{OffsetDateTime, macros::datetime};

use super::{ScoreConfig, Scorer};
use crate::{
    clock::SimulatedClock,
    density::Unit,
    store::{
        Close, CloseRepository as _, ConfigKey, ModelRecord, Packed, Prediction, PredictionDb,
        PredictionStatus, ScoredPart,
    },
};

pub(super) const CRUNCH: &str = "condorgame";
pub(super) const ORIGIN: OffsetDateTime = datetime!(2026-01-05 0:00 UTC);

pub(super) fn at(seconds: i64) -> OffsetDateTime {
    ORIGIN + time::Duration::seconds(seconds)
}

/// A normal density for each of two steps of ten minutes.
pub(super) fn normal(loc: f64, scale: f64) -> String {
    let item = |step: i64| {
        format!(
            r#"{{"step": {step}, "type": "builtin", "name": "norm", "params": {{"loc": {loc}, "scale": {scale}}}}}"#
        )
    };
    format!("[{}, {}]", item(600), item(1_200))
}

pub(super) fn prediction(slot: i64, model: &str, answer: &str) -> Prediction {
    Prediction {
        crunch_id: CRUNCH.into(),
        config: ConfigKey("BTC/1200/600".into()),
        slot: at(slot).unix_timestamp(),
        model_id: model.into(),
        deployment_id: "1".into(),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: 1_200,
        step: 600,
        exec_time_us: 1,
        payload: Some(Packed::new(answer)),
        detail: None,
        base: None,
        performed_at: at(slot),
        resolvable_at: at(slot + 1_200),
    }
}

pub(super) fn silent(slot: i64, model: &str, status: PredictionStatus) -> Prediction {
    Prediction {
        status,
        payload: None,
        ..prediction(slot, model, "")
    }
}

pub(super) fn model(id: &str, since: i64) -> ModelRecord {
    ModelRecord {
        crunch_id: CRUNCH.into(),
        model_id: id.into(),
        model_name: Some(format!("name of {id}")),
        cruncher_id: None,
        cruncher_name: None,
        deployment_id: "1".into(),
        first_seen: at(since),
        last_seen: at(since),
        metrics_since: at(since),
    }
}

/// A price that never stands still, minute by minute.
pub(super) fn price(seconds: i64) -> f64 {
    let minute = (seconds / 60) as f64;
    1_000.0 + 20.0 * (minute * 0.7).sin() + 10.0 * (minute * 0.13).cos()
}

/// Closes of each minute, both ends included.
pub(super) fn minutes(from: i64, until: i64) -> Vec<Close> {
    let minutes = (from / 60)..=(until / 60);
    let closes = minutes.map(|minute| Close {
        at: at(60 * minute).unix_timestamp(),
        price: price(60 * minute),
    });
    closes.collect()
}

pub(super) async fn told(db: &PredictionDb, from: i64, until: i64) {
    let closes = minutes(from, until);
    db.keep_closes("BTC", &closes).await.unwrap();
}

pub(super) fn scorer(db: &Arc<PredictionDb>, config: ScoreConfig) -> Scorer {
    let clock = Arc::new(SimulatedClock::starting_at(
        ORIGIN + time::Duration::weeks(9),
    ));
    Scorer::new(
        Arc::clone(db) as _,
        CRUNCH,
        Unit::PriceDifference,
        config,
        clock,
    )
}

/// A part with the same reference as all others.
pub(super) fn part(slot: i64, model: &str, crps: Option<f64>, log: Option<f64>) -> ScoredPart {
    let has_score = crps.is_some() || log.is_some();
    ScoredPart {
        config: ConfigKey("BTC/1200/600".into()),
        slot: at(slot).unix_timestamp(),
        model_id: model.into(),
        status: if has_score {
            PredictionStatus::Success
        } else {
            PredictionStatus::Absent
        },
        resolvable_at: at(slot + 1_200),
        horizon: 1_200,
        crps,
        log_score: log,
        crps_reference: has_score.then_some(2.0),
        log_reference: has_score.then_some(-1.0),
        is_scored: has_score,
    }
}
