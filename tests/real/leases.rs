//! Leases of models on a real PostgreSQL server.

use std::{collections::HashSet, time::Duration};

use allora_worker::store::{
    Beat, Down, Held, Known, LeaseDb, LeaseRepository as _, ModelRecord, ModelRepository as _,
    Prediction, PredictionConfig, PredictionRepository as _, PredictionStatus,
};
use sqlx::{Connection as _, PgConnection};
use time::OffsetDateTime;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    postgres_server::{own, shared},
    prediction_store::{Place, prediction},
};

const CRUNCH: &str = "condorgame";
const LAPSE: Duration = Duration::from_millis(600);
const LIMIT: Duration = Duration::from_secs(5);

struct Worker {
    db: LeaseDb,
    beat: Beat,
}

impl Worker {
    fn new(place: &Place, name: &str, models: usize) -> Self {
        let beat = Beat {
            crunch_id: CRUNCH.into(),
            worker: name.into(),
            lapse: Duration::from_secs(60),
            listed: (0..models).map(|it| format!("m{it:03}")).collect(),
            absent_within: Duration::from_secs(3_600),
            give: Vec::new(),
            known: Vec::new(),
            told: Vec::new(),
            bury: Vec::new(),
        };
        let db = place.url().leases(LIMIT).expect("a server");
        Self { db, beat }
    }

    async fn beats(&mut self) -> Held {
        let held = self.db.beat(&self.beat).await.expect("the server answers");
        let excess = held.models.len() - held.excess(&self.beat.worker);
        self.beat.give = held.models[excess..].to_vec();
        self.beat.known.clone_from(&held.models);
        held
    }

    async fn holds(&mut self) -> usize {
        self.beats().await.models.len()
    }
}

async fn place() -> Option<Place> {
    let place = Place::postgres(&shared()?).await;
    place.open().await;
    Some(place)
}

/// Lets all beat in turn, and gives what each holds; nothing is held by two.
async fn rounds(workers: &mut [Worker], times: usize) -> Vec<usize> {
    let mut counts = Vec::new();
    for _ in 0..times {
        counts.clear();
        let mut all = HashSet::new();
        for worker in &mut *workers {
            let held = worker.beats().await;
            counts.push(held.models.len());
            let given: HashSet<_> = worker.beat.give.iter().cloned().collect();
            for model in held.models.iter().filter(|it| !given.contains(*it)) {
                assert!(all.insert(model.clone()), "{model} has two owners");
            }
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_become_even_and_stay_as_they_are() {
    let Some(place) = place().await else { return };
    let mut workers: Vec<_> = ["a", "b", "c"]
        .map(|name| Worker::new(&place, name, 300))
        .into();
    assert_eq!(workers[0].holds().await, 300);
    assert_eq!(rounds(&mut workers, 4).await, [100, 100, 100]);
    let before = workers[1].beats().await;
    assert_eq!(rounds(&mut workers, 3).await, [100, 100, 100]);
    assert_eq!(
        workers[1].beats().await.models,
        before.models,
        "no model moves"
    );

    workers.push(Worker::new(&place, "d", 300));
    assert_eq!(rounds(&mut workers, 4).await, [75, 75, 75, 75]);
    let gone = workers.remove(1);
    gone.db.leave(CRUNCH, "b").await.expect("it leaves");
    assert_eq!(rounds(&mut workers, 2).await, [100, 100, 100]);
    for name in ["e", "f", "a0", "g"] {
        workers.push(Worker::new(&place, name, 300));
    }
    let mut counts = rounds(&mut workers, 6).await;
    let before = workers[1].beats().await;
    assert_eq!(rounds(&mut workers, 3).await, counts, "no model moves");
    assert_eq!(workers[1].beats().await.models, before.models);
    counts.sort_unstable();
    assert_eq!(counts, [42, 43, 43, 43, 43, 43, 43]);
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_come_at_once_wait_for_nobody() {
    let Some(place) = place().await else { return };
    let mut coming = JoinSet::new();
    for it in 0..6 {
        let mut worker = Worker::new(&place, &format!("w{it}"), 60);
        coming.spawn(async move {
            for _ in 0..12 {
                worker.beats().await;
                sleep(Duration::from_millis(20)).await;
            }
            worker
        });
    }
    let mut workers = coming.join_all().await;
    assert_eq!(rounds(&mut workers, 3).await, [10; 6]);
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_held_is_taken_when_it_has_lapsed() {
    let Some(place) = place().await else { return };
    let mut workers = [Worker::new(&place, "a", 10), Worker::new(&place, "b", 10)];
    workers[1].beat.lapse = LAPSE;
    assert_eq!(rounds(&mut workers, 3).await, [5, 5]);
    let [mut alive, mut dead] = workers;
    assert_eq!(alive.holds().await, 5);
    sleep(LAPSE + Duration::from_millis(50)).await;
    let held = alive.beats().await;
    assert_eq!((held.models.len(), held.others.len()), (5, 0), "not yet");
    // It renews what nobody has taken.
    alive.beat.bury.clone_from(&held.signs);
    assert_eq!(dead.holds().await, 5);
    assert_eq!(alive.holds().await, 5);
    sleep(LAPSE + Duration::from_millis(50)).await;
    let held = alive.beats().await;
    assert_eq!(held.models.len(), 5, "it gave another sign of life since");
    alive.beat.bury = held.signs;
    assert_eq!(alive.holds().await, 10);
    assert_eq!(dead.holds().await, 0, "it is a newcomer");
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_holds_up_is_passed_over() {
    let Some(place) = place().await else { return };
    let mut first = Worker::new(&place, "a", 4);
    assert_eq!(first.holds().await, 4);
    first.beat.give = first.beat.listed.clone();
    assert_eq!(
        first
            .db
            .beat(&first.beat)
            .await
            .expect("it gives")
            .models
            .len(),
        0
    );
    let mut other = PgConnection::connect(place.address())
        .await
        .expect("a server");
    let mut held = other.begin().await.expect("a transaction");
    let taking = "SELECT model_id FROM leases WHERE model_id < 'm002' FOR UPDATE";
    sqlx::raw_sql(taking)
        .execute(&mut *held)
        .await
        .expect("it waits for nobody");
    first.beat.give.clear();
    assert_eq!(first.beats().await.models, ["m002", "m003"]);
    held.rollback().await.expect("it lets go");
    assert_eq!(first.holds().await, 4);
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_was_there_lately_has_an_owner() {
    let Some(place) = place().await else { return };
    let mut worker = Worker::new(&place, "a", 1);
    let db = place.open().await;
    let seen = |id: &str, seconds: i64| {
        let at = OffsetDateTime::now_utc() - time::Duration::seconds(seconds);
        let at = at.replace_nanosecond(0).expect("a time");
        ModelRecord {
            crunch_id: CRUNCH.into(),
            model_id: id.into(),
            model_name: None,
            cruncher_id: None,
            cruncher_name: None,
            deployment_id: format!("{id}_1"),
            first_seen: at,
            last_seen: at,
            metrics_since: at,
        }
    };
    let (lately, long_ago) = (seen("lately", 60), seen("long ago", 7_200));
    let models = [lately.clone(), long_ago.clone()];
    db.keep_models(&models).await.expect("they are kept");
    let held = worker.beats().await;
    assert_eq!(held.models, ["lately", "m000"]);
    let known = |record, is_told| vec![Known { record, is_told }];
    assert_eq!(
        held.known,
        known(lately.clone(), false),
        "of the other nothing is known"
    );
    assert_eq!(worker.beats().await.known, [], "it is known by now");
    let told = |deployment: &str| vec![("lately".to_owned(), Some(deployment.to_owned()))];
    for (deployment, is_told) in [("lately_0", false), ("lately_1", true)] {
        worker.beat.told = told(deployment);
        worker.beats().await;
        worker.beat.known.clear();
        assert_eq!(worker.beats().await.known, known(lately.clone(), is_told));
    }
    worker.beat.told = vec![("lately".into(), None)];
    worker.beat.known.clear();
    assert_eq!(worker.beats().await.known, known(lately.clone(), false));
    worker.beat.listed = vec!["long ago".into()];
    assert_eq!(worker.beats().await.models, ["lately", "long ago"]);
    worker.beat.absent_within = Duration::from_secs(30);
    worker.beat.listed.clear();
    assert_eq!(worker.holds().await, 0);
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_which_parts_of_rounds_are_there() {
    let Some(place) = place().await else { return };
    let worker = Worker::new(&place, "a", 1);
    let db = place.open().await;
    let stored = [
        prediction(60, "a"),
        prediction(60, "b"),
        prediction(120, "a"),
        // Being absent is no part: whoever comes late may still be asked.
        Prediction {
            status: PredictionStatus::Absent,
            payload: None,
            ..prediction(120, "b")
        },
    ];
    db.save_all(&stored).await.expect("they are stored");
    let config = PredictionConfig {
        asset: "BTC".into(),
        horizon: 3_600,
        step: 60,
        interval: 60,
        active: true,
        order: 0,
        best: None,
    };
    let best = PredictionConfig {
        best: Some(3),
        ..config.clone()
    };
    let rounds = [
        (config.clone(), stored[0].slot),
        (best, stored[0].slot),
        (config, stored[2].slot),
    ];
    let models = ["a", "b", "c"].map(String::from);
    let parts = worker.db.parts_of(CRUNCH, &rounds, &models).await;
    let mut parts: Vec<_> = parts.expect("it is told").into_iter().collect();
    parts.sort();
    let expected = [(0, "a"), (0, "b"), (2, "a")];
    assert_eq!(
        parts,
        expected.map(|(place, model)| (place, model.to_owned()))
    );
    place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_is_told_from_one_that_does_not_answer() {
    let Some(server) = own() else { return };
    let place = Place::postgres(server.url()).await;
    let mut worker = Worker::new(&place, "a", 2);
    let early = worker.db.beat(&worker.beat).await;
    let early = early.expect_err("there are no tables");
    assert!(
        early.down().is_none() && early.to_string().contains("workers"),
        "{early}"
    );
    place.open().await;
    assert_eq!(worker.holds().await, 2);
    tokio::task::block_in_place(|| server.command("stop"));
    let away = worker.db.beat(&worker.beat).await.expect_err("it is away");
    assert_eq!(away.down(), Some(Down::Refused), "{away}");
    tokio::task::block_in_place(|| server.command("start"));
    assert_eq!(worker.holds().await, 2, "at once");
    let frozen = server.freeze();
    let beat = tokio::time::timeout(Duration::from_millis(500), worker.db.beat(&worker.beat));
    assert!(beat.await.is_err(), "it hangs");
    drop(frozen);
    assert_eq!(worker.holds().await, 2);
}
