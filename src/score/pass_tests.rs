use std::sync::Arc;

use super::*;
use crate::{
    score::testing::{CRUNCH, at, minutes, model, normal, prediction, scorer, silent, told},
    store::{DatabaseUrl, PredictionDb, PredictionStatus},
};

const DAY_SECONDS: i64 = 86_400;

fn config() -> ScoreConfig {
    ScoreConfig {
        least_rounds: 1,
        ..ScoreConfig::default()
    }
}

/// A day of prices before, and three models of which one is narrow, one wide and one silent.
async fn scene(rounds: impl IntoIterator<Item = i64>) -> Arc<PredictionDb> {
    filled(PredictionDb::in_memory().await.unwrap(), rounds).await
}

async fn filled(db: PredictionDb, rounds: impl IntoIterator<Item = i64>) -> Arc<PredictionDb> {
    let db = Arc::new(db);
    db.keep_models(&["good", "silent", "wide"].map(|it| model(it, 0)))
        .await
        .unwrap();
    for slot in rounds {
        db.save_all(&[
            prediction(slot, "good", &normal(0.0, 20.0)),
            prediction(slot, "wide", &normal(0.0, 900.0)),
            silent(slot, "silent", PredictionStatus::Failure),
        ])
        .await
        .unwrap();
    }
    told(&db, -DAY_SECONDS, 0).await;
    db
}

async fn shown(db: &PredictionDb) -> Vec<(String, Option<u32>, u32)> {
    let board = db.leaderboard(CRUNCH).await.unwrap();
    let row = |it: Snapshot| (it.model_id, it.rank, it.anchor.rounds);
    board.into_iter().map(row).collect()
}

#[tokio::test]
async fn what_is_due_is_scored_and_ranked_once() {
    let db = scene([600, 1_800, 3_000]).await;
    let mut scorer = scorer(&db, config());
    // Prices have come past two horizons.
    told(&db, 0, 3_600).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.scored, done.unscorable, done.waiting), (4, 0, 0));
    assert_eq!((done.until, done.models), (Some(at(3_600)), 3));
    assert_eq!(done.leader.unwrap().0, "good");
    assert_eq!(done.leader_before, None);
    let row = |id: &str, rank, rounds| (id.to_owned(), Some(rank), rounds);
    assert_eq!(
        shown(&db).await,
        [row("good", 1, 2), row("silent", 2, 2), row("wide", 3, 2)]
    );
    assert_eq!(db.best(CRUNCH, at(0), 1).await.unwrap(), ["good"]);
    let first = db.leaderboard(CRUNCH).await.unwrap();
    // Nothing is new: nothing is made anew.
    let again = scorer.pass().await.unwrap();
    assert_eq!((again.scored, again.models, again.leader), (0, 0, None));
    // Nor does another process change anything.
    let mut other = super::super::testing::scorer(&db, config());
    let again = other.pass().await.unwrap();
    assert_eq!((again.scored, again.models), (0, 3));
    assert_eq!(again.leader_before.as_deref(), Some("good"));
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap(), first);
    // Prices go on.
    told(&db, 3_600, 4_260).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.scored, done.until), (2, Some(at(4_260))));
    assert_eq!(shown(&db).await[0], row("good", 1, 3));
}

#[tokio::test]
async fn without_prices_everything_waits() {
    let db = Arc::new(PredictionDb::in_memory().await.unwrap());
    let mut scorer = scorer(&db, config());
    assert_eq!(scorer.pass().await.unwrap(), PassDone::default());
    db.save_all(&[prediction(600, "a", &normal(0.0, 1.0))])
        .await
        .unwrap();
    assert_eq!(scorer.pass().await.unwrap().until, None);
    // Another feed's prices don't count.
    db.keep_closes("ETH", &minutes(0, 99_999)).await.unwrap();
    assert_eq!(scorer.pass().await.unwrap().until, None);
}

#[tokio::test]
async fn a_gap_is_waited_for_and_then_given_up() {
    let db = scene([600]).await;
    let mut scorer = scorer(&db, config());
    told(&db, 0, 840).await;
    // The price at 20 minutes is missing, that at 30 is there.
    told(&db, 1_740, 3_600).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.scored, done.waiting), (0, 2));
    assert_eq!(shown(&db).await[0].2, 0);
    told(&db, 3_600, 1_200 + DAY_SECONDS).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.scored, done.unscorable, done.waiting), (0, 2, 0));
    assert_eq!(scorer.pass().await.unwrap().unscorable, 0);
}

#[tokio::test]
async fn a_price_of_the_future_makes_nothing_late_and_nothing_early() {
    let db = scene([600]).await;
    let mut scorer = scorer(&db, config());
    let mut stray = minutes(0, 0);
    stray[0].at = at(99 * 7 * DAY_SECONDS).unix_timestamp();
    db.keep_closes("BTC", &stray).await.unwrap();
    // The horizon has not passed, whatever the stray price says.
    told(&db, 0, 1_140).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.until, done.scored), (Some(at(1_140)), 0));
    told(&db, 1_140, 1_800).await;
    let done = scorer.pass().await.unwrap();
    assert_eq!((done.until, done.scored), (Some(at(1_800)), 2));
    assert_eq!((done.unscorable, done.waiting), (0, 0));
}

#[tokio::test]
async fn the_leaderboard_of_now_comes_before_those_of_days_gone_by() {
    let slots = (0..70).map(|day| day * DAY_SECONDS + 3_600);
    let db = Arc::new(PredictionDb::in_memory().await.unwrap());
    db.keep_models(&[model("good", 0)]).await.unwrap();
    // Nobody scored for ten weeks, most of which lie in the past of a clock.
    for slot in slots.take(60) {
        db.save_all(&[prediction(slot, "good", &normal(0.0, 20.0))])
            .await
            .unwrap();
    }
    told(&db, -DAY_SECONDS, 60 * DAY_SECONDS + 600).await;
    let days = async || {
        let (from, until) = (at(0), at(99 * DAY_SECONDS));
        let rows = db.snapshots(CRUNCH, from, until, true).await.unwrap();
        rows.into_iter().map(|it| it.at).collect::<Vec<_>>()
    };
    let mut first = scorer(&db, config());
    assert_eq!(first.pass().await.unwrap().scored, 60);
    let made = days().await;
    assert_eq!(
        (made.len(), made.last()),
        (31, Some(&at(60 * DAY_SECONDS + 600)))
    );
    let score = db.leaderboard(CRUNCH).await.unwrap()[0].anchor.score;
    assert!(score.is_some());
    // Another process finds what is missing.
    scorer(&db, config()).pass().await.unwrap();
    assert_eq!(days().await.len(), 61);
    first.pass().await.unwrap();
    assert_eq!(days().await.len(), 61);
    assert_eq!(db.leaderboard(CRUNCH).await.unwrap()[0].anchor.score, score);
}

#[tokio::test]
async fn a_gap_that_is_filled_is_scored() {
    let db = scene([600]).await;
    let mut scorer = scorer(&db, config());
    told(&db, 1_740, 3_600).await;
    assert_eq!(scorer.pass().await.unwrap().waiting, 2);
    told(&db, 0, 1_740).await;
    let done = scorer.pass().await.unwrap();
    // The time that prices tell stands where it stood, and still there is something new.
    assert_eq!((done.scored, done.models), (2, 3));
    assert_eq!(shown(&db).await[0].2, 1);
}

#[tokio::test]
async fn what_comes_late_is_scored_too() {
    let db = scene([600]).await;
    let mut scorer = scorer(&db, config());
    told(&db, 0, 2 * DAY_SECONDS).await;
    assert_eq!(scorer.pass().await.unwrap().scored, 2);
    // The database was away while these were made; the absent one had answered.
    db.save_all(&[
        prediction(300, "good", &normal(0.0, 20.0)),
        prediction(300, "wide", &normal(0.0, 90.0)),
    ])
    .await
    .unwrap();
    assert_eq!(scorer.pass().await.unwrap().scored, 2);
    assert_eq!(shown(&db).await[0], ("good".to_owned(), Some(1), 2));
}

#[tokio::test]
async fn days_that_went_by_have_their_leaderboards() {
    let slots = (0..4).map(|day| day * DAY_SECONDS + 3_600);
    let db = scene(slots).await;
    told(&db, 0, 4 * DAY_SECONDS + 600).await;
    let mut scorer = scorer(&db, config());
    assert_eq!(scorer.pass().await.unwrap().scored, 8);
    let days = async || {
        let (from, until) = (at(0), at(9 * DAY_SECONDS));
        let rows = db.snapshots(CRUNCH, from, until, true).await.unwrap();
        let of_good = rows.into_iter().filter(|it| it.model_id == "good");
        of_good
            .map(|it| (it.at, it.anchor.rounds))
            .collect::<Vec<_>>()
    };
    let end = |day: i64| at(day * DAY_SECONDS) - time::Duration::MILLISECOND;
    let mut expected: Vec<_> = (1..=4)
        .map(|day| (end(day), u32::try_from(day).unwrap()))
        .collect();
    expected.push((at(4 * DAY_SECONDS + 600), 4));
    assert_eq!(days().await, expected);
    // Two more days without a pass.
    told(&db, 4 * DAY_SECONDS, 7 * DAY_SECONDS).await;
    scorer.pass().await.unwrap();
    expected.extend([(end(6), 4), (end(7), 4)]);
    expected.push((at(7 * DAY_SECONDS), 4));
    assert_eq!(days().await, expected);
}

#[tokio::test]
async fn a_pass_that_is_dropped_leaves_the_rest_to_the_next() {
    let slots: Vec<_> = (0..100).map(|it| 600 + 60 * it).collect();
    let whole = scene(slots.clone()).await;
    // A question that is dropped costs its connection, and one in memory all that it holds.
    let folder = tempfile::tempdir().unwrap();
    let file = DatabaseUrl::file(folder.path().join("predict.db"));
    let db = filled(PredictionDb::connect(&file).await.unwrap(), slots).await;
    for db in [&db, &whole] {
        told(db, 0, 20_000).await;
    }
    let done = scorer(&whole, config()).pass().await.unwrap();
    assert_eq!(done.scored, 200);
    let mut passes = 0;
    loop {
        passes += 1;
        // A while, after which the process is gone.
        let mut scorer = scorer(&db, config());
        let pass = scorer.pass();
        let polls = async {
            for _ in 0..40 * passes {
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            done = pass => break drop(done.unwrap()),
            () = polls => {}
        }
    }
    assert!(passes > 1);
    let read = async |db: &PredictionDb| {
        let all = db.parts(CRUNCH, at(0), at(99_999), None, 1_000).await;
        all.unwrap()
    };
    assert_eq!(read(&db).await, read(&whole).await);
    assert_eq!(
        db.leaderboard(CRUNCH).await.unwrap(),
        whole.leaderboard(CRUNCH).await.unwrap()
    );
}
