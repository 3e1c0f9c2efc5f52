//! How long answers took.

use askama::Template;

use super::{
    chart::{self, Area, Chart, Mark, Note, Tick},
    words,
};
use crate::page::{Board, LatencyBoard};

#[derive(Template)]
#[template(path = "page/latency.html")]
pub(super) struct Latency {
    count: String,
    figures: Vec<(&'static str, String, String)>,
    chart: Option<Chart>,
}

pub(super) fn latency(board: &Board) -> Latency {
    let told = &board.latency;
    let blocks = board.status.latency.blocks;
    let show = |it: Option<f64>| it.map_or_else(|| "–".into(), words::millis);
    let mut figures = vec![
        ("Half under (p50)", show(told.p50_ms), String::new()),
        ("99 % under (p99)", show(told.p99_ms), String::new()),
        ("Goal", words::millis(told.goal_ms), String::new()),
    ];
    if let Some(pace) = blocks {
        let more = format!("99 %: +{}", pace.p99);
        figures.push(("Half in block", format!("+{}", pace.p50), more));
    }
    Latency {
        count: words::grouped(told.count),
        figures,
        chart: (told.count > 0).then(|| chart(told)),
    }
}

fn chart(told: &LatencyBoard) -> Chart {
    let area = Area::new(560, 190);
    let classes = told.counts.len().max(1);
    let width = f64::from(area.right - area.left) / classes as f64;
    let left = |class: usize| f64::from(area.left) + width * class as f64;
    let most = told.counts.iter().copied().max().unwrap_or(1).max(1);
    let up = area.up(0.0, most as f64);
    let floor = f64::from(area.bottom);
    // The goal lies within a class, or at the end of one.
    let within = told
        .bounds_ms
        .iter()
        .position(|it| told.goal_ms <= *it)
        .unwrap_or(told.bounds_ms.len());
    let low = if within == 0 {
        0.0
    } else {
        told.bounds_ms[within - 1]
    };
    let share = told.bounds_ms.get(within).map_or(0.5, |high| {
        ((told.goal_ms - low) / (high - low)).clamp(0.0, 1.0)
    });
    let goal = left(within) + width * share;
    let bar = |keep: bool| {
        let bars = told.counts.iter().enumerate();
        let bars = bars.filter(|(class, count)| (*class <= within) == keep && **count > 0);
        // A single answer among thousands is seen, too.
        let top = |count: u64| up.at(count as f64).min(floor - 2.0);
        chart::bars(bars.map(|(class, count)| (left(class) + 1.0, width - 2.0, top(*count), floor)))
    };
    let each = classes.div_ceil(8);
    let across = told
        .bounds_ms
        .iter()
        .enumerate()
        .skip(each - 1)
        .step_by(each);
    let across = across.map(|(class, bound)| Tick {
        at: chart::place(left(class + 1)),
        text: short(*bound),
    });
    let anchor = if goal > f64::from(area.width) * 0.7 {
        "end"
    } else {
        "start"
    };
    let aside = if anchor == "end" { -6.0 } else { 6.0 };
    Chart {
        label: format!(
            "{} answers by how long they took; half less than {}, 99 of 100 less than {}",
            told.count,
            told.p50_ms
                .map_or_else(|| "an unknown time".into(), words::millis),
            told.p99_ms
                .map_or_else(|| "an unknown time".into(), words::millis),
        ),
        area,
        across: across.collect(),
        up: up.ticks(4, "", false),
        marks: vec![
            Mark {
                class: "bar",
                path: bar(true),
            },
            Mark {
                class: "bar late",
                path: bar(false),
            },
            Mark {
                class: "goal",
                path: format!("M{} {}V{}", chart::place(goal), area.top, area.bottom),
            },
        ],
        notes: vec![Note::new(
            goal + aside,
            f64::from(area.top) + 10.0,
            anchor,
            format!("goal {}", words::millis(told.goal_ms)),
        )],
    }
}

/// A bound in few characters.
fn short(ms: f64) -> String {
    match ms {
        ms if ms >= 1_000.0 => format!("{} s", ms / 1e3),
        ms => format!("{ms} ms"),
    }
}
