//! What is to be reached.

use askama::Template;

use super::words;
use crate::{
    page::Board,
    store::{Tally, Uptime},
};

#[derive(Template)]
#[template(path = "page/goals.html")]
pub(super) struct Goals {
    /// The period in words.
    period: Option<String>,
    groups: Vec<Group>,
}

struct Group {
    title: String,
    tiles: Vec<Tile>,
}

struct Tile {
    name: &'static str,
    /// `good`, `warn` or `idle`.
    class: &'static str,
    /// The same as a word.
    verdict: &'static str,
    figure: String,
    details: String,
    /// How far a bar reaches, and where the goal is, of 100.
    bar: Option<(String, String)>,
}

/// Windows below which a rate says nothing.
const TELLING: u64 = 3;

pub(super) fn goals(board: &Board) -> Goals {
    let status = &board.status;
    let names = ["Today", "7 days", "All"];
    let names = if status.period.is_competition {
        ["Today", "7 days", "Competition"]
    } else {
        names
    };
    let goals = status.goals;
    let windows = names.into_iter().zip(status.windows.named());
    let windows = windows.map(|(name, (_, tally))| answered(name, tally, goals.windows));
    let uptime = names.into_iter().zip(status.uptime.named());
    let uptime = uptime.map(|(name, (_, told))| ready(name, told.as_ref(), goals.uptime));
    let of = if board.topics.len() > 1 {
        " in all topics"
    } else {
        ""
    };
    Goals {
        period: period(board),
        groups: vec![
            Group {
                title: format!("Windows answered{of}, goal {}", words::goal(goals.windows)),
                tiles: windows.collect(),
            },
            Group {
                title: format!("Uptime, goal {}", words::goal(goals.uptime)),
                tiles: uptime.collect(),
            },
        ],
    }
}

fn period(board: &Board) -> Option<String> {
    let period = &board.status.period;
    let day = |at: crate::vitals::Moment| at.0.map(|at| words::day(at.date()));
    let from = day(period.from)?;
    let name = period.name.as_deref().unwrap_or("Since the first start");
    Some(match day(period.to) {
        Some(to) => format!("{name}: {from} to {to}"),
        None => format!("{name}: {from}"),
    })
}

fn judged(share: f64, goal: f64) -> (&'static str, &'static str) {
    if share >= goal {
        ("good", "reached")
    } else {
        ("warn", "below goal")
    }
}

fn bar(share: f64, goal: f64) -> (String, String) {
    (
        format!("{:.2}", share.clamp(0.0, 1.0) * 100.0),
        format!("{:.2}", goal * 100.0),
    )
}

fn answered(name: &'static str, tally: &Tally, goal: f64) -> Tile {
    let Some(rate) = tally.rate else {
        let details = match tally.open {
            0 => "no window has closed".into(),
            open => format!("{open} open"),
        };
        return Tile {
            name,
            class: "idle",
            verdict: "",
            figure: "–".into(),
            details,
            bar: None,
        };
    };
    let done = tally.opened - tally.open;
    let (class, verdict) = match done {
        ..TELLING => ("idle", "too few to tell"),
        _ => judged(rate, goal),
    };
    let answered = words::grouped(tally.answered);
    let mut details = vec![format!("{answered} of {}", words::grouped(done))];
    let parts = [
        (tally.counted, "counted"),
        (tally.outranked, "outranked"),
        (tally.missed, "missed"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    details.extend(parts.map(|(count, word)| format!("{} {word}", words::grouped(count))));
    let down = match tally.missed_while_down {
        0 => String::new(),
        down => format!(" ({down} while down)"),
    };
    Tile {
        name,
        class,
        verdict,
        figure: words::percent(rate, 1),
        details: format!("{}{down}", details.join(" · ")),
        bar: Some(bar(rate, goal)),
    }
}

fn ready(name: &'static str, told: Option<&Uptime>, goal: f64) -> Tile {
    let Some(told) = told else {
        return Tile {
            name,
            class: "idle",
            verdict: "",
            figure: "–".into(),
            details: "it has not run".into(),
            bar: None,
        };
    };
    let (class, verdict) = if told.seconds > 3_600.0 {
        judged(told.share, goal)
    } else {
        // In the first hour the start alone misses the goal.
        ("idle", "too early to tell")
    };
    let starts = match told.starts {
        0 => String::new(),
        count => format!(" · {}", words::many(count, "start")),
    };
    let down = (told.seconds - told.ready).max(0.0);
    let away = if down < 1.0 {
        "never away".to_owned()
    } else {
        format!("{} away", words::span(down))
    };
    Tile {
        name,
        class,
        verdict,
        figure: words::percent(told.share, 2),
        details: format!("{away}{starts}"),
        bar: Some(bar(told.share, goal)),
    }
}
