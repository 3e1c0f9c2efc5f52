//! What becomes of windows, as classes with a colour, a shape and a word each.

use super::super::words;
use crate::{
    page::WindowRow,
    store::{Miss, Outcome},
};

/// A class of windows. In a cell for several, the greatest stands for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Open,
    Counted,
    Included,
    Outranked,
    Before,
    Down,
    Missed,
}

impl Class {
    pub(super) const ALL: [Self; 7] = [
        Self::Counted,
        Self::Included,
        Self::Outranked,
        Self::Missed,
        Self::Down,
        Self::Before,
        Self::Open,
    ];

    pub(super) const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Open => Self::Open,
            Outcome::Included => Self::Included,
            Outcome::Counted => Self::Counted,
            Outcome::Outranked => Self::Outranked,
            Outcome::Missed(Miss::Down) => Self::Down,
            Outcome::Missed(Miss::BeforeFirstStart) => Self::Before,
            Outcome::Missed(Miss::Told(_) | Miss::Unheard) => Self::Missed,
        }
    }

    /// For the style.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Counted => "counted",
            Self::Included => "included",
            Self::Outranked => "outranked",
            Self::Before => "before",
            Self::Down => "down",
            Self::Missed => "missed",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Before => "before the first start",
            Self::Down => "missed while down",
            _ => self.name(),
        }
    }

    /// What the word means.
    const fn about(self) -> &'static str {
        match self {
            Self::Open => "still open, or the chain has not told yet",
            Self::Counted => "on the chain, in the set that counts",
            Self::Included => "on the chain; whether it counts is not known",
            Self::Outranked => "on the chain; others took all places",
            Self::Before => "it opened before a worker was first started here",
            Self::Down => "it closed without ours: no worker was ready",
            Self::Missed => "it closed without ours",
        }
    }

    /// Whether a part is cut out of its shape.
    pub(super) const fn has_hole(self) -> bool {
        matches!(self, Self::Missed | Self::Down | Self::Open)
    }

    const fn is_answered(self) -> bool {
        matches!(self, Self::Counted | Self::Included | Self::Outranked)
    }
}

/// A line of the legend.
pub(super) struct Legend {
    pub name: &'static str,
    pub word: &'static str,
    pub about: &'static str,
    pub has_hole: bool,
    pub count: String,
}

/// The classes that there are, with their counts.
pub(super) fn legend(windows: &[WindowRow]) -> Vec<Legend> {
    let count = |class| {
        let is_it = |it: &&WindowRow| Class::of(&it.outcome) == class;
        windows.iter().filter(is_it).count()
    };
    Class::ALL
        .into_iter()
        .map(|class| (class, count(class)))
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| Legend {
            name: class.name(),
            word: class.word(),
            about: class.about(),
            has_hole: class.has_hole(),
            count: words::grouped(count as u64),
        })
        .collect()
}

/// Windows in words: `24 windows, 23 answered, 1 missed`.
pub(super) fn counted<'a>(windows: impl IntoIterator<Item = &'a WindowRow>) -> String {
    let (mut all, mut answered, mut missed, mut open) = (0, 0, 0, 0);
    for window in windows {
        all += 1;
        match Class::of(&window.outcome) {
            class if class.is_answered() => answered += 1,
            Class::Open => open += 1,
            _ => missed += 1,
        }
    }
    let parts = [(answered, "answered"), (missed, "missed"), (open, "open")];
    let told = parts
        .into_iter()
        .filter(|(count, word)| *count > 0 || *word == "answered");
    let told = told.map(|(count, word)| format!("{} {word}", words::grouped(count)));
    let mut all = vec![words::many(all, "window")];
    all.extend(told);
    all.join(", ")
}

/// The season in words.
pub(super) fn summary(windows: &[WindowRow]) -> String {
    if windows.is_empty() {
        return "The chain has not opened a window in this period yet; each will be a cell here."
            .into();
    }
    let estimated = windows.iter().filter(|it| it.is_estimated).count();
    let estimated = match estimated {
        0 => String::new(),
        some => format!(
            "; {some} of them are taken to have opened by the topic's epoch, nobody having watched"
        ),
    };
    format!("{}{estimated}.", counted(windows))
}
