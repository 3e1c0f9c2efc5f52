//! What tests store.

use allora_worker::store::{
    Deployment, DeploymentEffect, ModelRecord, Packed, Prediction, PredictionConfig,
    PredictionStatus,
};
use time::{Duration, OffsetDateTime};

/// The crunch of all tests.
pub(crate) const CRUNCH: &str = "condorgame";

/// So many seconds after the first day of 2026.
pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_767_225_600 + seconds).expect("a time")
}

pub(crate) fn config(asset: &str, horizon: u32, step: u32) -> PredictionConfig {
    PredictionConfig {
        asset: asset.into(),
        horizon,
        step,
        interval: 60,
        active: true,
        order: 0,
        best: None,
    }
}

/// A model's answer in the round of a slot, which is `slot` seconds after the first day of 2026.
pub(crate) fn prediction(slot: i64, model: &str) -> Prediction {
    let performed_at = at(slot) + Duration::milliseconds(250);
    Prediction {
        crunch_id: CRUNCH.into(),
        config: config("BTC", 3_600, 60).key(),
        slot: at(slot).unix_timestamp(),
        model_id: model.into(),
        deployment_id: format!("{model}_1"),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        exec_time_us: 1_500,
        payload: Some(Packed::new(&format!("[{{\"step\":60,\"loc\":{slot}.5}}]"))),
        detail: None,
        base: Some(90_744.5),
        performed_at,
        resolvable_at: performed_at + Duration::seconds(3_600),
    }
}

/// As it is known before its answer is read.
pub(crate) fn unread(it: &Prediction) -> Prediction {
    Prediction {
        payload: None,
        ..it.clone()
    }
}

/// The same, without an answer.
pub(crate) fn silent(slot: i64, model: &str, status: PredictionStatus) -> Prediction {
    Prediction {
        status,
        payload: None,
        detail: Some("it was silent".into()),
        ..prediction(slot, model)
    }
}

pub(crate) fn model(id: &str, seen: i64) -> ModelRecord {
    ModelRecord {
        crunch_id: CRUNCH.into(),
        model_id: id.into(),
        model_name: Some(format!("name of {id}")),
        cruncher_id: None,
        cruncher_name: Some("Ada".into()),
        deployment_id: format!("{id}_1"),
        first_seen: at(seen),
        last_seen: at(seen),
        metrics_since: at(seen),
    }
}

pub(crate) fn deployment(model: &str, number: u32, seen: i64) -> Deployment {
    Deployment {
        crunch_id: CRUNCH.into(),
        model_id: model.into(),
        before: format!("{model}_{}", number - 1),
        deployment_id: format!("{model}_{number}"),
        at: at(seen),
        effect: DeploymentEffect::Reset,
    }
}
