//! Charts as SVG, drawn here: paths with classes that the style colours.

use std::fmt::Write as _;

use askama::Template;
use time::{Duration, OffsetDateTime, Time, UtcOffset};

use super::words;

/// A picture with its axes.
#[derive(Debug, Template)]
#[template(path = "page/chart.html")]
pub(super) struct Chart {
    /// What it shows, for those who can't see it.
    pub label: String,
    /// Its size and its drawing's bounds, in its own units.
    pub area: Area,
    /// Marks of the horizontal axis.
    pub across: Vec<Tick>,
    /// Marks of the vertical axis.
    pub up: Vec<Tick>,
    /// What is drawn, the hindmost first.
    pub marks: Vec<Mark>,
    /// Words in it.
    pub notes: Vec<Note>,
}

/// The size of a picture, and where its drawing lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub width: i32,
    pub height: i32,
    pub left: i32,
    pub right: i32,
    pub top: i32,
    pub bottom: i32,
}

impl Area {
    /// One of this size with room for axes.
    pub(super) const fn new(width: i32, height: i32) -> Self {
        Self {
            width,
            height,
            left: 52,
            right: width - 10,
            top: 10,
            bottom: height - 22,
        }
    }

    /// From values to places, from left to right.
    pub(super) fn across(self, low: f64, high: f64) -> Scale {
        Scale::new(low, high, f64::from(self.left), f64::from(self.right))
    }

    /// From values to places, upwards.
    pub(super) fn up(self, low: f64, high: f64) -> Scale {
        Scale::new(low, high, f64::from(self.bottom), f64::from(self.top))
    }
}

/// A mark of an axis.
#[derive(Debug)]
pub(super) struct Tick {
    pub at: String,
    pub text: String,
}

/// Something drawn.
#[derive(Debug)]
pub(super) struct Mark {
    pub class: &'static str,
    pub path: String,
}

/// Words in a picture.
#[derive(Debug)]
pub(super) struct Note {
    pub x: String,
    pub y: String,
    /// `start`, `middle` or `end`.
    pub anchor: &'static str,
    pub text: String,
}

impl Note {
    pub(super) fn new(x: f64, y: f64, anchor: &'static str, text: impl Into<String>) -> Self {
        Self {
            x: place(x),
            y: place(y),
            anchor,
            text: text.into(),
        }
    }
}

/// From values to places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Values that are all the same get some room.
    pub(super) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() {
            (low.min(high), low.max(high))
        } else {
            (0.0, 1.0)
        };
        let room = if high - low < f64::MIN_POSITIVE.max(high.abs() * 1e-9) {
            high.abs().max(1e-6) * 0.05
        } else {
            0.0
        };
        Self {
            low: low - room,
            high: high + room,
            from,
            to,
        }
    }

    /// Where a value lies; what is beyond the ends lies at them.
    pub(super) fn at(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values within, `most` or fewer, and the decimals that they need.
    pub(super) fn round_values(self, most: u32) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / f64::from(most.max(1));
        let power = rough.log10().floor();
        let unit = 10_f64.powf(power);
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|it| it * unit)
            .find(|it| *it >= rough * 0.999)
            .unwrap_or(unit * 10.0);
        let digits = (-(step * 1.001).log10().floor()).max(0.0);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "decimals: small and not below zero"
        )]
        let digits = digits.min(9.0) as usize;
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..=most)
            .map(|it| (first + f64::from(it)) * step)
            .filter(|it| *it <= self.high + step * 1e-9)
            .collect();
        (values, digits)
    }

    /// Marks of it with what follows each number.
    pub(super) fn ticks(self, most: u32, suffix: &str, with_sign: bool) -> Vec<Tick> {
        let (values, digits) = self.round_values(most);
        let one = |value: f64| {
            let text = if with_sign {
                words::signed(value, digits)
            } else {
                words::number(value, digits)
            };
            Tick {
                at: place(self.at(value)),
                text: format!("{text}{suffix}"),
            }
        };
        values.into_iter().map(one).collect()
    }
}

/// A place in a picture, to a tenth.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.into(),
        None => text,
    }
}

/// A line through points.
pub(super) fn line(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path.push_str(&place(x));
        path.push(' ');
        path.push_str(&place(y));
    }
    path
}

/// Dots, drawn as lines without length that have round ends.
pub(super) fn dots(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let _ = write!(path, "M{} {}h0", place(x), place(y));
    }
    path
}

/// Bars: their left sides, widths, and two ends.
pub(super) fn bars(bars: impl IntoIterator<Item = (f64, f64, f64, f64)>) -> String {
    let mut path = String::new();
    for (x, width, y, to) in bars {
        let (x, w, y, h) = (place(x), place(width), place(y), place(to - y));
        let _ = write!(path, "M{x} {y}h{w}v{h}h-{w}z");
    }
    path
}

/// Seconds since the epoch, with their fractions.
pub(super) fn seconds(at: OffsetDateTime) -> f64 {
    at.unix_timestamp() as f64
}

/// Marks of time, by days or by hours.
pub(super) fn time_ticks(
    scale: Scale,
    first: OffsetDateTime,
    last: OffsetDateTime,
    most: i64,
) -> Vec<Tick> {
    const STEPS: [i64; 17] = [
        60, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600,
        604_800, 1_209_600, 2_592_000, 5_184_000, 15_552_000,
    ];
    let whole = (last - first).whole_seconds().max(1);
    let step = STEPS.into_iter().find(|it| whole / it < most);
    let step = step.unwrap_or(whole / most.max(1) + 1);
    let begin = first.to_offset(UtcOffset::UTC).replace_time(Time::MIDNIGHT);
    let before = (first - begin).whole_seconds();
    let skipped = before.div_euclid(step) + i64::from(before.rem_euclid(step) > 0);
    (0..=most)
        .map(|it| begin + Duration::seconds((skipped + it) * step))
        .filter(|it| *it <= last)
        .map(|at| Tick {
            at: place(scale.at(seconds(at))),
            text: if step >= 86_400 || at.time() == Time::MIDNIGHT {
                words::short_day(at.date())
            } else {
                words::minute(at)
            },
        })
        .collect()
}

/// Points thinned to `most`: of each run the lowest and the highest stay, in their order.
pub(super) fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most || most < 4 {
        return points.to_vec();
    }
    let run = points.len().div_ceil(most / 2);
    let ends = |run: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = run.iter().min_by(by_value).copied();
        let high = run.iter().max_by(by_value).copied();
        let mut both: Vec<_> = low.into_iter().chain(high).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        both.dedup();
        both
    };
    points.chunks(run).flat_map(ends).collect()
}

/// The lowest and the highest of values that are finite.
pub(super) fn bounds(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|it| it.is_finite())
        .fold(None, |known, it| match known {
            None => Some((it, it)),
            Some((low, high)) => Some((low.min(it), high.max(it))),
        })
        .map(|(low, high)| {
            // One value alone stands in the middle of a scale that people can read.
            let room = if low < high {
                0.0
            } else {
                low.abs().max(1.0) * 0.5
            };
            (low - room, high + room)
        })
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
