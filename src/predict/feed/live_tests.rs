use std::{collections::BTreeSet, ops::Range, sync::Mutex};

use rstest::rstest;
use time::{OffsetDateTime, macros::datetime};
use tokio::time::{Instant, sleep};

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
        let second = Source::new(Origin::Coinbase, &clock);
        let (reporter, recording) = Reporter::recording();
        let supplies = Supplies {
            first: first.clone(),
            second: Some(second.clone()),
            store: store.clone(),
        };
        let feed = LiveFeed::new(config(1), supplies, Arc::clone(&clock), reporter).unwrap();
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

#[rstest]
#[case(1, Interval::Minute, Origin::Tiingo, 120)]
#[case(4, Interval::Minute, Origin::Tiingo, 480)]
#[case(4, Interval::FiveMinutes, Origin::Tiingo, 600)]
#[case(4, Interval::Hour, Origin::Tiingo, 3_600)]
#[case(4, Interval::Minute, Origin::Coinbase, 60)]
fn the_pace_keeps_to_four_fifths_of_the_quota(
    #[case] assets: usize,
    #[case] interval: Interval,
    #[case] first: Origin,
    #[case] expected: i64,
) {
    let config = LiveConfig {
        interval,
        ..config(assets)
    };
    assert_eq!(pace(&config, first), expected);
}

#[tokio::test(start_paused = true)]
async fn the_past_comes_first_and_then_new_candles_soon_after_they_ended() {
    let mut scene = Scene::new();
    let history = scene.feed.history().await.unwrap();
    assert_eq!((history.len(), history.latest()), (120, Some(noon())));
    assert_eq!(scene.feed.pace(), Duration::from_secs(120));
    let begun = Instant::now();
    assert_eq!(scene.next().await, (2, 120));
    assert_eq!(begun.elapsed(), Duration::from_secs(110), "at 12:02:20");
    let asked = scene.first.asked();
    assert_eq!(scene.next().await, (2, 240));
    assert_eq!(scene.first.asked(), asked + 1, "one request a pace");
    assert_eq!((scene.second.asked(), scene.events().len()), (0, 0));

    // A second process finds all in the store.
    let Scene {
        first,
        store,
        clock,
        ..
    } = scene;
    let asked = first.asked();
    let mut scene = Scene::with(first, store, clock);
    assert_eq!(scene.feed.history().await.unwrap().len(), 120);
    assert_eq!(scene.first.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn the_second_source_stands_in_after_a_while_and_steps_back() {
    let mut scene = Scene::new();
    scene.feed.history().await.unwrap();
    scene.first.set_down(Some(unreachable));
    assert_eq!(scene.next().await, (12, 720), "after ten minutes of trying");
    assert!(scene.first.asked() >= 5);
    assert_eq!(scene.events(), ["out", "stand-in"]);
    assert_eq!(scene.next().await, (2, 840));
    scene.first.set_down(None);
    assert_eq!(scene.next().await, (2, 960));
    assert_eq!(scene.events(), ["out", "stand-in", "back"]);
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_and_a_refused_key_are_not_waited_with() {
    for down in [spent as fn() -> MarketError, refused] {
        let mut scene = Scene::new();
        scene.feed.history().await.unwrap();
        scene.first.set_down(Some(down));
        assert_eq!(scene.next().await, (2, 120));
        assert_eq!(scene.events(), ["out", "stand-in"]);
        let asked = scene.first.asked();
        assert_eq!(scene.next().await, (2, 240));
        let refuses = matches!(down(), MarketError::Unauthorized { .. });
        assert_eq!(scene.first.asked(), asked + usize::from(!refuses));
    }
}

#[tokio::test(start_paused = true)]
async fn a_past_that_the_quota_makes_slow_comes_from_the_second_source() {
    let clock: SharedClock = Arc::new(SimulatedClock::starting_at(START));
    let first = Source::new(Origin::Tiingo, &clock);
    let slow = Source {
        takes: Duration::from_secs(6 * 3_600),
        origin: first.origin,
        clock: Arc::clone(&clock),
        down: Mutex::default(),
        closes: Mutex::default(),
        asked: Mutex::default(),
    };
    let mut scene = Scene::with(Arc::new(slow), Arc::default(), clock);
    assert_eq!(scene.feed.history().await.unwrap().len(), 120);
    assert_eq!((scene.first.asked(), scene.events()), (0, vec!["notice"]));
    assert_eq!(scene.next().await, (2, 120));
    assert_eq!(scene.first.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_past_that_is_late_is_told_when_it_is_there() {
    let mut scene = Scene::new();
    scene.first.set_down(Some(spent));
    scene.second.set_down(Some(unreachable));
    let begun = Instant::now();
    assert!(scene.feed.history().await.unwrap().is_empty());
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(60),
        "the start waits no longer"
    );
    scene.first.set_down(None);
    scene.second.set_down(None);
    // The newest come with the next candle; the fetch goes on when the quota lets it.
    let (mut came, mut latest) = (0, 0);
    while came < 120 {
        let next = scene.next().await;
        came += next.0;
        latest = latest.max(next.1);
    }
    assert!(latest >= 120);
    sleep(Duration::from_secs(3_600)).await;
    let series = Series::new("a0usd", Interval::Minute);
    let oldest = scene.store.candles(&series, 0..i64::MAX);
    assert!(oldest.await.unwrap()[0].candle.start <= noon() - 115 * 60);
    drop(scene.clock);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_jumps_waits_for_the_next() {
    let mut scene = Scene::new();
    scene.feed.history().await.unwrap();
    // The second of the next two is taken back by the third, and a later move is true.
    let odd = [(noon() + 60, 900.0)];
    scene.first.closes.lock().unwrap().extend(odd);
    let moved = (5..60).map(|minute| (noon() + minute * 60, 200.0));
    scene.first.closes.lock().unwrap().extend(moved);
    assert_eq!(scene.next().await, (1, 60));
    assert_eq!(scene.next().await, (2, 240), "12:02 is left out");
    let prices = scene.feed.next().await.unwrap();
    let closes: Vec<_> = prices
        .iter()
        .flat_map(|(_, closes)| closes)
        .map(|it| it.price)
        .collect();
    assert_eq!(closes, [100.0], "12:06 waits");
    let prices = scene.feed.next().await.unwrap();
    let closes: Vec<_> = prices
        .iter()
        .flat_map(|(_, closes)| closes)
        .map(|it| it.price)
        .collect();
    assert!(
        closes.len() >= 2 && closes.iter().all(|close| *close > 199.0),
        "{closes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_feed_without_a_price_or_an_asset_is_refused() {
    let mut scene = Scene::new();
    scene.first.set_down(Some(refused));
    scene.second.set_down(Some(refused));
    let words = scene.feed.history().await.unwrap_err().to_string();
    assert!(
        words.starts_with("there is no price at all: Tiingo refused the key"),
        "{words}"
    );

    let supplies = Supplies {
        first: scene.first,
        second: None,
        store: scene.store,
    };
    let none = LiveFeed::new(config(0), supplies, scene.clock, Reporter::recording().0);
    assert!(matches!(none, Err(FeedError::NoAsset)));
}

#[tokio::test]
async fn candles_of_tiingo_become_closes_and_are_kept() {
    use secrecy::SecretString;
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path, query_param},
    };

    use crate::{market::Tiingo, store::Store};

    let server = MockServer::start().await;
    let row = |minute: u32| {
        json!({ "date": format!("2025-10-01T11:{minute:02}:00+00:00"), "open": 1.5, "high": 4.5,
            "low": 0.5, "close": 1.0 + f64::from(minute), "volume": 3.25 })
    };
    let mut rows: Vec<_> = (0..60).map(|minute| row(minute % 60)).collect();
    for row in &mut rows {
        row["high"] = json!(100.0);
    }
    let answer = json!([{ "ticker": "a0usd", "priceData": rows }]);
    Mock::given(method("GET"))
        .and(path("/tiingo/crypto/prices"))
        .and(query_param("resampleFreq", "1min"))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let clock: SharedClock = Arc::new(SimulatedClock::starting_at(START));
    let mut config = config(1);
    config.market.base_url = server.uri();
    config.history = Duration::from_secs(3_600);
    let key = SecretString::from("0123456789abcdef-test");
    let tiingo = Tiingo::new(&config.market, key, Arc::clone(&clock)).unwrap();
    let store = Arc::new(Store::in_memory().await.unwrap());
    let supplies = Supplies {
        first: Arc::new(tiingo),
        second: None,
        store: store.clone(),
    };
    let mut feed = LiveFeed::new(config, supplies, clock, Reporter::recording().0).unwrap();
    let history = feed.history().await.unwrap();
    assert_eq!((history.len(), history.latest()), (60, Some(noon())));
    let last = history
        .iter()
        .next()
        .and_then(|(_, closes)| closes.last().copied());
    assert_eq!(last.map(|close| close.price.to_string()), Some("60".into()));
    let series = Series::new("a0usd", Interval::Minute);
    assert_eq!(store.candles(&series, 0..i64::MAX).await.unwrap().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_a_long_outage_left_out_is_fetched_afterwards() {
    let mut scene = Scene::new();
    scene.feed.history().await.unwrap();
    scene.first.set_down(Some(unreachable));
    scene.second.set_down(Some(unreachable));
    sleep(Duration::from_secs(90 * 60)).await;
    scene.first.set_down(None);
    // The newest 24 come at once, the others behind.
    let wanted: BTreeSet<i64> = (1..=90).map(|minute| noon() + 60 * minute).collect();
    let mut came = BTreeSet::new();
    let all = async {
        while !came.is_superset(&wanted) {
            let prices = scene.feed.next().await.unwrap();
            came.extend(
                prices
                    .iter()
                    .flat_map(|(_, closes)| closes)
                    .map(|close| close.at),
            );
        }
    };
    let limit = Duration::from_secs(4 * 3_600);
    tokio::time::timeout(limit, all).await.expect("all come");
    assert!(scene.events().contains(&"out"));
}
