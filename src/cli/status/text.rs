//! The status as a table of plain lines.

use std::fmt::Write as _;

use super::{
    sections::{Mark, Section, sections},
    words::{ago, date},
};
use crate::status::{Life, Severity, State, Status};

/// Width of the labels.
const LABEL: usize = 9;

/// The whole, for a terminal or a pipe.
pub(super) fn text(status: &Status) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(out, "{} {}", sign(status), headline(status, Words::All));
    let _ = writeln!(out, "   {}", subline(status));
    for advice in &status.advice {
        let topic = advice.topic.map(|it| format!("topic {it}: "));
        let sign = severity(advice.severity);
        let _ = writeln!(out, "{sign} {}{}", topic.unwrap_or_default(), advice.cause);
        let _ = writeln!(out, "   → {}", advice.remedy);
    }
    for section in sections(status) {
        let _ = writeln!(out, "\n{}", section.title);
        lines(&mut out, &section);
    }
    out
}

fn lines(out: &mut String, section: &Section) {
    for line in &section.lines {
        let mark = match line.mark {
            Mark::None => "  ",
            Mark::Good => "✅",
            Mark::Warn => "⚠️",
            Mark::Bad => "❌",
        };
        let _ = writeln!(out, "{mark} {:<LABEL$} {}", line.label, line.text);
    }
}

fn sign(status: &Status) -> &'static str {
    match status.state {
        State::Running => "✅",
        State::Trouble | State::Stopped => "❌",
        State::NeverStarted => "⚠️",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Trouble => "❌",
        Severity::Warning => "⚠️",
        Severity::Notice => "ℹ️",
    }
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    All,
    Few,
}

/// What it does, and since when; what matters most comes first.
pub(super) fn headline(status: &Status, words: Words) -> String {
    let process = &status.process;
    let doing = process.phase.map_or_else(String::new, |phase| {
        let word = serde_json::to_value(phase).ok();
        let word = word.and_then(|it| it.as_str().map(str::to_owned));
        word.unwrap_or_default()
    });
    let pid = process
        .pid
        .map(|it| format!(", pid {it}"))
        .unwrap_or_default();
    match process.life {
        Life::Runs => {
            let started = process.started.0.map(|at| {
                let ago = ago(process.started, status.at);
                match words {
                    Words::All => format!(", since {} ({ago})", date(at)),
                    Words::Few => format!(", since {ago}"),
                }
            });
            let in_trouble = if status.state == State::Trouble {
                ", in trouble"
            } else {
                ""
            };
            let started = started.unwrap_or_default();
            format!("running{in_trouble}: {doing}{started}{pid}")
        }
        Life::Never => "never started here".into(),
        Life::Ended => format!("stopped {}", ago(process.ended, status.at)),
        Life::Failed => format!("failed {}", ago(process.ended, status.at)),
        Life::Gone => format!(
            "gone without a word, last seen {}",
            ago(process.told, status.at)
        ),
    }
}

/// Which program, on which chain, and where its files are.
pub(super) fn subline(status: &Status) -> String {
    let process = &status.process;
    let mut parts = Vec::new();
    if !process.version.is_empty() {
        parts.push(format!("allora-worker {}", process.version));
    }
    if !process.chain_id.is_empty() {
        parts.push(process.chain_id.clone());
    }
    if let (true, Some(end)) = (status.period.is_competition, status.period.to.0) {
        let name = status.period.name.as_deref().unwrap_or("competition");
        parts.push(format!("{name} until {}", end.date()));
    }
    parts.push(status.data_dir.clone());
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::samples;

    #[test]
    fn a_running_worker_in_full() {
        insta::assert_snapshot!(text(&samples::running()));
    }

    #[test]
    fn a_stopped_one_tells_how_it_ended_and_how_to_start_it() {
        let text = text(&samples::stopped());
        assert!(text.starts_with("❌ gone without a word"), "{text}");
        assert!(
            text.contains("→ look for want of memory") && text.contains("./start_worker.sh"),
            "{text}"
        );
    }

    #[test]
    fn one_that_never_ran_says_so_in_few_lines() {
        let text = text(&samples::never());
        assert!(text.starts_with("⚠️ never started here"), "{text}");
        assert!(text.lines().count() < 16, "{text}");
    }
}
