//! Several processes with one database.

use std::sync::Arc;

use allora_worker::store::{PredictionDb, PredictionRepository as _};
use tokio::{sync::Barrier, task::JoinSet};

use super::{Place, make::prediction, rounds::all};

pub(crate) async fn two_writers_store_a_round_once(place: &Place) {
    let rounds: Vec<Vec<_>> = (0..12)
        .map(|slot| {
            (0..40)
                .map(|it| prediction(60 * slot, &format!("m{it}")))
                .collect()
        })
        .collect();
    let start = Arc::new(Barrier::new(2));
    let mut writers = JoinSet::new();
    for is_other_way in [false, true] {
        let (db, start) = (place.open().await, start.clone());
        let mut rounds = rounds.clone();
        if is_other_way {
            rounds.reverse();
            for round in &mut rounds {
                round.reverse();
            }
        }
        writers.spawn(async move {
            start.wait().await;
            let mut new = 0;
            for round in rounds {
                new += db.save_all(&round).await.expect("nobody is in its way");
            }
            new
        });
    }
    let new: u64 = writers.join_all().await.into_iter().sum();
    assert_eq!(new, 12 * 40);
    let mut stored: Vec<_> = all(&place.open().await)
        .await
        .into_iter()
        .map(|it| (it.prediction.slot, it.prediction.model_id))
        .collect();
    stored.sort();
    stored.dedup();
    assert_eq!(stored.len(), 12 * 40);
}

pub(crate) async fn many_may_open_it_at_once(place: &Place) {
    let start = Arc::new(Barrier::new(6));
    let mut opening = JoinSet::new();
    for number in 0..6 {
        let (url, start) = (place.url(), start.clone());
        opening.spawn(async move {
            start.wait().await;
            let db = PredictionDb::connect(&url).await.expect("it opens");
            db.save_all(&[prediction(60, &format!("m{number}"))])
                .await
                .expect("it stores")
        });
    }
    assert_eq!(opening.join_all().await, [1; 6]);
    // A server has the tables of leases as well.
    let migrations = if place.is_postgres() { 3 } else { 2 };
    let done = "SELECT count(*) FROM prediction_migrations";
    assert_eq!(place.number(done).await, migrations);
    assert_eq!(all(&place.open().await).await.len(), 6);
}
