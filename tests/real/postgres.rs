//! The suite of the store of predictions, on a real PostgreSQL server, and what only a server can suffer.

use std::time::{Duration, Instant};

use allora_worker::store::{Prediction, PredictionDb, PredictionRepository as _};
use tokio::time::sleep;

use crate::{
    gate::say,
    postgres_server::{own, shared},
    prediction_store::{Place, all, prediction, suite},
};

async fn postgres() -> Option<Place> {
    Some(Place::postgres(&shared()?).await)
}

suite!(postgres);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_come_back() {
    let Some(place) = postgres().await else {
        return;
    };
    let db = place.open().await;
    for slot in 0..5 {
        assert_eq!(db.save_all(&[prediction(60 * slot, "a")]).await.unwrap(), 1);
        place
            .raw(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE application_name = current_schema() AND pid <> pg_backend_pid()",
            )
            .await;
    }
    assert_eq!(all(&db).await.len(), 5);
    place.clear().await;
}

/// Tries until it is in, as an outbox does, and counts how often it failed.
async fn insist(db: &PredictionDb, batch: &[Prediction]) -> usize {
    let mut failures = 0;
    loop {
        match db.save_all(batch).await {
            Ok(_) => return failures,
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                assert!(error.to_string().contains("127.0.0.1"), "{error}");
                failures += 1;
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_and_dies_loses_nothing() {
    let Some(server) = own() else {
        return;
    };
    let place = Place::postgres(server.url()).await;
    // The worker may start before the server does.
    server.command("stop");
    let db = PredictionDb::new(place.url());
    let began = Instant::now();
    assert!(db.save_all(&[prediction(0, "a")]).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(8), "it is told soon");
    server.command("start");
    let (rounds, written) = tokio::sync::watch::channel(0);
    let writer = tokio::spawn(async move {
        let mut failures = 0;
        for slot in 0..60 {
            rounds.send_replace(slot);
            let batch: Vec<_> = (0..20)
                .map(|it| prediction(60 * slot, &format!("m{it}")))
                .collect();
            failures += insist(&db, &batch).await;
            sleep(Duration::from_millis(50)).await;
        }
        (db, failures)
    });
    for word in ["stop", "kill"] {
        sleep(Duration::from_millis(600)).await;
        tokio::task::block_in_place(|| server.command(word));
        assert!(*written.borrow() < 59, "it is still being written to");
        sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| server.command("start"));
    }
    let (db, failures) = writer.await.unwrap();
    say(&format!(
        "postgres: {failures} writes failed while the server was away"
    ));
    let stored: Vec<_> = all(&db).await.into_iter().map(|it| it.prediction).collect();
    let rounds = (0..60).flat_map(|slot| (0..20).map(move |it| (slot, it)));
    let expected: Vec<_> = rounds
        .map(|(slot, it)| prediction(60 * slot, &format!("m{it}")))
        .collect();
    assert!(stored == expected, "all is there, in order, once");
}
