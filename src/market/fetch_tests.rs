use std::sync::Mutex;

use async_trait::async_trait;
use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{
    clock::SimulatedClock,
    market::{Interval, testing::candle, testing_store::Memory},
};

/// Has a candle of any interval since a time; answers with so many rows at most, the newest.
struct Source {
    origin: Origin,
    since: i64,
    rows: usize,
    failures: Mutex<Vec<MarketError>>,
    asked: Mutex<usize>,
}

impl Source {
    fn new(origin: Origin, since: i64, rows: usize, failures: Vec<MarketError>) -> Arc<Self> {
        Arc::new(Self {
            origin,
            since,
            rows,
            failures: Mutex::new(failures),
            asked: Mutex::default(),
        })
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
        assert!(!urgent, "a fifth is the worker's");
        *self.asked.lock().expect("asked") += 1;
        if let Some(failure) = self.failures.lock().expect("failures").pop() {
            return Err(failure);
        }
        let span = series.interval.seconds();
        let starts = (range.start / span..range.end / span).map(|at| at * span);
        let starts = starts.filter(|start| *start >= self.since).rev();
        let candles: Vec<_> = starts.take(self.rows).map(|at| candle(at, 1.0)).collect();
        Ok(Batch {
            rows: candles.len(),
            candles,
            ..Batch::default()
        })
    }
}

fn spent() -> MarketError {
    MarketError::QuotaSpent {
        retry_after: Duration::from_secs(1800),
    }
}

fn refused() -> MarketError {
    MarketError::Unauthorized {
        status: 401,
        detail: String::new(),
    }
}

async fn fetched(
    store: &Memory,
    interval: Interval,
    sources: &[Arc<Source>],
) -> (Result<Fetched, FetchError>, Vec<Progress>) {
    let clock: SharedClock = Arc::new(SimulatedClock::starting_at(
        datetime!(2025-10-11 00:00:30 UTC),
    ));
    let config = MarketConfig {
        history: Duration::from_secs(10 * 24 * 3600),
        ..MarketConfig::default()
    };
    let mut told = Vec::new();
    let sources: Vec<_> = sources.iter().map(|it| Arc::clone(it) as _).collect();
    let series = Series::new("btcusd", interval);
    let done = fetch(store, &series, &sources, &config, &clock, |it| {
        told.push(it);
    })
    .await;
    (done, told)
}

#[rstest]
#[case(Interval::Minute, 14_400)]
#[case(Interval::FiveMinutes, 2_880)]
#[case(Interval::Hour, 240)]
#[case(Interval::Day, 10)]
#[tokio::test(start_paused = true)]
async fn fills_a_series_of_any_interval_and_waits_for_the_quota(
    #[case] interval: Interval,
    #[case] all: usize,
) {
    let store = Memory::default();
    // Answers are cut short.
    let source = Source::new(Origin::Tiingo, 0, 1000, vec![spent()]);
    let (done, told) = fetched(&store, interval, std::slice::from_ref(&source)).await;
    let expected = Fetched {
        came: all,
        missing: 0,
    };
    assert_eq!(done.expect("fetched"), expected);
    let wait = Duration::from_secs(1800);
    let paused = |it: &Progress| matches!(it, Progress::Pause { wait: it, .. } if *it == wait);
    assert_eq!(told.iter().filter(|it| paused(it)).count(), 1, "{told:?}");
    assert_eq!(told.first(), Some(&Progress::Left(all)));
    assert!(*source.asked.lock().expect("asked") <= all / 720 + 12);

    let (again, _) = fetched(&store, interval, std::slice::from_ref(&source)).await;
    assert_eq!(again.expect("fetched").came, 0, "all is there");
}

#[tokio::test(start_paused = true)]
async fn the_second_source_is_asked_for_what_the_first_has_not() {
    let store = Memory::default();
    let middle = datetime!(2025-10-06 00:00 UTC).unix_timestamp();
    let first = Source::new(Origin::Tiingo, middle, 5000, Vec::new());
    let second = Source::new(Origin::Coinbase, 0, 5000, Vec::new());
    let (done, _) = fetched(&store, Interval::FiveMinutes, &[first, second]).await;
    let expected = Fetched {
        came: 2880,
        missing: 0,
    };
    assert_eq!(done.expect("fetched"), expected);
    let sources = [Origin::Tiingo, Origin::Coinbase];
    let series = Series::new("btcusd", Interval::FiveMinutes);
    let both = store.pairs(&series, sources, 0).await.expect("pairs");
    assert_eq!(both, [], "nothing is asked for twice");
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_leaves_the_second_source_and_without_one_it_fails() {
    let store = Memory::default();
    let refusing = || Source::new(Origin::Tiingo, 0, 5000, vec![refused()]);
    let (done, told) = fetched(&store, Interval::Day, &[refusing()]).await;
    assert!(matches!(done, Err(FetchError::Source(_))), "{done:?}");
    assert!(matches!(told.last(), Some(Progress::GivenUp { .. })));
    let unlisted = Source::new(Origin::Tiingo, i64::MAX, 5000, Vec::new());
    let (done, _) = fetched(&store, Interval::Day, &[unlisted]).await;
    let empty = matches!(done, Err(FetchError::Source(MarketError::Empty { .. })));
    assert!(empty, "{done:?}");
    let second = Source::new(Origin::Coinbase, 0, 5000, Vec::new());
    let (done, _) = fetched(&store, Interval::Day, &[refusing(), second]).await;
    assert_eq!(done.expect("fetched").came, 10);
}
