//! Asks for candles: those of the past once, then the new ones, each asset once in each pace.

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use super::{FeedError, LiveConfig, live::Supplies, stall::Stall};
use crate::{
    clock::SharedClock,
    forecast::Candle,
    market::{self, FetchError, Fetched, MarketError, PriceSource},
    ops::{Event, Reporter},
    predict::Prices,
    store::{Close, Series, StoreError},
};

/// Longest sleep at a stretch: a clock that is set, or a host that slept, is noticed after it.
const NAP: Duration = Duration::from_secs(30);
/// How long a source that refuses is left alone, in seconds.
const REFUSED: i64 = 3_600;

/// Looks after all assets.
pub(super) struct Desk {
    config: LiveConfig,
    pace: i64,
    supplies: Supplies,
    clock: SharedClock,
    reporter: Reporter,
    assets: Vec<Asset>,
    /// Fetches of the past that are under way, by the asset's place.
    fetches: JoinSet<(usize, Result<Fetched, FetchError>)>,
}

/// One asset.
struct Asset {
    name: String,
    series: Series,
    /// The newest candle that was told.
    newest: Option<(i64, f64)>,
    stall: Stall,
}

impl Desk {
    pub(super) fn new(
        config: LiveConfig,
        pace: i64,
        supplies: Supplies,
        clock: SharedClock,
        reporter: Reporter,
    ) -> Self {
        let assets = config.assets.iter().map(|(name, ticker)| Asset {
            name: name.clone(),
            series: Series::new(ticker, config.interval),
            newest: None,
            stall: Stall::default(),
        });
        Self {
            assets: assets.collect(),
            config,
            pace,
            supplies,
            clock,
            reporter,
            fetches: JoinSet::new(),
        }
    }

    /// Fetches the past, as far as it comes in time; the rest goes on behind.
    pub(super) async fn history(&mut self) -> Result<Prices, FeedError> {
        for place in 0..self.assets.len() {
            self.begin_fetch(place).await?;
        }
        let deadline = Instant::now() + self.config.patience;
        let mut failed = None;
        while let Ok(Some(Ok((place, done)))) = timeout_at(deadline, self.fetches.join_next()).await
        {
            failed = self.note_fetch(place, done).or(failed);
        }
        let mut prices = Prices::default();
        for place in 0..self.assets.len() {
            prices.merge(self.load(place).await?);
        }
        match failed.filter(|_| prices.is_empty() && self.fetches.is_empty()) {
            Some(cause) => Err(FeedError::NoPrices { cause }),
            None => Ok(prices),
        }
    }

    /// Asks the first source for what is missing; the second where the first one's quota would make it
    /// take too long.
    async fn begin_fetch(&mut self, place: usize) -> Result<(), StoreError> {
        let series = self.assets[place].series.clone();
        let Supplies {
            first,
            second,
            store,
        } = self.supplies.clone();
        let within = self.past();
        let known = store.candles(&series, within.clone()).await?.len();
        let wanted = (within.end - within.start) / self.config.interval.seconds();
        let missing = usize::try_from(wanted).unwrap_or(0).saturating_sub(known);
        let rows = usize::try_from(self.config.market.step_days).unwrap_or(1) * 24;
        let takes = first.takes(missing.div_ceil(rows)).await;
        let mut sources = vec![first];
        if let Some(second) = second {
            if takes > self.config.patience {
                self.reporter.emit(Event::Notice {
                    cause: format!(
                        "{} of the past would take {} min of {}'s quota",
                        series,
                        takes.as_secs() / 60,
                        sources[0].origin()
                    ),
                    remedy: format!("they are asked of {} instead", second.origin()),
                });
                sources.clear();
            }
            sources.push(second);
        }
        let mut market = self.config.market.clone();
        market.history = self.config.history;
        let clock = Arc::clone(&self.clock);
        self.fetches.spawn(async move {
            let fetching =
                market::fetch(store.as_ref(), &series, &sources, &market, &clock, |_| ());
            (place, fetching.await)
        });
        Ok(())
    }

    /// Tells of a fetch that failed; gives why.
    fn note_fetch(&self, place: usize, done: Result<Fetched, FetchError>) -> Option<String> {
        let cause = done.err()?.to_string();
        self.reporter.emit(Event::Trouble {
            cause: format!("the past of {} is not complete", self.assets[place].series),
            remedy: cause.clone(),
        });
        Some(cause)
    }

    /// The past that is kept of an asset.
    async fn load(&mut self, place: usize) -> Result<Prices, StoreError> {
        let within = self.past();
        let span = self.config.interval.seconds();
        let asset = &mut self.assets[place];
        let kept = self.supplies.store.candles(&asset.series, within).await?;
        if let Some(last) = kept.last() {
            let last = (last.candle.start, last.candle.close);
            asset.newest = Some(
                asset
                    .newest
                    .map_or(last, |known| if known.0 < last.0 { last } else { known }),
            );
        }
        let closes = kept.iter().map(|it| close(&it.candle, span)).collect();
        Ok(Prices::of(&asset.name, closes))
    }

    /// Asks and sends until nobody listens.
    pub(super) async fn run(mut self, sender: mpsc::Sender<Prices>) {
        let mut due = self.next_due(true);
        loop {
            let prices = tokio::select! {
                Some(done) = self.fetches.join_next(), if !self.fetches.is_empty() => {
                    let Ok((place, done)) = done else { continue };
                    self.note_fetch(place, done);
                    self.load(place).await.unwrap_or_else(|cause| self.not_kept(&cause))
                }
                () = until(&self.clock, due) => {
                    let (prices, is_complete) = self.poll().await;
                    due = self.next_due(is_complete);
                    prices
                }
            };
            if !prices.is_empty() && sender.send(prices).await.is_err() {
                return;
            }
        }
    }

    /// When to ask again, unix seconds: soon after the candles of the next pace have ended.
    fn next_due(&self, is_complete: bool) -> i64 {
        let market = &self.config.market;
        let now = self.clock.now().unix_timestamp();
        let jitter = market.jitter.mul_f64(rand::random_range(0.0..1.0));
        let settle = seconds(market.settle);
        let next =
            ((now - settle).div_euclid(self.pace) + 1) * self.pace + settle + seconds(jitter);
        if is_complete {
            return next;
        }
        // No sooner than the quota allows.
        let quota = if self.pace > self.config.interval.seconds() {
            self.pace
        } else {
            0
        };
        next.min(now + seconds(market.poll).max(quota).max(1))
    }

    /// Asks for what is new of all assets; gives it, and whether nothing is missing.
    async fn poll(&mut self) -> (Prices, bool) {
        let now = self.clock.now().unix_timestamp();
        let span = self.config.interval.seconds();
        let end = (now - seconds(self.config.market.settle)).div_euclid(span) * span;
        let mut prices = Prices::default();
        let mut is_complete = true;
        for place in 0..self.assets.len() {
            let from = self.assets[place].newest.map(|(start, _)| start + span);
            let rows = i64::from(self.config.market.step_days) * 24;
            let oldest = end - seconds(self.config.history).min(rows * span);
            let range = from.unwrap_or(oldest).max(oldest)..end;
            if range.is_empty() {
                continue;
            }
            let candles = self.ask(place, range, now).await;
            let asset = &mut self.assets[place];
            if let Some(last) = candles.last() {
                asset.newest = Some((last.start, last.close));
            }
            is_complete &= candles.last().is_some_and(|last| last.start + span == end);
            prices.extend(
                &asset.name,
                candles.iter().map(|candle| close(candle, span)),
            );
        }
        (prices, is_complete)
    }

    /// Asks the first source, and the second where that stands in.
    async fn ask(&mut self, place: usize, range: Range<i64>, now: i64) -> Vec<Candle> {
        let Supplies { first, second, .. } = self.supplies.clone();
        let patience = seconds(self.config.market.stand_in_after);
        let mut is_spent = false;
        if now >= self.assets[place].stall.not_before {
            let asked = self.ask_one(first.as_ref(), place, range.clone()).await;
            match asked {
                Ok(candles) if !candles.is_empty() => {
                    let Asset { series, stall, .. } = &mut self.assets[place];
                    let back = stall.end(now, series, first.origin());
                    self.tell(back);
                    return candles;
                }
                Ok(_) => self.assets[place].stall.begin(now),
                Err(cause) => {
                    is_spent = matches!(cause, MarketError::QuotaSpent { .. });
                    self.note(place, &cause, now);
                }
            }
        }
        let Some(second) = second else {
            return Vec::new();
        };
        let asset = &mut self.assets[place];
        if !is_spent && !asset.stall.is_over(now, patience) {
            return Vec::new();
        }
        let stands_in = asset
            .stall
            .stand_in(now, &asset.series, second.origin(), first.origin());
        self.tell(stands_in);
        match self.ask_one(second.as_ref(), place, range).await {
            Ok(candles) => candles,
            Err(cause) => {
                self.complain(place, &cause, now);
                Vec::new()
            }
        }
    }

    /// Asks one source, and keeps what came and can be believed.
    async fn ask_one(
        &self,
        source: &dyn PriceSource,
        place: usize,
        range: Range<i64>,
    ) -> Result<Vec<Candle>, MarketError> {
        let asset = &self.assets[place];
        let mut candles = source
            .candles(&asset.series, range.clone(), false)
            .await?
            .candles;
        candles.retain(|candle| range.contains(&candle.start));
        candles.sort_by_key(|candle| candle.start);
        candles.dedup_by_key(|candle| candle.start);
        let before = asset.newest.map(|(_, close)| close);
        let candles = believed(&candles, before, self.config.market.max_jump);
        if let Err(cause) = self
            .supplies
            .store
            .keep(&asset.series, source.origin(), &candles)
            .await
        {
            self.not_kept(&cause);
        }
        Ok(candles)
    }

    fn note(&mut self, place: usize, cause: &MarketError, now: i64) {
        let stall = &mut self.assets[place].stall;
        stall.begin(now);
        if !cause.is_transient() {
            stall.refuse(now + REFUSED);
        }
        self.complain(place, cause, now);
    }

    fn complain(&mut self, place: usize, cause: &MarketError, now: i64) {
        let Asset { series, stall, .. } = &mut self.assets[place];
        let complaint = stall.complaint(now, series, cause, self.pace);
        self.tell(complaint);
    }

    fn tell(&self, event: Option<Event>) {
        if let Some(event) = event {
            self.reporter.emit(event);
        }
    }

    fn not_kept(&self, cause: &StoreError) -> Prices {
        self.reporter.emit(Event::Trouble {
            cause: cause.to_string(),
            remedy: "prices are told all the same; after a restart they have to be asked for again"
                .into(),
        });
        Prices::default()
    }

    /// The past that is wanted, by the starts of candles.
    fn past(&self) -> Range<i64> {
        let span = self.config.interval.seconds();
        let now = self.clock.now().unix_timestamp() - seconds(self.config.market.settle);
        let full = |time: i64| time.div_euclid(span) * span;
        full(now - seconds(self.config.history))..full(now)
    }
}

/// Those up to a close that jumps: the newest one that does is held back until the next one confirms it,
/// and one that the next one takes back is left out.
fn believed(candles: &[Candle], before: Option<f64>, max_jump: f64) -> Vec<Candle> {
    let mut good = Vec::with_capacity(candles.len());
    let mut last = before;
    let far = |one: f64, other: f64| (one / other).ln().abs();
    for (place, candle) in candles.iter().enumerate() {
        let jumps = last.filter(|last| (candle.close / last - 1.0).abs() > max_jump);
        if let Some(last) = jumps {
            let next = candles.get(place + 1);
            let is_confirmed =
                next.is_some_and(|next| far(next.close, candle.close) < far(next.close, last));
            if !is_confirmed {
                continue;
            }
        }
        last = Some(candle.close);
        good.push(*candle);
    }
    good
}

/// A candle's close is known at its end.
fn close(candle: &Candle, span: i64) -> Close {
    Close {
        at: candle.start + span,
        price: candle.close,
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

async fn until(clock: &SharedClock, due: i64) {
    loop {
        let left = due - clock.now().unix_timestamp();
        if left <= 0 {
            return;
        }
        sleep(NAP.min(Duration::from_secs(left.unsigned_abs()))).await;
    }
}
