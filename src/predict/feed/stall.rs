//! Since when a source gives nothing new of an asset, and what is told of it.

use crate::{
    market::MarketError,
    ops::Event,
    store::{Origin, Series},
};

/// How often the same cause is told, in seconds.
const TELL_EVERY: i64 = 3_600;

/// The first source's silence, all times in unix seconds. No stall by default.
#[derive(Debug, Default)]
pub(super) struct Stall {
    since: Option<i64>,
    cause: Option<String>,
    /// The first source is not asked before this.
    pub(super) not_before: i64,
    /// Since when the second one stands in.
    standing: Option<i64>,
    told: Option<(String, i64)>,
}

impl Stall {
    /// Nothing new came.
    pub(super) fn begin(&mut self, now: i64) {
        self.since.get_or_insert(now);
    }

    /// It refuses: it is left alone until a time.
    pub(super) const fn refuse(&mut self, until: i64) {
        self.not_before = until;
    }

    /// Whether it lasts longer than one should wait.
    pub(super) fn is_over(&self, now: i64, patience: i64) -> bool {
        now < self.not_before || self.since.is_some_and(|since| now - since >= patience)
    }

    /// The second source is asked; told once.
    pub(super) fn stand_in(
        &mut self,
        now: i64,
        series: &Series,
        second: Origin,
        first: Origin,
    ) -> Option<Event> {
        if self.standing.is_some() {
            return None;
        }
        self.standing = Some(now);
        let cause = self.cause.clone();
        Some(Event::PricesStandIn {
            ticker: series.ticker.clone(),
            source: second.to_string(),
            first: first.to_string(),
            cause: cause.unwrap_or_else(|| format!("{first} gives no new candle")),
        })
    }

    /// The first source gave something new.
    pub(super) fn end(&mut self, now: i64, series: &Series, first: Origin) -> Option<Event> {
        let stood = self.standing;
        *self = Self::default();
        Some(Event::PricesBack {
            ticker: series.ticker.clone(),
            source: first.to_string(),
            seconds: now.abs_diff(stood?),
            basis: None,
        })
    }

    /// A source failed; the same failure is told once an hour.
    pub(super) fn complaint(
        &mut self,
        now: i64,
        series: &Series,
        cause: &MarketError,
        pace: i64,
    ) -> Option<Event> {
        let words = cause.cause();
        self.cause = Some(words.clone());
        let known = self.told.as_ref();
        if known.is_some_and(|(told, at)| *told == words && now - at < TELL_EVERY) {
            return None;
        }
        self.told = Some((words.clone(), now));
        Some(Event::PricesUnavailable {
            ticker: series.ticker.clone(),
            cause: words,
            remedy: cause.remedy().to_owned(),
            retry_seconds: pace.max(self.not_before - now).unsigned_abs(),
        })
    }
}
