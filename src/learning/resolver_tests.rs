use super::*;
use crate::{
    learning::{
        LearningConfig,
        testing::{DAY, Scene, TOPIC, WALLET, at, key, view},
    },
    store::{Journal, OutcomeRepository, Peers, Record, Standing},
};

fn resolver(scene: &Scene) -> (Resolver, watch::Receiver<LiveFuses>) {
    let forecast = ForecastConfig::default();
    Resolver::new(scene.common.clone(), forecast, scene.prices())
}

/// Has the resolver look at its topics once.
async fn look(resolver: &mut Resolver) {
    resolver.is_due = true;
    resolver.round().await;
}

async fn records(scene: &Scene) -> Vec<Record> {
    let since = at(-1_000_000);
    let found = scene.store.resolved(&WALLET, TOPIC, since, Nonce(0), 9_999);
    found.await.unwrap()
}

fn resolved(news: &[News]) -> Vec<(usize, i64, Standing)> {
    let told = news.iter().filter_map(|it| match it {
        News::Resolved {
            count,
            newest,
            standing,
            ..
        } => Some((*count, newest.nonce.0, standing.as_ref().clone())),
        _ => None,
    });
    told.collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[tokio::test]
async fn a_forecast_is_resolved_once_its_horizon_has_passed_and_only_once() {
    let mut scene = Scene::new().await;
    // Opened at 0:30 and at 2:10.
    scene
        .answer(&[(24, 1_800, "0.2"), (36, 2 * 3_600 + 600, "-0.1")])
        .await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(23);
    look(&mut learner).await;
    assert_eq!(records(&scene).await, []);
    assert!(scene.told().is_empty());

    scene.hour(24);
    look(&mut learner).await;
    // From 0:00 to 24:00: one percent an hour, and the loss is (0.2 - 0.24)².
    let found = records(&scene).await;
    assert_eq!(found.len(), 1);
    let first = found[0].resolution;
    assert!(
        near(first.outcome, 0.24) && near(first.loss, 0.0016),
        "{first:?}"
    );
    assert!(near(first.zero_loss, 0.0576) && near(first.base, 100.0));
    let told = resolved(&scene.told());
    assert_eq!((told.len(), told[0].0, told[0].1), (1, 1, 24));
    assert!(told[0].2.ratio.is_some_and(|it| near(it, 0.04 / 0.24)));

    // After a restart nothing is told or written again.
    let (mut learner, _) = resolver(&scene);
    look(&mut learner).await;
    assert_eq!(records(&scene).await, found);
    assert!(scene.told().is_empty());
}

#[tokio::test]
async fn resolutions_are_told_once_an_hour_and_none_is_lost() {
    let mut scene = Scene::new().await;
    let half_hours: Vec<_> = (0..8)
        .map(|it| (24 + it, it * 1_800 + 900, "0.1"))
        .collect();
    scene.answer(&half_hours).await;
    let (mut learner, _) = resolver(&scene);
    let mut told = Vec::new();
    for hour in 24..=28 {
        scene.hour(hour);
        // The clock goes on while the test runs.
        scene
            .clock
            .set(at(hour) + DAY / 24 / 60 * u32::try_from(hour).unwrap());
        for _ in 0..3 {
            look(&mut learner).await;
        }
        told.extend(resolved(&scene.told()));
    }
    let counts: Vec<_> = told.iter().map(|it| (it.0, it.2.n)).collect();
    assert_eq!(counts, [(2, 2), (2, 4), (2, 6), (2, 8)]);
    let kept = scene.store.standings(&WALLET).await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|(topic, it)| (*topic, it.n, it.nonce))
        .collect();
    assert_eq!(kept, [(TOPIC, 8, 31)]);
}

#[tokio::test]
async fn the_header_that_was_heard_tells_the_hour_before_the_journal_does() {
    let scene = Scene::new().await;
    scene
        .chain
        .with(|it| it.heard.insert(24, at(0) - DAY / 24 / 60));
    // Journaled at 0:00:20; the block is of the hour before.
    scene.answer(&[(24, 20, "0.2")]).await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(24);
    look(&mut learner).await;
    let found = records(&scene).await;
    assert!(
        near(found[0].resolution.base, 100.0 * (-0.01_f64).exp()),
        "{found:?}"
    );
}

#[tokio::test]
async fn where_only_the_journal_tells_just_after_the_hour_the_chain_is_waited_for() {
    let scene = Scene::new().await;
    scene
        .answer(&[(24, 20, "0.2"), (36, 3_600 + 20, "0.2")])
        .await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(25);
    look(&mut learner).await;
    assert_eq!(records(&scene).await, []);
    // The chain says that the first opened in the hour before.
    let due = scene.store.unresolved(&WALLET, TOPIC, at(25), Nonce(0), 9);
    let mut told = due.await.unwrap().remove(0);
    (told.opened, told.clock) = (at(0) - DAY / 24 / 60, OpenedBy::Block);
    scene.store.keep_peers(&WALLET, &told, None).await.unwrap();
    look(&mut learner).await;
    let found = records(&scene).await;
    assert_eq!(found.len(), 1);
    assert!(near(found[0].resolution.base, 100.0 * (-0.01_f64).exp()));
    // About the second it does not tell within a day.
    scene.hour(25 + 24);
    look(&mut learner).await;
    let found = records(&scene).await;
    assert_eq!(found.len(), 2);
    assert!(near(found[1].resolution.base, 101.005_016_708_416_8));
}

#[tokio::test]
async fn what_has_no_number_is_passed_over() {
    let scene = Scene::new().await;
    scene
        .answer(&[(24, 0, "many"), (25, 900, "0.1"), (26, 900, "NaN")])
        .await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(26);
    look(&mut learner).await;
    let found: Vec<_> = records(&scene).await.iter().map(|it| it.nonce.0).collect();
    assert_eq!(found, [25]);
}

/// Nonces that are not resolved.
async fn open(scene: &Scene) -> Vec<i64> {
    let open = scene
        .store
        .unresolved(&WALLET, TOPIC, at(99_999), Nonce(0), 99);
    let open = open.await.unwrap();
    open.iter().map(|it| it.key.nonce.0).collect()
}

/// What others answered for an outcome of 0.24, and the network's value.
fn others() -> Peers {
    let others = view(24, 0.2, &[0.25, 0.1, 0.3]).inferers.into_iter();
    Peers {
        combined: Some(0.22),
        inferers: others.skip(1).collect(),
    }
}

#[tokio::test]
async fn a_clock_far_ahead_loses_nothing() {
    let scene = Scene::new().await;
    scene.answer(&[(24, 900, "0.2")]).await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(12);
    look(&mut learner).await;
    let due = scene.store.unresolved(&WALLET, TOPIC, at(9), Nonce(0), 9);
    let noted = due.await.unwrap().remove(0);
    let others = others();
    let kept = scene.store.keep_peers(&WALLET, &noted, Some(&others));
    kept.await.unwrap();

    scene.clock.set(at(24 * 1_000));
    look(&mut learner).await;
    assert_eq!(open(&scene).await, [24]);
    scene.hour(24);
    look(&mut learner).await;
    let found = records(&scene).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].field.map(|it| it.places), Some(4));
}

#[tokio::test]
async fn a_restart_reads_the_journal_from_where_it_stood() {
    let scene = Scene::new().await;
    scene
        .answer(&[(24, 900, "0.2"), (10_000, 901, "0.2")])
        .await;
    let (mut learner, _) = resolver(&scene);
    look(&mut learner).await;
    // The first is out of reach by now, the second is not.
    scene.answer(&[(36, 902, "0.2"), (9_000, 903, "0.2")]).await;
    let (mut again, _) = resolver(&scene);
    again.recall().await.unwrap();
    look(&mut again).await;
    assert_eq!(open(&scene).await, [24, 9_000, 10_000]);

    // A chain that began anew begins at its first nonces.
    scene.store.set_aside(&WALLET, "before").await.unwrap();
    scene.answer(&[(24, 904, "0.2")]).await;
    let (mut anew, _) = resolver(&scene);
    anew.recall().await.unwrap();
    look(&mut anew).await;
    assert_eq!(open(&scene).await, [24]);
}

#[tokio::test(start_paused = true)]
async fn the_candles_of_many_tickers_wake_it_once() {
    let candles: Vec<_> = (0..5)
        .map(|_| watch::Sender::new(History::default()))
        .collect();
    let mut histories: Vec<_> = candles.iter().map(watch::Sender::subscribe).collect();
    let mut ticks = interval(EVERY);
    ticks.tick().await;
    let tickers = candles.clone();
    tokio::spawn(async move {
        for ticker in tickers {
            sleep(Duration::from_millis(100)).await;
            ticker.send_replace(History::default());
        }
    });
    assert!(wake(&mut ticks, &mut histories).await);
    // Then there is nothing more until the tick.
    assert!(!wake(&mut ticks, &mut histories).await);
    // Candles that nobody keeps any more are not waited for.
    drop(candles);
    for _ in 0..5 {
        assert!(wake(&mut ticks, &mut histories).await);
    }
    assert!(histories.is_empty());
}

#[tokio::test]
async fn without_prices_a_forecast_waits_and_is_given_up_in_the_end() {
    let config = LearningConfig {
        retention: DAY * 4,
        ..LearningConfig::default()
    };
    let mut scene = Scene::with(config).await;
    scene.answer(&[(24, 900, "0.1")]).await;
    let (mut learner, _) = resolver(&scene);
    for (day, is_open) in [(2, true), (5, true), (6, false)] {
        scene.clock.set(at(day * 24));
        let heard = at(day * 24);
        scene.chain.with(|it| it.heard.insert(24 + day, heard));
        scene.answer(&[(24 + day, day * 86_400 + 5, "0.1")]).await;
        look(&mut learner).await;
        assert_eq!(open(&scene).await.contains(&24), is_open, "{day}");
    }
    assert!(records(&scene).await.is_empty() && scene.told().is_empty());
}

#[tokio::test]
async fn ranks_are_reckoned_when_others_values_come_late() {
    let mut scene = Scene::new().await;
    scene.answer(&[(24, 900, "0.2")]).await;
    let (mut learner, _) = resolver(&scene);
    scene.hour(24);
    look(&mut learner).await;
    assert_eq!(records(&scene).await[0].field, None);
    // The outcome is 0.24: one of three is closer than ours.
    let peers = others();
    let noted = Noted {
        key: key(24),
        window_end: crate::types::Height(32),
        value: 0.2,
        source: None,
        opened: at(0),
        clock: OpenedBy::Block,
        is_asked: true,
    };
    scene
        .store
        .keep_peers(&WALLET, &noted, Some(&peers))
        .await
        .unwrap();
    scene.told();
    scene.clock.set(at(26));
    learner.round().await;
    let field = records(&scene).await[0].field.unwrap();
    assert_eq!((field.place, field.places), (2, 4));
    assert!(field.median_loss.is_some_and(|it| near(it, 0.0001)));
    assert!(field.combined_loss.is_some_and(|it| near(it, 0.0004)));
    // Nothing was resolved, so that nothing is told; the standing is kept all the same.
    assert!(scene.told().is_empty());
    let kept = scene.store.standings(&WALLET).await.unwrap().remove(0).1;
    assert!(kept.mean_place.is_some_and(|it| near(it, 1.0 / 3.0)));
    assert!(kept.ratio_to_median.is_some_and(|it| near(it, 4.0)));
    assert!(kept.ratio_to_network.is_some_and(|it| near(it, 2.0)));
}

/// One answer a day with the wrong sign: the price rises by a quarter each day.
async fn bad_year(scene: &Scene) {
    let values: Vec<String> = (0..200).map(|day| format!("-0.0{}", 1 + day % 9)).collect();
    let answers: Vec<_> = (0..200)
        .map(|day| {
            (
                24 + day,
                day * 86_400 + 900,
                values[usize::try_from(day).unwrap()].as_str(),
            )
        })
        .collect();
    scene.answer(&answers).await;
    scene.hour(201 * 24);
}

#[tokio::test]
async fn what_does_worse_than_zero_blows_the_live_fuse_and_a_restart_knows() {
    let scene = Scene::new().await;
    bad_year(&scene).await;
    let (mut learner, fuses) = resolver(&scene);
    look(&mut learner).await;
    let fuse = fuses.borrow()[&TOPIC];
    assert!(
        fuse.weight < f64::EPSILON && fuse.t < Some(-3.0),
        "{fuse:?}"
    );
    assert_eq!(fuse.days, 200);

    let (mut again, recalled) = resolver(&scene);
    assert!(recalled.borrow().is_empty());
    again.recall().await.unwrap();
    assert_eq!(recalled.borrow().get(&TOPIC), Some(&fuse));
}

#[tokio::test]
async fn what_another_forecaster_made_leaves_the_live_fuse_whole() {
    let mut scene = Scene::new().await;
    scene.source = "command";
    bad_year(&scene).await;
    let (mut learner, fuses) = resolver(&scene);
    look(&mut learner).await;
    assert_eq!(records(&scene).await.len(), 200);
    assert_eq!(fuses.borrow()[&TOPIC], crate::forecast::LiveFuse::default());
}

#[tokio::test]
async fn the_live_fuse_can_be_switched_off() {
    let config = LearningConfig {
        fuse: false,
        ..LearningConfig::default()
    };
    let scene = Scene::with(config).await;
    bad_year(&scene).await;
    let (mut learner, fuses) = resolver(&scene);
    look(&mut learner).await;
    learner.recall().await.unwrap();
    assert_eq!(records(&scene).await.len(), 200);
    assert!(fuses.borrow().is_empty());
}

#[tokio::test]
async fn it_looks_again_by_itself_when_candles_come() {
    let mut scene = Scene::new().await;
    scene.answer(&[(24, 900, "0.2")]).await;
    let (mut learner, _) = resolver(&scene);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let task = tokio::spawn(async move { learner.run(stop).await });
    scene.hour(24);
    let news = scene.news.recv().await.unwrap();
    assert_eq!(resolved(&[news]).len(), 1);
    cancel.cancel();
    task.await.unwrap();
}
