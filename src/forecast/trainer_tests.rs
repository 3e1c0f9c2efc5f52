#![allow(clippy::float_cmp, reason = "values pass through unchanged")]

use std::collections::HashMap;

use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::{Blocking, Desk, DeskHandle, Fitted, HOUR, Model, Outside, testing::WEEK},
    types::{Nonce, WindowKey},
};

const TOPIC: TopicId = TopicId(67);
const CLOSE: f64 = 50_000.0;
const NOW: time::OffsetDateTime = datetime!(2025-10-01 12:00 UTC);

/// A forecaster that never has an answer.
struct Mute;

impl Model for Mute {
    fn fit_predict(&self, _: &History, _: Duration, _: Target) -> Result<Fitted, Fallback> {
        let detail = "nothing to say".to_owned();
        Err(Fallback::Unfit { detail })
    }
}

fn spec(topic: TopicId, target: Target) -> TopicSpec {
    TopicSpec {
        topic,
        ticker: "btcusd".to_owned(),
        horizon: WEEK,
        target,
    }
}

/// So many closes, the newest of which is `hours` old.
fn history(closes: i64, hours: i64) -> History {
    let newest = NOW.unix_timestamp() / HOUR - hours - 1;
    let candle = |back| crate::forecast::testing::candle(newest - back, CLOSE + back as f64);
    History::new("btcusd", (0..closes).map(candle))
}

fn desk(config: ForecastConfig, topics: Vec<TopicSpec>, history: History) -> Desk {
    let (_, receiver) = watch::channel(history);
    let histories = HashMap::from([("btcusd".to_owned(), receiver)]);
    let clock = Arc::new(SimulatedClock::starting_at(NOW));
    let model = Arc::new(Blocking::new(Mute));
    Desk::with_forecaster(config, topics, &histories, clock, model).expect("a desk")
}

fn outside() -> Outside {
    Outside {
        forecaster: Arc::new(Blocking::new(Mute)),
        source: Source::Http,
        time_limit: Duration::from_secs(1),
        closes: 0,
        labels: Vec::new(),
    }
}

async fn answer(handle: &DeskHandle) -> Arc<Forecast> {
    let (topic, nonce) = (TOPIC, Nonce(120));
    let key = WindowKey { topic, nonce };
    handle.within(key, Duration::from_secs(1)).await
}

#[rstest]
#[case::no_fit(0.25, 400, 0)]
#[case::stale(0.25, 400, 100)]
#[case::switched_off(0.0, 400, 0)]
#[case::switched_off_and_stale(0.0, 1, 100)]
#[tokio::test(start_paused = true)]
async fn a_fallback_is_no_change_in_the_targets_unit(
    #[case] max_abs: f64,
    #[case] closes: i64,
    #[case] hours: i64,
    #[values(false, true)] is_outside: bool,
) {
    for (target, unchanged) in [
        (Target::Price, CLOSE),
        (Target::LogReturn, 0.0),
        (Target::PercentReturn, 0.0),
    ] {
        let config = ForecastConfig {
            max_abs,
            ..ForecastConfig::default()
        };
        let desk = desk(config, vec![spec(TOPIC, target)], history(closes, hours));
        let desk = desk.with_outside(is_outside.then(|| (TOPIC, outside())));
        for _ in 0..2 {
            let forecast = answer(&desk.handle()).await;
            assert_eq!(forecast.value, unchanged, "{forecast:?}");
            assert_eq!(forecast.source, Source::Fallback);
            let is_loud = matches!(forecast.fallback, Some(Fallback::NoPrice { .. }));
            assert!(forecast.fallback.is_some() && !is_loud);
        }
    }
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn a_price_without_any_close_is_owned_up_to(
    #[values(0.0, 0.25)] max_abs: f64,
    #[values(false, true)] is_outside: bool,
) {
    let config = ForecastConfig {
        max_abs,
        ..ForecastConfig::default()
    };
    let topics = vec![spec(TOPIC, Target::Price)];
    let desk = desk(config, topics, History::default());
    let desk = desk.with_outside(is_outside.then(|| (TOPIC, outside())));
    let forecast = answer(&desk.handle()).await;
    assert_eq!(forecast.value, 0.0);
    let reason = forecast.fallback.as_ref().expect("a reason").to_string();
    assert!(reason.contains("NO PRICE IS KNOWN"), "{reason}");
}

#[test]
fn topics_that_another_forecaster_answers_hold_nothing_back() {
    let topics = [TOPIC, TopicId(68)].map(|topic| spec(topic, Target::LogReturn));
    let desk = desk(ForecastConfig::default(), topics.into(), history(400, 0));
    let desk = desk.with_outside([(TopicId(68), outside())]);
    let fuse = |weight: f64| LiveFuse {
        weight,
        t: None,
        days: 200,
    };
    let fuses = LiveFuses::new([(TOPIC, fuse(0.75)), (TopicId(68), fuse(0.0))].into());
    let (_, receiver) = watch::channel(fuses);
    let handle = desk.handle();
    handle.follow(receiver);
    let slot = handle.trainer.slot(TOPIC).expect("a place");
    assert_eq!(handle.trainer.live(slot), Some(fuse(0.75)));
}
