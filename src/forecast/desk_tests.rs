#![allow(clippy::float_cmp, reason = "values pass through unchanged")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use time::{OffsetDateTime, macros::datetime};
use tokio::{sync::watch, time::advance};
use tokio_util::sync::CancellationToken;

use super::{Desk, DeskHandle, TopicSpec};
use crate::{
    clock::SimulatedClock,
    forecast::{
        Blocking, Candle, Fallback, Fitted, ForecastConfig, ForecastError, HOUR, History, Model,
        Source, Target,
    },
    types::{Nonce, TopicId, WindowKey},
};

const START: OffsetDateTime = datetime!(2025-10-01 12:00 UTC);
const TOPIC: TopicId = TopicId(67);
const KEY: WindowKey = key(67);
const SECOND: Duration = Duration::from_secs(1);

/// What the scripted forecaster does with a history, by its number of closes.
type Script = dyn Fn(usize) -> Result<f64, Fallback> + Send + Sync;

struct Scripted {
    script: Box<Script>,
    calls: Arc<AtomicUsize>,
}

impl Model for Scripted {
    fn fit_predict(
        &self,
        history: &History,
        _horizon: Duration,
        _target: Target,
    ) -> Result<Fitted, Fallback> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        (self.script)(history.closes()).map(|value| Fitted {
            value,
            source: Source::Gated,
            report: None,
        })
    }
}

struct Bench {
    desk: Option<Desk>,
    handle: DeskHandle,
    history: watch::Sender<History>,
    calls: Arc<AtomicUsize>,
}

impl Bench {
    fn new(script: impl Fn(usize) -> Result<f64, Fallback> + Send + Sync + 'static) -> Self {
        let (history, receiver) = watch::channel(History::default());
        let calls = Arc::new(AtomicUsize::new(0));
        let forecaster = Scripted {
            script: Box::new(script),
            calls: calls.clone(),
        };
        let desk = Desk::with_forecaster(
            ForecastConfig {
                max_abs: 1.0,
                ..ForecastConfig::default()
            },
            vec![spec("btcusd")],
            &HashMap::from([("btcusd".to_owned(), receiver)]),
            Arc::new(SimulatedClock::starting_at(START)),
            Arc::new(Blocking::new(forecaster)),
        );
        let desk = desk.expect("a desk");
        Self {
            handle: desk.handle(),
            desk: Some(desk),
            history,
            calls,
        }
    }

    /// Lets so many candles be known, the newest of which ended `hours` before the start.
    fn know(&self, closes: i64, hours: i64) {
        let end = START.unix_timestamp() - hours * HOUR;
        let candles = (1..=closes).map(|back| candle(end - back * HOUR));
        self.history.send_replace(History::new("btcusd", candles));
    }

    fn run(&mut self) -> CancellationToken {
        let cancel = CancellationToken::new();
        let desk = self.desk.take().expect("not yet running");
        let token = cancel.clone();
        tokio::spawn(async move { desk.run(token).await });
        cancel
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

const fn key(topic: u64) -> WindowKey {
    WindowKey {
        topic: TopicId(topic),
        nonce: Nonce(120),
    }
}

fn spec(ticker: &str) -> TopicSpec {
    TopicSpec {
        topic: TOPIC,
        ticker: ticker.to_owned(),
        horizon: Duration::from_secs(168 * 3600),
        target: Target::LogReturn,
    }
}

fn candle(start: i64) -> Candle {
    Candle {
        start,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: 1.0,
        volume: 1.0,
    }
}

#[tokio::test(start_paused = true)]
async fn answers_zero_before_any_history() {
    let bench = Bench::new(|_| Ok(0.5));
    let reason = Some(Fallback::ShortHistory {
        closes: 0,
        needed: 337,
    });
    let latest = bench.handle.latest(TOPIC).expect("a topic");
    assert_eq!((latest.value, &latest.fallback), (0.0, &reason));
    assert_eq!(bench.handle.fresh(KEY), None);
    let within = bench.handle.within(KEY, Duration::ZERO).await;
    assert_eq!((within.value, &within.fallback), (0.0, &reason));
    assert_eq!(bench.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn prepares_a_forecast_when_candles_come() {
    let mut bench = Bench::new(|closes| Ok(closes as f64 / 1000.0));
    let mut prepared = bench.handle.prepared();
    let _cancel = bench.run();
    bench.know(400, 0);
    let told = loop {
        let forecast = prepared.recv().await.expect("told");
        if forecast.fallback.is_none() {
            break forecast;
        }
    };
    assert_eq!((told.value, told.closes), (0.4, 400));
    assert_eq!(told.data_until, Some(START));
    assert_eq!(bench.handle.fresh(KEY), Some(told.clone()));
    assert_eq!(bench.handle.within(KEY, Duration::ZERO).await, told);
    assert_eq!(bench.calls(), 1);

    bench.know(401, 0);
    assert_eq!(bench.handle.fresh(KEY), None, "a newer candle is known");
    let next = prepared.recv().await.expect("told");
    assert_eq!(bench.handle.latest(TOPIC), Some(next.clone()));
    assert_eq!(next.closes, 401);
}

#[tokio::test(start_paused = true)]
async fn works_without_running_and_trains_once_for_all_who_ask() {
    let (release, script) = held();
    let bench = Bench::new(script);
    bench.know(400, 0);
    let ask = || bench.handle.within(KEY, SECOND);
    let answer = async {
        // All three have asked by now.
        tokio::task::yield_now().await;
        release.send(0.25).expect("held");
    };
    let (a, b, c, ()) = tokio::join!(ask(), ask(), ask(), answer);
    assert_eq!(a.value, 0.25);
    assert!(Arc::ptr_eq(&a, &b) && Arc::ptr_eq(&b, &c));
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn stale_candles_are_a_fallback_without_training() {
    let mut bench = Bench::new(|_| Ok(0.5));
    let mut prepared = bench.handle.prepared();
    bench.know(400, 0);
    assert_eq!(bench.handle.within(KEY, SECOND).await.value, 0.5);
    let _cancel = bench.run();
    prepared.recv().await.expect("told");
    advance(Duration::from_secs(6 * 3600)).await;
    assert!(bench.handle.fresh(KEY).is_some(), "exactly six hours");
    advance(SECOND).await;
    assert_eq!(bench.handle.fresh(KEY), None);
    // The desk looks at the age by itself, so that `latest` is no old opinion either.
    let told = loop {
        let forecast = prepared.recv().await.expect("told");
        if forecast.fallback.is_some() {
            break forecast;
        }
    };
    assert!(matches!(
        told.fallback,
        Some(Fallback::StaleHistory {
            age_seconds: 21_601..
        })
    ));
    assert_eq!(bench.handle.latest(TOPIC), Some(told));
    let calls = bench.calls();
    assert_eq!(bench.handle.within(KEY, SECOND).await.value, 0.0);
    assert_eq!(bench.calls(), calls);
}

/// A forecaster that holds each answer until it is released.
fn held() -> (mpsc::Sender<f64>, impl Fn(usize) -> Result<f64, Fallback>) {
    let (release, gate) = mpsc::channel();
    let gate = Mutex::new(gate);
    let script = move |_| Ok(gate.lock().expect("a gate").recv().unwrap_or(f64::NAN));
    (release, script)
}

#[tokio::test(start_paused = true)]
async fn a_late_training_is_not_waited_for_and_is_still_filed() {
    let (release, script) = held();
    let bench = Bench::new(script);
    bench.know(400, 0);
    let mut prepared = bench.handle.prepared();
    let handle = bench.handle.clone();
    let asked = tokio::spawn(async move { handle.within(KEY, SECOND * 60).await });
    tokio::task::yield_now().await;
    // The configured deadline of two seconds is the shorter one.
    advance(SECOND * 2).await;
    let late = asked.await.expect("no panic");
    assert_eq!((late.value, &late.fallback), (0.0, &Some(Fallback::Late)));
    release.send(0.125).expect("held");
    assert_eq!(prepared.recv().await.expect("told").value, 0.125);
    assert_eq!(bench.handle.fresh(KEY).expect("filed").value, 0.125);

    // With newer candles whose training hangs, the last forecast is the answer.
    bench.know(401, 0);
    let handle = bench.handle.clone();
    let asked = tokio::spawn(async move { handle.within(KEY, SECOND).await });
    tokio::task::yield_now().await;
    advance(SECOND).await;
    assert_eq!(asked.await.expect("no panic").value, 0.125);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_training_is_a_fallback() {
    let bench = Bench::new(|closes| {
        if closes == 401 {
            Ok(0.5)
        } else {
            panic!("a bad day")
        }
    });
    bench.know(400, 0);
    let fallen = bench.handle.within(KEY, SECOND).await;
    let Some(Fallback::Unfit { detail }) = &fallen.fallback else {
        panic!("{fallen:?}");
    };
    assert!(detail.contains("a bad day"), "{detail}");
    bench.know(401, 0);
    assert_eq!(bench.handle.within(KEY, SECOND).await.value, 0.5);
    // After a good forecast, the last one is better than zero, until its candles are too old.
    bench.know(402, 0);
    assert_eq!(bench.handle.within(KEY, SECOND).await.value, 0.5);
    advance(Duration::from_secs(7 * 3600)).await;
    bench.know(403, -6);
    let fallen = bench.handle.within(KEY, SECOND).await;
    assert!(matches!(fallen.fallback, Some(Fallback::Unfit { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_number_that_is_none_is_a_fallback() {
    let bench = Bench::new(|_| Ok(f64::NAN));
    bench.know(400, 0);
    let fallen = bench.handle.within(KEY, SECOND).await;
    assert_eq!(fallen.value, 0.0);
    assert!(matches!(fallen.fallback, Some(Fallback::Unfit { .. })));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_topic_is_answered_and_an_unknown_ticker_refused() {
    let bench = Bench::new(|_| Ok(0.5));
    assert_eq!(bench.handle.latest(TopicId(1)), None);
    assert_eq!(bench.handle.within(key(1), SECOND).await.value, 0.0);
    let clock = Arc::new(SimulatedClock::starting_at(START));
    let config = ForecastConfig::default();
    let refused = Desk::new(config, vec![spec("ethusd")], &HashMap::new(), clock);
    assert!(matches!(
        refused,
        Err(ForecastError::UnknownTicker { topic: TOPIC, .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn ends_when_asked() {
    let mut bench = Bench::new(|_| Ok(0.5));
    let desk = bench.desk.take().expect("a desk");
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = tokio::spawn(async move { desk.run(token).await });
    tokio::task::yield_now().await;
    cancel.cancel();
    running.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn topics_that_ask_for_the_same_share_a_training() {
    let (_history, receiver) = watch::channel(History {
        ticker: "btcusd".into(),
        candles: Arc::default(),
    });
    let forecaster = Scripted {
        script: Box::new(|_| Ok(0.5)),
        calls: Arc::default(),
    };
    let other = TopicSpec {
        topic: TopicId(68),
        ..spec("btcusd")
    };
    let shorter = TopicSpec {
        topic: TopicId(69),
        horizon: Duration::from_hours(1),
        ..spec("btcusd")
    };
    let desk = Desk::with_forecaster(
        ForecastConfig::default(),
        vec![spec("btcusd"), other, shorter],
        &HashMap::from([("btcusd".to_owned(), receiver)]),
        Arc::new(SimulatedClock::starting_at(START)),
        Arc::new(Blocking::new(forecaster)),
    )
    .unwrap();
    let handle = desk.handle();
    let mut prepared = handle.prepared();
    for topic in [TOPIC, TopicId(68), TopicId(69)] {
        assert_eq!(handle.latest(topic).unwrap().topic, topic);
    }
    assert_eq!(handle.trainer.questions(), [TOPIC, TopicId(69)]);
    handle.within(key(68), SECOND).await;
    let told: Vec<_> = std::iter::from_fn(|| prepared.try_recv().ok())
        .map(|forecast| forecast.topic)
        .collect();
    assert_eq!(told, [TOPIC, TopicId(68)]);
}
