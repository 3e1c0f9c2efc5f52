//! In order, all of it, whatever the database does.

use std::time::Duration;

use super::{
    double::Mood,
    kit::{Scene, model, performed, prediction, predictions, round, slots, until},
};
use crate::{
    ops::{Event, PredictEvent},
    predict::{Fact, Facts as _},
    store::{Close, Deployment, DeploymentEffect},
};

fn unavailable(event: &Event) -> bool {
    matches!(event, Event::Predict(PredictEvent::StoreUnavailable { .. }))
}

fn caught_up(event: &Event) -> bool {
    matches!(event, Event::Predict(PredictEvent::StoreCaughtUp { .. }))
}

fn deployment(id: &str) -> Fact {
    Fact::Deployed(Deployment {
        crunch_id: "condorgame".into(),
        model_id: id.into(),
        before: "old".into(),
        deployment_id: "new".into(),
        at: super::kit::BEGIN,
        effect: DeploymentEffect::Reset,
    })
}

#[tokio::test]
async fn all_kinds_come_as_they_were_put() {
    let scene = Scene::new();
    let running = scene.start().await;
    let closes = vec![Close {
        at: 60,
        price: 90_744.5,
    }];
    let facts = [
        Fact::Model(model("1", 0)),
        deployment("1"),
        Fact::Prediction(prediction(60, "1")),
        performed(60),
        Fact::Closes {
            asset: "BTC".into(),
            closes,
        },
    ];
    running.put(facts);
    scene.until("closes", |held| !held.closes.is_empty()).await;
    running.waiting(0).await;
    running.stop().await;
    let held = scene.double.held();
    assert_eq!(held.predictions, [prediction(60, "1")]);
    assert_eq!(held.models, [model("1", 0)]);
    assert_eq!(held.deployments.len(), 1);
    assert_eq!(held.performed.values().collect::<Vec<_>>(), [&60]);
    let closes: Vec<_> = held.closes.clone().into_iter().collect();
    assert_eq!(closes, [(("BTC".to_owned(), 60), 90_744.5)]);
    assert_eq!(held.declared, scene.options.configs.len());
    assert!(held.orphans.is_empty());
    assert!(scene.recording.events().is_empty());
}

#[tokio::test]
async fn what_gathers_goes_in_few_batches() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    for slot in 0..2_500 {
        running.put(predictions(slot..slot + 1));
    }
    running.waiting(2_500).await;
    scene.double.become_(Mood::Well);
    scene
        .until("all", |held| held.predictions.len() == 2_500)
        .await;
    running.stop().await;
    let held = scene.double.held();
    assert_eq!(held.calls, [1_000, 1_000, 500]);
    assert_eq!(slots(&held), (0..2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_database_that_is_away_is_told_of_and_everything_comes_when_it_is_back() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    assert!(running.outbox.store().borrow().is_none());
    running.put(round(60, 300));
    running.waiting(301).await;
    scene.recording.wait_for(unavailable).await;
    until("tries", || scene.double.held().attempts > 5).await;
    scene.double.become_(Mood::Well);
    scene.recording.wait_for(caught_up).await;
    assert!(running.outbox.store().borrow().is_some());
    running.waiting(0).await;
    running.stop().await;
    let held = scene.double.held();
    assert_eq!(held.predictions.len(), 300);
    assert_eq!(held.ends.last().map(|end| end.2), Some(300));
    assert_eq!((scene.told(unavailable), scene.told(caught_up)), (1, 1));
}

#[tokio::test]
async fn a_database_that_hangs_is_given_up_on_and_tried_again() {
    let scene = Scene::new();
    let running = scene.start().await;
    running.put(predictions(0..1));
    scene
        .until("the first", |held| held.predictions.len() == 1)
        .await;
    scene.double.become_(Mood::Hangs);
    running.put(predictions(1..50));
    scene.recording.wait_for(unavailable).await;
    // Those who put don't notice.
    running.put(predictions(50..60));
    running.waiting(59).await;
    scene.double.become_(Mood::Well);
    scene
        .until("all", |held| held.predictions.len() == 60)
        .await;
    running.stop().await;
    assert_eq!(slots(&scene.double.held()), (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_slow_database_gets_smaller_batches() {
    let scene = Scene::new();
    scene.double.become_(Mood::Slow(300));
    let running = scene.start().await;
    running.put(predictions(0..1_000));
    scene
        .until("all", |held| held.predictions.len() == 1_000)
        .await;
    running.stop().await;
    let held = scene.double.held();
    assert!(
        held.calls.iter().all(|size| *size <= 300),
        "{:?}",
        held.calls
    );
    assert_eq!(slots(&held), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn facts_that_are_refused_are_set_aside_and_the_rest_goes_on() {
    let scene = Scene::new();
    scene.double.held().poison.insert("bad".into());
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    for slot in 0..1_500 {
        let who = if [0, 700, 701, 1_499].contains(&slot) {
            "bad"
        } else {
            "1"
        };
        running.put([Fact::Prediction(prediction(slot, who))]);
    }
    running.waiting(1_500).await;
    scene.double.become_(Mood::Well);
    running.waiting(0).await;
    let aside: Vec<(String, String, Vec<u8>)> =
        sqlx::query_as("SELECT cause, fact, payload FROM refused ORDER BY seq")
            .fetch_all(&running.outbox.file.pool)
            .await
            .unwrap();
    running.stop().await;
    let held = scene.double.held();
    let good: Vec<_> = (0..1_500)
        .filter(|it| ![0, 700, 701, 1_499].contains(it))
        .collect();
    assert_eq!(slots(&held), good);
    assert!(held.attempts < 120, "{}", held.attempts);
    assert_eq!(aside.len(), 4);
    for ((cause, fact, payload), slot) in aside.iter().zip([0, 700, 701, 1_499]) {
        assert!(cause.contains("a poisoned value"), "{cause}");
        assert!(fact.contains(&format!("\"slot\":{slot},")), "{fact}");
        assert_eq!(payload, format!("[{slot}, \"bad\"]").as_bytes());
    }
    let troubles = scene.told(|event| matches!(event, Event::Trouble { .. }));
    assert_eq!(troubles, 1);
}

#[tokio::test]
async fn a_fact_that_takes_for_ever_is_set_aside_while_the_database_answers() {
    let mut scene = Scene::new();
    scene.options.write_timeout = Duration::from_millis(40);
    scene.double.held().sleepers.insert("slow".into());
    let running = scene.start().await;
    let who = |slot| if slot == 5 { "slow" } else { "1" };
    running.put((0..10).map(|slot| Fact::Prediction(prediction(slot, who(slot)))));
    scene
        .until("the others", |held| held.predictions.len() == 9)
        .await;
    running.waiting(0).await;
    assert_eq!(running.outbox.file.refused().await.unwrap(), 1);
    // The whole database hangs: nothing is set aside.
    scene.double.become_(Mood::Hangs);
    running.put(predictions(10..11));
    let begun = scene.double.held().attempts;
    until("tries", || scene.double.held().attempts > begun + 8).await;
    assert!(running.outbox.are_held_up());
    scene.double.become_(Mood::Well);
    running.waiting(0).await;
    until("the end", || !running.outbox.are_held_up()).await;
    assert_eq!(running.outbox.file.refused().await.unwrap(), 1);
    running.stop().await;
    assert_eq!(slots(&scene.double.held()), [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn what_was_set_aside_can_be_put_back_with_any_number() {
    let scene = Scene::new();
    scene.double.held().poison.insert("bad".into());
    let running = scene.start().await;
    let who = |slot| if slot % 2 == 0 { "bad" } else { "1" };
    running.put((0..10).map(|slot| Fact::Prediction(prediction(slot, who(slot)))));
    scene
        .until("the others", |held| held.predictions.len() == 5)
        .await;
    running.waiting(0).await;
    scene.double.held().poison.clear();
    for put_back in [
        "INSERT INTO facts SELECT seq, kind, bytes, fact, payload FROM refused WHERE seq < 5",
        "INSERT INTO facts (kind, bytes, fact, payload) \
            SELECT kind, bytes, fact, payload FROM refused WHERE seq >= 5",
    ] {
        let sql = sqlx::raw_sql(put_back);
        sql.execute(&running.outbox.file.pool).await.unwrap();
    }
    running.put(predictions(11..12));
    scene
        .until("all", |held| held.predictions.len() == 11)
        .await;
    running.stop().await;
    let mut slots = slots(&scene.double.held());
    slots.sort_unstable();
    assert_eq!(slots, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    // What was put back is gone from the file, and the counts are right.
    let running = scene.start().await;
    assert_eq!(running.outbox.waiting().facts, 0);
    running.put(predictions(20..21));
    scene
        .until("one more", |held| held.predictions.len() == 12)
        .await;
    running.waiting(0).await;
    assert_eq!(running.outbox.waiting().bytes, 0);
    running.stop().await;
}

#[tokio::test]
async fn a_database_that_refuses_all_is_given_time() {
    let mut scene = Scene::new();
    scene.options.retry_min = Duration::from_secs(60);
    scene.options.retry_max = Duration::from_secs(60);
    scene.double.held().poison.insert("1".into());
    let running = scene.start().await;
    running.put(predictions(0..200));
    running.waiting(179).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(running.outbox.waiting().facts, 179);
    running.kill().await;
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_set_aside() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    running.put(predictions(0..10));
    running.waiting(10).await;
    sqlx::query("UPDATE facts SET fact = '{\"kind\":\"dream\"}' WHERE seq = 4")
        .execute(&running.outbox.file.pool)
        .await
        .unwrap();
    scene.double.become_(Mood::Well);
    running.waiting(0).await;
    assert_eq!(running.outbox.file.refused().await.unwrap(), 1);
    running.stop().await;
    assert_eq!(slots(&scene.double.held()), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    // The next start says that it is there.
    scene.start().await.stop().await;
    assert_eq!(scene.told(|event| matches!(event, Event::Notice { .. })), 1);
}

#[tokio::test]
async fn a_model_that_is_seen_often_is_written_once_a_batch() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    let seen = (0..500).map(|at| Fact::Model(model("1", at)));
    running.put(seen.chain([performed(60), performed(120)]));
    running.waiting(502).await;
    scene.double.become_(Mood::Well);
    running.waiting(0).await;
    running.stop().await;
    let held = scene.double.held();
    assert_eq!(held.models.len(), 1);
    assert_eq!(held.models[0].deployment_id, "1_499");
    assert_eq!(held.models[0].first_seen, super::kit::BEGIN);
    assert_eq!(
        held.models[0].last_seen,
        super::kit::BEGIN + Duration::from_secs(499)
    );
    assert_eq!(held.ends.len(), 1);
}
