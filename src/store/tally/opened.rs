//! The windows that the chain opened: those of the journal, and those between them.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::{BlockClock, JournaledWindow, Mark, Miss, Outcome, Past, Run, Terms, Window};
use crate::{
    store::StateName,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// What is known beside the journal.
#[derive(Clone, Copy, Debug)]
pub struct Books<'a> {
    /// The journal, the runs and the topics' terms.
    pub past: &'a Past,
    /// The topics that are to be answered.
    pub topics: &'a [TopicId],
    /// From when on windows are counted though nobody watched yet: a competition's start.
    pub since: Option<OffsetDateTime>,
    /// Until when they are counted: a competition's end, or the present.
    pub until: OffsetDateTime,
}

/// Blocks after a window's end in which the journal may still be told of it.
const LATE: i64 = 2;
/// Windows of one topic that nobody watched, at most: years of hourly ones. A wrong epoch length must not
/// fill the memory.
const MOST: usize = 50_000;
/// Nonces of a topic from which its epoch length is taken where it was never noted.
const TELLING: usize = 4;

/// All windows that are known or taken to have opened, by topic and nonce.
///
/// On the chain a topic's nonces step by its epoch length in blocks, or a little more when several topics
/// are due in the same block. So nonces that lack between two known ones were opened while nobody watched;
/// after the newest known one they are taken to go on at the same pace.
#[must_use]
pub fn windows(books: &Books<'_>) -> (Vec<Window>, BlockClock) {
    let clock = clock(books.past);
    let mut all = Vec::new();
    for &topic in books.topics {
        let journaled: BTreeMap<i64, &JournaledWindow> = books
            .past
            .windows
            .iter()
            .filter(|it| it.key.topic == topic && has_opened(it))
            .map(|it| (it.key.nonce.0, it))
            .collect();
        let rules = rules(&books.past.terms, topic, &journaled);
        all.extend(journaled.values().map(|it| told(it, &clock)));
        let seen = rules.iter().filter_map(|it| it.last_opened);
        let known: BTreeSet<i64> = journaled.keys().copied().chain(seen).collect();
        let known: Vec<i64> = known.into_iter().collect();
        let reach = Reach::of(books, &clock);
        let mut lacking_here = unwatched(&known, &rules, reach);
        // Opened when the topic was first looked at; before that nobody counts.
        let begin = begin(books);
        lacking_here.extend(known.into_iter().filter(|nonce| {
            !journaled.contains_key(nonce) && clock.at(*nonce) >= begin && begin.is_some()
        }));
        for nonce in lacking_here {
            let key = WindowKey {
                topic,
                nonce: Nonce(nonce),
            };
            all.extend(lacking(key, &rules, &clock, &books.past.runs));
        }
    }
    all.sort_by_key(|it| (it.key.topic, it.key.nonce));
    (all, clock)
}

/// From when on windows count: the first start, or the period's begin if that was earlier.
fn begin(books: &Books<'_>) -> Option<OffsetDateTime> {
    let starts = books.past.runs.iter().map(|run| run.started);
    books.since.into_iter().chain(starts).min()
}

/// Prepared or withdrawn, a nonce was only expected.
fn has_opened(window: &JournaledWindow) -> bool {
    !matches!(window.state, StateName::Prepared | StateName::Superseded)
}

fn clock(past: &Past) -> BlockClock {
    let of_windows = past.windows.iter().filter_map(|it| {
        Some(Mark {
            height: it.key.nonce.0,
            at: it.sent?,
        })
    });
    let of_runs = past.runs.iter().flat_map(Run::marks);
    BlockClock::new(of_windows.chain(of_runs).collect())
}

fn told(window: &JournaledWindow, clock: &BlockClock) -> Window {
    let outcome = match window.state {
        StateName::Counted => Outcome::Counted,
        StateName::Outranked => Outcome::Outranked,
        StateName::Included => Outcome::Included,
        StateName::Expired => Outcome::Missed(Miss::Told(window.cause.clone().unwrap_or_default())),
        _ => Outcome::Open,
    };
    let at = window.sent.or_else(|| clock.at(window.key.nonce.0));
    Window {
        key: window.key,
        end: window.end,
        at: at.unwrap_or(window.first),
        outcome,
        blocks: window.blocks,
        is_estimated: false,
    }
}

/// A window that nobody has journaled.
fn lacking(key: WindowKey, rules: &[Terms], clock: &BlockClock, runs: &[Run]) -> Option<Window> {
    let nonce = key.nonce.0;
    let end = nonce + rule(rules, nonce)?.blocks.max(1);
    let at = clock.at(nonce)?;
    let until = clock.at(end).unwrap_or(at);
    let was_there = runs.iter().any(|run| run.was_ready(at, until));
    let is_before = runs.iter().all(|run| run.started > until);
    let miss = match (was_there, is_before) {
        (true, _) => Miss::Unheard,
        (_, true) => Miss::BeforeFirstStart,
        _ => Miss::Down,
    };
    Some(Window {
        key,
        end: Height(end),
        at,
        outcome: Outcome::Missed(miss),
        blocks: None,
        is_estimated: true,
    })
}

/// The terms of a topic by height; where none were ever noted, those that its nonces show.
fn rules(
    terms: &[Terms],
    topic: TopicId,
    journaled: &BTreeMap<i64, &JournaledWindow>,
) -> Vec<Terms> {
    let mut rules: Vec<Terms> = terms
        .iter()
        .filter(|it| it.topic == topic && it.epoch > 0)
        .copied()
        .collect();
    rules.sort_by_key(|it| it.height);
    if rules.is_empty() && journaled.len() >= TELLING {
        let steps = journaled.keys().zip(journaled.keys().skip(1));
        let steps = steps.map(|(from, to)| to - from);
        rules.extend(steps.min().map(|epoch| Terms {
            topic,
            height: 0,
            epoch,
            blocks: epoch / 2,
            is_active: true,
            last_opened: None,
        }));
    }
    rules
}

/// The terms in force at a height: before the first that were noted, those.
fn rule(rules: &[Terms], height: i64) -> Option<&Terms> {
    let after = rules.partition_point(|it| it.height <= height);
    rules.get(after.saturating_sub(1))
}

/// From which height on, and up to which, windows are counted beyond the journal's.
#[derive(Clone, Copy, Debug)]
struct Reach {
    from: Option<i64>,
    to: Option<i64>,
}

impl Reach {
    fn of(books: &Books<'_>, clock: &BlockClock) -> Self {
        let from = begin(books);
        Self {
            from: from.and_then(|from| first_after(clock, from)),
            to: clock.height(books.until),
        }
    }
}

/// The first height at or after a time, by the clock.
fn first_after(clock: &BlockClock, at: OffsetDateTime) -> Option<i64> {
    let newest = clock.newest()?.height;
    let (mut low, mut high) = (0, newest);
    while low < high {
        let middle = i64::midpoint(low, high);
        if clock.at(middle)? < at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// The nonces that lack before, between and after the known ones.
fn unwatched(known: &[i64], rules: &[Terms], reach: Reach) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    for pair in known.windows(2) {
        // What is within half an epoch of the next one is that one.
        let near = |epoch| pair[1] - (epoch + 1) / 2;
        walk(pair[0], near, rules, &mut found);
    }
    if let (Some(&last), Some(to)) = (known.last(), reach.to) {
        let mut after = BTreeSet::new();
        walk(last, |_| to, rules, &mut after);
        after.retain(|&nonce| {
            let blocks = rule(rules, nonce).map_or(0, |it| it.blocks);
            nonce + blocks + LATE <= to
        });
        found.extend(after);
    }
    if let (Some(&first), Some(from)) = (known.first(), reach.from) {
        let epoch = rule(rules, first).map_or(0, |it| it.epoch);
        let mut nonce = first - epoch;
        while epoch > 0 && nonce >= from.max(1) && found.len() < MOST {
            found.insert(nonce);
            nonce -= epoch;
        }
    }
    found
}

/// Steps from a known nonce on, and stops after the last one that is not past `bound`, which is given the
/// epoch length in force.
fn walk(from: i64, bound: impl Fn(i64) -> i64, rules: &[Terms], found: &mut BTreeSet<i64>) {
    let mut nonce = from;
    while found.len() < MOST {
        let Some(terms) = rule(rules, nonce) else {
            return;
        };
        if terms.is_active {
            nonce += terms.epoch;
            if nonce > bound(terms.epoch) {
                return;
            }
            found.insert(nonce);
        } else {
            // It opens none until it is active again.
            let again = rules.iter().find(|it| it.height > nonce && it.is_active);
            match again {
                Some(again) if again.height < bound(again.epoch) => nonce = again.height,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
#[path = "opened_tests.rs"]
mod tests;
