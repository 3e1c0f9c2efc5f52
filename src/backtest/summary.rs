//! The figures of a backtest: all of it, and its parts.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use super::{
    Row, Unforecast,
    rows::{seconds, span},
};
use crate::{
    evaluate::{Bootstrap, Interval, Intervals, Pair, Score, score},
    forecast::{Choice, HOUR, Source},
};

/// A year in seconds: below it, a figure says little.
const YEAR: i64 = 365 * 24 * HOUR;

/// What the figures of a span of time are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The first forecast: the start of the hour whose close was the newest.
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    /// The last forecast, likewise.
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
    /// The measures.
    #[serde(flatten)]
    pub score: Score,
    /// The ratio's 95 % interval, once more by itself.
    pub rmse_ratio_ci: Option<Interval>,
    /// A 95 % interval for each measure; none where the span holds fewer than three blocks.
    pub intervals: Intervals,
    /// Whether it spans less than a year, outcomes included. Then chance decides more than skill.
    pub short: bool,
}

/// All figures of a backtest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The forecast that was tested.
    pub source: Choice,
    /// How far ahead.
    #[serde(serialize_with = "as_span")]
    pub horizon: Duration,
    /// Distance between two forecasts.
    #[serde(serialize_with = "as_span")]
    pub every: Duration,
    /// How much was visible at each hour; none for all.
    #[serde(serialize_with = "as_optional_span")]
    pub visible: Option<Duration>,
    /// Of the whole period.
    #[serde(flatten)]
    pub all: Figures,
    /// Of each calendar year (UTC), by the time of the forecast.
    pub years: BTreeMap<String, Figures>,
    /// Of the first and the second half of the scored rows.
    pub halves: BTreeMap<String, Figures>,
    /// Of each half of a calendar year, such as `2023H1`.
    pub half_years: BTreeMap<String, Figures>,
    /// Of the rows with a forecast alone; none when all have one.
    pub forecast_only: Option<Figures>,
    /// Forecasts whose outcome lies after the prices' end.
    pub unresolved: usize,
    /// Forecasts whose outcome falls into a gap of the prices. They are not scored.
    pub skipped: usize,
    /// Rows with an outcome, but without a forecast: the history was too short.
    pub unforecast: usize,
    /// How those count.
    pub unforecast_as: Unforecast,
    /// Days of the bootstrap's blocks.
    pub block_days: f64,
    /// Series that were drawn for each interval.
    pub draws: usize,
}

/// How figures are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub source: Choice,
    pub horizon: Duration,
    pub every: Duration,
    pub visible: Option<Duration>,
    pub unforecast: Unforecast,
    pub bootstrap: Bootstrap,
}

/// A pair and when it was forecast.
type Timed = (i64, Pair);

impl Rules {
    fn figures(&self, rows: &[Timed]) -> Option<Figures> {
        let (first, last) = (rows.first()?.0, rows.last()?.0);
        let pairs: Vec<Pair> = rows.iter().map(|(_, pair)| *pair).collect();
        let score = score(&pairs)?;
        let intervals = self.bootstrap.intervals(&pairs);
        Some(Figures {
            from: OffsetDateTime::from_unix_timestamp(first).ok()?,
            to: OffsetDateTime::from_unix_timestamp(last).ok()?,
            score,
            rmse_ratio_ci: intervals.rmse_ratio,
            intervals,
            short: last + HOUR + seconds(self.horizon) - first < YEAR,
        })
    }

    /// Figures of neighbouring rows with the same name.
    fn by(&self, rows: &[Timed], name: fn(OffsetDateTime) -> String) -> BTreeMap<String, Figures> {
        let of = |row: &Timed| OffsetDateTime::from_unix_timestamp(row.0).map(name).ok();
        let parts = rows.chunk_by(|a, b| of(a) == of(b));
        parts
            .filter_map(|part| Some((of(part.first()?)?, self.figures(part)?)))
            .collect()
    }
}

impl Summary {
    /// The figures of rows in order of time; none without any outcome other than zero.
    pub(super) fn new(rows: &[Row], rules: &Rules) -> Option<Self> {
        let pair = |row: &Row| Some((row.start, rules.unforecast.pair(row)?));
        let scored: Vec<Timed> = rows.iter().filter_map(pair).collect();
        let forecast = |row: &&Row| row.source != Source::Fallback;
        let made: Vec<Timed> = rows.iter().filter(forecast).filter_map(pair).collect();
        let (first, second) = scored.split_at(scored.len() / 2);
        let halves = [("first", first), ("second", second)];
        let resolved = rows.iter().filter(|row| row.outcome.is_some());
        let unforecast = resolved
            .filter(|row| row.source == Source::Fallback)
            .count();
        let last = rows.last().map_or(0, |row| row.start);
        let open = |row: &&Row| row.outcome.is_none();
        let last_known = rows.iter().rev().find(|row| row.outcome.is_some());
        let last_known = last_known.map_or(last, |row| row.start);
        let unresolved = rows
            .iter()
            .filter(open)
            .filter(|row| row.start > last_known);
        let unresolved = unresolved.count();
        let partial = unforecast > 0 && rules.unforecast != Unforecast::Skip;
        Some(Self {
            source: rules.source,
            horizon: rules.horizon,
            every: rules.every,
            visible: rules.visible,
            all: rules.figures(&scored)?,
            years: rules.by(&scored, |time| time.year().to_string()),
            halves: halves
                .into_iter()
                .filter_map(|(name, rows)| Some((name.to_owned(), rules.figures(rows)?)))
                .collect(),
            half_years: rules.by(&scored, half_year),
            forecast_only: partial.then(|| rules.figures(&made)).flatten(),
            unresolved,
            skipped: rows.iter().filter(open).count() - unresolved,
            unforecast,
            unforecast_as: rules.unforecast,
            block_days: rules.bootstrap.rows_per_block as f64 * rules.every.as_secs_f64()
                / 86_400.0,
            draws: rules.bootstrap.draws,
        })
    }
}

fn half_year(time: OffsetDateTime) -> String {
    let half = if u8::from(time.month()) <= 6 { 1 } else { 2 };
    format!("{}H{half}", time.year())
}

fn as_span<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&span(*duration))
}

#[allow(clippy::ref_option, reason = "the shape that serde asks for")]
fn as_optional_span<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.map(span).serialize(to)
}
