//! What the pictures draw, computed from the rows.

use std::ops::Range;

use time::{Date, Month, OffsetDateTime};

use super::canvas::Axis;
use crate::evaluate::Pair;

/// Days over which the rolling ratio looks back.
pub(super) const ROLLING_DAYS: i64 = 365;
/// Groups of forecasts of the same size, from the lowest to the highest.
pub(super) const BINS: usize = 10;
/// Points of a line that are told apart: about one a pixel.
const COLUMNS: usize = 500;
/// Labels of an axis of time, at most.
const MOST_TIMES: usize = 7;

/// A pair and when it was forecast, unix seconds.
pub(super) type Timed = (i64, Pair);
/// A point of a line.
pub(super) type Point = (f64, f64);

/// A line with as many points as a picture can show: of each column the lowest and the highest.
pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    let each = points.len().div_ceil(COLUMNS).max(1);
    if each <= 2 {
        return points.to_vec();
    }
    let mut kept = Vec::with_capacity(2 * COLUMNS);
    for column in points.chunks(each) {
        let by_height = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
        let low = column.iter().min_by(by_height).copied();
        let high = column.iter().max_by(by_height).copied();
        let (Some(low), Some(high)) = (low, high) else {
            continue;
        };
        kept.push(if low.0 <= high.0 { low } else { high });
        if low.0.total_cmp(&high.0).is_ne() {
            kept.push(if low.0 <= high.0 { high } else { low });
        }
    }
    kept
}

/// Percent of zero's whole squared error that had been saved by each time.
pub(super) fn saved(rows: &[Timed]) -> Vec<Point> {
    let all: f64 = rows
        .iter()
        .map(|(_, pair)| pair.outcome * pair.outcome)
        .sum();
    let mut sum = 0.0;
    rows.iter()
        .map(|(time, pair)| {
            let error = pair.outcome - pair.forecast;
            sum += pair.outcome * pair.outcome - error * error;
            (*time as f64, 100.0 * sum / all)
        })
        .collect()
}

/// The ratio to zero over the last year at each time from the first full year on.
pub(super) fn rolling(rows: &[Timed]) -> Vec<Point> {
    let Some((begin, _)) = rows.first() else {
        return Vec::new();
    };
    let year = ROLLING_DAYS * 86_400;
    let (mut error, mut zero, mut oldest) = (0.0, 0.0, 0);
    let mut points = Vec::new();
    let squares = |pair: &Pair| {
        let error = pair.outcome - pair.forecast;
        (error * error, pair.outcome * pair.outcome)
    };
    for (time, pair) in rows {
        let (e, z) = squares(pair);
        error += e;
        zero += z;
        while let Some((_, pair)) = rows.get(oldest).filter(|(old, _)| *old <= time - year) {
            let (e, z) = squares(pair);
            error -= e;
            zero -= z;
            oldest += 1;
        }
        if time - begin >= year && zero > 0.0 {
            points.push((*time as f64, (error.max(0.0) / zero).sqrt()));
        }
    }
    points
}

/// A group of forecasts of similar size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bin {
    /// Their mean.
    pub forecast: f64,
    /// The mean of their outcomes.
    pub outcome: f64,
    /// Its 95 % interval.
    pub interval: Range<f64>,
}

/// Forecasts in groups from the lowest to the highest. `overlap` forecasts share an outcome's time, and
/// count as one for the interval.
pub(super) fn reliability(rows: &[Timed], overlap: f64) -> Vec<Bin> {
    let mut pairs: Vec<Pair> = rows.iter().map(|(_, pair)| *pair).collect();
    pairs.sort_by(|a, b| a.forecast.total_cmp(&b.forecast));
    let each = pairs.len().div_ceil(BINS).max(1);
    pairs
        .chunks(each)
        .map(|pairs| bin(pairs, overlap))
        .collect()
}

fn bin(pairs: &[Pair], overlap: f64) -> Bin {
    let n = pairs.len() as f64;
    let outcome = pairs.iter().map(|pair| pair.outcome).sum::<f64>() / n;
    let deviation = |pair: &Pair| (pair.outcome - outcome) * (pair.outcome - outcome);
    let variance = pairs.iter().map(deviation).sum::<f64>() / n;
    let independent = (n / overlap.max(1.0)).max(1.0);
    let half = 1.96 * (variance / independent).sqrt();
    Bin {
        forecast: pairs.iter().map(|pair| pair.forecast).sum::<f64>() / n,
        outcome,
        interval: outcome - half..outcome + half,
    }
}

/// An axis around all values, with round labels.
pub(super) fn axis(values: impl Iterator<Item = f64>, most: usize) -> Axis {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
    let span = (high - low).max(1e-9 * high.abs()).max(1e-12);
    let (low, high) = (low - 0.04 * span, high + 0.04 * span);
    let step = step((high - low) / most as f64);
    let digits = (0..12).find(|&digits| step >= 0.999 * 10_f64.powi(-digits));
    let digits = usize::try_from(digits.unwrap_or(12)).unwrap_or(0);
    let first = (low / step).ceil();
    let places = (0..).map(|index| (first + f64::from(index)) * step);
    let labels = places
        .take_while(|place| *place <= high)
        // Not "-0".
        .map(|place| (place + 0.0, format!("{:.digits$}", place + 0.0)))
        .collect();
    Axis {
        range: low..high,
        labels,
    }
}

/// The next of 1, 2 or 5 times a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

/// An axis of time with labels at the beginnings of months, or of days in a short span.
pub(super) fn times(first: i64, last: i64) -> Axis {
    let range = first as f64..(last.max(first + 3600)) as f64;
    let day = |time: i64| OffsetDateTime::from_unix_timestamp(time).map(OffsetDateTime::date);
    let (Ok(begin), Ok(end)) = (day(first), day(last)) else {
        let labels = Vec::new();
        return Axis { range, labels };
    };
    let seconds = |date: Date| date.midnight().assume_utc().unix_timestamp() as f64;
    let shown = |dates: Vec<Date>, label: fn(Date) -> String| -> Vec<(f64, String)> {
        let within = |date: &Date| range.contains(&seconds(*date));
        let dates = dates.into_iter().filter(within);
        dates.map(|date| (seconds(date), label(date))).collect()
    };
    let months: Vec<Date> = (begin.year()..=end.year())
        .flat_map(|year| (1..=12).map(move |month| (year, month)))
        .filter_map(|(year, month)| {
            Date::from_calendar_date(year, Month::try_from(month).ok()?, 1).ok()
        })
        .collect();
    let of_each = |each: usize| shown(months.iter().copied().step_by(each).collect(), month);
    let mut labels = [1, 3, 6, 12, 24, 60]
        .into_iter()
        .map(of_each)
        .find(|labels| labels.len() <= MOST_TIMES)
        .unwrap_or_default();
    if labels.len() < 2 {
        let days = (end - begin).whole_days().unsigned_abs();
        let each = usize::try_from(days).unwrap_or(0) / (MOST_TIMES - 2) + 1;
        let dates = std::iter::successors(Some(begin), |date| date.next_day());
        labels = shown(
            dates
                .take_while(|date| *date <= end)
                .step_by(each)
                .collect(),
            short_day,
        );
    }
    Axis { range, labels }
}

/// The year in January, else the month: short enough for a narrow screen.
fn month(date: Date) -> String {
    if date.month() == Month::January {
        return date.year().to_string();
    }
    date.month().to_string().chars().take(3).collect()
}

fn short_day(date: Date) -> String {
    format!("{:02}-{:02}", u8::from(date.month()), date.day())
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
