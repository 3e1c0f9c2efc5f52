use std::{ops::Range, sync::Mutex};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::mpsc;

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::{Candle, HOUR},
    market::{
        MarketError, Notice,
        testing::{Fake, Turn, candle},
        testing_store::Memory,
    },
    store::{Origin, Pair, Series, SetAside, StoreError, StoredCandle},
};

const START: OffsetDateTime = datetime!(2025-10-01 12:10 UTC);
const DAYS: i64 = 10;

/// The start of the hour that ended so many hours before the last full one.
fn hour(back: i64) -> i64 {
    datetime!(2025-10-01 11:00 UTC).unix_timestamp() - back * HOUR
}

struct Bench {
    keeper: Option<Keeper>,
    history: watch::Receiver<History>,
    notices: mpsc::Receiver<Notice>,
    source: Arc<Fake>,
    store: Arc<Memory>,
}

impl Bench {
    fn new(script: impl IntoIterator<Item = Turn>, lacks: &[i64]) -> Self {
        let clock: SharedClock = Arc::new(SimulatedClock::starting_at(START));
        let source = Arc::new(Fake {
            script: Mutex::new(script.into_iter().collect()),
            ..Fake::new(&clock, Origin::Tiingo)
        });
        source.set_lacks(lacks);
        let config = MarketConfig {
            history: Duration::from_secs(DAYS.unsigned_abs() * 24 * 3600),
            step_days: 3,
            ..MarketConfig::default()
        };
        let store = Arc::new(Memory::default());
        let (sender, notices) = mpsc::channel(64);
        let (keeper, history) = Keeper::new(
            "btcusd",
            &config,
            source.clone(),
            store.clone(),
            clock,
            sender,
        );
        Self {
            keeper: Some(keeper),
            history,
            notices,
            source,
            store,
        }
    }

    fn run(&mut self) -> CancellationToken {
        let cancel = CancellationToken::new();
        let mut keeper = self.keeper.take().expect("not yet running");
        let token = cancel.clone();
        tokio::spawn(async move { keeper.run(token).await });
        cancel
    }

    /// The next notice that is no word of progress.
    async fn told(&mut self) -> Notice {
        loop {
            let notice = self.notices.recv().await.expect("a notice");
            if !matches!(notice, Notice::Backfill { .. }) {
                return notice;
            }
        }
    }

    async fn updated(&mut self) -> (usize, usize) {
        loop {
            let notice = self.notices.recv().await.expect("a notice");
            if let Notice::Updated { closes, added, .. } = notice {
                return (closes, added);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fills_the_history_and_then_asks_after_each_full_hour() {
    let mut bench = Bench::new([], &[]);
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (240, 240));
    let steps: Vec<_> = bench
        .source
        .asked()
        .iter()
        .map(|(_, h, u)| (h.start, h.end, *u))
        .collect();
    let step = |from: i64, to: i64, urgent| (hour(from - 1), hour(to - 1), urgent);
    let expected = [
        step(72, 0, true),
        step(144, 72, false),
        step(216, 144, false),
        step(240, 216, false),
    ];
    assert_eq!(steps, expected);
    assert_eq!(bench.history.borrow().closes(), 240);

    assert_eq!(bench.updated().await, (240, 1));
    let (at, asked, urgent) = bench.source.asked().last().cloned().expect("asked");
    assert_eq!((asked, urgent), (hour(-1)..hour(-2), true));
    let first = bench.source.asked()[0].0;
    let after_the_hour = (at - first).as_secs() - 50 * 60;
    assert!((20..=31).contains(&after_the_hour), "{after_the_hour}");
    assert_eq!(
        bench.history.borrow().until(),
        Some(datetime!(2025-10-01 13:00 UTC))
    );
    let kept = bench.store.load("btcusd", 0).await.expect("kept");
    assert_eq!(kept.len(), 241);
}

#[tokio::test(start_paused = true)]
async fn recalls_from_the_store_and_fetches_the_rest_alone() {
    let mut bench = Bench::new([], &[]);
    let known: Vec<_> = (5..300).map(|back| candle(hour(back), 7.0)).collect();
    bench
        .store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &known)
        .await
        .expect("kept");
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (235, 0), "ten days of them, at once");
    let recalled = bench.history.borrow().candles[0];
    assert_eq!(recalled, candle(recalled.start, 7.0));
    assert_eq!(bench.updated().await, (240, 5));
    let asked: Vec<_> = bench
        .source
        .asked()
        .into_iter()
        .map(|(_, h, _)| h)
        .collect();
    assert_eq!(asked, vec![hour(4)..hour(-1); 1]);
}

#[tokio::test(start_paused = true)]
async fn a_short_answer_is_followed_by_a_request_for_the_rest() {
    let mut bench = Bench::new([Turn::Short(10), Turn::Short(10)], &[]);
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (240, 240));
}

#[tokio::test(start_paused = true)]
async fn hours_that_the_source_lacks_are_no_obstacle() {
    let mut bench = Bench::new([], &[hour(30), hour(31), hour(100)]);
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (237, 237));
    assert!(
        bench.source.asked().len() <= 8,
        "{}",
        bench.source.asked().len()
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_and_tried_again_with_growing_pauses() {
    let failure = || {
        Turn::Fail(MarketError::ServerFailed {
            from: Origin::Tiingo,
            status: 500,
            retry_after: None,
        })
    };
    let mut bench = Bench::new((0..9).map(|_| failure()), &[]);
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (240, 240));
    let times: Vec<_> = bench
        .source
        .asked()
        .iter()
        .map(|(at, ..)| *at)
        .take(10)
        .collect();
    let pauses: Vec<_> = times.windows(2).map(|w| (w[1] - w[0]).as_secs()).collect();
    let base = [5, 10, 20, 40, 80, 160, 300, 300, 300];
    for (pause, base) in pauses.iter().zip(base) {
        assert!((base..=base + base / 4 + 1).contains(pause), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_cause_remedy_and_when_it_is_tried_again() {
    let quota = MarketError::QuotaExceeded {
        from: Origin::Tiingo,
        retry_after: Some(Duration::from_secs(777)),
        detail: "too many".into(),
    };
    let refused = MarketError::Unauthorized {
        status: 401,
        detail: String::new(),
    };
    let mut bench = Bench::new([Turn::Fail(quota), Turn::Fail(refused)], &[]);
    let _cancel = bench.run();
    let Notice::Unavailable {
        cause,
        remedy,
        retry_in,
        ticker,
        may_heal: true,
    } = bench.told().await
    else {
        panic!("told first");
    };
    assert_eq!((ticker.as_str(), retry_in.as_secs()), ("btcusd", 777));
    assert!(
        cause.contains("too many") && remedy.contains("plan"),
        "{cause}; {remedy}"
    );
    let Notice::Unavailable { retry_in, .. } = bench.told().await else {
        panic!("told second");
    };
    assert!(retry_in.as_secs() >= 900, "{retry_in:?}");
    assert_eq!(bench.updated().await, (240, 240));
}

#[tokio::test(start_paused = true)]
async fn a_spent_quota_lets_the_newest_candle_through() {
    // The backfill finds the quota spent for five hours; the next candle is asked for all the same.
    let spent = || {
        Turn::Fail(MarketError::QuotaSpent {
            retry_after: Duration::from_secs(5 * 3600),
        })
    };
    let mut bench = Bench::new([Turn::Short(72), spent()], &[]);
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (72, 72));
    bench.updated().await;
    let asked = bench.source.asked();
    let waited = (asked[2].0 - asked[1].0).as_secs();
    assert!((50 * 60..=51 * 60).contains(&waited), "{waited}");
    assert_eq!((asked[2].1.end, asked[2].2), (hour(-2), true));
}

#[tokio::test(start_paused = true)]
async fn a_backfill_that_the_quota_stopped_is_not_caught_up() {
    let spent = || {
        Turn::Fail(MarketError::QuotaSpent {
            retry_after: Duration::from_secs(1800),
        })
    };
    let mut bench = Bench::new([Turn::Short(72), spent()], &[]);
    let mut health = bench.keeper.as_ref().expect("not yet running").health();
    let _cancel = bench.run();
    assert_eq!(bench.updated().await, (72, 72));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen = health.borrow_and_update().clone();
    assert!(!seen.caught_up && seen.missing == 168, "{seen:?}");
    let caught_up = health.wait_for(|seen| seen.caught_up).await;
    assert_eq!(caught_up.expect("runs").missing, 0);
    assert_eq!(bench.source.asked().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_candle_that_comes_late_is_polled_for() {
    let mut bench = Bench::new([Turn::Short(0)], &[]);
    let known: Vec<_> = (1..300).map(|back| candle(hour(back), 1.0)).collect();
    bench
        .store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &known)
        .await
        .expect("kept");
    let _cancel = bench.run();
    bench.updated().await;
    assert_eq!(bench.updated().await, (240, 1));
    let asked = bench.source.asked();
    let waited = (asked[1].0 - asked[0].0).as_secs();
    assert!((60..=71).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_store_is_told_and_no_obstacle() {
    struct Broken;
    #[async_trait]
    impl CandleRepository for Broken {
        async fn candles(
            &self,
            _: &Series,
            _: Range<i64>,
        ) -> Result<Vec<StoredCandle>, StoreError> {
            Err(broken())
        }
        async fn keep(&self, _: &Series, _: Origin, _: &[Candle]) -> Result<(), StoreError> {
            Err(broken())
        }
        async fn set_aside(&self, _: &Series, _: &[SetAside]) -> Result<(), StoreError> {
            Err(broken())
        }
        async fn set_asides(&self, _: &Series, _: i64) -> Result<Vec<SetAside>, StoreError> {
            Err(broken())
        }
        async fn pairs(&self, _: &Series, _: [Origin; 2], _: i64) -> Result<Vec<Pair>, StoreError> {
            Err(broken())
        }
        async fn inventory(&self) -> Result<Vec<(Series, Origin, u64)>, StoreError> {
            Err(broken())
        }
    }
    fn broken() -> StoreError {
        StoreError::Corrupt {
            what: "candles",
            cause: "a test".into(),
        }
    }
    let mut bench = Bench::new([], &[]);
    let keeper = bench.keeper.as_mut().expect("not yet running");
    keeper.shelf.store = Arc::new(Broken);
    let cancel = bench.run();
    assert!(matches!(
        bench.notices.recv().await,
        Some(Notice::NotKept { .. })
    ));
    assert_eq!(bench.updated().await, (240, 240));
    cancel.cancel();
    while bench.notices.recv().await.is_some() {}
    assert!(
        bench.history.has_changed().is_err(),
        "the keeper ended when asked"
    );
}
