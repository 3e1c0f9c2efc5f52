//! A year's history, and what a source lacks of it.

use time::{OffsetDateTime, macros::datetime};
use tokio::{sync::mpsc, time::Instant};

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::{Candle, HOUR},
    market::{
        Notice,
        quota::Quota,
        testing::{Fake, Turn},
        testing_store::Memory,
    },
    store::{Origin, Series, SetAside},
};

const START: OffsetDateTime = datetime!(2025-10-01 12:10 UTC);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The start of the newest full hour at the start.
fn newest() -> i64 {
    datetime!(2025-10-01 11:00 UTC).unix_timestamp()
}

struct Bench {
    source: Arc<Fake>,
    store: Arc<Memory>,
    history: watch::Receiver<History>,
    notices: mpsc::Receiver<Notice>,
    begun: Instant,
}

impl Bench {
    /// A keeper that runs from now on.
    fn run(clock: &SharedClock, source: Fake, store: Arc<Memory>, history: Duration) -> Self {
        let config = MarketConfig {
            history,
            ..MarketConfig::default()
        };
        let source = Arc::new(source);
        let (told, notices) = mpsc::channel(256);
        let (mut keeper, history) = Keeper::new(
            "btcusd",
            &config,
            Arc::clone(&source) as _,
            Arc::clone(&store) as _,
            Arc::clone(clock),
            told,
        );
        tokio::spawn(async move { keeper.run(CancellationToken::new()).await });
        Self {
            source,
            store,
            history,
            notices,
            begun: Instant::now(),
        }
    }

    fn new(change: impl FnOnce(&mut Fake), history: Duration) -> Self {
        let clock = clock();
        let mut source = Fake::new(&clock, Origin::Tiingo);
        change(&mut source);
        Self::run(&clock, source, Arc::default(), history)
    }

    /// Waits until so many closes are known.
    async fn known(&mut self, closes: usize) {
        let wait = self.history.wait_for(|it| it.closes() >= closes);
        let waited = tokio::time::timeout(3 * DAY, wait).await;
        waited.expect("in time").expect("a keeper");
    }

    async fn told<T>(&mut self, fits: impl Fn(&Notice) -> Option<T>) -> T {
        loop {
            let notice = self.notices.recv().await.expect("a notice");
            if let Some(found) = fits(&notice) {
                return found;
            }
        }
    }

    async fn backfill(&mut self) -> (usize, usize, Duration) {
        self.told(|it| match it {
            Notice::Backfill {
                left,
                requests,
                takes,
                ..
            } => Some((*left, *requests, *takes)),
            _ => None,
        })
        .await
    }

    /// Requests in the fullest hour.
    fn fullest_hour(&self) -> usize {
        let times: Vec<_> = self.source.asked().iter().map(|(at, ..)| *at).collect();
        let within = |from: Instant| {
            let hour = from..from + Duration::from_secs(3600);
            times.iter().filter(|at| hour.contains(at)).count()
        };
        times.iter().map(|at| within(*at)).max().unwrap_or_default()
    }
}

fn clock() -> SharedClock {
    Arc::new(SimulatedClock::starting_at(START))
}

fn quota(clock: &SharedClock, store: &Arc<Memory>) -> Quota {
    let quota = Quota::new(&MarketConfig::default(), Arc::clone(clock));
    quota.remembering(Arc::clone(store) as _)
}

#[tokio::test(start_paused = true)]
async fn the_default_history_takes_fourteen_requests_and_no_waiting() {
    let days = MarketConfig::default().history;
    let mut bench = Bench::new(
        |source| source.quota = Some(quota(&clock(), &Arc::default())),
        days,
    );
    assert_eq!(bench.backfill().await, (9600, 14, Duration::ZERO));
    let (left, requests, _) = bench.backfill().await;
    assert_eq!((left, requests), (9600 - 2 * 720, 12), "told at each tenth");
    bench.known(9600).await;
    assert_eq!(bench.source.asked().len(), 14);
    assert!(bench.begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_year_in_short_answers_keeps_to_the_hourly_quota_and_is_told_how_long_it_takes() {
    let clock = clock();
    let store = Arc::new(Memory::default());
    let source = Fake {
        cap: Some(100),
        quota: Some(quota(&clock, &store)),
        ..Fake::new(&clock, Origin::Tiingo)
    };
    let mut bench = Bench::run(&clock, source, store, DAY * 365);
    bench.known(28 * 24).await;
    assert!(
        bench.begun.elapsed() < Duration::from_secs(5),
        "newest first"
    );
    let mut takes = Vec::new();
    while let Ok(notice) = bench.notices.try_recv() {
        match notice {
            Notice::Backfill { takes: it, .. } => takes.push(it.as_secs() / 3600),
            notice => assert!(matches!(notice, Notice::Updated { .. }), "{notice:?}"),
        }
    }
    assert_eq!(
        takes[..2],
        [0, 2],
        "with the first answer it is known to take longer"
    );
    bench.known(365 * 24).await;
    let asked = bench.source.asked().len();
    assert!((88..=100).contains(&asked), "{asked} requests");
    assert!(bench.fullest_hour() <= 50, "{}", bench.fullest_hour());
    let hours = bench.begun.elapsed().as_secs() / 3600;
    assert_eq!(hours, 2, "40 an hour, since a fifth is for the newest");
    let newest_seen = bench.history.borrow().candles.last().map(Candle::end);
    while let Ok(notice) = bench.notices.try_recv() {
        let unavailable = matches!(notice, Notice::Unavailable { .. });
        assert!(
            !unavailable,
            "waiting for the quota is no failure: {notice:?}"
        );
    }
    let now = clock.now().unix_timestamp();
    assert!(newest_seen.is_some_and(|end| now - end < HOUR + 60));
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_the_backfill_does_not_begin_the_quota_anew() {
    let (clock, store) = (clock(), Arc::new(Memory::default()));
    let mut asked = 0;
    for _ in 0..3 {
        let source = Fake {
            cap: Some(100),
            quota: Some(quota(&clock, &store)),
            ..Fake::new(&clock, Origin::Tiingo)
        };
        let bench = Bench::run(&clock, source, Arc::clone(&store), DAY * 365);
        tokio::time::sleep(Duration::from_secs(60)).await;
        asked += bench.source.asked().len();
    }
    assert!((40..=50).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_was_listed_lately_is_asked_for_once_a_day_before_that() {
    let listed = newest() - 100 * HOUR;
    let mut bench = Bench::new(|source| source.listed = listed, DAY * 365);
    bench.known(101).await;
    tokio::time::sleep(DAY).await;
    let before = |asked: &[(Instant, std::ops::Range<i64>, bool)]| {
        asked.iter().filter(|(_, it, _)| it.start < listed).count()
    };
    let first_day = bench.source.asked();
    // One that brought the first hours, three empty ones, and the growing pauses of a day.
    assert!(before(&first_day) <= 10, "{}", before(&first_day));
    tokio::time::sleep(DAY * 5).await;
    let asked = bench.source.asked();
    let daily = before(&asked) - before(&first_day);
    assert!((4..=7).contains(&daily), "{daily}");
    assert_eq!(bench.history.borrow().closes(), 101 + 6 * 24);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_ticker_stays_a_failure() {
    let mut bench = Bench::new(|source| source.listed = i64::MAX, DAY * 60);
    for _ in 0..6 {
        let (cause, remedy) = bench
            .told(|it| match it {
                Notice::Unavailable { cause, remedy, .. } => Some((cause.clone(), remedy.clone())),
                _ => None,
            })
            .await;
        assert!(cause.contains("no price of \"btcusd\" at all"), "{cause}");
        assert!(remedy.contains("ticker"), "{remedy}");
    }
    let asked = bench.source.asked();
    let first = asked[0].1.start;
    assert!(
        asked.iter().all(|(_, it, _)| it.start >= first),
        "it does not walk back"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_is_a_failure_that_is_asked_again() {
    let mut bench = Bench::new(
        |source| {
            source.script.get_mut().expect("a script").extend([
                Turn::Short(720),
                Turn::Empty,
                Turn::Empty,
            ]);
        },
        DAY * 60,
    );
    let failure = |it: &Notice| match it {
        Notice::Unavailable { cause, .. } => Some(cause.clone()),
        _ => None,
    };
    assert!(bench.told(failure).await.contains("no price"));
    bench.known(60 * 24).await;
    assert_eq!(bench.source.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_is_not_asked_for_at_once_after_a_restart() {
    let (clock, store) = (clock(), Arc::new(Memory::default()));
    let series = Series::hourly("btcusd");
    let bad = newest() - 48 * HOUR;
    let known = (0..240).map(|back| newest() - back * HOUR);
    let known = known.filter(|hour| *hour != bad);
    let known: Vec<_> = known
        .map(|hour| crate::market::testing::candle(hour, 1.0))
        .collect();
    store
        .keep(&series, Origin::Tiingo, &known)
        .await
        .expect("kept");
    let aside = SetAside {
        start: bad,
        source: Origin::Tiingo,
        at: 0,
        reason: "close is 0".into(),
    };
    store.set_aside(&series, &[aside]).await.expect("kept");
    let source = Fake::new(&clock, Origin::Tiingo);
    let mut bench = Bench::run(&clock, source, store, DAY * 10);
    bench.known(239).await;
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert_eq!(bench.source.asked().len(), 0);
    bench.known(240).await;
    let rows = bench.store.set_asides(&series, 0).await.expect("rows");
    assert_eq!(rows.len(), 0, "the source has a better one now");
}

#[tokio::test(start_paused = true)]
async fn what_another_process_imports_is_used_after_the_next_full_hour() {
    let clock = clock();
    let source = Fake::new(&clock, Origin::Tiingo);
    let mut bench = Bench::run(&clock, source, Arc::default(), DAY * 10);
    bench.known(240).await;
    let corrected = crate::market::testing::candle(newest() - 5 * HOUR, 1.02);
    bench
        .store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &[corrected])
        .await
        .expect("kept");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let closes = bench.history.borrow().candles.clone();
    assert!(closes.contains(&corrected));
}
