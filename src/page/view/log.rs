//! The newest lines of the event log.

use askama::Template;

use super::{
    Choice,
    choice::{level_word, rank},
    words::{self, Stamp},
};
use crate::{
    ops::Level,
    page::{Board, LogLine},
};

/// Lines that are shown at most.
const SHOWN: usize = 150;

#[derive(Template)]
#[template(path = "page/log.html")]
pub(super) struct Log<'a> {
    lines: Vec<Line<'a>>,
    /// What is left out, and why there is nothing.
    note: String,
}

struct Line<'a> {
    key: String,
    at: Stamp,
    level: &'static str,
    word: &'static str,
    rank: u8,
    told: &'a LogLine,
}

pub(super) fn log<'a>(board: &'a Board, choice: &Choice) -> Log<'a> {
    let takes = |it: &&LogLine| choice.takes(it.level, &[&it.event, &it.message]);
    let found = board.log.iter().filter(takes).count();
    let lines = board.log.iter().rev().filter(takes).take(SHOWN);
    let note = match (board.log.len(), found) {
        (0, _) => "Nothing has been logged yet.".into(),
        (all, 0) => format!("None of the newest {all} lines is so."),
        (_, found) if found > SHOWN => format!("The newest {SHOWN} of {found} lines."),
        _ => String::new(),
    };
    Log {
        lines: lines.map(line).collect(),
        note,
    }
}

fn line(line: &LogLine) -> Line<'_> {
    let word = match line.level {
        Level::Info => "info",
        Level::Warn => "warning",
        Level::Error => "error",
    };
    Line {
        key: line.at.unix_timestamp_nanos().to_string(),
        at: words::clock(line.at),
        level: level_word(line.level),
        word,
        rank: rank(line.level),
        told: line,
    }
}
