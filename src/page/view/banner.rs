//! How the worker is, in one word, and what to do.

use askama::Template;

use super::words::{self, Stamp};
use crate::{
    page::{Board, Told},
    status::{Advice, Severity, State},
    vitals::Role,
};

#[derive(Template)]
#[template(path = "page/banner.html")]
pub(super) struct Banner<'a> {
    class: &'static str,
    /// A shape beside the colour.
    sign: &'static str,
    word: &'static str,
    /// What it does, or why it does not run.
    message: String,
    /// Before a time: since when, or when it ended.
    when: Option<(&'static str, Stamp, String)>,
    facts: Vec<(&'static str, String)>,
    address: &'a str,
    short_address: String,
    advice: Vec<Line<'a>>,
    is_first_start: bool,
    from_files: Option<Stamp>,
}

struct Line<'a> {
    class: &'static str,
    word: &'static str,
    sign: &'static str,
    topic: String,
    advice: &'a Advice,
    /// The remedy, cut where a command begins and ends.
    remedy: Vec<(bool, &'a str)>,
}

const DISC: &str = "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18z";
const TRIANGLE: &str = "M12 3L22.5 21H1.5z";
const SQUARE: &str = "M4 4h16v16H4z";
const RING: &str = "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM12 7a5 5 0 1 0 0 10a5 5 0 0 0 0-10z";

pub(super) fn banner(board: &Board) -> Banner<'_> {
    let status = &board.status;
    let process = &status.process;
    let (class, sign, word) = match status.state {
        State::Running => ("good", DISC, "Running"),
        State::Trouble => ("warn", TRIANGLE, "In trouble"),
        State::Stopped => ("bad", SQUARE, "Stopped"),
        State::NeverStarted => ("idle", RING, "Never started"),
    };
    let is_down = matches!(status.state, State::Stopped | State::NeverStarted);
    let at = if is_down {
        process.ended.0.map(|at| ("since", at))
    } else {
        process.started.0.map(|at| ("since", at))
    };
    let when = at.map(|(word, at)| {
        let seconds = (status.at - at).as_seconds_f64();
        (word, words::exact(at), words::span(coarse(seconds)))
    });
    let message = match status.state {
        State::NeverStarted => "No worker has run with this data folder yet.".into(),
        State::Stopped => process.why.clone().unwrap_or_default(),
        _ => process.message.clone(),
    };
    let fact = |name, text: &str| (!text.is_empty()).then(|| (name, text.to_owned()));
    let standby = status.standby.as_ref().map(|it| match it.role {
        Role::Leads => format!("{} leads", it.name),
        Role::Waits => format!(
            "{} stands by; {} leads",
            it.name,
            it.leader.as_deref().unwrap_or("another")
        ),
        Role::Silent => format!("{} sends nothing: its lease is past its end", it.name),
        Role::Alone => format!("{} goes on alone", it.name),
    });
    let facts = [
        fact("Network", &process.network),
        fact("Chain", &process.chain_id),
        fact("Version", &process.version),
        standby.map(|text| ("Standby", text)),
        fact("Data folder", &status.data_dir),
    ];
    Banner {
        class,
        sign,
        word,
        message,
        when,
        facts: facts.into_iter().flatten().collect(),
        address: &process.address,
        short_address: words::cut(&process.address, 17),
        advice: status.advice.iter().map(line).collect(),
        is_first_start: status.state == State::NeverStarted,
        from_files: (board.told == Told::Files).then(|| words::exact(status.at)),
    }
}

fn line(advice: &Advice) -> Line<'_> {
    let (class, word, sign) = match advice.severity {
        Severity::Trouble => ("bad", "Trouble", SQUARE),
        Severity::Warning => ("warn", "Warning", TRIANGLE),
        Severity::Notice => ("note", "Notice", RING),
    };
    let topic = advice.topic.map(|it| format!("topic {it}"));
    Line {
        class,
        word,
        sign,
        topic: topic.unwrap_or_default(),
        remedy: commands(&advice.remedy),
        advice,
    }
}

/// A text cut at its backticks; of a pair of them, what stands between is a command.
fn commands(text: &str) -> Vec<(bool, &str)> {
    let pairs = text.matches('`').count() / 2;
    let parts = text.splitn(pairs * 2 + 1, '`').enumerate();
    parts.map(|(at, part)| (at % 2 == 1, part)).collect()
}

/// A span that does not change with each block: an open page is not sent the same anew.
fn coarse(seconds: f64) -> f64 {
    let unit = if seconds > 7_200.0 { 3_600.0 } else { 60.0 };
    (seconds / unit).floor() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_between_backticks() {
        let told = commands("start `a b`, or `c`");
        let wanted = [
            (false, "start "),
            (true, "a b"),
            (false, ", or "),
            (true, "c"),
            (false, ""),
        ];
        assert_eq!(told, wanted);
        assert_eq!(commands("one ` alone"), [(false, "one ` alone")]);
        assert_eq!(
            commands("`a` b ` c"),
            [(false, ""), (true, "a"), (false, " b ` c")]
        );
    }
}
