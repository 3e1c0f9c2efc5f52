//! Forecasts against what the price then did.

use askama::Template;

use super::{
    chart::{self, Area, Chart, Mark, Scale, Tick},
    words::{self, Stamp, Unit},
};
use crate::page::{TopicBoard, Track as Known, TrackPoint};

/// Points that are drawn at most.
const DRAWN: usize = 400;
/// Forecasts that wait for their outcome and are listed, the newest.
const LISTED: usize = 6;
const AREA: Area = Area::new(380, 190);

#[derive(Template)]
#[template(path = "page/track.html")]
pub(super) struct Track {
    /// The ratio and what it says.
    figure: Option<(String, String)>,
    /// `good`, `warn` or nothing.
    class: &'static str,
    more: Vec<(&'static str, String)>,
    charts: Option<Charts>,
    empty: String,
    pending: Vec<Waiting>,
    pending_count: usize,
}

struct Charts {
    outcome: Chart,
    forecast: Chart,
    ratio: Option<Chart>,
    about: &'static str,
}

struct Waiting {
    opened: Stamp,
    value: String,
    known: Option<Stamp>,
}

pub(super) fn track(topic: Option<&TopicBoard>) -> Track {
    let none = Known::default();
    let known = topic.map_or(&none, |it| &it.track);
    let target = topic.and_then(|it| it.target);
    let unit = Unit::of(target);
    let horizon = topic.and_then(|it| it.horizon_seconds);
    let (class, figure) = said(known);
    let waits = known.pending.iter().rev().take(LISTED).map(|it| Waiting {
        opened: words::short(it.opened),
        value: unit.show(it.value),
        known: horizon
            .map(time::Duration::seconds)
            .map(|horizon| words::short(it.opened + horizon)),
    });
    Track {
        figure,
        class,
        more: more(known, unit),
        charts: charts(known, unit, Unit::about(target)),
        empty: empty(known, horizon),
        pending: waits.collect(),
        pending_count: known.pending.len(),
    }
}

fn empty(known: &Known, horizon: Option<i64>) -> String {
    let horizon = horizon.map(|it| words::span(it as f64));
    match (&horizon, known.pending.first()) {
        (Some(horizon), Some(first)) => format!(
            "No forecast has met its outcome yet: the horizon is {horizon}, so the first, of {}, is still to come true or not.",
            words::short(first.opened).text
        ),
        (Some(horizon), None) => format!(
            "No forecast has been submitted yet. Each is compared with the price {horizon} later."
        ),
        (None, _) => "No forecast has met its outcome yet.".into(),
    }
}

/// The ratio in words, and whether it is good.
fn said(known: &Known) -> (&'static str, Option<(String, String)>) {
    let newest = known.points.iter().rev().find_map(|it| it.ratio);
    let standing = known.standing.as_ref();
    let Some(ratio) = standing.and_then(|it| it.ratio).or(newest) else {
        return ("", None);
    };
    let interval = standing.and_then(|it| it.interval);
    let Some((low, high)) = interval else {
        let text = "times the error of saying that the price stays; too few outcomes yet to tell it from chance";
        return ("", Some((format!("{ratio:.3}"), text.into())));
    };
    let (class, text) = match (low, high) {
        (_, high) if high < 1.0 => ("good", "better than saying that the price stays"),
        (low, _) if low > 1.0 => ("warn", "worse than saying that the price stays"),
        _ => ("", "can't be told from saying that the price stays"),
    };
    let figure = format!("{ratio:.2} [{low:.2}, {high:.2}]");
    (class, Some((figure, text.into())))
}

fn more(known: &Known, unit: Unit) -> Vec<(&'static str, String)> {
    let Some(it) = &known.standing else {
        return Vec::new();
    };
    let root = |value: f64| {
        format!(
            "{}{}",
            words::number(value * unit.factor, unit.digits),
            unit.suffix
        )
    };
    let mut all = vec![
        ("Forecasts judged", it.n.to_string()),
        ("Our root mean squared error", root(it.rmse)),
        ("That of “the price stays”", root(it.zero_rmse)),
        ("Weight by this record", format!("{:.2}", it.live_weight)),
    ];
    if let Some(t) = it.live_t {
        let text = format!("{} over {} days", words::signed(t, 2), it.live_days);
        all.push(("t of the gain", text));
    }
    all
}

fn charts(known: &Known, unit: Unit, about: &'static str) -> Option<Charts> {
    let (first, last) = (known.points.first()?, known.points.last()?);
    let across = AREA.across(chart::seconds(first.opened), chart::seconds(last.opened));
    let ticks = || chart::time_ticks(across, first.opened, last.opened, 5);
    let series = |class, label, value: fn(&TrackPoint) -> f64| {
        let points: Vec<_> = known
            .points
            .iter()
            .map(|it| (chart::seconds(it.opened), value(it) * unit.factor))
            .filter(|it| it.1.is_finite())
            .collect();
        let (low, high) = chart::bounds(points.iter().map(|it| it.1))?;
        let (low, high) = around(low, high, unit);
        let up = AREA.up(low, high);
        let zero = (unit.is_return).then(|| Mark {
            class: "zero",
            path: format!("M{} {}H{}", AREA.left, chart::place(up.at(0.0)), AREA.right),
        });
        let mark = shown(class, &points, across, up);
        Some(Chart {
            label,
            area: AREA,
            across: ticks(),
            up: up.ticks(4, unit.suffix, unit.is_return),
            marks: zero.into_iter().chain([mark]).collect(),
            notes: Vec::new(),
        })
    };
    let span = format!(
        "{} forecasts, {} to {}",
        known.points.len(),
        words::short(first.opened).text,
        words::short(last.opened).text
    );
    Some(Charts {
        outcome: series(
            "line outcome",
            format!("What the price did; {span}"),
            |it| it.outcome,
        )?,
        forecast: series("line ours", format!("What we forecast; {span}"), |it| {
            it.value
        })?,
        ratio: ratio(known, across, ticks()),
        about,
    })
}

/// Returns have zero in the middle.
fn around(low: f64, high: f64, unit: Unit) -> (f64, f64) {
    if unit.is_return {
        let most = low.abs().max(high.abs()).max(1e-9) * 1.05;
        (-most, most)
    } else {
        let room = (high - low) * 0.05;
        (low - room, high + room)
    }
}

/// A line, or a dot while there is but one point.
fn shown(class: &'static str, points: &[(f64, f64)], across: Scale, up: Scale) -> Mark {
    let points = chart::thinned(points, DRAWN);
    let places = points.iter().map(|(x, y)| (across.at(*x), up.at(*y)));
    if points.len() == 1 {
        return Mark {
            class: "dot ours",
            path: chart::dots(places),
        };
    }
    Mark {
        class,
        path: chart::line(places),
    }
}

fn ratio(known: &Known, across: Scale, ticks: Vec<Tick>) -> Option<Chart> {
    let points: Vec<_> = known
        .points
        .iter()
        .filter_map(|it| Some((chart::seconds(it.opened), it.ratio?)))
        .collect();
    // The first few say little and swing far: the scale follows the later ones.
    let settled = &points[points.len() / 10..];
    let bands = known.bands.iter().flat_map(|it| [it.low, it.high]);
    let values = settled
        .iter()
        .map(|it| it.1)
        .chain(bands)
        .chain([0.98, 1.02]);
    let (low, high) = chart::bounds(values)?;
    let (low, high) = (low.max(0.5), high.min(1.5));
    let room = (high - low) * 0.06;
    let up = AREA.up(low - room, high + room);
    let band = |end: fn(&crate::page::Band) -> f64| {
        let places = known
            .bands
            .iter()
            .map(move |it| (chart::seconds(it.at), end(it)));
        places
            .map(|(x, y)| (across.at(x), up.at(y)))
            .collect::<Vec<_>>()
    };
    let (lows, highs) = (band(|it| it.low), band(|it| it.high));
    let around: Vec<_> = lows.into_iter().chain(highs.into_iter().rev()).collect();
    let mut marks = Vec::new();
    if !around.is_empty() {
        marks.push(Mark {
            class: "band",
            path: format!("{}Z", chart::line(around)),
        });
    }
    marks.push(Mark {
        class: "one",
        path: format!("M{} {}H{}", AREA.left, chart::place(up.at(1.0)), AREA.right),
    });
    marks.push(shown("line ours", &points, across, up));
    let newest = points.last().map(|it| it.1)?;
    Some(Chart {
        label: format!(
            "Our error against that of saying that the price stays, of all forecasts up to each time; {newest:.3} at last"
        ),
        area: AREA,
        across: ticks,
        up: up.ticks(5, "", false),
        marks,
        notes: Vec::new(),
    })
}
