//! One row for each forecast: what was said, and what came.

use std::{collections::HashMap, fmt, str::FromStr, time::Duration};

use serde::Serialize;

use crate::{
    evaluate::Pair,
    forecast::{Candle, Choice, Report, Source, Step},
};

/// The smallest log-return that the worker forecasts.
const LEAST: f64 = 1e-5;

/// A forecast and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Start of the hour whose close is the newest that was known, unix seconds. The forecast is made
    /// an hour later.
    pub start: i64,
    /// That close, in quote currency.
    pub close: f64,
    /// What the worker answers, a log-return over the horizon: 0.0 where it had no forecast.
    pub forecast: f64,
    /// The log-return that came; none where the close one horizon later is not among the prices.
    pub outcome: Option<f64>,
    /// Where the forecast comes from. [`Source::Fallback`] where the history was too short.
    pub source: Source,
    /// How it came about; none for a fallback.
    pub report: Option<Report>,
}

/// How rows count for which the history was too short, so that the worker answers 0.0. The ratio to
/// zero hardly notices; the directional measures have no place for a zero and count it as wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unforecast {
    /// As the smallest rise that is ever forecast, 0.00001: what the prior says without any momentum.
    #[default]
    Up,
    /// As 0.0, the answer that is given: a wrong direction.
    Zero,
    /// Not at all.
    Skip,
}

impl Unforecast {
    /// Its name, as the flag takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Zero => "zero",
            Self::Skip => "skip",
        }
    }

    /// The pair that is scored; none where there is nothing to score.
    #[must_use]
    pub fn pair(self, row: &Row) -> Option<Pair> {
        let forecast = match (row.source, self) {
            (Source::Fallback, Self::Skip) => return None,
            (Source::Fallback, Self::Up) => LEAST,
            _ => row.forecast,
        };
        let outcome = row.outcome?;
        Some(Pair { forecast, outcome })
    }
}

impl fmt::Display for Unforecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Unforecast {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut known = [Self::Up, Self::Zero, Self::Skip].into_iter();
        known
            .find(|it| it.name() == name)
            .ok_or_else(|| format!("{name:?} is no way to count; write up, zero or skip"))
    }
}

/// Rows of the steps that start within `period` (unix seconds, the end exclusive) and at a multiple of
/// `every`, with the outcomes that `candles` hold.
pub(super) fn rows(
    steps: Vec<Step>,
    candles: &[Candle],
    (period, every, horizon): (std::ops::Range<i64>, Duration, Duration),
    choice: Choice,
) -> Vec<Row> {
    let closes: HashMap<i64, f64> = candles.iter().map(|it| (it.start, it.close)).collect();
    let (every, horizon) = (seconds(every).max(1), seconds(horizon));
    let wanted = |step: &Step| period.contains(&step.start) && step.start.rem_euclid(every) == 0;
    let row = |step: Step| {
        let later = closes.get(&step.start.saturating_add(horizon));
        let outcome = later.map(|later| (later / step.close).ln());
        let (forecast, source, report) = match step.opinion {
            Some(opinion) => (opinion.log_return, opinion.source, Some(opinion.report)),
            // Zero by choice needs no history.
            None if choice == Choice::Zero => (0.0, Source::Zero, None),
            None => (0.0, Source::Fallback, None),
        };
        Row {
            start: step.start,
            close: step.close,
            forecast,
            outcome,
            source,
            report,
        }
    };
    steps.into_iter().filter(wanted).map(row).collect()
}

/// A duration in seconds.
pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A duration of whole hours as it is written on the command line: `7d`, `36h`.
pub(super) fn span(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    if hours > 0 && hours.is_multiple_of(24) {
        format!("{}d", hours / 24)
    } else {
        format!("{hours}h")
    }
}
