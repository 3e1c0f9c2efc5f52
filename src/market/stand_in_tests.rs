use std::sync::Arc;

use time::{OffsetDateTime, macros::datetime};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    clock::{SharedClock, SimulatedClock},
    forecast::History,
    market::{Health, MarketConfig, MarketError, testing::Fake, testing_store::Memory},
    store::{CandleRepository as _, Origin, Series},
};

const START: OffsetDateTime = datetime!(2025-10-01 12:10 UTC);

/// Start of the hour that ends at so many o'clock.
fn ending(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() - HOUR
}

const AT_13: OffsetDateTime = datetime!(2025-10-01 13:00 UTC);

struct Bench {
    tiingo: Arc<Fake>,
    coinbase: Arc<Fake>,
    store: Arc<Memory>,
    clock: SharedClock,
    history: watch::Receiver<History>,
    health: watch::Receiver<Health>,
    notices: mpsc::Receiver<Notice>,
    _cancel: tokio_util::sync::DropGuard,
}

impl Bench {
    /// A keeper of ten days that runs, with Tiingo first, and Coinbase second if it is wanted.
    fn new(with_second: bool, prepare: impl FnOnce(&Fake, &Fake)) -> Self {
        Self::of(Arc::default(), START, with_second, prepare)
    }

    /// The same over a store that may hold candles, at a time.
    fn of(
        store: Arc<Memory>,
        at: OffsetDateTime,
        with_second: bool,
        prepare: impl FnOnce(&Fake, &Fake),
    ) -> Self {
        let clock: SharedClock = Arc::new(SimulatedClock::starting_at(at));
        let tiingo = Arc::new(Fake::new(&clock, Origin::Tiingo));
        let coinbase = Arc::new(Fake::new(&clock, Origin::Coinbase));
        prepare(&tiingo, &coinbase);
        let config = MarketConfig {
            history: Duration::from_secs(10 * 24 * 3600),
            ..MarketConfig::default()
        };
        let (told, notices) = mpsc::channel(64);
        let first = Arc::clone(&tiingo) as _;
        let kept = Arc::clone(&store) as _;
        let (keeper, history) =
            Keeper::new("btcusd", &config, first, kept, Arc::clone(&clock), told);
        let mut keeper = if with_second {
            keeper.with_stand_in(Arc::clone(&coinbase) as _, &config)
        } else {
            keeper
        };
        let health = keeper.health();
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        tokio::spawn(async move { keeper.run(token).await });
        Self {
            tiingo,
            coinbase,
            store,
            clock,
            history,
            health,
            notices,
            _cancel: cancel.drop_guard(),
        }
    }

    /// Waits for a notice that fits.
    async fn told<T>(&mut self, fits: impl Fn(&Notice) -> Option<T>) -> T {
        loop {
            let notice = self.notices.recv().await.expect("a notice");
            if let Some(found) = fits(&notice) {
                return found;
            }
        }
    }

    async fn updated(&mut self) -> usize {
        self.told(|it| match it {
            Notice::Updated { closes, .. } => Some(*closes),
            _ => None,
        })
        .await
    }

    fn minutes(&self) -> i64 {
        (self.clock.now() - START).whole_minutes()
    }

    async fn origin_of(&self, hour: i64) -> Option<Origin> {
        let series = Series::hourly("btcusd");
        let found = self.store.candles(&series, hour..hour + 1).await;
        found.expect("candles").first().map(|it| it.origin)
    }

    fn newest_close(&self) -> (i64, f64) {
        self.newest_close_or_none().expect("candles")
    }

    fn newest_close_or_none(&self) -> Option<(i64, f64)> {
        let history = self.history.borrow();
        let newest = history.candles.last()?;
        Some((newest.start, newest.close))
    }
}

fn failing() -> MarketError {
    MarketError::ServerFailed {
        from: Origin::Tiingo,
        status: 503,
        retry_after: None,
    }
}

fn refused() -> MarketError {
    MarketError::Unauthorized {
        status: 401,
        detail: String::new(),
    }
}

fn spent() -> MarketError {
    MarketError::QuotaSpent {
        retry_after: Duration::from_secs(5 * 3600),
    }
}

fn stand_in(notice: &Notice) -> Option<String> {
    match notice {
        Notice::StandIn { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_source_stands_in_after_ten_minutes_and_gives_way_when_the_first_is_back() {
    let mut bench = Bench::new(true, |_, coinbase| {
        coinbase.set_close(ending(AT_13), 1.001);
    });
    assert_eq!(bench.updated().await, 240);
    bench.tiingo.set_down(Some(failing));
    let cause = bench.told(stand_in).await;
    assert!(cause.contains("503"), "{cause}");
    assert!((60..=61).contains(&bench.minutes()), "{}", bench.minutes());
    assert_eq!(bench.updated().await, 240);
    assert_eq!(bench.newest_close(), (ending(AT_13), 1.001));
    let origin = bench.origin_of(ending(AT_13)).await;
    assert_eq!(origin, Some(Origin::Coinbase));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let health = bench.health.borrow_and_update().clone();
    assert!(health.standing_in && health.trouble.is_some(), "{health:?}");
    assert_eq!(health.source, Some(Origin::Coinbase));

    bench.tiingo.set_down(None);
    let (after, basis) = bench
        .told(|it| match it {
            Notice::Back { after, basis, .. } => Some((*after, *basis)),
            _ => None,
        })
        .await;
    assert!(after <= Duration::from_secs(400), "{after:?}");
    assert_eq!(bench.newest_close(), (ending(AT_13), 1.0), "it is replaced");
    let origin = bench.origin_of(ending(AT_13)).await;
    assert_eq!(origin, Some(Origin::Tiingo));
    let basis = basis.expect("measured");
    assert!((basis.largest - 1.001_f64.ln()).abs() < 1e-12, "{basis:?}");
    assert!(basis.mean < 0.0 && basis.mean_absolute < basis.largest);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let health = bench.health.borrow_and_update().clone();
    assert!(!health.standing_in && health.trouble.is_none() && health.caught_up);
}

#[tokio::test(start_paused = true)]
async fn a_first_source_that_answers_without_its_newest_candle_is_stood_in_for() {
    let mut bench = Bench::new(true, |tiingo, _| tiingo.set_lacks(&[ending(AT_13)]));
    let cause = bench.told(stand_in).await;
    assert!(cause.contains("newest candle is 10 min late"), "{cause}");
    assert_eq!(bench.minutes(), 60);
    bench.updated().await;
    assert_eq!(bench.newest_close().0, ending(AT_13));
}

#[tokio::test(start_paused = true)]
async fn a_first_source_whose_quota_is_spent_at_the_first_start_is_stood_in_for() {
    let mut bench = Bench::new(true, |tiingo, _| tiingo.set_down(Some(spent)));
    let cause = bench.told(stand_in).await;
    assert!(cause.contains("no candle for 10 min"), "{cause}");
    assert_eq!(bench.minutes(), 10);
    assert_eq!(bench.updated().await, 240);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_not_waited_with() {
    let mut bench = Bench::new(true, |tiingo, _| tiingo.set_down(Some(refused)));
    let cause = bench.told(stand_in).await;
    assert!(cause.contains("401"), "{cause}");
    assert_eq!(bench.updated().await, 240);
    assert_eq!(bench.minutes(), 0);
    // It goes on, hour by hour, with few words to the first source.
    for _ in 0..3 {
        bench.updated().await;
    }
    assert_eq!(bench.coinbase.asked().len(), 4);
    assert!(bench.tiingo.asked().len() <= 13, "every 15 minutes");
}

#[tokio::test(start_paused = true)]
async fn the_sources_are_compared_once_a_day_and_a_wide_basis_is_told() {
    let mut bench = Bench::new(true, |_, coinbase| {
        for hour in 0..400 {
            coinbase.set_close(ending(AT_13) - hour * HOUR, 1.01);
        }
    });
    let basis = bench
        .told(|it| match it {
            Notice::Apart { basis, .. } => Some(*basis),
            _ => None,
        })
        .await;
    assert_eq!(basis.pairs, 240);
    assert!((basis.mean + 1.01_f64.ln()).abs() < 1e-12, "{basis:?}");
    assert!(
        bench
            .history
            .borrow()
            .candles
            .iter()
            .all(|it| it.close < 1.005)
    );
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    assert_eq!(bench.coinbase.asked().len(), 1);
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(bench.coinbase.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_jump_that_the_second_source_has_too_is_used_at_once() {
    let mut bench = Bench::new(true, |tiingo, coinbase| {
        tiingo.set_close(ending(AT_13), 0.6);
        coinbase.set_close(ending(AT_13), 0.61);
    });
    assert_eq!(bench.updated().await, 240);
    assert_eq!(bench.updated().await, 240);
    assert_eq!(bench.newest_close(), (ending(AT_13), 0.6));
    assert_eq!(bench.minutes(), 50);
    let origin = bench.origin_of(ending(AT_13)).await;
    assert_eq!(origin, Some(Origin::Tiingo), "it is kept");
}

#[tokio::test(start_paused = true)]
async fn a_jump_that_the_second_source_has_too_outlasts_a_restart() {
    let spike = |tiingo: &Fake, coinbase: &Fake| {
        tiingo.set_close(ending(AT_13), 0.6);
        coinbase.set_close(ending(AT_13), 0.61);
    };
    let mut bench = Bench::new(true, spike);
    while bench.newest_close_or_none() != Some((ending(AT_13) + HOUR, 1.0)) {
        bench.updated().await;
    }
    let store = Arc::clone(&bench.store);
    drop(bench);

    let mut bench = Bench::of(
        Arc::clone(&store),
        START + Duration::from_secs(7200),
        true,
        spike,
    );
    bench.updated().await;
    let spike = ending(AT_13);
    let candles = bench.history.borrow().candles.clone();
    let close = candles.iter().find(|it| it.start == spike);
    assert_eq!(close.map(|it| it.close), Some(0.6));
    assert_eq!(bench.origin_of(spike).await, Some(Origin::Tiingo));
    let series = Series::hourly("btcusd");
    assert_eq!(store.set_asides(&series, 0).await.expect("rows"), []);
}

#[tokio::test(start_paused = true)]
async fn a_jump_that_the_second_source_has_not_is_set_aside_and_its_candle_used() {
    let mut bench = Bench::new(true, |tiingo, coinbase| {
        tiingo.set_close(ending(AT_13), 0.6);
        coinbase.set_close(ending(AT_13), 1.002);
    });
    let example = bench
        .told(|it| match it {
            Notice::SetAside { example, .. } => Some(example.clone()),
            _ => None,
        })
        .await;
    assert!(example.contains("Coinbase has 1.002 (Tiingo)"), "{example}");
    bench.updated().await;
    assert_eq!(bench.newest_close(), (ending(AT_13), 1.002));
    let series = Series::hourly("btcusd");
    let aside = bench.store.set_asides(&series, 0).await.expect("rows");
    assert_eq!(aside.len(), 1);
    assert!(aside[0].reason.starts_with("its close jumps from 1 to 0.6"));
    let asked = bench.tiingo.asked().len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(
        bench.tiingo.asked().len(),
        asked,
        "it is not asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_second_source_the_next_candle_decides() {
    for (next, newest, aside) in [(0.99, 0.99, 1), (0.58, 0.58, 0)] {
        let mut bench = Bench::new(false, |tiingo, _| {
            tiingo.set_close(ending(AT_13), 0.6);
            tiingo.set_close(ending(AT_13) + HOUR, next);
        });
        assert_eq!(bench.updated().await, 240);
        let before = bench
            .told(|it| match it {
                Notice::InDoubt { before, close, .. } => Some((*before, *close)),
                _ => None,
            })
            .await;
        assert_eq!(before, (1.0, 0.6));
        assert_eq!(bench.newest_close().0, ending(AT_13) - HOUR, "held back");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let in_doubt = bench.health.borrow_and_update().in_doubt;
        assert_eq!(in_doubt, Some(ending(AT_13)));
        assert_eq!(bench.origin_of(ending(AT_13)).await, None, "not kept");

        let begun = Instant::now();
        bench.updated().await;
        assert!(begun.elapsed() <= Duration::from_secs(3660));
        assert_eq!(bench.newest_close(), (ending(AT_13) + HOUR, newest));
        let kept = bench.origin_of(ending(AT_13)).await;
        assert_eq!(kept.is_none(), aside == 1, "{kept:?}");
        let series = Series::hourly("btcusd");
        let rows = bench.store.set_asides(&series, 0).await.expect("rows");
        assert_eq!(rows.len(), aside);
    }
}
