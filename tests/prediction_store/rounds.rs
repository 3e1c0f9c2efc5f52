//! Predictions: stored once, in order, whatever they hold.

use std::collections::BTreeMap;

use allora_worker::store::{
    ConfigKey, ModelRepository as _, Packed, Prediction, PredictionConfigRepository as _,
    PredictionDb, PredictionFilter, PredictionRepository as _, PredictionStatus, StoredPrediction,
};

use PredictionStatus::{Absent, Failure, Success, Timeout};

use super::{
    Place,
    make::{CRUNCH, at, config, model, prediction, silent},
};

/// All that is stored, in pages of 700.
pub(crate) async fn all(db: &PredictionDb) -> Vec<StoredPrediction> {
    let mut all: Vec<StoredPrediction> = Vec::new();
    loop {
        let after = all.last().map_or(0, |it| it.id);
        let none = PredictionFilter::default();
        let page = db.predictions(&none, after, 700).await;
        let page = page.expect("it is read");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

fn bare(stored: Vec<StoredPrediction>) -> Vec<Prediction> {
    stored.into_iter().map(|it| it.prediction).collect()
}

pub(crate) async fn a_round_is_stored_once(place: &Place) {
    let db = place.open().await;
    let first = [prediction(60, "b"), prediction(60, "a")];
    assert_eq!(db.save_all(&first).await.unwrap(), 2);
    assert_eq!(db.save_all(&first).await.unwrap(), 0);
    // What is there stays as it is, be it twice in a batch.
    let changed = silent(60, "a", PredictionStatus::Timeout);
    let new = silent(60, "c", PredictionStatus::Absent);
    let again = [changed, new.clone(), new.clone()];
    assert_eq!(db.save_all(&again).await.unwrap(), 1);
    let mut later = prediction(60, "a");
    later.config = ConfigKey("BTC/3600/60/best2".into());
    assert_eq!(
        db.save_all(&[later.clone(), prediction(120, "a")])
            .await
            .unwrap(),
        2
    );
    let [b, a] = first;
    let expected = [b, a, new, later, prediction(120, "a")];
    assert_eq!(bare(all(&db).await), expected);
    // Another process sees the same.
    assert_eq!(bare(all(&place.open().await).await), expected);
}

/// Who looks makes nothing, and is refused where there is nothing to look at.
pub(crate) async fn the_newest_round_is_summed_up_for_whoever_only_looks(place: &Place) {
    let look = || PredictionDb::reading(place.url(), std::time::Duration::from_secs(20));
    assert!(look().newest_round(CRUNCH).await.is_err(), "no tables yet");
    let db = place.open().await;
    assert_eq!(look().newest_round(CRUNCH).await.unwrap(), None);
    let mut other = prediction(500, "z");
    other.crunch_id = "another".into();
    let parts = [
        prediction(60, "a"),
        prediction(60, "b"),
        prediction(120, "a"),
        prediction(120, "b"),
        silent(120, "c", Timeout),
        silent(120, "d", Absent),
        other,
    ];
    db.save_all(&parts).await.unwrap();
    let looking = look();
    let round = looking.newest_round(CRUNCH).await.unwrap().unwrap();
    assert_eq!((round.asset.as_str(), round.horizon), ("BTC", 3_600));
    assert_eq!(round.performed_at, parts[2].performed_at);
    let expected = [("ABSENT", 1), ("SUCCESS", 2), ("TIMEOUT", 1)];
    let expected: BTreeMap<String, u64> = expected.map(|(a, b)| (a.to_owned(), b)).into();
    assert_eq!(round.by_status, expected);
    assert!(looking.save_all(&parts).await.is_err(), "it only looks");
    looking.close().await;
    assert_eq!(all(&db).await.len(), parts.len());
}

pub(crate) async fn an_answer_takes_the_place_of_an_absence(place: &Place) {
    let db = place.open().await;
    let absent = |model| silent(60, model, Absent);
    let late = Prediction {
        deployment_id: "a_2".into(),
        base: None,
        exec_time_us: 7,
        performed_at: at(61),
        resolvable_at: at(3_661),
        ..prediction(60, "a")
    };
    let save = async |rows: &[Prediction]| db.save_all(rows).await.unwrap();
    assert_eq!(save(&[absent("a"), absent("b")]).await, 2);
    let numbers = async || all(&db).await.iter().map(|it| it.id).collect::<Vec<_>>();
    let before = numbers().await;
    // An absence is no answer, and answers are not taken back.
    assert_eq!(save(&[absent("a")]).await, 0);
    assert_eq!(save(&[late.clone(), absent("a")]).await, 1);
    assert_eq!(save(&[absent("a"), prediction(60, "a")]).await, 0);
    let failed = silent(60, "b", Failure);
    assert_eq!(
        save(&[absent("b"), failed.clone(), prediction(60, "b")]).await,
        1
    );
    assert_eq!(numbers().await, before);
    // Within a batch, too.
    assert_eq!(
        save(&[absent("c"), silent(60, "c", Timeout), absent("c")]).await,
        1
    );
    assert_eq!(
        bare(all(&db).await),
        [late, failed, silent(60, "c", Timeout)]
    );
}

pub(crate) async fn the_order_is_kept_over_many(place: &Place) {
    let db = place.open().await;
    let mut given: Vec<_> = (0..2_300_i64)
        .map(|it| prediction(60 * (it % 7), &format!("m{}", (it * 7_919) % 2_300)))
        .collect();
    given[17].payload = None;
    assert_eq!(db.save_all(&given).await.unwrap(), 2_300);
    let stored = all(&db).await;
    assert!(stored.windows(2).all(|two| two[0].id < two[1].id));
    assert!(
        bare(stored.clone()) == given,
        "the order or a value differs"
    );
    let filter = PredictionFilter::default();
    let page = db.predictions(&filter, stored[9].id, 5);
    assert_eq!(page.await.unwrap(), stored[10..15]);
    let none = db.predictions(&filter, stored[2_299].id, 5);
    assert_eq!(none.await.unwrap(), []);
}

pub(crate) async fn filters_have_both_ends(place: &Place) {
    let db = place.open().await;
    let mut eth = prediction(60, "a");
    eth.asset = "ETH".into();
    eth.config = config("ETH", 3_600, 60).key();
    let mut day = prediction(60, "a");
    day.horizon = 86_400;
    day.config = config("BTC", 86_400, 60).key();
    let mut other = prediction(60, "a");
    other.crunch_id = "other".into();
    let given = [
        prediction(0, "a"),
        prediction(60, "a"),
        prediction(60, "b"),
        prediction(120, "a"),
        eth,
        day,
        other,
    ];
    assert_eq!(db.save_all(&given).await.unwrap(), 7);
    let none = PredictionFilter::default;
    let performed = given[1].performed_at;
    let a_while = time::Duration::milliseconds(1);
    for (filter, expected) in [
        (none(), vec![0, 1, 2, 3, 4, 5, 6]),
        (
            PredictionFilter {
                crunch_id: Some("other".into()),
                ..none()
            },
            vec![6],
        ),
        (
            PredictionFilter {
                model_id: Some("b".into()),
                ..none()
            },
            vec![2],
        ),
        (
            PredictionFilter {
                asset: Some("ETH".into()),
                ..none()
            },
            vec![4],
        ),
        (
            PredictionFilter {
                horizon: Some(86_400),
                ..none()
            },
            vec![5],
        ),
        (
            PredictionFilter {
                since: Some(performed),
                ..none()
            },
            vec![1, 2, 3, 4, 5, 6],
        ),
        (
            PredictionFilter {
                since: Some(performed + a_while),
                ..none()
            },
            vec![3],
        ),
        (
            PredictionFilter {
                until: Some(performed),
                ..none()
            },
            vec![0],
        ),
        (
            PredictionFilter {
                until: Some(performed + a_while),
                ..none()
            },
            vec![0, 1, 2, 4, 5, 6],
        ),
        (
            PredictionFilter {
                crunch_id: Some(CRUNCH.into()),
                model_id: Some("a".into()),
                asset: Some("BTC".into()),
                horizon: Some(3_600),
                since: Some(at(0)),
                until: Some(at(90)),
            },
            vec![0, 1],
        ),
    ] {
        let found = bare(db.predictions(&filter, 0, 100).await.unwrap());
        let expected: Vec<_> = expected.into_iter().map(|it| given[it].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub(crate) async fn whatever_a_model_sends_is_stored(place: &Place) {
    let db = place.open().await;
    let mut odd = prediction(60, "模型 \u{1f9ea}\0\"'\\%");
    odd.detail = Some("boom\0\r\n\u{202e}é".into());
    odd.deployment_id = "\0".into();
    odd.exec_time_us = u64::MAX;
    odd.base = Some(f64::NAN);
    // Answers are bytes, and no server looks into them.
    odd.payload = Some(Packed::from_stored(vec![0, 255, 0, 1]));
    let mut long = prediction(60, &"é".repeat(5_000));
    long.detail = Some("x".repeat(100_000));
    long.payload = Some(Packed::from_stored(
        (0..=255).cycle().take(3_000_000).collect(),
    ));
    let mut far = prediction(60, "far");
    (far.horizon, far.step) = (u32::MAX, u32::MAX);
    far.config = config("BTC", u32::MAX, u32::MAX).key();
    far.slot = -1;
    far.performed_at = time::macros::datetime!(9999-12-31 23:59:59.999 UTC);
    far.resolvable_at = far.performed_at;
    let mut early = prediction(60, "");
    early.performed_at = time::macros::datetime!(0001-01-01 00:00:00.001 UTC);
    early.payload = Some(Packed::new(""));
    let given = [odd, long, far, early];
    assert_eq!(db.save_all(&given).await.unwrap(), 4);
    // And again, after a crash: it is still the same round.
    assert_eq!(db.save_all(&given).await.unwrap(), 0);
    let stored = bare(all(&db).await);
    let clean = "模型 \u{1f9ea}\u{fffd}\"'\\%";
    assert_eq!(stored[0].model_id, clean);
    assert_eq!(
        stored[0].detail.as_deref(),
        Some("boom\u{fffd}\r\n\u{202e}é")
    );
    assert_eq!(stored[0].exec_time_us, i64::MAX.unsigned_abs());
    assert_eq!(
        (stored[0].base, &stored[0].payload),
        (None, &given[0].payload)
    );
    assert!(stored[1].model_id.len() < 256 && stored[1].model_id.starts_with("éé"));
    assert!(stored[1].payload == given[1].payload && stored[1].detail == given[1].detail);
    assert_eq!(stored[2..], given[2..]);
    // It is found by the id that it gave.
    let filter = PredictionFilter {
        model_id: Some(given[1].model_id.clone()),
        ..PredictionFilter::default()
    };
    assert_eq!(db.predictions(&filter, 0, 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_config_need_not_be_declared_first(place: &Place) {
    let db = place.open().await;
    let mut early = prediction(60, "a");
    early.config = ConfigKey("BTC/3600/60/best3".into());
    assert_eq!(db.save_all(&[early.clone()]).await.unwrap(), 1);
    // Nobody said how often, so nobody is asked.
    assert_eq!(db.configs(CRUNCH).await.unwrap(), []);
    let mut declared = config("BTC", 3_600, 60);
    declared.best = Some(3);
    db.declare(CRUNCH, std::slice::from_ref(&declared))
        .await
        .unwrap();
    let configs = db.configs(CRUNCH).await.unwrap();
    assert_eq!(configs.len(), 1);
    assert_eq!(configs[0].config, declared);
    assert_eq!(db.save_all(&[early.clone()]).await.unwrap(), 0);
    assert_eq!(bare(all(&db).await), [early]);
    assert_eq!(
        place
            .number("SELECT count(*) FROM prediction_configs")
            .await,
        1
    );
}

pub(crate) async fn old_predictions_are_pruned_oldest_first(place: &Place) {
    let db = place.open().await;
    // Stored in another order than performed.
    let given: Vec<_> = (0..1_200_i64)
        .map(|it| prediction(60 * ((it * 7) % 1_200), "a"))
        .collect();
    db.save_all(&given).await.unwrap();
    let performed = |slot: i64| prediction(60 * slot, "a").performed_at;
    // Another crunch's stay, and it has an age of its own.
    let mut other = prediction(0, "a");
    other.crunch_id = "other".into();
    db.save_all(std::slice::from_ref(&other)).await.unwrap();
    let newest = async |crunch| db.newest(crunch).await.unwrap();
    assert_eq!(newest(CRUNCH).await, Some(performed(1_199)));
    assert_eq!(newest("other").await, Some(performed(0)));
    assert_eq!(newest("nobody").await, None);
    assert_eq!(db.prune(CRUNCH, performed(0), 10).await.unwrap(), 0);
    assert_eq!(db.prune(CRUNCH, performed(1_000), 0).await.unwrap(), 0);
    assert_eq!(db.prune(CRUNCH, performed(1_000), 10).await.unwrap(), 10);
    let left = bare(all(&db).await);
    assert_eq!(
        left.iter()
            .filter(|it| it.crunch_id == CRUNCH)
            .map(|it| it.performed_at)
            .min(),
        Some(performed(10))
    );
    assert_eq!(
        db.prune(CRUNCH, performed(1_000), 5_000).await.unwrap(),
        990
    );
    assert_eq!(
        db.prune(CRUNCH, performed(5_000), 5_000).await.unwrap(),
        200
    );
    assert_eq!(bare(all(&db).await), [other]);
    assert_eq!(db.prune("other", performed(1), 9).await.unwrap(), 1);
    // Numbers are given out but once, so that a reader who goes on by them misses nothing.
    db.save_all(&[prediction(60, "b")]).await.unwrap();
    assert!(all(&db).await[0].id > 1_200);
}

pub(crate) async fn the_best_are_those_that_answer(place: &Place) {
    let db = place.open().await;
    let round = |slot: i64, model: &str, status, pace| {
        let mut it = silent(slot, model, status);
        it.exec_time_us = pace;
        it
    };
    let mut elsewhere = round(60, "elsewhere", Success, 1);
    elsewhere.crunch_id = "other".into();
    db.save_all(&[
        round(60, "slow", Success, 900),
        round(60, "quick", Success, 100),
        // Before the time that counts.
        round(0, "quick", Failure, 100),
        round(60, "half", Success, 1),
        round(120, "half", Timeout, 1),
        round(60, "third", Success, 1),
        round(120, "third", Failure, 1),
        round(180, "third", Failure, 1),
        // It was not asked the second time, and failed as another deployment the first time.
        round(60, "new", Failure, 50),
        round(120, "new", Absent, 0),
        round(180, "new", Success, 50),
        round(60, "never", Absent, 0),
        elsewhere,
    ])
    .await
    .unwrap();
    let mut new = model("new", 0);
    new.metrics_since = at(120);
    let records = [
        new,
        model("half", 40),
        model("unknown", 40),
        model("gone", 0),
    ];
    db.keep_models(&records).await.unwrap();
    let best = async |most| db.best(CRUNCH, at(30), most).await.unwrap();
    assert_eq!(best(9).await, ["new", "quick", "slow", "half", "third"]);
    assert_eq!(best(2).await, ["new", "quick"]);
    assert_eq!(best(0).await, [""; 0]);
    // Scores stand above all.
    place
        .raw("UPDATE models SET score = 0.25 WHERE model_id = 'half'")
        .await;
    place
        .raw("UPDATE models SET score = -1 WHERE model_id = 'unknown'")
        .await;
    // But for those that were not seen since.
    place
        .raw("UPDATE models SET score = 9 WHERE model_id = 'gone'")
        .await;
    assert_eq!(
        best(9).await,
        ["half", "unknown", "new", "quick", "slow", "third"]
    );
    // A model as it was keeps its score, one whose metrics begin anew has none yet.
    let mut anew = model("half", 50);
    anew.metrics_since = at(40);
    db.keep_models(&[model("unknown", 40), anew.clone()])
        .await
        .unwrap();
    let ranks = async || best(2).await;
    assert_eq!(ranks().await, ["half", "unknown"]);
    anew.metrics_since = at(50);
    db.keep_models(&[anew]).await.unwrap();
    assert_eq!(ranks().await, ["unknown", "new"]);
}
