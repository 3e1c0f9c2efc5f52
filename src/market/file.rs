//! A file's candles as a source of prices.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{CsvPrices, CsvReport, Notice, Notices, notice::tell};
use crate::{
    clock::{SharedClock, nap},
    forecast::{Candle, HOUR, History},
};

/// Longest sleep at a stretch: a clock that is set is noticed after it.
const NAP: Duration = Duration::from_secs(60);

/// Candles of a replayed file that lie ahead: 30 days.
const MOST_AHEAD: usize = 30 * 24;

/// What the dates of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsvAge {
    /// What they say. An old file gives stale prices.
    AsIs,
    /// They are moved by whole hours, so that past prices are played as if they were today's. A third
    /// of the file, 30 days at most, lies ahead and becomes known hour by hour.
    Replayed,
}

/// The task of one ticker whose prices come from a file. Candles become known when their hour has
/// passed. Nothing is written to the store, since moved dates must never be taken for true ones.
pub struct FileKeeper {
    ticker: String,
    /// How far back candles are shown, in seconds.
    keep: i64,
    candles: Vec<Candle>,
    report: CsvReport,
    clock: SharedClock,
    notices: Notices,
    history: watch::Sender<History>,
}

impl FileKeeper {
    /// A keeper of a file's candles, and where its history is seen: what is known now is there at once.
    pub fn new(
        ticker: &str,
        prices: CsvPrices,
        age: CsvAge,
        keep: Duration,
        clock: SharedClock,
        notices: Notices,
    ) -> (Self, watch::Receiver<History>) {
        let CsvPrices {
            mut candles,
            report,
        } = prices;
        if age == CsvAge::Replayed {
            shift(&mut candles, clock.now().unix_timestamp());
        }
        let (history, receiver) = watch::channel(History::default());
        let keeper = Self {
            ticker: ticker.to_owned(),
            keep: super::tiingo::seconds(keep),
            candles,
            report,
            clock,
            notices,
            history,
        };
        keeper.publish();
        (keeper, receiver)
    }

    /// Lets each further candle be known when its hour has passed, until `cancel`.
    pub async fn run(&self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&self) {
        self.tell_report();
        self.tell_updated(self.history.borrow().closes());
        loop {
            nap(&*self.clock, self.pause()).await;
            let before = self.history.borrow().candles.last().map(Candle::end);
            self.publish();
            let added = self.shown_after(before);
            if added > 0 {
                self.tell_updated(added);
            }
        }
    }

    /// How many shown candles ended after a time.
    fn shown_after(&self, time: Option<i64>) -> usize {
        let history = self.history.borrow();
        let newer = |candle: &&Candle| time.is_none_or(|time| candle.end() > time);
        history.candles.iter().rev().take_while(newer).count()
    }

    /// Until the next candle's hour has passed, or a nap.
    fn pause(&self) -> Duration {
        let now = self.clock.now().unix_timestamp();
        let next = self.candles.get(self.known(now));
        let left = next.map(|candle| Duration::from_secs(candle.end().abs_diff(now)));
        left.map_or(NAP, |left| left.min(NAP))
    }

    /// How many candles have ended.
    fn known(&self, now: i64) -> usize {
        self.candles.partition_point(|candle| candle.end() <= now)
    }

    fn publish(&self) {
        let known = &self.candles[..self.known(self.clock.now().unix_timestamp())];
        // Counted from the last candle, so that an old file shows as much as a new one.
        let since = known.last().map_or(0, |last| last.end() - self.keep);
        let shown = &known[known.partition_point(|candle| candle.start < since)..];
        self.history.send_if_modified(|history| {
            let same = history.candles.last() == shown.last() && !history.ticker.is_empty();
            if !same {
                *history = History::new(self.ticker.clone(), shown.iter().copied());
            }
            !same
        });
    }

    fn tell_report(&self) {
        if let Some(example) = self.report.example() {
            let notice = Notice::SetAside {
                ticker: self.ticker.clone(),
                count: self.report.set_aside.len(),
                example,
            };
            tell(&self.notices, notice);
        }
        if self.report.is_uneven() {
            let notice = Notice::Uneven {
                ticker: self.ticker.clone(),
                detail: self.report.to_string(),
            };
            tell(&self.notices, notice);
        }
    }

    fn tell_updated(&self, added: usize) {
        let history = self.history.borrow().clone();
        let notice = Notice::Updated {
            ticker: self.ticker.clone(),
            closes: history.closes(),
            added,
            until: history.until(),
        };
        tell(&self.notices, notice);
    }
}

/// Moves candles by whole hours, so that the last but those kept for later ends at the full hour
/// before `now`.
fn shift(candles: &mut [Candle], now: i64) {
    let ahead = MOST_AHEAD.min(candles.len() / 3);
    let Some(present) = candles.len().checked_sub(ahead + 1) else {
        return;
    };
    let by = now.div_euclid(HOUR) * HOUR - candles[present].end();
    for candle in candles {
        candle.start += by;
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
