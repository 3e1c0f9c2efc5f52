//! Fetches the candles of any interval once, from the newest back, into the store.

use std::{ops::Range, sync::Arc, time::Duration};

use super::{
    Batch, MarketConfig, MarketError, PriceSource, gaps, jump, jump::Verdict, tiingo::seconds,
};
use crate::{
    clock::{SharedClock, rest},
    forecast::Candle,
    store::{CandleRepository, Origin, Series, SetAside, StoreError},
};

const DAY: i64 = 24 * 3600;
/// Failures in a row after which a source is given up; a spent quota is none.
const MOST_FAILURES: u32 = 8;
/// Answers without a row, in a row, after which the pair's history is taken to begin there.
const BELIEVED: u32 = 3;

/// Why a fetch ended early. What came until then is kept.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The candles can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No source could be asked to the end; this was the last one's reason.
    #[error(transparent)]
    Source(#[from] MarketError),
}

/// How far a fetch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Intervals that are still to be asked for.
    Left(usize),
    /// It goes on after a pause.
    Pause {
        /// What happened.
        cause: String,
        /// How long it waits.
        wait: Duration,
    },
    /// A source is given up.
    GivenUp {
        /// What happened.
        cause: String,
        /// What helps.
        remedy: String,
    },
}

/// What a fetch brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Candles that came.
    pub came: usize,
    /// Intervals of the wanted time without a candle, which no source has.
    pub missing: usize,
}

/// Asks the sources in turn for what the store lacks of a series in the last `config.history`. The
/// quota is waited for; a fifth of it stays free for a running worker.
///
/// # Errors
/// When the store fails, when no source could be asked to the end, or when none has a single candle.
pub async fn fetch(
    store: &dyn CandleRepository,
    series: &Series,
    sources: &[Arc<dyn PriceSource>],
    config: &MarketConfig,
    clock: &SharedClock,
    tell: impl FnMut(Progress) + Send,
) -> Result<Fetched, FetchError> {
    let span = series.interval.seconds();
    let now = clock.now().unix_timestamp() - seconds(config.settle);
    let full = |time: i64| time.div_euclid(span) * span;
    let mut fetch = Fetch {
        store,
        series,
        config,
        clock,
        within: full(now - seconds(config.history))..full(now),
        tell,
        came: 0,
    };
    let mut failed = None;
    let mut asked = 0;
    for source in sources {
        match fetch.ask_all(source.as_ref()).await {
            Ok(()) => asked += 1,
            Err(FetchError::Source(cause)) => {
                let (what, remedy) = (cause.cause(), cause.remedy().to_owned());
                (fetch.tell)(Progress::GivenUp {
                    cause: what,
                    remedy,
                });
                failed = Some(cause);
            }
            Err(cause) => return Err(cause),
        }
    }
    if let Some(cause) = failed.filter(|_| asked == 0) {
        return Err(cause.into());
    }
    let missing = gaps::missing(&fetch.gaps(None).await?, span);
    let wanted = gaps::missing(std::slice::from_ref(&fetch.within), span);
    if let Some(source) = sources.first().filter(|_| missing == wanted) {
        let (from, ticker) = (source.origin(), series.ticker.clone());
        return Err(MarketError::Empty { from, ticker }.into());
    }
    let came = fetch.came;
    Ok(Fetched { came, missing })
}

struct Fetch<'a, T> {
    store: &'a dyn CandleRepository,
    series: &'a Series,
    config: &'a MarketConfig,
    clock: &'a SharedClock,
    /// What is wanted, unix seconds.
    within: Range<i64>,
    tell: T,
    came: usize,
}

impl<T: FnMut(Progress) + Send> Fetch<'_, T> {
    /// What the store lacks; not what it has set aside of a source that is about to be asked.
    async fn gaps(&self, source: Option<Origin>) -> Result<Vec<Range<i64>>, StoreError> {
        let known = self.store.candles(self.series, self.within.clone()).await?;
        let mut starts: Vec<i64> = known.iter().map(|it| it.candle.start).collect();
        if source.is_some() {
            let aside = self.store.set_asides(self.series, self.within.start);
            let aside = aside.await?.into_iter();
            starts.extend(
                aside
                    .filter(|row| Some(row.source) == source)
                    .map(|row| row.start),
            );
            starts.sort_unstable();
        }
        let (within, span) = (self.within.clone(), self.series.interval.seconds());
        Ok(gaps::find(starts, within, span))
    }

    /// Asks a source for all that is missing, the newest first.
    async fn ask_all(&mut self, source: &dyn PriceSource) -> Result<(), FetchError> {
        let span = self.series.interval.seconds();
        let step = self.step(source);
        // The newest last.
        let mut wanted = self.gaps(Some(source.origin())).await?;
        let mut empty = 0;
        while let Some(gap) = wanted.pop() {
            let left =
                gaps::missing(&wanted, span) + gaps::missing(std::slice::from_ref(&gap), span);
            (self.tell)(Progress::Left(left));
            let part = gap.start.max(gap.end - step)..gap.end;
            let batch = self.ask(source, part.clone()).await?;
            empty = if batch.rows == 0 { empty + 1 } else { 0 };
            if empty == BELIEVED {
                return Ok(());
            }
            let came = self.take_in(batch, &gap, source.origin()).await?;
            let came = came.unwrap_or(part.start..part.end);
            // An answer may be cut at either end, or hold more than was asked for.
            wanted.extend((gap.start < came.start).then_some(gap.start..came.start));
            wanted.extend((came.end < gap.end).then_some(came.end..gap.end));
        }
        Ok(())
    }

    /// Seconds that are asked for at once: as many rows as of hourly candles, but whole days of a
    /// source that answers with those.
    fn step(&self, source: &dyn PriceSource) -> i64 {
        let span = self.series.interval.seconds();
        let rows = i64::from(self.config.step_days) * 24;
        let most = source.most().map(|most| i64::from(most) * span);
        most.map_or((rows * span).max(DAY), |most| most.min(rows * span))
    }

    /// Asks for one stretch until there is an answer, or none is to be expected.
    async fn ask(
        &mut self,
        source: &dyn PriceSource,
        part: Range<i64>,
    ) -> Result<Batch, MarketError> {
        let mut failures = 0;
        let mut pause = self.config.backoff_min;
        loop {
            let cause = match source.candles(self.series, part.clone(), false).await {
                Ok(batch) => return Ok(batch),
                Err(cause) => cause,
            };
            let is_spent = matches!(cause, MarketError::QuotaSpent { .. });
            failures += u32::from(!is_spent);
            if !cause.is_transient() || failures == MOST_FAILURES {
                return Err(cause);
            }
            let wait = cause.retry_after().unwrap_or(pause);
            pause = (pause * 2).min(self.config.backoff_max);
            let cause = cause.cause();
            (self.tell)(Progress::Pause { cause, wait });
            rest(&**self.clock, wait).await;
        }
    }

    /// Keeps what lies in a gap; gives from where to where candles came.
    async fn take_in(
        &mut self,
        batch: Batch,
        gap: &Range<i64>,
        source: Origin,
    ) -> Result<Option<Range<i64>>, StoreError> {
        let at = self.clock.now().unix_timestamp();
        let aside = |start, reason| SetAside {
            start,
            source,
            at,
            reason,
        };
        let mut candles = batch.candles;
        candles.retain(|candle| gap.contains(&candle.start));
        candles.sort_unstable_by_key(|candle| candle.start);
        candles.dedup_by_key(|candle| candle.start);
        let ends = candles.first().zip(candles.last());
        let came =
            ends.map(|(first, last)| first.start..last.start + self.series.interval.seconds());
        let unusable = batch.unusable.into_iter();
        let dated = unusable.filter_map(|row| Some(aside(row.start?, row.reason)));
        let mut rows: Vec<_> = dated.filter(|row| gap.contains(&row.start)).collect();
        for (candle, verdict) in jump::find(candles.iter(), self.config.max_jump, |_, _| false) {
            if let Verdict::TakenBack { before, after } = verdict {
                let reason = jump::reason(before, candle.close, after);
                rows.push(aside(candle.start, reason));
            }
        }
        let is_good = |it: &Candle| rows.iter().all(|row| row.start != it.start);
        candles.retain(is_good);
        self.came += candles.len();
        self.store.keep(self.series, source, &candles).await?;
        self.store.set_aside(self.series, &rows).await?;
        Ok(came)
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
