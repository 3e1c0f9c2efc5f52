//! The past.

use tokio::time::Instant;

use super::*;

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
        hangs: Mutex::default(),
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
