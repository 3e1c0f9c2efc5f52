use time::macros::datetime;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    models::stub::Behaviour,
    predict::{
        ScheduleConfig,
        scene::{NOW, Office, Scene, Shelf, WAIT, config, until},
    },
    store::StoredConfig,
};

/// 13:00:00 and 12:55:00, which precede the scene's time.
const FULL: i64 = 1_758_027_600;
const BEFORE: i64 = FULL - 300;

fn schedule(asset: &str, best: Option<u32>) -> ScheduleConfig {
    ScheduleConfig {
        asset: asset.into(),
        horizon: Duration::from_secs(3_600),
        step: Duration::from_secs(1_200),
        interval: Duration::from_secs(600),
        active: true,
        order: 0,
        best,
    }
}

fn settings(schedules: Vec<ScheduleConfig>) -> PredictConfig {
    PredictConfig {
        schedules,
        ..PredictConfig::default()
    }
}

fn both() -> PredictConfig {
    settings(vec![schedule("ETH", None), schedule("BTC", None)])
}

struct Run {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Run {
    fn of(mut asking: Asking) -> Self {
        if asking.library.stores.borrow().is_none() {
            asking.patience = Duration::from_millis(20);
        }
        let cancel = CancellationToken::new();
        let task = tokio::spawn(asking.run(cancel.clone(), CancellationToken::new()));
        Self { cancel, task }
    }

    async fn stop(self) {
        self.cancel.cancel();
        timeout(WAIT, self.task).await.expect("it ends").unwrap();
    }
}

fn key(asset: &str) -> ConfigKey {
    config(asset, 600).key()
}

async fn until_performed(scene: &Scene, expected: &[&str]) {
    let facts = &scene.office.facts;
    until(|| facts.performed().len() >= expected.len()).await;
    let mut performed = facts.performed();
    performed.sort_unstable();
    assert_eq!(performed, expected);
}

#[tokio::test]
async fn schedules_go_on_after_a_restart() {
    let scene = Scene::of(1).await;
    let first = Run::of(scene.asking(both(), Vec::new()));
    let begun = ["BTC/3600/1200 1758027600", "ETH/3600/1200 1758027300"];
    until_performed(&scene, &begun).await;
    first.stop().await;
    scene.office.facts.drain();
    // The second was not done when the process was killed.
    let second = Run::of(scene.asking(both(), vec![(key("BTC"), FULL)]));
    until_performed(&scene, &begun[1..]).await;
    scene.office.facts.drain();
    scene.office.clock.set(datetime!(2025-09-16 13:05:01 UTC));
    until_performed(&scene, &["ETH/3600/1200 1758027900"]).await;
    second.stop().await;
    let missed = |event: &Event| matches!(event, Event::Predict(PredictEvent::RoundsMissed { .. }));
    assert_eq!(scene.office.told.count(missed), 0);
}

#[tokio::test]
async fn the_rounds_that_are_due_at_the_markets_end_are_made() {
    let scene = Scene::of(2).await;
    scene.models[0].behave_in("predict", Behaviour::Takes(Duration::from_millis(300)));
    let only = settings(vec![schedule("BTC", None)]);
    let (cancel, over) = (CancellationToken::new(), CancellationToken::new());
    over.cancel();
    let run = scene.asking(only, Vec::new()).run(cancel, over);
    timeout(WAIT, run).await.expect("it ends by itself");
    let facts = &scene.office.facts;
    assert_eq!(facts.performed(), ["BTC/3600/1200 1758027600"]);
    assert_eq!(facts.statuses(), ["a SUCCESS", "b SUCCESS"]);
}

#[tokio::test]
async fn a_round_that_was_broken_off_is_made_again() {
    let scene = Scene::of(2).await;
    scene.models[0].behave_in("predict", Behaviour::Takes(Duration::from_millis(1_200)));
    let only = || settings(vec![schedule("BTC", None)]);
    let first = Run::of(scene.asking(only(), Vec::new()));
    until(|| scene.office.facts.statuses().contains(&"b SUCCESS".into())).await;
    first.stop().await;
    assert_eq!(scene.office.facts.performed(), Vec::<String>::new());
    scene.models[0].behave(Behaviour::Sound);
    let second = Run::of(scene.asking(only(), Vec::new()));
    until_performed(&scene, &["BTC/3600/1200 1758027600"]).await;
    second.stop().await;
    let slots: Vec<_> = scene
        .office
        .facts
        .predictions()
        .iter()
        .map(|it| it.slot)
        .collect();
    assert!(
        slots.len() >= 3 && slots.iter().all(|slot| *slot == FULL),
        "{slots:?}"
    );
}

#[tokio::test]
async fn what_was_missed_while_away_is_counted() {
    let scene = Scene::of(1).await;
    let last = FULL - 4 * 600;
    let run = Run::of(scene.asking(
        settings(vec![schedule("BTC", None)]),
        vec![(key("BTC"), last)],
    ));
    until_performed(&scene, &["BTC/3600/1200 1758027600"]).await;
    run.stop().await;
    let told = scene
        .office
        .told
        .events()
        .into_iter()
        .find_map(|event| match event {
            Event::Predict(PredictEvent::RoundsMissed { rounds, cause, .. }) => {
                Some((rounds, cause))
            }
            _ => None,
        });
    assert_eq!(told, Some((3, "the worker was away".into())));
}

#[tokio::test]
async fn the_databases_rows_count_once_it_is_there() {
    let scene = Scene::with(1, Office::new(|_| (), Vec::new()), None).await;
    let run = Run::of(scene.asking(settings(vec![schedule("BTC", None)]), Vec::new()));
    until_performed(&scene, &["BTC/3600/1200 1758027600"]).await;
    let shelf = Shelf::default();
    let row = |asset: &str, performed| StoredConfig {
        config: config(asset, 600),
        performed,
    };
    shelf
        .rows
        .lock()
        .unwrap()
        .extend([row("ETH", Some(BEFORE)), row("XAU", None)]);
    scene.stores.send_replace(Some(Arc::new(shelf)));
    let refused = |event: &Event| matches!(event, Event::Notice { cause, .. } if cause.contains("no prices of XAU"));
    let refusal = scene.office.told.wait_for(refused);
    timeout(WAIT, refusal).await.expect("it is told");
    scene.office.clock.set(datetime!(2025-09-16 13:05:01 UTC));
    until_performed(
        &scene,
        &["BTC/3600/1200 1758027600", "ETH/3600/1200 1758027900"],
    )
    .await;
    run.stop().await;
}

#[tokio::test]
async fn the_best_are_asked_once_they_are_known() {
    let scene = Scene::with(3, Office::new(|_| (), Vec::new()), None).await;
    let all = settings(vec![schedule("BTC", Some(1)), schedule("ETH", None)]);
    let run = Run::of(scene.asking(all, Vec::new()));
    until_performed(&scene, &["ETH/3600/1200 1758027600"]).await;
    let waits = |event: &Event| matches!(event, Event::Notice { cause, .. } if cause.contains("/best1 waits"));
    timeout(WAIT, scene.office.told.wait_for(waits))
        .await
        .expect("it is told");
    scene.office.facts.drain();
    let shelf = Shelf::default();
    shelf
        .best
        .lock()
        .unwrap()
        .extend(["b".to_owned(), "a".to_owned()]);
    scene.stores.send_replace(Some(Arc::new(shelf)));
    until_performed(&scene, &["BTC/3600/1200/best1 1758027600"]).await;
    assert_eq!(scene.office.facts.statuses(), ["b SUCCESS"]);
    assert_eq!(scene.office.told.count(waits), 1);
    run.stop().await;
}

#[tokio::test]
async fn a_few_rounds_may_be_open_at_once() {
    let scene = Scene::of(1).await;
    scene.models[0].behave_in("predict", Behaviour::Hangs);
    let mut asking = scene.asking(settings(vec![schedule("BTC", None)]), Vec::new());
    let rounds = i64::try_from(MOST_OPEN).unwrap() + 2;
    for round in 0..rounds {
        for due in asking.table.due(FULL + round * 600) {
            asking.begin(due);
        }
    }
    assert_eq!(asking.open.len(), MOST_OPEN);
    while let Some(ended) = asking.rounds.join_next_with_id().await {
        asking.ended(ended);
    }
    assert!(asking.open.is_empty());
    assert_eq!(scene.office.facts.performed().len(), MOST_OPEN);
    for due in asking.table.due(FULL + (rounds - 1) * 600) {
        asking.begin(due);
    }
    let missed = |event: &Event| {
        matches!(
            event,
            Event::Predict(PredictEvent::RoundsMissed { rounds: 1, .. })
        )
    };
    assert_eq!(scene.office.told.count(missed), 1);
}

#[tokio::test]
async fn the_sleep_follows_the_clocks_speed() {
    let scene = Scene::of(0).await;
    let mut asking = scene.asking(settings(vec![schedule("BTC", None)]), Vec::new());
    scene.office.clock.set(NOW);
    assert_eq!(asking.pause(), LONGEST_SLEEP, "569.9 s lie ahead");
    asking.speed = 10_000.0;
    let pause = asking.pause();
    let expected = Duration::from_millis(50)..Duration::from_millis(60);
    assert!(expected.contains(&pause), "{pause:?}");
    asking.speed = 0.0;
    assert_eq!(asking.pause(), LONGEST_SLEEP);
}

#[tokio::test]
async fn a_method_with_an_unknown_argument_is_refused_at_the_start() {
    let scene = Scene::of(0).await;
    let method = toml::from_str("name = 'predict'\narguments = ['width INT']").unwrap();
    let asker = scene.asker();
    let error = call_of(&method, asker.answers, asker.limit, &config("BTC", 600)).unwrap_err();
    assert!(error.to_string().contains("width"), "{error}");
}
