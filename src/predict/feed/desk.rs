//! Asks for candles: those of the past once, then the new ones, each asset once in each pace.

use std::{ops::Range, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::{LiveConfig, live::Supplies, stall::Stall};
use crate::{
    clock::SharedClock,
    forecast::Candle,
    market::{FetchError, Fetched, MarketError, PriceSource},
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
    pub(super) config: LiveConfig,
    pace: i64,
    pub(super) supplies: Supplies,
    pub(super) clock: SharedClock,
    pub(super) reporter: Reporter,
    pub(super) assets: Vec<Asset>,
    /// Fetches of the past that are under way, by the asset's place.
    pub(super) fetches: JoinSet<(usize, Result<Fetched, FetchError>)>,
    /// Assets whose past lacks something, and when it is asked for, unix seconds.
    pub(super) missing: Vec<(i64, usize)>,
}

/// One asset.
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) series: Series,
    /// The newest candle that was told: its start and close.
    pub(super) newest: Option<(i64, f64)>,
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
            missing: Vec::new(),
        }
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
        self.fetch_again(now).await;
        let mut prices = Prices::default();
        let mut is_complete = true;
        for place in 0..self.assets.len() {
            let from = self.assets[place].newest.map(|(start, _)| start + span);
            let oldest = end - seconds(self.config.history).min(self.most() * span);
            let range = from.unwrap_or(oldest).max(oldest)..end;
            if range.is_empty() {
                continue;
            }
            let candles = self.ask(place, range, now).await;
            if !candles.is_empty() && from.is_some_and(|from| from < oldest) {
                // One request does not bring all.
                self.miss(now, place);
            }
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

    /// The most candles that one request brings, whoever is asked.
    fn most(&self) -> i64 {
        let Supplies { first, second, .. } = &self.supplies;
        let sources = std::iter::once(first).chain(second);
        let most = sources.filter_map(|source| source.most()).min();
        let step = self.config.market.step_days * 24;
        i64::from(most.map_or(step, |most| most.min(step)))
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

    pub(super) fn not_kept(&self, cause: &StoreError) -> Prices {
        self.reporter.emit(Event::Trouble {
            cause: cause.to_string(),
            remedy: "prices are told all the same; after a restart they have to be asked for again"
                .into(),
        });
        Prices::default()
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
pub(super) fn close(candle: &Candle, span: i64) -> Close {
    Close {
        at: candle.start + span,
        price: candle.close,
    }
}

pub(super) fn seconds(time: Duration) -> i64 {
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
