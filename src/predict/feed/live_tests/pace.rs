//! What is asked for when, and what is told of it.

use rstest::rstest;
use tokio::time::Instant;

use super::{super::pace, *};

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
