//! How far it is: a bar on a terminal, a few plain lines elsewhere. All of it goes to standard error.

use std::{
    io::{IsTerminal as _, stderr},
    sync::atomic::{AtomicUsize, Ordering},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Plain lines are written at each of so many parts.
const PARTS: usize = 4;
/// The bar. Its colours follow `NO_COLOR`.
const STYLE: &str = "{bar:40.cyan/blue} {percent:>3} %  {elapsed} · {eta} left";

/// Tells how far a backtest is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    parts: AtomicUsize,
}

impl Progress {
    /// A bar when standard error is a terminal.
    pub(super) fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(STYLE);
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            bar,
            parts: AtomicUsize::new(0),
        }
    }

    /// So many units of work are done. Calls may come from several threads, and out of order.
    pub(super) fn told(&self, done: usize, all: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(all as u64);
            if done as u64 > bar.position() {
                bar.set_position(done as u64);
            }
            return;
        }
        let part = done * PARTS / all.max(1);
        if self.parts.fetch_max(part, Ordering::Relaxed) < part && part < PARTS {
            self.note(&format!("{} % done", part * 100 / PARTS));
        }
    }

    /// A line for people.
    #[allow(clippy::print_stderr, reason = "this is the command line")]
    pub(super) fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("backtest: {line}")),
            None => eprintln!("backtest: {line}"),
        }
    }

    /// It is over.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
