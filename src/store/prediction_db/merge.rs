//! What one statement may name but once.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{
    super::{Close, ModelRecord, Prediction, PredictionConfig, PredictionStatus},
    values::{ConfigId, id},
};

/// Each model once, by id: the last one's names and deployment, and the widest times.
pub(super) fn models(models: &[ModelRecord]) -> Vec<ModelRecord> {
    let mut merged: BTreeMap<(String, String), ModelRecord> = BTreeMap::new();
    for model in models {
        let key = (
            id(&model.crunch_id).into_owned(),
            id(&model.model_id).into_owned(),
        );
        let mut model = model.clone();
        if let Some(earlier) = merged.get(&key) {
            model.first_seen = model.first_seen.min(earlier.first_seen);
            model.last_seen = model.last_seen.max(earlier.last_seen);
            model.metrics_since = model.metrics_since.max(earlier.metrics_since);
        }
        merged.insert(key, model);
    }
    merged.into_values().collect()
}

/// Each model's part in a round once, by its config's number: the first that is not `ABSENT`, else the
/// first, at the first one's place.
pub(super) fn predictions<'a>(
    numbers: &[i64],
    predictions: &'a [Prediction],
) -> Vec<(i64, &'a Prediction)> {
    let mut rows: Vec<(i64, &Prediction)> = Vec::with_capacity(predictions.len());
    let mut places = HashMap::with_capacity(predictions.len());
    for (number, it) in numbers.iter().copied().zip(predictions) {
        match places.entry((number, it.slot, id(&it.model_id))) {
            Entry::Vacant(place) => {
                place.insert(rows.len());
                rows.push((number, it));
            }
            Entry::Occupied(place) => {
                if let Some(row) = rows.get_mut(*place.get())
                    && row.1.status == PredictionStatus::Absent
                {
                    row.1 = it;
                }
            }
        }
    }
    rows
}

/// Each configured prediction once: the last one.
pub(super) fn configs(
    crunch_id: &str,
    configs: &[PredictionConfig],
) -> BTreeMap<ConfigId, PredictionConfig> {
    let named = |config: &PredictionConfig| {
        let id = ConfigId::of_config(crunch_id, config);
        (id, config.clone())
    };
    configs.iter().map(named).collect()
}

/// Each time once, its last close. What is no number can't be a price.
pub(super) fn closes(closes: &[Close]) -> BTreeMap<i64, f64> {
    let sound = closes.iter().filter(|close| close.price.is_finite());
    sound.map(|close| (close.at, close.price)).collect()
}
