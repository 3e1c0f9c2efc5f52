//! Looks after all assets: the past of each once, then what is new, each asset once in each pace. Nothing
//! here waits for a source or for the store, so that no asset waits for another one's.

use std::{ops::Range, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    LiveConfig,
    inquiry::{Answer, Inquiry},
    live::Supplies,
    stall::Stall,
    until::{seconds, until},
};
use crate::{
    clock::SharedClock,
    forecast::Candle,
    market::{FetchError, Fetched},
    ops::{Event, Reporter},
    predict::Prices,
    store::{Close, Series, StoreError, StoredCandle},
};

/// How long what came of one asset waits for what is asked for of others, so that models are told both
/// at once.
const GATHER: Duration = Duration::from_secs(1);

/// Looks after all assets.
pub(super) struct Desk {
    pub(super) config: LiveConfig,
    pace: i64,
    pub(super) supplies: Supplies,
    pub(super) clock: SharedClock,
    pub(super) reporter: Reporter,
    pub(super) assets: Vec<Asset>,
    /// What is under way.
    pub(super) works: JoinSet<Done>,
    /// Assets whose past lacks something, and when it is asked for, unix seconds.
    pub(super) missing: Vec<(i64, usize)>,
    /// What came and was not sent so far.
    batch: Prices,
    /// When it is sent at the latest.
    send_at: Instant,
    /// A pace's number, and the seconds that its requests are late by chance.
    jitter: (i64, i64),
}

/// One asset.
pub(super) struct Asset {
    pub(super) name: String,
    pub(super) series: Series,
    /// The newest candle that was told: its start and close.
    newest: Option<(i64, f64)>,
    stall: Stall,
    /// When it is asked for, unix seconds.
    due: i64,
    asking: Option<AbortHandle>,
}

/// What was under way and is done, with its asset's place.
pub(super) enum Done {
    /// The past was fetched, or not.
    Fetched(usize, Result<Fetched, FetchError>),
    /// What the store keeps of the past was read.
    Loaded(usize, Result<Vec<StoredCandle>, StoreError>),
    /// The sources answered, or not.
    Asked(Answer),
    /// New candles were kept.
    Kept(Result<(), StoreError>),
}

impl Asset {
    /// A candle is told.
    pub(super) fn told(&mut self, candle: &Candle) {
        if self.newest.is_none_or(|(start, _)| start < candle.start) {
            self.newest = Some((candle.start, candle.close));
        }
    }

    /// Whether it may be asked for: one whose task panicked may be, when it is due.
    fn is_free(&self) -> bool {
        self.asking.as_ref().is_none_or(AbortHandle::is_finished)
    }
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
            due: 0,
            asking: None,
        });
        Self {
            assets: assets.collect(),
            config,
            pace,
            supplies,
            clock,
            reporter,
            works: JoinSet::new(),
            missing: Vec::new(),
            batch: Prices::default(),
            send_at: Instant::now(),
            jitter: (0, 0),
        }
    }

    /// Asks and sends until nobody listens.
    pub(super) async fn run(mut self, sender: mpsc::Sender<Prices>) {
        let first = self.next_due(self.clock.now().unix_timestamp());
        for asset in &mut self.assets {
            asset.due = first;
        }
        loop {
            let free = self.assets.iter().filter(|asset| asset.is_free());
            let due = free.map(|asset| asset.due).min().unwrap_or(i64::MAX);
            tokio::select! {
                // First what is known.
                biased;
                Some(done) = self.works.join_next() => {
                    if let Ok(done) = done {
                        self.take(done);
                    }
                }
                () = until(&self.clock, due) => self.ask(),
                () = sleep_until(self.send_at), if !self.batch.is_empty() => {}
            }
            let is_alone = self.assets.iter().all(|asset| asset.asking.is_none());
            let is_time = is_alone || self.send_at <= Instant::now();
            if is_time && !self.batch.is_empty() {
                let batch = std::mem::take(&mut self.batch);
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        }
    }

    /// When what is new is asked for next, unix seconds: soon after the candles of the next pace have
    /// ended, and of all assets at once.
    fn next_due(&mut self, now: i64) -> i64 {
        let market = &self.config.market;
        let settle = seconds(market.settle);
        let number = (now - settle).div_euclid(self.pace) + 1;
        if self.jitter.0 != number {
            let jitter = market.jitter.mul_f64(rand::random_range(0.0..1.0));
            self.jitter = (number, seconds(jitter));
        }
        number * self.pace + settle + self.jitter.1
    }

    /// How soon what is missing is asked for again, in seconds: no sooner than the quota allows.
    fn soonest(&self) -> i64 {
        let quota = if self.pace > self.config.interval.seconds() {
            self.pace
        } else {
            0
        };
        seconds(self.config.market.poll).max(quota).max(1)
    }

    /// Asks for what is new of all assets that are due.
    fn ask(&mut self) {
        let now = self.clock.now().unix_timestamp();
        let span = self.config.interval.seconds();
        let end = (now - seconds(self.config.market.settle)).div_euclid(span) * span;
        let oldest = end - seconds(self.config.history).min(self.most() * span);
        let next = self.next_due(now);
        for place in 0..self.assets.len() {
            let asset = &mut self.assets[place];
            if !asset.is_free() || asset.due > now {
                continue;
            }
            asset.due = next;
            let from = asset.newest.map_or(oldest, |(start, _)| start + span);
            let range = from.max(oldest)..end;
            if !range.is_empty() {
                self.begin(place, range, now);
            }
        }
        self.fetch_again(now);
    }

    fn begin(&mut self, place: usize, range: Range<i64>, now: i64) {
        let asset = &mut self.assets[place];
        let market = &self.config.market;
        let inquiry = Inquiry {
            place,
            series: asset.series.clone(),
            range,
            now,
            before: asset.newest.map(|(_, close)| close),
            stall: std::mem::take(&mut asset.stall),
            patience: seconds(market.stand_in_after),
            max_jump: market.max_jump,
            pace: self.pace,
            supplies: self.supplies.clone(),
            reporter: self.reporter.clone(),
        };
        let asking = async move { Done::Asked(inquiry.ask().await) };
        self.assets[place].asking = Some(self.works.spawn(asking));
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Fetched(place, done) => {
                self.note_fetch(place, done);
                let loading = self.load(place);
                let loading = async move { Done::Loaded(place, loading.await) };
                self.works.spawn(loading);
            }
            Done::Loaded(place, Ok(kept)) => {
                let past = self.remember(place, &kept);
                self.hold(past);
            }
            Done::Asked(answer) => self.answered(answer),
            Done::Loaded(_, Err(cause)) | Done::Kept(Err(cause)) => self.not_kept(&cause),
            Done::Kept(Ok(())) => {}
        }
    }

    fn answered(&mut self, answer: Answer) {
        let Answer {
            place,
            range,
            stall,
            candles,
            origin,
        } = answer;
        let now = self.clock.now().unix_timestamp();
        let span = self.config.interval.seconds();
        let soonest = now + self.soonest();
        let asset = &mut self.assets[place];
        (asset.stall, asset.asking) = (stall, None);
        if candles.last().map(|last| last.start + span) != Some(range.end) {
            asset.due = asset.due.min(soonest);
        }
        if candles.is_empty() {
            return;
        }
        // One request may not bring all.
        let is_all = asset
            .newest
            .is_none_or(|(start, _)| start + span >= range.start);
        for candle in &candles {
            asset.told(candle);
        }
        let closes = candles.iter().map(|candle| close(candle, span)).collect();
        let prices = Prices::of(&asset.name, closes);
        let (series, store) = (asset.series.clone(), self.supplies.store.clone());
        if !is_all {
            self.miss(now, place);
        }
        self.hold(prices);
        let keeping = async move { Done::Kept(store.keep(&series, origin, &candles).await) };
        self.works.spawn(keeping);
    }

    /// Has prices sent soon.
    fn hold(&mut self, prices: Prices) {
        if self.batch.is_empty() {
            self.send_at = Instant::now() + GATHER;
        }
        self.batch.merge(prices);
    }

    /// The most candles that one request brings, whoever is asked.
    fn most(&self) -> i64 {
        let Supplies { first, second, .. } = &self.supplies;
        let sources = std::iter::once(first).chain(second);
        let most = sources.filter_map(|source| source.most()).min();
        let step = self.config.market.step_days * 24;
        i64::from(most.map_or(step, |most| most.min(step)))
    }

    pub(super) fn not_kept(&self, cause: &StoreError) {
        self.reporter.emit(Event::Trouble {
            cause: cause.to_string(),
            remedy: "prices are told all the same; after a restart they have to be asked for again"
                .into(),
        });
    }
}

/// A candle's close is known at its end.
pub(super) fn close(candle: &Candle, span: i64) -> Close {
    Close {
        at: candle.start + span,
        price: candle.close,
    }
}
