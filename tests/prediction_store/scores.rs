//! Scores of single predictions, and the rounds that they stand in.

use std::sync::Arc;

use allora_worker::store::{
    Close, CloseRepository as _, ConfigKey, PartAfter, Prediction, PredictionDb,
    PredictionRepository as _, PredictionStatus, Score, ScoreRepository as _, ScoredPart,
};
use tokio::sync::Barrier;

use super::{
    Place,
    make::{CRUNCH, at, prediction, silent, unread},
    rounds::all,
};

/// When the horizons of all predictions here have passed.
const LATER: i64 = 1_000_000;

fn score(prediction: i64, crps: f64) -> Score {
    Score {
        prediction,
        crps: Some(crps),
        log_score: Some(-crps),
        crps_reference: Some(2.0 * crps),
        log_reference: Some(f64::NEG_INFINITY),
        detail: None,
        scored_at: at(LATER),
    }
}

/// Slots and models of what waits, in pages of two.
async fn waiting(db: &PredictionDb, until: i64) -> Vec<(i64, String, i64)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = db.unscored(CRUNCH, at(until), after, 2).await.unwrap();
        after = page.next;
        if after.is_none() {
            return found;
        }
        let origin = at(0).unix_timestamp();
        found.extend(page.predictions.into_iter().map(|it| {
            let Prediction { slot, model_id, .. } = it.prediction;
            (slot - origin, model_id, it.id)
        }));
    }
}

async fn names(db: &PredictionDb, until: i64) -> Vec<(i64, String)> {
    let found = waiting(db, until).await;
    found
        .into_iter()
        .map(|(slot, model, _)| (slot, model))
        .collect()
}

fn named(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    let owned = expected
        .iter()
        .map(|(slot, model)| (*slot, (*model).to_owned()));
    owned.collect()
}

pub(crate) async fn what_is_scored_waits_no_more(place: &Place) {
    let db = place.open().await;
    let mut other = prediction(60, "z");
    other.crunch_id = "another".into();
    let given = [
        prediction(180, "a"),
        prediction(60, "b"),
        prediction(60, "a"),
        silent(60, "c", PredictionStatus::Timeout),
        silent(60, "d", PredictionStatus::Absent),
        prediction(120, "a"),
        other,
    ];
    db.save_all(&given).await.unwrap();
    // By the end of the horizon, then by number; a horizon that has not passed waits for it.
    let expected = named(&[(60, "b"), (60, "a"), (120, "a")]);
    assert_eq!(names(&db, 3_779).await, expected);
    let found = waiting(&db, LATER).await;
    assert_eq!(found.len(), 4);
    let stored = db.unscored(CRUNCH, at(LATER), None, 1).await.unwrap();
    assert_eq!(stored.predictions[0].prediction, unread(&given[1]));
    let (waits, absent) = (stored.predictions[0].id, found.iter().map(|it| it.2).max());
    let payloads = db.payloads(&[waits, absent.unwrap() + 99]).await.unwrap();
    assert_eq!(
        payloads,
        [(waits, given[1].payload.clone().unwrap())].into()
    );
    db.keep_scores(&[score(found[0].2, 1.0), score(found[2].2, 2.0)])
        .await
        .unwrap();
    assert_eq!(
        names(&db, LATER).await,
        named(&[(60, "a"), (180, "a")]),
        "the rest still waits"
    );
    // The first score stays, and none at all is a score, too.
    let in_vain = Score {
        crps: None,
        log_score: None,
        crps_reference: None,
        log_reference: None,
        detail: Some("no prices\0".into()),
        ..score(found[1].2, 0.0)
    };
    db.keep_scores(&[score(found[0].2, 9.0), in_vain])
        .await
        .unwrap();
    let parts = db.parts(CRUNCH, at(0), at(LATER), None, 9).await.unwrap();
    let told: Vec<_> = parts
        .iter()
        .map(|it| (it.model_id.as_str(), it.is_scored, it.crps))
        .collect();
    let expected = [
        ("a", true, None),
        ("b", true, Some(1.0)),
        ("c", false, None),
        ("d", false, None),
        ("a", true, Some(2.0)),
        ("a", false, None),
    ];
    assert_eq!(told, expected);
    assert_eq!((parts[1].horizon, parts[1].log_score), (3_600, Some(-1.0)));
    assert_eq!(parts[1].crps_reference, Some(2.0));
    assert_eq!(parts[1].log_reference, Some(f64::NEG_INFINITY));
    assert_eq!(names(&db, LATER).await, named(&[(180, "a")]));
    // Another process sees the same.
    assert_eq!(names(&place.open().await, LATER).await.len(), 1);
}

pub(crate) async fn what_comes_late_waits_for_its_score(place: &Place) {
    let db = place.open().await;
    let absent = silent(60, "a", PredictionStatus::Absent);
    let given = [absent, prediction(86_400, "b"), prediction(60, "c")];
    db.save_all(&given).await.unwrap();
    for (_, _, id) in waiting(&db, LATER).await {
        db.keep_scores(&[score(id, 1.0)]).await.unwrap();
    }
    assert_eq!(names(&db, LATER).await, []);
    // An outage of days ended, and an absent model was there.
    let late = [prediction(30, "d"), prediction(60, "a"), given[2].clone()];
    assert_eq!(db.save_all(&late).await.unwrap(), 2);
    assert_eq!(names(&db, LATER).await, named(&[(30, "d"), (60, "a")]));
}

pub(crate) async fn scores_go_with_their_predictions(place: &Place) {
    let db = place.open().await;
    let given: Vec<_> = (1..=6).map(|it| prediction(60 * it, "a")).collect();
    db.save_all(&given).await.unwrap();
    let found = waiting(&db, LATER).await;
    let scores: Vec<_> = found[..3].iter().map(|it| score(it.2, 1.0)).collect();
    db.keep_scores(&scores).await.unwrap();
    // Two scored ones go, then one scored and one that waits.
    assert_eq!(db.prune(CRUNCH, at(180), 10).await.unwrap(), 2);
    assert_eq!(place.number("SELECT count(*) FROM scores").await, 1);
    assert_eq!(db.prune(CRUNCH, at(300), 10).await.unwrap(), 2);
    assert_eq!(place.number("SELECT count(*) FROM scores").await, 0);
    assert_eq!(place.number("SELECT count(*) FROM unscored").await, 2);
    assert_eq!(names(&db, LATER).await, named(&[(300, "a"), (360, "a")]));
    // What was pruned while it was scored needs no score, and spoils none.
    db.keep_scores(&[scores[0].clone(), score(found[4].2, 5.0)])
        .await
        .unwrap();
    assert_eq!(place.number("SELECT count(*) FROM scores").await, 1);
    assert_eq!(names(&db, LATER).await, named(&[(360, "a")]));
}

pub(crate) async fn scores_and_predictions_are_written_at_once(place: &Place) {
    const ROUNDS: i64 = 30;
    let (storing, scoring) = (place.open().await, place.open().await);
    let start = Arc::new(Barrier::new(2));
    let begin = start.clone();
    let store = tokio::spawn(async move {
        begin.wait().await;
        for round in 0..ROUNDS {
            let batch: Vec<_> = (0..20)
                .map(|it| prediction(60 * round, &format!("m{it}")))
                .collect();
            storing
                .save_all(&batch)
                .await
                .expect("nobody is in its way");
        }
    });
    start.wait().await;
    let mut scored = 0;
    while scored < 20 * ROUNDS {
        let found = scoring.unscored(CRUNCH, at(LATER), None, 64).await.unwrap();
        let scores: Vec<_> = found
            .predictions
            .iter()
            .map(|it| score(it.id, 1.0))
            .collect();
        scoring.keep_scores(&scores).await.unwrap();
        scored += i64::try_from(scores.len()).unwrap();
        tokio::task::yield_now().await;
    }
    store.await.unwrap();
    assert_eq!(place.number("SELECT count(*) FROM scores").await, scored);
    assert_eq!(scored, 20 * ROUNDS);
}

async fn paged(db: &PredictionDb, from: i64, until: i64, most: u32) -> Vec<ScoredPart> {
    let mut found: Vec<ScoredPart> = Vec::new();
    loop {
        let after = found.last().map(|last| PartAfter {
            config: last.config.clone(),
            slot: last.slot,
            model_id: last.model_id.clone(),
        });
        let page = db
            .parts(CRUNCH, at(from), at(until), after.as_ref(), most)
            .await
            .unwrap();
        assert!(page.len() <= most as usize);
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

pub(crate) async fn parts_are_read_round_by_round(place: &Place) {
    let db = place.open().await;
    let of = |config: &str, slot, model| Prediction {
        config: ConfigKey(config.into()),
        ..prediction(slot, model)
    };
    let mut given = Vec::new();
    for config in ["ETH/3600/60", "BTC/3600/60", "BTC/3600/60/best5"] {
        for slot in [120, 60, 180] {
            for model in ["b", "a", "c"] {
                given.push(of(config, slot, model));
            }
        }
    }
    db.save_all(&given).await.unwrap();
    let whole = paged(&db, 0, LATER, 100).await;
    let keys: Vec<_> = whole
        .iter()
        .map(|it| (it.config.0.as_str(), it.slot, it.model_id.as_str()))
        .collect();
    assert_eq!(keys.len(), 27);
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(keys[0].0, "BTC/3600/60");
    // Pages end anywhere, also between configs.
    for most in [1, 2, 4, 9, 10] {
        assert_eq!(paged(&db, 0, LATER, most).await, whole);
    }
    // From the first horizon's end on, and before the last one.
    let ends = [3_720, 3_781].map(at);
    let some = paged(&db, 3_720, 3_780, 4).await;
    assert_eq!(some.len(), 9);
    for part in some {
        assert!((ends[0]..ends[1]).contains(&part.resolvable_at));
    }
    assert_eq!(all(&db).await.len(), 27);
}

pub(crate) async fn prices_tell_how_far_time_has_come(place: &Place) {
    let db = place.open().await;
    let close = |seconds| Close {
        at: at(seconds).unix_timestamp(),
        price: 100.0,
    };
    db.keep_closes("BTC", &[close(60), close(120)])
        .await
        .unwrap();
    db.keep_closes("DOGE", &[close(900)]).await.unwrap();
    assert_eq!(
        db.newest_closes(CRUNCH, at(LATER)).await.unwrap(),
        [].into()
    );
    let mut eth = prediction(60, "a");
    eth.config = ConfigKey("ETH/3600/60".into());
    db.save_all(&[prediction(60, "a"), eth]).await.unwrap();
    let newest = db.newest_closes(CRUNCH, at(LATER)).await.unwrap();
    assert_eq!(newest, [("BTC".to_owned(), close(120).at)].into());
    // One of the future tells nothing.
    db.keep_closes("BTC", &[close(LATER + 60)]).await.unwrap();
    assert_eq!(db.newest_closes(CRUNCH, at(LATER)).await.unwrap(), newest);
    let first = db.newest_closes(CRUNCH, at(60)).await.unwrap();
    assert_eq!(first, [("BTC".to_owned(), close(60).at)].into());
}

pub(crate) async fn what_makes_no_sense_stops_no_ranking(place: &Place) {
    let db = place.open().await;
    let mut eth = prediction(60, "a");
    eth.config = ConfigKey("ETH/3600/60".into());
    let given = [
        prediction(60, "a"),
        prediction(60, "b"),
        prediction(60, "c"),
        eth,
    ];
    db.save_all(&given).await.unwrap();
    place
        .raw(
            "UPDATE prediction_configs SET step = -5 WHERE asset = 'ETH'; \
             UPDATE predictions SET horizon = -5 WHERE model_id IN ('a', 'b')",
        )
        .await;
    // A page of rows that can't be read is not the end.
    let first = db.unscored(CRUNCH, at(LATER), None, 2).await.unwrap();
    assert_eq!((first.predictions.len(), first.unreadable), (0, 2));
    let next = db.unscored(CRUNCH, at(LATER), first.next, 2).await.unwrap();
    assert_eq!(next.predictions[0].prediction, unread(&given[2]));
    assert_eq!((next.predictions.len(), next.unreadable), (1, 1));
    let last = db.unscored(CRUNCH, at(LATER), next.next, 2).await.unwrap();
    assert_eq!(last, allora_worker::store::Waiting::default());
    // What else is asked for has its parts.
    let parts = db.parts(CRUNCH, at(0), at(LATER), None, 9).await.unwrap();
    assert_eq!(parts.len(), 3);
}
