//! The candles at hand of one ticker, and which hours are still to be asked for.

use std::{collections::BTreeMap, ops::Range};

use crate::forecast::{Candle, HOUR, History};

/// Age in seconds up to which an hour that the source did not have is expected to appear any moment.
const RECENT: i64 = 3 * HOUR;
/// Seconds until an older hour that the source did not have is asked for again.
const ASK_AGAIN: i64 = 6 * HOUR;

/// Candles by their start. Times are unix seconds.
#[derive(Debug)]
pub(super) struct Book {
    ticker: String,
    /// How far back candles are kept, in seconds.
    keep: i64,
    /// Seconds until an hour that has just ended and was not there is asked for again.
    poll: i64,
    candles: BTreeMap<i64, Candle>,
    /// Hours that were asked for in vain, with the time from which they are asked for again.
    absent: BTreeMap<i64, i64>,
}

impl Book {
    pub(super) fn new(ticker: &str, keep: i64, poll: i64) -> Self {
        Self {
            ticker: ticker.to_owned(),
            keep,
            poll,
            candles: BTreeMap::new(),
            absent: BTreeMap::new(),
        }
    }

    pub(super) fn ticker(&self) -> &str {
        &self.ticker
    }

    pub(super) fn len(&self) -> usize {
        self.candles.len()
    }

    /// The first hour that is kept.
    pub(super) fn since(&self, now: i64) -> i64 {
        full_hour(now - self.keep)
    }

    /// Takes in candles that can be used and are not too old. Returns those that are new or differ
    /// from what was known.
    pub(super) fn insert(&mut self, candles: &[Candle], now: i64) -> Vec<Candle> {
        let since = self.since(now);
        let news: Vec<Candle> = candles
            .iter()
            .filter(|candle| candle.start >= since && candle.check().is_ok())
            .filter(|candle| self.candles.get(&candle.start) != Some(candle))
            .copied()
            .collect();
        for candle in &news {
            self.candles.insert(candle.start, *candle);
            self.absent.remove(&candle.start);
        }
        news
    }

    /// Forgets what is too old.
    pub(super) fn trim(&mut self, now: i64) {
        let since = self.since(now);
        self.candles = self.candles.split_off(&since);
        self.absent = self.absent.split_off(&since);
    }

    /// The newest stretch of at most `step` seconds that begins and ends with an hour to be asked for,
    /// of the hours that have ended before `now`.
    pub(super) fn missing(&self, now: i64, step: i64) -> Option<Range<i64>> {
        let hours = |from: i64, to: i64| (from / HOUR..to / HOUR).map(|hour| hour * HOUR);
        let since = self.since(now);
        let last = hours(since, full_hour(now))
            .rev()
            .find(|hour| self.wants(*hour, now))?;
        let end = last + HOUR;
        let first = hours((end - step).max(since), end).find(|hour| self.wants(*hour, now))?;
        Some(first..end)
    }

    fn wants(&self, hour: i64, now: i64) -> bool {
        !self.candles.contains_key(&hour) && self.absent.get(&hour).is_none_or(|&at| at <= now)
    }

    /// Notes that the hours of a stretch which are not known were asked for in vain.
    pub(super) fn note_absent(&mut self, stretch: Range<i64>, now: i64) {
        for hour in (stretch.start / HOUR..stretch.end / HOUR).map(|hour| hour * HOUR) {
            if !self.candles.contains_key(&hour) {
                let pause = if now - hour - HOUR < RECENT {
                    self.poll
                } else {
                    ASK_AGAIN
                };
                self.absent.insert(hour, now + pause);
            }
        }
    }

    /// When there will be something to ask for, given that there is nothing now.
    pub(super) fn next_ask(&self, now: i64) -> i64 {
        let next_hour = full_hour(now) + HOUR;
        let again = self.absent.values().copied().min();
        again.map_or(next_hour, |at| at.min(next_hour))
    }

    /// What is known, for those who forecast.
    pub(super) fn history(&self) -> History {
        History {
            ticker: self.ticker.clone(),
            candles: self.candles.values().copied().collect(),
        }
    }
}

/// Whether a stretch reaches into the hours whose candles are awaited.
pub(super) const fn is_recent(stretch: &Range<i64>, now: i64) -> bool {
    now - stretch.end < RECENT
}

const fn full_hour(seconds: i64) -> i64 {
    seconds.div_euclid(HOUR) * HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR;
    const NOW: i64 = 1_000 * DAY + 600;

    fn candle(start: i64) -> Candle {
        Candle {
            start,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 0.0,
        }
    }

    fn candles(hours: Range<i64>) -> Vec<Candle> {
        hours.step_by(3600).map(candle).collect()
    }

    fn book() -> Book {
        Book::new("btcusd", 10 * DAY, 60)
    }

    #[test]
    fn asks_from_the_newest_hour_back_step_by_step() {
        let mut book = book();
        let top = 1_000 * DAY;
        let mut asked = Vec::new();
        while let Some(stretch) = book.missing(NOW, 3 * DAY) {
            asked.push((top - stretch.start, top - stretch.end));
            book.insert(&candles(stretch), NOW);
        }
        let steps = [(3, 0), (6, 3), (9, 6), (10, 9)].map(|(from, to)| (from * DAY, to * DAY));
        assert_eq!(asked, steps);
        assert_eq!(book.len(), 240);
        assert_eq!(book.next_ask(NOW), top + HOUR);
    }

    #[test]
    fn a_short_answer_is_followed_by_a_request_for_the_rest() {
        let top = 1_000 * DAY;
        let mut book = book();
        book.insert(&candles(top - 40 * HOUR..top - 10 * HOUR), NOW);
        assert_eq!(book.missing(NOW, 3 * DAY), Some(top - 3 * DAY..top));
        book.insert(&candles(top - 10 * HOUR..top), NOW);
        let rest = top - 40 * HOUR - 3 * DAY..top - 40 * HOUR;
        assert_eq!(book.missing(NOW, 3 * DAY), Some(rest));
    }

    #[test]
    fn hours_asked_for_in_vain_are_left_for_a_while() {
        let top = 1_000 * DAY;
        let mut book = book();
        book.insert(&candles(top - 10 * DAY..top - HOUR), NOW);
        book.candles.remove(&(top - 5 * DAY));
        let newest = top - HOUR..top;
        assert_eq!(book.missing(NOW, DAY), Some(newest.clone()));
        assert!(is_recent(&newest, NOW));
        book.note_absent(newest.clone(), NOW);
        let gap = top - 5 * DAY..top - 5 * DAY + HOUR;
        assert_eq!(book.missing(NOW, DAY), Some(gap.clone()));
        assert!(!is_recent(&gap, NOW));
        book.note_absent(gap.clone(), NOW);
        assert_eq!(book.missing(NOW, DAY), None);
        assert_eq!(book.next_ask(NOW), NOW + 60);
        assert_eq!(book.missing(NOW + 60, DAY), Some(newest.clone()));
        book.insert(&candles(newest), NOW + 60);
        assert_eq!(book.missing(NOW + 60, DAY), None);
        assert_eq!(book.next_ask(NOW + 60), top + HOUR);
        assert_eq!(
            book.missing(NOW + ASK_AGAIN, 30 * DAY).map(|s| s.start),
            Some(gap.start)
        );
    }

    #[test]
    fn tells_what_is_new_and_forgets_what_is_old() {
        let mut book = book();
        let day = candles(999 * DAY..1_000 * DAY);
        assert_eq!(book.insert(&day, NOW).len(), 24);
        assert_eq!(book.insert(&day, NOW), []);
        let mut corrected = day[3];
        corrected.close = 2.0;
        assert_eq!(
            book.insert(&[corrected, candle(0), candle(5)], NOW),
            [corrected]
        );
        book.trim(NOW + 10 * DAY);
        assert_eq!(book.len(), 0);
        assert_eq!(book.history().candles.len(), 0);
    }
}
