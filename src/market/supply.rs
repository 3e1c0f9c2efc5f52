//! One source of a ticker's prices: what it is asked for, and when again.
//!
//! How a gap is told from a failure: a source that is in order has some row for any day on which the
//! pair was traded, and it is always asked for whole days. An answer with rows that lacks some of the
//! hours tells of a gap: they are asked for again after growing pauses. An answer without a single row
//! is a failure. Only when the same stretch has been empty three times is it taken as it is, so that the
//! stretches before it get their turn, and one empty answer is enough when it is asked for again. Where
//! nothing older is known, the pair's history is then taken to begin there. While nothing at all is
//! known, an empty answer stays a failure: an unknown ticker looks so.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    Batch, MarketConfig, MarketError, Notice, PriceSource,
    absence::Absences,
    book::{full_hour, hours, is_recent},
    health::Trouble,
    shelf::Shelf,
    step::Step,
    tiingo::seconds,
};
use crate::{forecast::HOUR, store::Origin};

/// Pause after a failure that trying again soon does not mend, such as a refused key.
const LONG_PAUSE: Duration = Duration::from_secs(900);
/// How often a stretch has to be empty until it is taken as it is.
const BELIEVED: u32 = 3;
/// Hours from which on fetching them is told as a backfill.
const MANY: usize = 48;

/// A source and what was learnt of it. Times are settled time: unix seconds less `settle`.
pub(super) struct Supply {
    source: Arc<dyn PriceSource>,
    config: MarketConfig,
    absences: Absences,
    step: Step,
    /// Failures in a row.
    failures: u32,
    /// End of the stretch that was empty last, and how often it was.
    empty: (i64, u32),
    /// From when it is asked again.
    pub due: i64,
    /// The failure that was told last, and when.
    told: Option<(String, i64)>,
    /// Since when it fails, and why. A spent quota is no failure of the source.
    pub out: Option<Trouble>,
    /// Whether trying again soon may help.
    pub may_heal: bool,
    /// Whether nothing was left to ask for when it was asked last: a failure or a spent quota leaves some.
    pub complete: bool,
}

impl Supply {
    pub(super) fn new(source: Arc<dyn PriceSource>, config: &MarketConfig) -> Self {
        let by_days = i64::from(config.step_days) * 24 * HOUR;
        let by_rows = source.most().map(|rows| i64::from(rows) * HOUR);
        Self {
            step: Step::new(by_rows.map_or(by_days, |most| most.min(by_days))),
            source,
            config: config.clone(),
            absences: Absences::new(seconds(config.poll)),
            failures: 0,
            empty: (i64::MIN, 0),
            due: i64::MIN,
            told: None,
            out: None,
            may_heal: true,
            complete: false,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.source.origin()
    }

    /// Does not ask for an hour at once whose candle was set aside in an earlier run.
    pub(super) fn spare(&mut self, hour: i64, now: i64) {
        self.absences.note(hour, now);
    }

    /// Asks for one stretch, without learning from it.
    pub(super) async fn peek(
        &self,
        shelf: &Shelf,
        stretch: Range<i64>,
    ) -> Result<Batch, MarketError> {
        self.source.candles(&shelf.series, stretch, true).await
    }

    /// Fetches until nothing is missing that the source has, and sets when to ask again.
    pub(super) async fn serve(&mut self, shelf: &mut Shelf) {
        let served = self.catch_up(shelf).await;
        shelf.tell_news();
        self.complete = served.is_ok();
        match served {
            Ok(()) => {
                (self.out, self.told) = (None, None);
                self.due = self.next_due(shelf);
            }
            Err(MarketError::QuotaSpent { retry_after }) => {
                self.await_quota(retry_after, shelf).await;
            }
            Err(cause) => self.after_failure(&cause, shelf),
        }
    }

    /// A spent quota is no failure of the source. What is left of it is for the newest candle.
    async fn await_quota(&mut self, wait: Duration, shelf: &Shelf) {
        let now = shelf.settled_now();
        let next_hour = full_hour(now) + HOUR;
        self.due = (now + seconds(wait).max(1)).min(next_hour);
        let newest = shelf.book.newest_of(self.origin());
        if newest.is_none_or(|end| end < full_hour(now)) {
            let cause = MarketError::QuotaSpent { retry_after: wait };
            self.tell_failure(&cause, shelf);
            return;
        }
        let left = self.left(shelf);
        self.tell_backfill(shelf, left.max(MANY), left, &mut 0)
            .await;
    }

    async fn catch_up(&mut self, shelf: &mut Shelf) -> Result<(), MarketError> {
        let mut told = 0;
        let begun = self.left(shelf);
        self.tell_backfill(shelf, begun, begun, &mut told).await;
        loop {
            let now = shelf.settled_now();
            shelf.book.trim(now);
            self.absences.trim(shelf.book.since(now));
            let step = self.step.seconds();
            let missing = shelf.book.missing(self.origin(), &self.absences, now, step);
            let Some(stretch) = missing else {
                return Ok(());
            };
            let urgent = is_recent(&stretch, now);
            let asked = self.source.candles(&shelf.series, stretch.clone(), urgent);
            let batch = asked.await?;
            self.absorb(batch, stretch, shelf).await?;
            self.failures = 0;
            let left = self.left(shelf);
            self.tell_backfill(shelf, begun, left, &mut told).await;
            shelf.show_progress();
        }
    }

    async fn absorb(
        &mut self,
        batch: Batch,
        stretch: Range<i64>,
        shelf: &mut Shelf,
    ) -> Result<(), MarketError> {
        if batch.rows == 0 {
            return self.note_empty(stretch, shelf);
        }
        if self.empty.0 == stretch.end {
            self.empty.1 = 0;
        }
        let starts = batch.candles.iter().map(|candle| candle.start);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for start in starts.filter(|start| stretch.contains(start)) {
            (first, last) = (first.min(start), last.max(start));
        }
        let came = (first <= last).then(|| first..last + HOUR);
        shelf.take_in(&batch.candles, self.origin()).await;
        shelf.note_unusable(batch.unusable, self.origin()).await;
        let spoken_for = self.step.learn(&stretch, came);
        self.note_absent(spoken_for, shelf);
        Ok(())
    }

    fn note_empty(&mut self, stretch: Range<i64>, shelf: &Shelf) -> Result<(), MarketError> {
        let before = if self.empty.0 == stretch.end {
            self.empty.1
        } else {
            0
        };
        self.empty = (stretch.end, before.saturating_add(1));
        // A smaller request after an answer that seemed cut: there is nothing more.
        self.step.learn(&stretch, None);
        if shelf.book.is_empty() || self.empty.1 < BELIEVED {
            return Err(MarketError::Empty {
                from: self.origin(),
                ticker: shelf.series.ticker.clone(),
            });
        }
        let from = if shelf.book.knows_before(stretch.start) {
            stretch.start
        } else {
            shelf.book.since(shelf.settled_now())
        };
        self.note_absent(from..stretch.end, shelf);
        Ok(())
    }

    fn note_absent(&mut self, stretch: Range<i64>, shelf: &Shelf) {
        let (now, origin) = (shelf.settled_now(), self.origin());
        for hour in hours(stretch) {
            if !shelf.book.lacks(origin, hour) {
                self.absences.forget(hour);
            } else if self.absences.allow(hour, now) {
                self.absences.note(hour, now);
            }
        }
    }

    /// When to ask again, given that there is nothing to ask for now.
    fn next_due(&self, shelf: &Shelf) -> i64 {
        let now = shelf.settled_now();
        let lacking = |hour| shelf.book.lacks(self.origin(), hour);
        let again = self.absences.next(lacking).unwrap_or(i64::MAX);
        let jitter = self.config.jitter.mul_f64(rand::random_range(0.0..1.0));
        (full_hour(now) + HOUR).min(again).max(now + 1) + seconds(jitter)
    }

    /// Tells of a failure, and sets when to try again.
    fn after_failure(&mut self, cause: &MarketError, shelf: &Shelf) {
        let now = shelf.settled_now();
        let pause = self.pause_after(cause);
        self.due = now + seconds(pause).max(1);
        let since = self.out.as_ref().map_or(now, |out| out.since);
        self.out = Some(Trouble {
            since,
            cause: cause.cause(),
        });
        self.may_heal = cause.is_transient();
        self.tell_failure(cause, shelf);
    }

    /// Tells of a failure, of the same one once an hour.
    fn tell_failure(&mut self, cause: &MarketError, shelf: &Shelf) {
        let (now, said) = (shelf.settled_now(), cause.cause());
        let known = self.told.as_ref();
        if known.is_some_and(|(what, at)| *what == said && now - at < HOUR) {
            return;
        }
        shelf.tell(Notice::Unavailable {
            ticker: shelf.series.ticker.clone(),
            cause: said.clone(),
            remedy: cause.remedy().to_owned(),
            retry_in: Duration::from_secs(self.due.abs_diff(now)),
            may_heal: cause.is_transient(),
        });
        self.told = Some((said, now));
    }

    fn pause_after(&mut self, cause: &MarketError) -> Duration {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let backoff = self.config.backoff_min.saturating_mul(1 << doublings);
        let mut pause = backoff.min(self.config.backoff_max);
        if !cause.is_transient() {
            pause = pause.max(LONG_PAUSE);
        } else if matches!(cause, MarketError::QuotaExceeded { .. }) {
            // More requests would not bring it back sooner.
            pause = pause.max(self.config.backoff_max);
        }
        pause = pause.mul_f64(rand::random_range(1.0..1.25));
        cause.retry_after().map_or(pause, |wait| wait.max(pause))
    }

    fn left(&self, shelf: &Shelf) -> usize {
        let now = shelf.settled_now();
        shelf.book.left(self.origin(), &self.absences, now)
    }

    /// Tells how far a long fetch is: at its beginning, and at each tenth of it.
    async fn tell_backfill(&self, shelf: &Shelf, begun: usize, left: usize, told: &mut usize) {
        if begun < MANY || left == 0 {
            return;
        }
        let tenth = 1 + (begun - left.min(begun)) * 10 / begun;
        if tenth <= *told {
            return;
        }
        *told = tenth;
        let step = usize::try_from(self.step.seconds() / HOUR).unwrap_or(1);
        let requests = left.div_ceil(step.max(1));
        let closes = shelf.history.borrow().closes();
        let notice = Notice::Backfill {
            ticker: shelf.series.ticker.clone(),
            source: self.origin(),
            closes,
            left,
            requests,
            takes: self.source.takes(requests).await,
        };
        shelf.tell(notice);
    }
}
