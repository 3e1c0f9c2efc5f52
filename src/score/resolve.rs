//! One prediction, held against the prices that came. Pure.

use time::OffsetDateTime;

use super::{
    prices::{Known, Reach, Track, known},
    reference,
};
use crate::{
    density::{self, Answer, Unit},
    store::{Prediction, Score, StoredPrediction},
};

/// What a prediction is resolved with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Against<'a> {
    /// What answers are in.
    pub(super) unit: Unit,
    /// Closes of the asset.
    pub(super) track: &'a Track,
    /// How far they have come.
    pub(super) reach: Reach,
    /// How old a close may be, in seconds.
    pub(super) tolerance: i64,
    /// The reference's standard deviation over one step, if prices tell one.
    pub(super) scale: Option<f64>,
}

/// A prediction's score, or none while prices may still come.
pub(super) fn resolve(
    stored: &StoredPrediction,
    against: Against<'_>,
    scored_at: OffsetDateTime,
) -> Option<Score> {
    let none = Score {
        prediction: stored.id,
        crps: None,
        log_score: None,
        crps_reference: None,
        log_reference: None,
        detail: None,
        scored_at,
    };
    match worth(&stored.prediction, against) {
        Err(Obstacle::NotYet) => None,
        Err(Obstacle::Lasting(cause)) => Some(Score {
            detail: Some(cause),
            ..none
        }),
        Ok((scored, reference)) => Some(Score {
            crps: scored.crps,
            log_score: scored.log_score,
            crps_reference: reference.crps,
            log_reference: reference.log_score,
            ..none
        }),
    }
}

/// Why a prediction has no score.
enum Obstacle {
    NotYet,
    /// For good.
    Lasting(String),
}

impl Obstacle {
    fn lasting(cause: impl std::fmt::Display) -> Self {
        Self::Lasting(cause.to_string())
    }
}

type Worth = (density::Scored, density::Scored);

/// Whether prices may still come that it needs, whatever was answered.
pub(super) fn waits(it: &Prediction, against: Against<'_>) -> bool {
    matches!(needed(it, against), Ok(Needed { closes, .. }) if closes == Known::NotYet)
}

/// What a prediction needs to be scored.
struct Needed {
    steps: u32,
    closes: Known,
    oldest: i64,
}

/// A number speaks of the two ends alone. It needs all closes, as the densities of its round do: with a
/// gap in between it would be the only one with a score.
fn needed(it: &Prediction, against: Against<'_>) -> Result<Needed, Obstacle> {
    let steps = it.horizon.checked_div(it.step).unwrap_or_default();
    if steps == 0 || !it.horizon.is_multiple_of(it.step) {
        return Err(Obstacle::lasting(format!(
            "a horizon of {} s has no steps of {} s; correct or delete the row",
            it.horizon, it.step
        )));
    }
    let (start, step) = (it.performed_at.unix_timestamp(), i64::from(it.step));
    let ends = (0..=i64::from(steps)).map(|k| start + k * step);
    let oldest = against.track.oldest(against.tolerance, step);
    Ok(Needed {
        steps,
        closes: known(against.track, against.reach, oldest, ends),
        oldest,
    })
}

fn worth(it: &Prediction, against: Against<'_>) -> Result<Worth, Obstacle> {
    let needed = needed(it, against)?;
    if needed.closes == Known::NotYet {
        // Before the answer is unpacked.
        return Err(Obstacle::NotYet);
    }
    let packed = it.payload.as_ref();
    let packed = packed
        .ok_or_else(|| Obstacle::lasting("the answer is missing; correct or delete the row"))?;
    let text = packed.text().map_err(Obstacle::lasting)?;
    let answer = Answer::read(&text, needed.steps).map_err(Obstacle::lasting)?;
    let closes = match needed.closes {
        Known::Prices(closes) => closes,
        Known::NotYet => return Err(Obstacle::NotYet),
        Known::Never(at) => return Err(missing(&it.asset, at, needed.oldest)),
    };
    let scored = density::score(&answer, against.unit, &closes).map_err(Obstacle::lasting)?;
    if scored == density::Scored::default() {
        return Err(Obstacle::lasting(
            "the answer gives no finite score; have the model return finite densities",
        ));
    }
    let reference = against.scale.map(|scale| {
        let scored = reference::scored(&answer, against.unit, &closes, scale);
        density::Scored {
            crps: scored.crps.filter(|crps| crps.is_finite()),
            log_score: scored.log_score.filter(|it| it.is_finite()),
        }
    });
    Ok((scored, reference.unwrap_or_default()))
}

fn missing(asset: &str, at: i64, oldest: i64) -> Obstacle {
    let at = OffsetDateTime::from_unix_timestamp(at)
        .map_or_else(|_| at.to_string(), |at| at.to_string());
    Obstacle::lasting(format!(
        "no close of {asset} is known at {at} or up to {oldest} s before; fill the gap sooner, or give \
         score.tolerance more room"
    ))
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
