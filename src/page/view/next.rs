//! The next window, and the last one.

use askama::Template;
use time::OffsetDateTime;

use super::words::{self, Stamp, Unit};
use crate::{
    ops::Status as Answer,
    page::{Board, Told, TopicBoard},
    types::{Height, Nonce},
    vitals::Window,
};

#[derive(Template)]
#[template(path = "page/next.html")]
pub(super) struct Next {
    /// When the next window opens, and how long that is from now.
    expected: Option<(Stamp, String)>,
    opens: Option<Height>,
    height: Option<Height>,
    /// How long a window is open, in blocks and in time.
    lasts: Option<String>,
    /// The newest window that was heard of, and the answer to it.
    last: Option<Last>,
    opened: Option<Stamp>,
    /// What is not known has its row all the same: nothing below jumps when it comes.
    details: [(&'static str, Option<String>); 2],
    is_running: bool,
}

struct Last {
    nonce: Nonce,
    class: &'static str,
    word: &'static str,
    value: Option<String>,
    cause: Option<String>,
}

pub(super) fn next(board: &Board, topic: Option<&TopicBoard>) -> Next {
    let status = &board.status;
    let told = topic.and_then(|it| status.topics.iter().find(|told| told.id == it.id));
    let told = told.or_else(|| status.topics.first());
    let next = told.and_then(|it| it.next.as_ref());
    let newest = told.and_then(|it| it.last.as_ref());
    // Of a worker that is down, what is past was only a guess.
    let is_to_come = |at: &OffsetDateTime| board.told == Told::Worker || *at > status.at;
    let expected = next.and_then(|it| it.expected.0).filter(is_to_come);
    let blocks = next.and_then(|it| Some(it.closes?.0 - it.opens.0));
    let block_ms = status.head.block_ms;
    let lasts = blocks.map(|blocks| {
        let time = block_ms.map(|ms| format!(", about {}", words::span(blocks as f64 * ms / 1e3)));
        format!("{blocks} blocks{}", time.unwrap_or_default())
    });
    let unit = Unit::of(topic.and_then(|it| it.target));
    Next {
        expected: expected.map(|at| (words::exact(at), countdown(at, status.at))),
        opens: next.map(|it| it.opens),
        height: status.head.height,
        lasts,
        opened: newest.and_then(|it| it.opened.0).map(words::short),
        details: details(newest),
        last: newest.map(|it| last(it, unit)),
        is_running: status.process.life == crate::status::Life::Runs,
    }
}

fn details(window: Option<&Window>) -> [(&'static str, Option<String>); 2] {
    let latency = window.and_then(|it| it.latency_ms).map(words::millis);
    let block = window.and_then(|it| Some(it.height?.0 - it.nonce.0));
    [
        ("Sent in", latency),
        ("In block", block.map(|it| format!("+{it}"))),
    ]
}

/// As the script goes on to write it: `46:00`, `1:02:03`.
fn countdown(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (at - now).whole_seconds().max(0);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

fn last(window: &Window, unit: Unit) -> Last {
    let (class, word) = match window.status {
        None => ("open", "open"),
        Some(Answer::DryRun) => ("open", "shown, not sent"),
        Some(Answer::Submitted) => ("open", "on its way"),
        Some(Answer::Included) => ("included", "included"),
        Some(Answer::Counted) => ("counted", "counted"),
        Some(Answer::Outranked) => ("outranked", "outranked"),
        Some(Answer::Refused) => ("missed", "refused"),
        Some(Answer::Missed) => ("missed", "missed"),
    };
    let value = window.value.as_deref().map(|it| {
        it.parse()
            .map_or_else(|_| it.to_owned(), |value| unit.show(value))
    });
    Last {
        nonce: window.nonce,
        class,
        word,
        value,
        cause: window.cause.clone(),
    }
}
