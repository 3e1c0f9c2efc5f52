//! Forecasts against what the price then did.

use crate::{
    page::{Pending, TrackPoint},
    store::{Noted, Record},
};

/// Forecasts that are shown of a topic.
const MOST: usize = 5_000;

/// The newest of a record, each with the ratio of all up to it.
pub(super) fn points(records: &[Record]) -> Vec<TrackPoint> {
    let (mut ours, mut zero) = (0.0, 0.0);
    let hidden = records.len().saturating_sub(MOST);
    let ratios = records.iter().map(|record| {
        ours += record.resolution.loss;
        zero += record.resolution.zero_loss;
        (ours / zero).sqrt()
    });
    let point = |(record, ratio): (&Record, f64)| TrackPoint {
        nonce: record.nonce,
        opened: record.opened,
        value: record.value,
        outcome: record.resolution.outcome,
        ratio: Some(ratio).filter(|it| it.is_finite()),
        place: record.field.map(|it| (it.place, it.places)),
    };
    records.iter().zip(ratios).skip(hidden).map(point).collect()
}

/// Forecasts whose horizon has not passed yet.
pub(super) fn pending(noted: &[Noted]) -> Vec<Pending> {
    let pending = |it: &Noted| Pending {
        nonce: it.key.nonce,
        opened: it.opened,
        value: it.value,
    };
    noted.iter().map(pending).collect()
}
