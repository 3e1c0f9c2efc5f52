//! The status in sections of lines, a file a section: what the table and the dashboard both show.

mod answers;
mod nodes;
mod prices;
mod standby;
mod topic;
mod uptime;
mod wallet;
mod windows;

use crate::status::Status;

/// How a line stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It has none.
    None,
    /// It is reached.
    Good,
    /// It is missed, or something will go wrong.
    Warn,
    /// Windows are, or will be, missed.
    Bad,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) mark: Mark,
    pub(super) label: String,
    /// In full.
    pub(super) text: String,
    /// The same for narrow places.
    pub(super) short: String,
}

/// Lines under a title.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

/// Topics of which each has a section; of more, each has a line.
const MANY: usize = 3;

fn line(mark: Mark, label: &str, text: impl Into<String>) -> Line {
    let text = text.into();
    Line {
        mark,
        label: label.to_owned(),
        short: text.clone(),
        text,
    }
}

impl Line {
    fn short(mut self, short: impl Into<String>) -> Self {
        self.short = short.into();
        self
    }
}

/// All sections that have something to say.
pub(super) fn sections(status: &Status) -> Vec<Section> {
    let section = |title: &str, lines: Vec<Line>| Section {
        title: title.to_owned(),
        lines,
    };
    let mut all = vec![
        section("Windows", windows::lines(status)),
        section("Uptime", uptime::lines(status)),
    ];
    if status.topics.len() <= MANY {
        for one in &status.topics {
            all.push(section(
                &format!("Topic {}", one.id),
                topic::lines(one, status.at),
            ));
        }
    } else {
        let lines = status.topics.iter().map(|it| topic::in_a_line(it, status));
        all.push(section("Topics", lines.collect()));
    }
    all.push(section("Answers", answers::lines(status)));
    all.push(section("Wallet", wallet::lines(status)));
    all.push(section("Nodes", nodes::lines(status)));
    all.push(section("Prices", prices::lines(status)));
    all.push(section("Standby", standby::lines(status)));
    all.retain(|it| !it.lines.is_empty());
    all
}

fn mark(reached: Option<bool>) -> Mark {
    match reached {
        None => Mark::None,
        Some(true) => Mark::Good,
        Some(false) => Mark::Warn,
    }
}

fn span_name<'a>(span: &'a str, status: &Status) -> &'a str {
    if span == "period" && !status.period.is_competition {
        "all"
    } else {
        span
    }
}

fn whole(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
