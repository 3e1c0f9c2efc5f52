//! The live feed: sources that a test governs, and a clock that is paused.

mod outages;
mod pace;
mod past;

use std::{ops::Range, sync::Mutex};

use time::{OffsetDateTime, macros::datetime};
use tokio::time::sleep;

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::Candle,
    market::{Batch, MarketError, testing_store::Memory},
    ops::{Event, Recording},
    store::Series,
};

const START: OffsetDateTime = datetime!(2025-10-01 12:00:30 UTC);

/// Has a candle of each minute that ended twenty seconds ago, unless it is down.
struct Source {
    origin: Origin,
    clock: SharedClock,
    down: Mutex<Option<fn() -> MarketError>>,
    /// Starts and closes that are not 100.
    closes: Mutex<Vec<(i64, f64)>>,
    asked: Mutex<Vec<Range<i64>>>,
    takes: Duration,
    /// A ticker that is not answered for a while, and then in vain.
    hangs: Mutex<Option<&'static str>>,
}

impl Source {
    fn new(origin: Origin, clock: &SharedClock) -> Arc<Self> {
        Arc::new(Self {
            origin,
            clock: Arc::clone(clock),
            down: Mutex::default(),
            closes: Mutex::default(),
            asked: Mutex::default(),
            takes: Duration::ZERO,
            hangs: Mutex::default(),
        })
    }

    fn set_down(&self, down: Option<fn() -> MarketError>) {
        *self.down.lock().unwrap() = down;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl PriceSource for Source {
    fn origin(&self) -> Origin {
        self.origin
    }

    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError> {
        assert!(!urgent, "a fifth is another worker's");
        self.asked.lock().unwrap().push(range.clone());
        let hangs = *self.hangs.lock().unwrap();
        if hangs == Some(&*series.ticker) {
            sleep(Duration::from_secs(15)).await;
            return Err(unreachable());
        }
        if let Some(down) = *self.down.lock().unwrap() {
            return Err(down());
        }
        let span = series.interval.seconds();
        let full = (self.clock.now().unix_timestamp() - 20).div_euclid(span) * span;
        let starts = (range.start..range.end.min(full)).step_by(usize::try_from(span).unwrap());
        let closes = self.closes.lock().unwrap();
        let candles: Vec<_> = starts
            .map(|start| {
                let odd = closes.iter().find(|(at, _)| *at == start);
                candle(start, odd.map_or(100.0, |(_, close)| *close))
            })
            .collect();
        Ok(Batch {
            rows: candles.len(),
            candles,
            ..Batch::default()
        })
    }

    async fn takes(&self, _: usize) -> Duration {
        self.takes
    }
}

const fn candle(start: i64, close: f64) -> Candle {
    Candle {
        start,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}

fn unreachable() -> MarketError {
    MarketError::Unreachable {
        from: Origin::Tiingo,
        cause: "no route".into(),
    }
}

fn spent() -> MarketError {
    MarketError::QuotaSpent {
        retry_after: Duration::from_secs(1_800),
    }
}

fn refused() -> MarketError {
    MarketError::Unauthorized {
        status: 401,
        detail: String::new(),
    }
}

fn config(assets: usize) -> LiveConfig {
    let assets = (0..assets).map(|place| (format!("A{place}"), format!("a{place}usd")));
    LiveConfig {
        assets: assets.collect(),
        interval: Interval::Minute,
        history: Duration::from_secs(2 * 3_600),
        patience: Duration::from_secs(60),
        market: MarketConfig {
            jitter: Duration::ZERO,
            // A request brings 24 candles.
            step_days: 1,
            ..MarketConfig::default()
        },
    }
}

struct Scene {
    feed: LiveFeed,
    first: Arc<Source>,
    second: Arc<Source>,
    store: Arc<Memory>,
    clock: SharedClock,
    recording: Recording,
}

impl Scene {
    fn new() -> Self {
        let clock: SharedClock = Arc::new(SimulatedClock::starting_at(START));
        let first = Source::new(Origin::Tiingo, &clock);
        Self::with(first, Arc::default(), clock)
    }

    fn with(first: Arc<Source>, store: Arc<Memory>, clock: SharedClock) -> Self {
        Self::of(1, first, store, clock)
    }

    fn of(assets: usize, first: Arc<Source>, store: Arc<Memory>, clock: SharedClock) -> Self {
        let second = Source::new(Origin::Coinbase, &clock);
        let (reporter, recording) = Reporter::recording();
        let supplies = Supplies {
            first: first.clone(),
            second: Some(second.clone()),
            store: store.clone(),
        };
        let feed = LiveFeed::new(config(assets), supplies, Arc::clone(&clock), reporter).unwrap();
        Self {
            feed,
            first,
            second,
            store,
            clock,
            recording,
        }
    }

    /// How many closes come, and at which second of the hour the newest of them is.
    async fn next(&mut self) -> (usize, i64) {
        let prices = self.feed.next().await.unwrap();
        (prices.len(), prices.latest().unwrap() - noon())
    }

    fn events(&self) -> Vec<&'static str> {
        let names = self
            .recording
            .events()
            .into_iter()
            .filter_map(|event| match event {
                Event::PricesStandIn { .. } => Some("stand-in"),
                Event::PricesBack { .. } => Some("back"),
                Event::PricesUnavailable { .. } => Some("out"),
                Event::Notice { .. } => Some("notice"),
                Event::Trouble { .. } => Some("trouble"),
                _ => None,
            });
        names.collect()
    }
}

fn noon() -> i64 {
    datetime!(2025-10-01 12:00 UTC).unix_timestamp()
}
