//! How far a long work is: a bar on a terminal, a plain line at each tenth elsewhere. All of it goes to
//! standard error.

use std::{
    io::{IsTerminal as _, stderr},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Plain lines are written at each of so many parts.
const PARTS: u64 = 10;
/// The bar. Its colours follow `NO_COLOR`.
const STYLE: &str = "{prefix} {bar:30.cyan/blue} {percent:>3} %  {human_pos} of {human_len}";
/// What follows the unit: how long it took, how long it may take, and what there is to say.
const TIMES: &str = "  {elapsed} · {eta} left  {wide_msg}";

/// Shows a work's progress. May be told from several threads.
pub(super) struct Progress {
    what: String,
    unit: &'static str,
    bar: Option<ProgressBar>,
    /// What was done already when it was first told.
    base: OnceLock<(u64, Instant)>,
    part: AtomicU64,
}

impl Progress {
    /// Of a work that is called `what` and counted in `unit`; a bar when standard error is a terminal.
    pub(super) fn new(what: impl Into<String>, unit: &'static str) -> Self {
        let what = what.into();
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(&format!("{STYLE} {unit}{TIMES}"));
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0)
                .with_style(style)
                .with_prefix(what.clone())
        });
        Self {
            what,
            unit,
            bar,
            base: OnceLock::new(),
            part: AtomicU64::new(0),
        }
    }

    /// So many units of all are done. Calls may come out of order.
    pub(super) fn told(&self, done: u64, all: u64) {
        let done = done.min(all);
        let &(base, since) = self.base.get_or_init(|| (done, Instant::now()));
        if let Some(bar) = &self.bar {
            if bar.length() != Some(all) {
                bar.set_length(all);
                bar.reset_eta();
            }
            if done > bar.position() {
                bar.set_position(done);
            }
            return;
        }
        let part = done * PARTS / all.max(1);
        if self.part.fetch_max(part, Ordering::Relaxed) < part && part < PARTS {
            let left = left(done.saturating_sub(base), all - done, since.elapsed());
            self.note(&plain((done, all), self.unit, left));
        }
    }

    /// What there is to say beside the bar. Without one nothing is said.
    pub(super) fn aside(&self, words: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(words.into());
        }
    }

    /// A line for people, with the work's name before it.
    pub(super) fn note(&self, line: &str) {
        self.line(&format!("{}: {line}", self.what));
    }

    /// A line for people as it is.
    #[allow(clippy::print_stderr, reason = "this is the command line")]
    pub(super) fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// It is over.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How long the rest takes at the pace so far. None while there is no pace yet.
fn left(done: u64, rest: u64, taken: Duration) -> Option<Duration> {
    let pace = taken.as_secs_f64() / done as f64;
    let left = Duration::try_from_secs_f64(pace * rest as f64).ok();
    left.filter(|_| done > 0)
}

fn plain((done, all): (u64, u64), unit: &str, left: Option<Duration>) -> String {
    let percent = done * 100 / all.max(1);
    let left = match left.map(|left| left.as_secs()) {
        None => String::new(),
        Some(seconds @ 0..120) => format!(", about {seconds} s left"),
        Some(seconds) => format!(", about {} min left", seconds / 60),
    };
    format!("{percent} %, {done} of {all} {unit}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_tells_what_is_done_and_left() {
        let second = Duration::from_secs(1);
        assert_eq!(
            plain((30, 40), "days", left(20, 10, second * 200)),
            "75 %, 30 of 40 days, about 100 s left"
        );
        assert_eq!(
            plain((1, 9), "windows", left(1, 8, second * 100)),
            "11 %, 1 of 9 windows, about 13 min left"
        );
        assert_eq!(
            plain((4, 9), "candles", left(0, 5, second)),
            "44 %, 4 of 9 candles"
        );
        assert_eq!(plain((0, 0), "candles", None), "0 %, 0 of 0 candles");
    }
}
