//! The standings that follow from scores. Pure.
//!
//! In a round a model that failed, was late or absent, or whose answer can't be scored counts with the
//! worst that any model has there: so nobody gains by staying silent. A density without a finite mean has
//! a log score alone, and counts in the CRPS in the same way. A round counts once all its answers are
//! scored; one without any score counts for nobody, and a score without a reference not for its model.
//!
//! Answers of one round may be in different forms: a density's CRPS is a mean over steps, a number's is
//! the error over the whole horizon. So each is divided by the reference in its own form, the worst is
//! the worst such ratio, and a ratio counts as [`MOST_RATIO`] at most: whoever answers nonsense costs the
//! silent no more than that.
//!
//! A window's ratio is that of two sums, in which a round weighs as its reference, the same for all
//! models. It is no mean of ratios: a reference's loss is small where prices stood still, so that a mean
//! would reward whoever bets on calm, and let a few calm rounds decide.

use std::{cmp::Ordering, collections::BTreeMap};

use time::OffsetDateTime;

use super::config::{RankedBy, ScoreConfig};
use crate::{
    density::LOG_SCORE_LIMIT,
    store::{ConfigKey, ModelRecord, PredictionStatus, ScoredPart, Snapshot, WindowScore},
};

/// Recent, steady and anchor.
const WINDOWS: usize = 3;
/// What an answer counts with at most, in losses of its reference. Twice to thrice is what a density that
/// is plainly wrong comes to; what is beyond says nothing more of a model.
const MOST_RATIO: f64 = 5.0;

/// Gathers rounds into a leaderboard.
#[derive(Debug)]
pub(super) struct Board<'a> {
    at: OffsetDateTime,
    starts: [OffsetDateTime; WINDOWS],
    by: RankedBy,
    least_rounds: u32,
    roll: BTreeMap<&'a str, &'a ModelRecord>,
    /// Of models by what was asked for.
    sums: BTreeMap<String, BTreeMap<ConfigKey, [Sums; WINDOWS]>>,
    round: Vec<ScoredPart>,
}

/// Of one model, over the rounds of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    crps: f64,
    reference: f64,
    gain: f64,
    gains: u32,
    rounds: u32,
    answered: u32,
}

/// The worst of a round: what counts for whoever has no score.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    /// In losses of the reference.
    ratio: Option<f64>,
    /// The reference's loss: what the round weighs in a sum.
    weight: f64,
    gain: Option<f64>,
}

impl<'a> Board<'a> {
    /// A board at a time, of a crunch's models.
    pub(super) fn new(at: OffsetDateTime, config: &ScoreConfig, roll: &'a [ModelRecord]) -> Self {
        let windows = [config.recent, config.steady, config.anchor];
        Self {
            at,
            starts: windows.map(|window| at - window),
            by: config.by,
            least_rounds: config.least_rounds,
            roll: roll.iter().map(|it| (&*it.model_id, it)).collect(),
            sums: BTreeMap::new(),
            round: Vec::new(),
        }
    }

    /// Where the longest window begins.
    pub(super) const fn from(&self) -> OffsetDateTime {
        self.starts[WINDOWS - 1]
    }

    /// Takes the next part; all of a round come one after the other.
    pub(super) fn take(&mut self, part: ScoredPart) {
        let is_next = self
            .round
            .last()
            .is_some_and(|it| (it.slot, &it.config) != (part.slot, &part.config));
        if is_next {
            self.close_round();
        }
        self.round.push(part);
    }

    fn close_round(&mut self) {
        let round = std::mem::take(&mut self.round);
        let waits = |it: &ScoredPart| it.status == PredictionStatus::Success && !it.is_scored;
        let worst = worst(&round);
        if !round.iter().any(waits) && (worst.ratio.is_some() || worst.gain.is_some()) {
            for part in &round {
                self.count(part, worst);
            }
        }
        // The next round is about as large.
        self.round = round;
        self.round.clear();
    }

    fn count(&mut self, part: &ScoredPart, worst: Worst) {
        let model = self.roll.get(&*part.model_id);
        let performed_at = part.resolvable_at - time::Duration::seconds(part.horizon.into());
        if model.is_some_and(|it| performed_at < it.metrics_since) || is_bare(part) {
            return;
        }
        let configs = self.sums.entry(part.model_id.clone()).or_default();
        let windows = configs.entry(part.config.clone()).or_default();
        for (sums, start) in windows.iter_mut().zip(&self.starts) {
            if part.resolvable_at >= *start {
                sums.add(part, worst);
            }
        }
    }

    /// The leaderboard: models that were due in the longest window, or were there. By rank, then by id.
    pub(super) fn finish(mut self) -> Vec<Snapshot> {
        self.close_round();
        let (from, at) = (self.from(), self.at);
        for (id, model) in &self.roll {
            if model.last_seen >= from && model.first_seen <= at {
                self.sums.entry((*id).to_owned()).or_default();
            }
        }
        let standing = |configs: &BTreeMap<ConfigKey, [Sums; WINDOWS]>, window: usize| {
            let sums = configs.values().map(|windows| windows[window]);
            overall(&sums.collect::<Vec<_>>(), self.by)
        };
        let mut board: Vec<Snapshot> = self
            .sums
            .iter()
            .map(|(id, configs)| {
                let mut anchor = standing(configs, 2);
                if anchor.rounds < self.least_rounds {
                    anchor.score = None;
                }
                Snapshot {
                    at,
                    model_id: id.clone(),
                    rank: None,
                    recent: standing(configs, 0),
                    steady: standing(configs, 1),
                    anchor,
                }
            })
            .collect();
        // Stable: equal ones stay in the order of their ids.
        board.sort_by(|one, other| descending(one.anchor.score, other.anchor.score));
        for (rank, it) in (1..).zip(&mut board) {
            it.rank = it.anchor.score.map(|_| rank);
        }
        board
    }
}

/// The greatest first; none last.
fn descending(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

/// What an answer lost, in losses of its reference; none where one of them is unknown.
fn ratio(part: &ScoredPart) -> Option<f64> {
    let (crps, reference) = (finite(part.crps)?, finite(part.crps_reference)?);
    if reference > 0.0 {
        return Some((crps / reference).min(MOST_RATIO));
    }
    // The reference hit what came.
    Some(if crps > 0.0 { MOST_RATIO } else { 1.0 })
}

/// How much greater its log score is than the reference's; bounded as a log score is.
fn gain(part: &ScoredPart) -> Option<f64> {
    let gain = finite(part.log_score)? - finite(part.log_reference)?;
    Some(gain.clamp(-LOG_SCORE_LIMIT, LOG_SCORE_LIMIT))
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// Whether it has a score and nothing to hold it against.
fn is_bare(part: &ScoredPart) -> bool {
    (part.crps.is_some() || part.log_score.is_some())
        && ratio(part).is_none()
        && gain(part).is_none()
}

fn worst(round: &[ScoredPart]) -> Worst {
    // The references of numbers are of another magnitude than those of densities.
    let reference = |is_density: bool| {
        let parts = round.iter();
        let parts = parts.filter(|it| ratio(it).is_some() && it.log_score.is_some() == is_density);
        parts.filter_map(|it| it.crps_reference).reduce(f64::max)
    };
    Worst {
        ratio: round.iter().filter_map(ratio).reduce(f64::max),
        weight: reference(true)
            .or_else(|| reference(false))
            .unwrap_or_default(),
        gain: round.iter().filter_map(gain).reduce(f64::min),
    }
}

impl Sums {
    fn add(&mut self, part: &ScoredPart, worst: Worst) {
        self.rounds += 1;
        if part.crps.is_some() || part.log_score.is_some() {
            self.answered += 1;
        }
        if let Some(worst_ratio) = worst.ratio {
            self.crps += worst.weight * ratio(part).unwrap_or(worst_ratio);
            self.reference += worst.weight;
        }
        if let Some(worst) = worst.gain {
            self.gain += gain(part).unwrap_or(worst);
            self.gains += 1;
        }
    }
}

/// One window's standing over all that was asked for: each counts the same.
fn overall(sums: &[Sums], by: RankedBy) -> WindowScore {
    let mean = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(mean).filter(|mean| mean.is_finite())
    };
    let saved: Vec<_> = sums
        .iter()
        .filter(|it| it.reference > 0.0)
        .map(|it| 1.0 - it.crps / it.reference)
        .collect();
    let gains: Vec<_> = sums
        .iter()
        .filter(|it| it.gains > 0)
        .map(|it| it.gain / f64::from(it.gains))
        .collect();
    let log_gain = mean(&gains);
    WindowScore {
        score: match by {
            RankedBy::Crps => mean(&saved),
            RankedBy::Log => log_gain,
        },
        log_gain,
        rounds: sums.iter().map(|it| it.rounds).sum(),
        answered: sums.iter().map(|it| it.answered).sum(),
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
