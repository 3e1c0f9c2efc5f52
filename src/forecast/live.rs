//! The live fuse: what was really submitted for a topic decides how far its built-in forecast is
//! trusted. The same rule as the prior's fuse, on what the chain got instead of on a replay.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Answer, ForecastConfig, HOUR, History, Source, Target,
    builtin::in_unit,
    gate::{Gate, GateRule},
    prior::{Horizon, LEAST, at_least},
};
use crate::types::TopicId;

/// Seconds of a day.
const DAY: i64 = 24 * HOUR;
/// The smallest price ratio that is reckoned with, so that a senseless value has a logarithm.
const LEAST_RATIO: f64 = 1e-9;

/// How far a topic's built-in forecast is trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveFuse {
    /// Its weight, from 0 to 1; 1 while the record is too short to tell.
    pub weight: f64,
    /// Newey-West t of the record's gain over zero; none while it is too short.
    pub t: Option<f64>,
    /// Days in the record.
    pub days: usize,
}

/// The fuses of all topics that have a record.
pub type LiveFuses = Arc<BTreeMap<TopicId, LiveFuse>>;

/// A submitted forecast, and what came. Both are log-returns over the horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveOutcome {
    /// When its window opened, unix seconds.
    pub opened: i64,
    /// What was submitted.
    pub forecast: f64,
    /// What came.
    pub outcome: f64,
}

impl Default for LiveFuse {
    /// That of an empty record.
    fn default() -> Self {
        Self {
            weight: 1.0,
            t: None,
            days: 0,
        }
    }
}

impl LiveFuse {
    /// The fuse that follows from outcomes in order of time: the last one of each day (UTC) counts, of
    /// the newest `record_days` days.
    #[must_use]
    pub fn of(
        config: &ForecastConfig,
        horizon: Duration,
        outcomes: impl IntoIterator<Item = LiveOutcome>,
    ) -> Self {
        let mut gate = Gate::new(GateRule::fuse(config, Horizon::new(horizon)));
        let mut last: Option<LiveOutcome> = None;
        for outcome in outcomes {
            let is_new_day = |it: &LiveOutcome| day(it) != day(&outcome);
            if let Some(it) = last.replace(outcome).filter(is_new_day) {
                gate.record(it.forecast, 0.0, it.outcome);
            }
        }
        if let Some(it) = last {
            gate.record(it.forecast, 0.0, it.outcome);
        }
        gate.settle();
        Self {
            weight: gate.weight(),
            t: gate.t(),
            days: gate.days(),
        }
    }

    /// An opinion held back by its weight, as a log-return: its sign stays.
    pub(super) fn held(self, full: f64) -> f64 {
        if self.weight < 1.0 {
            at_least(self.weight * full, full, LEAST.min(full.abs()))
        } else {
            full
        }
    }

    /// Holds a built-in forecast back by its weight. One that says nothing of the market stays as it is,
    /// and none becomes zero: its sign is an opinion.
    pub(super) fn hold_back(self, answer: Answer, history: &History, target: Target) -> Answer {
        let Some(price) = history.candles.last().map(|candle| candle.close) else {
            return answer;
        };
        if !answer.source.is_opinion() {
            return answer;
        }
        let value = if self.weight < 1.0 {
            let full = log_return(target, price, answer.value);
            in_unit(target, price, self.held(full))
        } else {
            answer.value
        };
        let report = answer.report.map(|mut report| {
            report.live_weight = Some(self.weight);
            report.live_t = self.t;
            report
        });
        Answer {
            value,
            report,
            ..answer
        }
    }
}

/// The fuse of topics that ask for the same: of those with a record the one that trusts least, since
/// they get the same forecast.
pub(super) fn strictest<'a>(
    fuses: &LiveFuses,
    topics: impl IntoIterator<Item = &'a TopicId>,
) -> Option<LiveFuse> {
    let topics = topics.into_iter();
    let known = topics.filter_map(|topic| fuses.get(topic)).copied();
    known.min_by(|a, b| a.weight.total_cmp(&b.weight).then(b.days.cmp(&a.days)))
}

/// A value in the target's unit as a log-return from `price`.
#[must_use]
pub fn log_return(target: Target, price: f64, value: f64) -> f64 {
    match target {
        Target::LogReturn => value,
        Target::PercentReturn => (1.0 + value / 100.0).max(LEAST_RATIO).ln(),
        Target::Price => (value / price).max(LEAST_RATIO).ln(),
    }
}

impl Source {
    /// Whether it is the built-in forecast with something to say of the market: what the live fuse
    /// judges, and what it holds back.
    #[must_use]
    pub const fn is_opinion(self) -> bool {
        matches!(
            self,
            Self::Gated | Self::Prior | Self::Linfa | Self::Ridge | Self::ElasticNet | Self::Svr
        )
    }
}

const fn day(outcome: &LiveOutcome) -> i64 {
    outcome.opened.div_euclid(DAY)
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
