use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::{
    predict::{
        Asking, PredictConfig, ScheduleConfig,
        scene::{Office, Scene, Shelf, WAIT, config, name, until},
    },
    store::{Beat, Held, Known, PredictionConfig, StoreError, StoredConfig},
};
use tokio_util::sync::CancellationToken;

/// 13:00:00, which precedes the scene's time.
const FULL: i64 = 1_758_027_600;

/// A database that knows which models have a part in the rounds of a slot; or hangs.
#[derive(Default)]
struct Parts {
    there: Mutex<Vec<(i64, String)>>,
    asked: Mutex<usize>,
    hangs: bool,
}

#[async_trait]
impl LeaseRepository for Parts {
    async fn beat(&self, _: &Beat) -> Result<Held, StoreError> {
        Ok(Held::default())
    }
    async fn leave(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
    async fn parts_of(
        &self,
        _: &str,
        rounds: &[(PredictionConfig, i64)],
        models: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError> {
        *self.asked.lock().unwrap() += 1;
        if self.hangs {
            return std::future::pending().await;
        }
        let there = self.there.lock().unwrap();
        let mut found = HashSet::new();
        for (place, (_, slot)) in rounds.iter().enumerate() {
            for model in models {
                if there.contains(&(*slot, model.clone())) {
                    found.insert((place, model.clone()));
                }
            }
        }
        Ok(found)
    }
}

struct Table {
    parts: Arc<Parts>,
    ours: watch::Sender<Ours>,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn set(models: &[&str]) -> Arc<HashSet<String>> {
    Arc::new(models.iter().map(|&it| it.to_owned()).collect())
}

impl Table {
    fn of(scene: &Scene, parts: Parts, patience: Duration) -> Self {
        let (parts, ours) = (Arc::new(parts), watch::Sender::new(Some(set(&[]))));
        let settings = PredictConfig {
            schedules: vec![ScheduleConfig {
                asset: "BTC".into(),
                horizon: Duration::from_secs(3_600),
                step: Duration::from_secs(1_200),
                interval: Duration::from_secs(600),
                active: true,
                order: 0,
                best: None,
            }],
            ..PredictConfig::default()
        };
        let sharing = Sharing {
            ours: ours.subscribe(),
            leases: parts.clone(),
            patience,
            moves_within: Duration::from_secs(60),
        };
        let asking: Asking = scene.sharing(settings, sharing);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(asking.run(cancel.clone(), CancellationToken::new()));
        Self {
            parts,
            ours,
            cancel,
            task,
        }
    }

    async fn stop(self) {
        self.cancel.cancel();
        timeout(WAIT, self.task).await.expect("it ends").unwrap();
    }
}

#[tokio::test]
async fn who_is_taken_over_is_asked_for_what_it_lacks() {
    let scene = Scene::of(3).await;
    let there = Mutex::new(vec![(FULL, name(1))]);
    let parts = Parts {
        there,
        ..Parts::default()
    };
    let table = Table::of(&scene, parts, WAIT);
    table.ours.send_replace(Some(set(&["a", "b"])));
    let facts = &scene.office.facts;
    until(|| !facts.performed().is_empty()).await;
    assert_eq!(facts.statuses(), ["a SUCCESS"], "the database has b's");
    assert_eq!(facts.predictions()[0].slot, FULL);
    // Another one alone, later on; neither is asked twice.
    table.ours.send_replace(Some(set(&["a", "c"])));
    until(|| facts.performed().len() == 2).await;
    assert_eq!(facts.statuses(), ["a SUCCESS", "c SUCCESS"]);
    assert_eq!(*table.parts.asked.lock().unwrap(), 2);
    table.stop().await;
}

#[tokio::test]
async fn one_that_comes_back_is_asked_for_what_nobody_asked_meanwhile() {
    let scene = Scene::of(1).await;
    let table = Table::of(&scene, Parts::default(), WAIT);
    table.ours.send_replace(Some(set(&["a"])));
    let facts = &scene.office.facts;
    until(|| facts.performed().len() == 1).await;
    table.ours.send_replace(Some(set(&[])));
    tokio::time::sleep(Duration::from_millis(300)).await;
    scene
        .office
        .clock
        .set(time::macros::datetime!(2025-09-16 13:10:01 UTC));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(facts.performed().len(), 1, "nobody is there to be asked");
    table.ours.send_replace(Some(set(&["a"])));
    until(|| facts.performed().len() == 2).await;
    let slots: Vec<_> = facts.predictions().iter().map(|it| it.slot).collect();
    assert_eq!(slots, [FULL, FULL + 600]);
    table.stop().await;
}

#[tokio::test]
async fn a_database_that_hangs_is_not_waited_for_long_and_asked_once_at_a_time() {
    let scene = Scene::of(3).await;
    let parts = Parts {
        hangs: true,
        ..Parts::default()
    };
    let table = Table::of(&scene, parts, WAIT);
    let asked = || *table.parts.asked.lock().unwrap();
    let mut names = Vec::new();
    for next in ["a", "b", "c"] {
        names.push(next);
        table.ours.send_replace(Some(set(&names)));
        until(|| asked() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(asked(), 1);
    until(|| !scene.office.facts.performed().is_empty()).await;
    assert_eq!(scene.office.facts.statuses(), ["a SUCCESS"]);
    until(|| asked() == 2).await;
    table.stop().await;
}

/// With a database that says that the round of 13:00:00 was made.
async fn where_it_was_made() -> Scene {
    let shelf = Shelf::default();
    let row = StoredConfig {
        config: config("BTC", 600),
        performed: Some(FULL),
    };
    shelf.rows.lock().unwrap().push(row);
    let seen = crate::predict::scene::NOW - time::Duration::hours(1);
    let known = ["a", "c"].map(|id| crate::predict::scene::record(id, &format!("{id}1"), seen));
    let office = Office::new(|_| (), known.into());
    Scene::with(3, office, Some(Arc::new(shelf))).await
}

#[tokio::test]
async fn of_a_round_that_was_made_a_new_model_lacks_no_part() {
    let scene = where_it_was_made().await;
    let table = Table::of(&scene, Parts::default(), WAIT);
    table.ours.send_replace(Some(set(&["a", "b"])));
    let facts = &scene.office.facts;
    until(|| !facts.performed().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(facts.statuses(), ["a SUCCESS"], "b came after it was due");
    // Nor does one that moves when all that moved then have long arrived.
    let later = time::macros::datetime!(2025-09-16 13:05:00 UTC);
    scene.office.clock.set(later);
    table.ours.send_replace(Some(set(&["a", "b", "c"])));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(facts.statuses(), ["a SUCCESS"]);
    table.stop().await;
}

#[tokio::test]
async fn it_speaks_for_its_own_models_alone_and_for_those_that_do_not_come_after_a_while() {
    let scene = Scene::of(2).await;
    let seen = crate::predict::scene::NOW - time::Duration::hours(1);
    let known = ["gone", "others"].map(|id| Known {
        record: crate::predict::scene::record(id, "x", seen),
        is_told: true,
    });
    scene.office.roll.take_over(known.into());
    let table = Table::of(&scene, Parts::default(), Duration::from_millis(500));
    table.ours.send_replace(Some(set(&["a", "gone"])));
    let facts = &scene.office.facts;
    until(|| facts.performed().len() == 1).await;
    assert_eq!(facts.statuses(), ["a SUCCESS"], "it may still come");
    until(|| facts.performed().len() == 2).await;
    assert_eq!(facts.statuses(), ["a SUCCESS", "gone ABSENT"]);
    scene
        .office
        .clock
        .set(time::macros::datetime!(2025-09-16 13:10:01 UTC));
    until(|| facts.performed().len() == 3).await;
    let expected = ["a SUCCESS", "gone ABSENT", "a SUCCESS", "gone ABSENT"];
    // The network is not confined here, so b was asked in the round of all.
    let own: Vec<_> = facts
        .statuses()
        .into_iter()
        .filter(|it| !it.starts_with('b'))
        .collect();
    assert_eq!(own, expected);
    table.stop().await;
}
