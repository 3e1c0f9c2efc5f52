//! The prices at hand: as much of each asset's as the predictions in hand need.

use std::{collections::HashMap, ops::Range};

use super::{
    pass::ScoreStore,
    prices::{Reach, Track},
    reference,
};
use crate::{
    density::Unit,
    store::{ConfigKey, Prediction, StoreError},
};

/// What is read beyond what is needed at once, in seconds: predictions come by the ends of their
/// horizons.
const AHEAD: i64 = 86_400;

/// Prices for one pass, in which they don't change.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    tracks: HashMap<ConfigKey, Loaded>,
}

#[derive(Debug)]
struct Loaded {
    range: Range<i64>,
    track: Track,
    /// Of the newest round, whose models share it.
    scale: Option<(i64, Option<f64>)>,
}

impl Shelf {
    /// The prices that a prediction needs, and the reference's scale at its beginning.
    pub(super) async fn of(
        &mut self,
        store: &dyn ScoreStore,
        it: &Prediction,
        reach: Reach,
        (unit, tolerance): (Unit, i64),
    ) -> Result<(&Track, Option<f64>), StoreError> {
        let (start, step) = (it.performed_at.unix_timestamp(), i64::from(it.step));
        let end = start.saturating_add(i64::from(it.horizon)).min(reach.all) + 1;
        // The oldest close that may count is older than the time that it stands for.
        let slack = tolerance.max(step.min(AHEAD));
        let first = start - reference::look_back(step) - slack;
        let covers = |it: &Loaded| it.range.start <= first && it.range.end >= end;
        let known = self.tracks.remove(&it.config).filter(covers);
        let loaded = if let Some(known) = known {
            known
        } else {
            let last = end.saturating_add(AHEAD).min(reach.all + 1).max(end);
            load(store, &it.asset, first..last).await?
        };
        let loaded = self.tracks.entry(it.config.clone()).insert_entry(loaded);
        let loaded = loaded.into_mut();
        let scale = match loaded.scale {
            Some((at, scale)) if at == start => scale,
            _ => reference::scale(&loaded.track, unit, (start, step), tolerance),
        };
        loaded.scale = Some((start, scale));
        Ok((&loaded.track, scale))
    }
}

async fn load(
    store: &dyn ScoreStore,
    asset: &str,
    range: Range<i64>,
) -> Result<Loaded, StoreError> {
    let closes = store.closes(asset, range.clone()).await?;
    Ok(Loaded {
        range,
        track: Track::new(closes),
        scale: None,
    })
}
