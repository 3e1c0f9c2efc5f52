//! The disk's share, the memory's, and a disk that refuses.

use super::{
    double::Mood,
    kit::{Scene, prediction, predictions, slots, until},
};
use crate::{
    ops::{Event, PredictEvent},
    predict::Fact,
    store::Packed,
};

/// A prediction whose answer takes so many bytes.
fn large(slot: i64, bytes: usize) -> Fact {
    let mut prediction = prediction(slot, "1");
    prediction.payload = Some(Packed::from_stored(vec![7; bytes]));
    Fact::Prediction(prediction)
}

fn lost(event: &Event) -> u64 {
    match event {
        Event::Predict(PredictEvent::StoreOverflow { lost, .. }) => *lost,
        _ => 0,
    }
}

fn trouble(event: &Event) -> bool {
    matches!(event, Event::Trouble { .. })
}

#[tokio::test]
async fn a_full_outbox_loses_the_oldest_and_says_so() {
    let mut scene = Scene::new();
    scene.options.cap = 2 << 20;
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    for slot in 0..400 {
        running.put([large(slot, 10_000)]);
        if slot % 20 == 0 {
            tokio::task::yield_now().await;
        }
    }
    until("all appended", || running.outbox.intake.is_empty()).await;
    let used = running.outbox.file.used().await.unwrap();
    assert!(used <= 2 << 20, "{used}");
    let size = std::fs::metadata(scene.path()).unwrap().len();
    assert!(size < 8 << 20, "{size}");
    scene.double.become_(Mood::Well);
    running.waiting(0).await;
    running.stop().await;
    let slots = slots(&scene.double.held());
    // The newest are there without a gap, and there are as many as fit.
    let first = slots[0];
    assert!((200..300).contains(&first), "{first}");
    assert_eq!(slots, (first..400).collect::<Vec<_>>());
    let told: u64 = scene.recording.events().iter().map(lost).sum();
    assert_eq!(told, first.unsigned_abs());
}

#[tokio::test]
async fn the_file_shrinks_when_it_is_drained() {
    let scene = Scene::new();
    scene.double.become_(Mood::Down);
    let running = scene.start().await;
    running.put((0..500).map(|slot| large(slot, 30_000)));
    running.waiting(500).await;
    assert!(running.outbox.waiting().bytes > 15_000_000);
    assert!(running.outbox.file.used().await.unwrap() > 15_000_000);
    scene.double.become_(Mood::Well);
    scene
        .until("all", |held| held.predictions.len() == 500)
        .await;
    let size = || std::fs::metadata(scene.path()).unwrap().len();
    until("a small file", || size() <= 5 << 20).await;
    assert_eq!(running.outbox.waiting().bytes, 0);
    running.stop().await;
}

#[tokio::test]
async fn what_waits_in_memory_is_bounded_and_a_refusal_is_told_once() {
    let mut scene = Scene::new();
    scene.options.memory = 100_000;
    let running = scene.start().await;
    // The file's only connection is held, as by a disk that hangs.
    let held = running.outbox.file.pool.acquire().await.unwrap();
    for slot in 0..50 {
        running.put([large(slot, 10_000)]);
    }
    assert_eq!(scene.told(trouble), 1);
    drop(held);
    running.waiting(0).await;
    running.put(predictions(100..101));
    scene
        .until("the next", |held| {
            held.predictions.last().is_some_and(|it| it.slot == 100)
        })
        .await;
    running.stop().await;
    assert_eq!(
        slots(&scene.double.held()),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 100]
    );
}

#[tokio::test]
async fn of_a_group_that_is_too_large_as_many_are_taken_as_fit() {
    let mut scene = Scene::new();
    scene.options.memory = 100_000;
    let running = scene.start().await;
    running.put((0..50).map(|slot| large(slot, 10_000)));
    scene
        .until("what fits", |held| held.predictions.len() == 9)
        .await;
    running.stop().await;
    let told = scene.recording.events();
    assert!(
        format!("{told:?}").contains("41 facts are lost"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_file_that_refuses_is_tried_again_and_nothing_is_lost() {
    let scene = Scene::new();
    let running = scene.start().await;
    // As a full disk: SQLite gets no new page.
    let pool = &running.outbox.file.pool;
    sqlx::raw_sql("PRAGMA max_page_count = 1")
        .execute(pool)
        .await
        .unwrap();
    running.put((0..10).map(|slot| large(slot, 10_000)));
    scene.recording.wait_for(trouble).await;
    running.put(predictions(10..20));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(scene.double.held().predictions.is_empty());
    let told = scene.recording.events();
    assert!(
        format!("{told:?}").contains("database or disk is full"),
        "{told:?}"
    );
    sqlx::raw_sql("PRAGMA max_page_count = 4294967294")
        .execute(pool)
        .await
        .unwrap();
    scene
        .until("all", |held| held.predictions.len() == 20)
        .await;
    running.stop().await;
    assert_eq!(slots(&scene.double.held()), (0..20).collect::<Vec<_>>());
    assert_eq!(scene.told(trouble), 1);
}

#[tokio::test]
async fn a_file_that_keeps_what_is_stored_does_not_store_it_again() {
    let scene = Scene::new();
    let running = scene.start().await;
    let file = &running.outbox.file;
    sqlx::raw_sql(
        "CREATE TRIGGER full BEFORE DELETE ON facts BEGIN SELECT raise(ABORT, 'disk is full'); END",
    )
    .execute(&file.pool)
    .await
    .unwrap();
    running.put(predictions(0..10));
    scene.recording.wait_for(trouble).await;
    running.put(predictions(10..20));
    scene
        .until("all", |held| held.predictions.len() == 20)
        .await;
    sqlx::raw_sql("DROP TRIGGER full")
        .execute(&file.pool)
        .await
        .unwrap();
    running.waiting(0).await;
    running.stop().await;
    let written: usize = scene.double.held().calls.iter().sum();
    assert_eq!(written, 20);
}
