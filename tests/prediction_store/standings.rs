//! Leaderboards, and rounds for whoever combines models.

use allora_worker::store::{
    ConfigKey, ModelRepository as _, Packed, Prediction, PredictionConfig,
    PredictionConfigRepository as _, PredictionDb, PredictionRepository as _, PredictionStatus,
    RoundAnswer, RoundRepository as _, Score, ScoreRepository as _, Snapshot, StoredPrediction,
    WindowScore,
};

use super::{
    Place,
    make::{CRUNCH, at, config, model, prediction, silent, unread},
};

const DAY: i64 = 86_400;

fn window(score: Option<f64>) -> WindowScore {
    WindowScore {
        score,
        log_gain: score.map(|it| it / 2.0),
        rounds: 10,
        answered: 7,
    }
}

fn snapshot(taken: i64, model: &str, rank: Option<u32>, score: Option<f64>) -> Snapshot {
    Snapshot {
        at: at(taken),
        model_id: model.into(),
        rank,
        recent: window(score.map(|it| it + 1.0)),
        steady: window(score.map(|it| it + 2.0)),
        anchor: window(score),
    }
}

async fn best(db: &PredictionDb) -> Vec<String> {
    db.best(CRUNCH, at(0), 10).await.unwrap()
}

pub(crate) async fn a_leaderboard_gives_models_their_scores(place: &Place) {
    let db = place.open().await;
    let mut other = model("b", 9);
    other.crunch_id = "another".into();
    db.keep_models(&["a", "b", "c", "d"].map(|it| model(it, 9)))
        .await
        .unwrap();
    db.keep_models(&[other]).await.unwrap();
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), []);
    let first = [
        snapshot(10, "b", Some(1), Some(0.5)),
        snapshot(10, "a", Some(2), Some(-0.25)),
        snapshot(10, "c", None, None),
    ];
    db.keep_snapshots(CRUNCH, &first).await.unwrap();
    assert_eq!(best(&db).await, ["b", "a"]);
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), first);
    assert_eq!(db.leaderboard("another").await.unwrap(), []);
    assert_eq!(
        db.best("another", at(0), 9).await.unwrap(),
        <[&str; 0]>::default()
    );
    // Whoever is not on the next one has no score any more; what is no number is none.
    let second = [
        snapshot(20, "c", Some(1), Some(0.75)),
        snapshot(20, "a", Some(2), Some(0.5)),
        snapshot(20, "d", None, Some(f64::NAN)),
    ];
    db.keep_snapshots(CRUNCH, &second).await.unwrap();
    assert_eq!(best(&db).await, ["c", "a"]);
    let mut expected = second.to_vec();
    expected[2] = Snapshot {
        recent: window(None),
        steady: window(None),
        anchor: window(None),
        ..expected[2].clone()
    };
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), expected);
    let both = db.snapshots(CRUNCH, at(10), at(21), false).await.unwrap();
    assert_eq!(both, [&first[..], &expected].concat());
    assert_eq!(
        db.snapshots(CRUNCH, at(10), at(20), false).await.unwrap(),
        first
    );
    // One of the same time takes the place of the one before.
    let third = [snapshot(20, "a", Some(1), Some(0.25))];
    db.keep_snapshots(CRUNCH, &third).await.unwrap();
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), third);
    assert_eq!(best(&db).await, ["a"]);
    // Nobody is there any more.
    db.keep_snapshots(CRUNCH, &[]).await.unwrap();
    assert_eq!(best(&db).await, <[&str; 0]>::default());
}

pub(crate) async fn a_past_leaderboard_gives_no_scores(place: &Place) {
    let db = place.open().await;
    db.keep_models(&["a", "b"].map(|it| model(it, 9)))
        .await
        .unwrap();
    let now = [snapshot(DAY, "a", Some(1), Some(0.5))];
    db.keep_snapshots(CRUNCH, &now).await.unwrap();
    // A day that is made up for.
    let past = [snapshot(60, "b", Some(1), Some(0.9))];
    db.keep_snapshots(CRUNCH, &past).await.unwrap();
    assert_eq!(best(&db).await, ["a"]);
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), now);
    let both = db
        .snapshots(CRUNCH, at(0), at(9 * DAY), true)
        .await
        .unwrap();
    assert_eq!(both, [past, now].concat());
}

pub(crate) async fn snapshots_are_thinned_to_days(place: &Place) {
    let db = place.open().await;
    for (taken, number) in [
        (60, 1.0),
        (DAY - 1, 2.0),
        (DAY, 3.0),
        (DAY + 60, 4.0),
        (2 * DAY + 60, 5.0),
        (2 * DAY + 120, 6.0),
    ] {
        let rows = ["a", "b"].map(|it| snapshot(taken, it, None, Some(number)));
        db.keep_snapshots(CRUNCH, &rows).await.unwrap();
    }
    let read = async |until, daily| {
        let rows = db.snapshots(CRUNCH, at(0), at(until), daily).await.unwrap();
        let of_a = rows.into_iter().filter(|it| it.model_id == "a");
        of_a.filter_map(|it| it.anchor.score).collect::<Vec<_>>()
    };
    assert_eq!(read(9 * DAY, true).await, [2.0, 4.0, 6.0]);
    // The last of a day is the last that is in the range.
    assert_eq!(read(DAY + 30, true).await, [2.0, 3.0]);
    assert_eq!(read(9 * DAY, false).await.len(), 6);
    assert_eq!(
        db.thin_snapshots(CRUNCH, at(2 * DAY)).await.unwrap(),
        4,
        "two leaderboards of two models"
    );
    assert_eq!(read(9 * DAY, false).await, [2.0, 4.0, 5.0, 6.0]);
    assert_eq!(db.thin_snapshots(CRUNCH, at(2 * DAY)).await.unwrap(), 0);
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap().len(), 2);
}

/// An answer to one of several configs, whose text names it.
fn answer(key: &str, slot: i64, model: &str) -> Prediction {
    let step = key.split('/').nth(2).unwrap().parse().unwrap();
    Prediction {
        config: ConfigKey(key.into()),
        step,
        payload: Some(Packed::new(&format!("{key} {slot} {model}"))),
        ..prediction(slot, model)
    }
}

fn texts(answers: &[RoundAnswer]) -> Vec<String> {
    answers
        .iter()
        .map(|it| it.payload.text().unwrap())
        .collect()
}

fn declared(step: u32, best: Option<u32>) -> PredictionConfig {
    PredictionConfig {
        best,
        ..config("BTC", 3_600, step)
    }
}

async fn declare(db: &PredictionDb) {
    let configs = [
        declared(60, None),
        declared(1_200, None),
        declared(3_600, Some(2)),
    ];
    db.declare(CRUNCH, &configs).await.unwrap();
}

pub(crate) async fn the_newest_round_before_a_time_is_read(place: &Place) {
    let db = place.open().await;
    declare(&db).await;
    let wide = "BTC/3600/1200";
    db.save_all(&[
        answer(wide, 120, "b"),
        answer(wide, 120, "a"),
        answer(wide, 60, "x"),
        answer(wide, 180, "a"),
        answer("BTC/3600/60", 120, "a"),
        answer("BTC/3600/3600/best2", 120, "a"),
        // Asked for no more, though wider.
        answer("BTC/3600/1800", 120, "a"),
        answer("ETH/3600/3600", 120, "a"),
        silent(DAY, "a", PredictionStatus::Failure),
        answer(wide, DAY + 60, "c"),
        answer(wide, 5 * DAY, "a"),
        answer(wide, 6 * DAY, "a"),
    ])
    .await
    .unwrap();
    let slot = |seconds| at(seconds).unix_timestamp();
    let read = async |times: &[i64], age| {
        let times: Vec<_> = times.iter().map(|it| slot(*it)).collect();
        let read = db.answers_before(CRUNCH, "BTC", 3_600, &times, age).await;
        read.unwrap()
    };
    // Before it, and not at it; not too long before it.
    let times = [180, DAY + 120, 5 * DAY + 60, 6 * DAY];
    let found = read(&times, 100).await;
    assert_eq!(
        texts(&found),
        [
            "BTC/3600/1200 120 a",
            "BTC/3600/1200 120 b",
            "BTC/3600/1200 86460 c",
            "BTC/3600/1200 432000 a"
        ]
    );
    let first = &found[0];
    assert_eq!((first.slot, first.step), (slot(120), 1_200));
    assert_eq!(first.base, Some(90_744.5));
    let made = prediction(120, "a");
    assert_eq!(first.performed_at, made.performed_at);
    assert_eq!(first.resolvable_at, made.resolvable_at);
    assert_eq!((first.crps, first.crps_reference), (None, None));
    assert_eq!(texts(&read(&[120], 100).await), ["BTC/3600/1200 60 x"]);
    assert_eq!(read(&[DAY + 60], 60).await, []);
    let none = db.answers_before(CRUNCH, "SOL", 3_600, &times, DAY).await;
    assert_eq!(none.unwrap(), []);
    // With its score, once it has one.
    let all = db.unscored(CRUNCH, at(10 * DAY), None, 99).await.unwrap();
    let payloads: Vec<_> = all.predictions.iter().map(|it| it.id).collect();
    let payloads = db.payloads(&payloads).await.unwrap();
    let of = |it: &&StoredPrediction| payloads.get(&it.id) == Some(&first.payload);
    let scored = Score {
        prediction: all.predictions.iter().find(of).unwrap().id,
        crps: Some(0.5),
        log_score: None,
        crps_reference: Some(2.0),
        log_reference: None,
        detail: None,
        scored_at: at(9_000),
    };
    db.keep_scores(&[scored]).await.unwrap();
    let found = read(&[180], 100).await;
    let scores: Vec<_> = found
        .iter()
        .map(|it| (it.crps, it.crps_reference))
        .collect();
    assert_eq!(scores, [(Some(0.5), Some(2.0)), (None, None)]);
    // Of what is asked for no more the widest counts when there is nothing else.
    db.declare(CRUNCH, &[]).await.unwrap();
    assert_eq!(
        texts(&read(&[180], 100).await),
        ["BTC/3600/1800 120 a"],
        "still none of a subset"
    );
}

pub(crate) async fn each_models_newest_answer_is_read(place: &Place) {
    let db = place.open().await;
    declare(&db).await;
    let wide = "BTC/3600/1200";
    let mut failed = silent(240, "a", PredictionStatus::Failure);
    failed.config = ConfigKey(wide.into());
    db.save_all(&[
        answer(wide, 120, "b"),
        answer(wide, 120, "a"),
        answer(wide, 180, "a"),
        failed,
        answer(wide, 60, "old"),
        answer("BTC/3600/60", 240, "a"),
        answer("BTC/3600/3600/best2", 240, "a"),
    ])
    .await
    .unwrap();
    let since = at(120).unix_timestamp();
    let found = db
        .newest_answers(CRUNCH, "BTC", 3_600, since..at(181).unix_timestamp())
        .await
        .unwrap();
    assert_eq!(
        texts(&found),
        ["BTC/3600/1200 180 a", "BTC/3600/1200 120 b"]
    );
    // What is dated in the future hides nothing.
    let until = at(180).unix_timestamp();
    let found = db.newest_answers(CRUNCH, "BTC", 3_600, since..until).await;
    assert_eq!(
        texts(&found.unwrap()),
        ["BTC/3600/1200 120 a", "BTC/3600/1200 120 b"]
    );
    let since = at(181).unix_timestamp();
    let none = db.newest_answers(CRUNCH, "BTC", 3_600, since..i64::MAX);
    assert_eq!(none.await.unwrap(), []);
}

/// A database of a worker that knew no scores.
pub(crate) async fn what_was_stored_before_scores_were_is_scored(place: &Place) {
    let db = place.open().await;
    let given = [
        prediction(60, "a"),
        silent(60, "b", PredictionStatus::Absent),
        prediction(120, "a"),
    ];
    db.save_all(&given).await.unwrap();
    drop(db);
    let undo = if place.is_postgres() {
        "DROP TRIGGER unscored_stored ON predictions; DROP TRIGGER unscored_answered ON predictions; \
         DROP TRIGGER unscored_removed ON predictions; DROP FUNCTION predictions_await_scores; \
         DROP FUNCTION predictions_await_no_scores; "
    } else {
        "DROP TRIGGER unscored_stored; DROP TRIGGER unscored_answered; DROP INDEX predictions_parts; "
    };
    place
        .raw(&format!(
            "{undo} DROP TABLE unscored; DROP TABLE scores; DROP TABLE snapshots; \
             DELETE FROM prediction_migrations WHERE version = 2"
        ))
        .await;
    let mut expected = vec![given[0].clone(), given[2].clone()];
    let db = if place.is_postgres() {
        // What an old worker stores just then is not forgotten either.
        let mut answered = given[0].clone();
        answered.model_id = "b".into();
        expected.insert(1, answered);
        let answer = "UPDATE predictions SET status = 'SUCCESS', payload = o.payload, \
            detail = o.detail, exec_time_us = o.exec_time_us, base = o.base, \
            deployment_id = o.deployment_id, performed_at = o.performed_at, \
            resolvable_at = o.resolvable_at FROM predictions o \
            WHERE predictions.model_id = 'b' AND o.model_id = 'a' AND o.slot = predictions.slot";
        place.while_changed(answer, place.open()).await
    } else {
        place.open().await
    };
    let found = db.unscored(CRUNCH, at(9_999), None, 9).await.unwrap();
    let found: Vec<_> = found
        .predictions
        .into_iter()
        .map(|it| it.prediction)
        .collect();
    assert_eq!(found, expected.iter().map(unread).collect::<Vec<_>>());
}
