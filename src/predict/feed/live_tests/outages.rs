//! Sources that are out or slow.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::*;

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

#[tokio::test(start_paused = true)]
async fn an_asset_that_the_sources_hang_at_holds_up_no_other() {
    let clock: SharedClock = Arc::new(SimulatedClock::starting_at(START));
    let first = Source::new(Origin::Tiingo, &clock);
    let mut scene = Scene::of(2, first, Arc::default(), clock);
    assert_eq!(scene.feed.history().await.unwrap().len(), 240);
    for source in [&scene.first, &scene.second] {
        *source.hangs.lock().unwrap() = Some("a0usd");
    }
    let begun = Instant::now();
    let counts = |prices: Prices| -> Vec<_> {
        let count = |(asset, closes): (String, Vec<_>)| (asset, closes.len());
        prices.into_iter().map(count).collect()
    };
    let prices = scene.feed.next().await.unwrap();
    assert_eq!(counts(prices), [("A1".to_owned(), 4)]);
    assert_eq!(
        begun.elapsed(),
        Duration::from_secs(231),
        "a second after 12:04:20"
    );
    for source in [&scene.first, &scene.second] {
        *source.hangs.lock().unwrap() = None;
    }
    let prices = scene.feed.next().await.unwrap();
    assert_eq!(counts(prices), [("A0".to_owned(), 8), ("A1".to_owned(), 4)]);
    assert_eq!(begun.elapsed(), Duration::from_secs(470), "both at once");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_delays_no_price() {
    let mut scene = Scene::new();
    scene.feed.history().await.unwrap();
    *scene.store.keep_takes.lock().unwrap() = Duration::from_secs(3_600);
    let begun = Instant::now();
    assert_eq!(scene.next().await, (2, 120));
    assert_eq!(scene.next().await, (2, 240));
    assert_eq!(begun.elapsed(), Duration::from_secs(230));
    sleep(Duration::from_secs(4_000)).await;
    let series = Series::new("a0usd", Interval::Minute);
    let kept = scene.store.candles(&series, noon()..i64::MAX).await;
    assert!(kept.unwrap().len() >= 4, "they are kept all the same");
}
