//! The candles at hand of one ticker: which of them count, and which hours are still to be asked for.

use std::{collections::BTreeMap, ops::Range};

use super::{
    absence::{Absences, RECENT},
    gaps,
    jump::{self, Verdict},
    sound,
};
use crate::{
    forecast::{Candle, HOUR, History},
    store::{Interval, Origin, StoredCandle},
};

/// Candles by their start. Times are unix seconds.
#[derive(Debug)]
pub(super) struct Book {
    ticker: String,
    /// How far back candles are kept, in seconds.
    keep: i64,
    /// The largest share by which a close may change.
    max_jump: f64,
    candles: BTreeMap<i64, StoredCandle>,
    /// Closes of sources beside the one whose candle counts, by hour: a jump that one of them shows
    /// too is true.
    witnesses: BTreeMap<(i64, Origin), f64>,
    /// The newest candle, while it is in doubt.
    held: Option<Held>,
    /// Candles that were set aside, so that they are known when they come again.
    refused: BTreeMap<i64, StoredCandle>,
}

/// A newest candle that jumps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    pub it: StoredCandle,
    /// The last good close before it.
    pub before: f64,
}

impl Book {
    pub(super) fn new(ticker: &str, keep: i64, max_jump: f64) -> Self {
        Self {
            ticker: ticker.to_owned(),
            keep,
            max_jump,
            candles: BTreeMap::new(),
            witnesses: BTreeMap::new(),
            held: None,
            refused: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.candles.is_empty()
    }

    /// The first hour that is kept.
    pub(super) fn since(&self, now: i64) -> i64 {
        full_hour(now - self.keep)
    }

    pub(super) fn held(&self) -> Option<Held> {
        self.held
    }

    /// Whether this is the candle of its hour that forecasts are made from.
    pub(super) fn counts(&self, it: &StoredCandle) -> bool {
        let in_doubt = self.held.is_some_and(|held| held.it == *it);
        !in_doubt && self.candles.get(&it.candle.start) == Some(it)
    }

    /// Takes in candles that can be used and are not too old, unless a stronger source's is known or
    /// they were set aside before. Returns those that are new or differ from what was known.
    pub(super) fn insert(
        &mut self,
        candles: impl IntoIterator<Item = StoredCandle>,
        now: i64,
    ) -> Vec<StoredCandle> {
        let since = self.since(now);
        let mut news = Vec::new();
        for it in candles {
            let start = it.candle.start;
            let usable = start >= since && sound::check(&it.candle, Interval::Hour).is_ok();
            let known = self.candles.get(&start);
            let stronger = known.is_none_or(|known| known.origin <= it.origin && *known != it);
            if usable && stronger && self.refused.get(&start) != Some(&it) {
                self.candles.insert(start, it);
                news.push(it);
            }
        }
        news
    }

    /// Looks for jumps. Takes out those that were taken back, which it returns with the reason, and
    /// holds the newest candle back while it is in doubt.
    pub(super) fn judge(&mut self) -> Vec<(StoredCandle, String)> {
        let vouched = |candle: &Candle, before| self.is_vouched(candle, before);
        let candles = self.candles.values().map(|it| &it.candle);
        let jumps = jump::find(candles, self.max_jump, vouched);
        self.held = None;
        let mut aside = Vec::new();
        for (candle, verdict) in jumps {
            let Some(it) = self.candles.get(&candle.start).copied() else {
                continue;
            };
            match verdict {
                Verdict::InDoubt { before } => self.held = Some(Held { it, before }),
                Verdict::TakenBack { before, after } => {
                    let reason = jump::reason(before, candle.close, after);
                    self.refuse(it);
                    aside.push((it, reason));
                }
            }
        }
        aside
    }

    /// Takes a candle out, and knows it when it comes again.
    pub(super) fn refuse(&mut self, it: StoredCandle) {
        let start = it.candle.start;
        self.candles.remove(&start);
        self.refused.insert(start, it);
        if self.held.is_some_and(|held| held.it == it) {
            self.held = None;
        }
    }

    /// Notes what a source beside the first has seen as an hour's close.
    pub(super) fn witness(&mut self, hour: i64, origin: Origin, close: f64) {
        self.witnesses.insert((hour, origin), close);
    }

    /// Whether another source's close of the same hour is nearer to this one than to the one before.
    fn is_vouched(&self, candle: &Candle, before: f64) -> bool {
        let counting = self.candles.get(&candle.start).map(|it| it.origin);
        Origin::ALL.into_iter().any(|origin| {
            let seen = self.witnesses.get(&(candle.start, origin));
            let seen = seen.filter(|_| Some(origin) != counting);
            seen.is_some_and(|seen| jump::is_nearer(*seen, candle.close, before))
        })
    }

    /// Forgets what is too old.
    pub(super) fn trim(&mut self, now: i64) {
        let since = self.since(now);
        self.candles = self.candles.split_off(&since);
        self.witnesses.retain(|(hour, _), _| *hour >= since);
        self.refused = self.refused.split_off(&since);
    }

    /// The newest stretch of at most `step` seconds that begins and ends with an hour to be asked of a
    /// source, of the hours that have ended before `now`: hours without a candle, or with one of a
    /// weaker source.
    pub(super) fn missing(
        &self,
        of: Origin,
        absences: &Absences,
        now: i64,
        step: i64,
    ) -> Option<Range<i64>> {
        let wanted = |hour: &i64| self.lacks(of, *hour) && absences.allow(*hour, now);
        let since = self.since(now);
        let last = hours(since..full_hour(now)).rev().find(wanted)?;
        let end = last + HOUR;
        let first = hours((end - step).max(since)..end).find(wanted)?;
        Some(first..end)
    }

    /// Whether an hour's candle is not known, or only from a source that is weaker than this.
    pub(super) fn lacks(&self, of: Origin, hour: i64) -> bool {
        self.candles
            .get(&hour)
            .is_none_or(|known| known.origin < of)
    }

    /// How many hours are still to be asked of a source.
    pub(super) fn left(&self, of: Origin, absences: &Absences, now: i64) -> usize {
        let all = hours(self.since(now)..full_hour(now));
        all.filter(|hour| self.lacks(of, *hour) && absences.allow(*hour, now))
            .count()
    }

    /// Whether any candle is known of the hours before a time.
    pub(super) fn knows_before(&self, time: i64) -> bool {
        self.candles.range(..time).next().is_some()
    }

    /// Stretches without a candle up to `now`.
    pub(super) fn gaps(&self, now: i64) -> Vec<Range<i64>> {
        let within = self.since(now)..full_hour(now);
        gaps::find(self.candles.keys().copied(), within, HOUR)
    }

    /// The newest candle that is not in doubt.
    pub(super) fn newest(&self) -> Option<StoredCandle> {
        let held = self.held.map(|held| held.it.candle.start);
        let mut known = self.candles.values().rev();
        known.find(|it| Some(it.candle.start) != held).copied()
    }

    /// End of the newest candle of a source, or of a stronger one.
    pub(super) fn newest_of(&self, origin: Origin) -> Option<i64> {
        let mut known = self.candles.values().rev();
        let newest = known.find(|it| it.origin >= origin)?;
        Some(newest.candle.end())
    }

    /// What is known, for those who forecast.
    pub(super) fn history(&self) -> History {
        let held = self.held.map(|held| held.it.candle.start);
        let known = self.candles.values().map(|it| it.candle);
        let candles = known.filter(|candle| Some(candle.start) != held).collect();
        History {
            ticker: self.ticker.clone(),
            candles,
        }
    }
}

/// The full hours of a stretch.
pub(super) fn hours(stretch: Range<i64>) -> impl DoubleEndedIterator<Item = i64> {
    (stretch.start.div_euclid(HOUR)..stretch.end.div_euclid(HOUR)).map(|hour| hour * HOUR)
}

/// Whether a stretch reaches into the hours whose candles are awaited.
pub(super) const fn is_recent(stretch: &Range<i64>, now: i64) -> bool {
    now - stretch.end < RECENT
}

pub(super) const fn full_hour(seconds: i64) -> i64 {
    seconds.div_euclid(HOUR) * HOUR
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
