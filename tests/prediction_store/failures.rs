//! What a database refuses, and what it holds that nobody can read.

use allora_worker::store::{
    ModelRepository as _, PredictionDb, PredictionFilter, PredictionRepository as _, StoreError,
};

use super::{
    Place,
    make::{CRUNCH, model, prediction},
    rounds::all,
};

pub(crate) async fn a_batch_is_stored_whole_or_not_at_all(place: &Place) {
    let db = place.open().await;
    place
        .raw(if place.is_postgres() {
            "ALTER TABLE predictions ADD CHECK (model_id <> 'bad')"
        } else {
            "CREATE TRIGGER bad BEFORE INSERT ON predictions WHEN NEW.model_id = 'bad' \
             BEGIN SELECT RAISE(ABORT, 'it is bad'); END"
        })
        .await;
    let mut given: Vec<_> = (0..1_500).map(|it| prediction(60 * it, "a")).collect();
    given.push(prediction(60, "bad"));
    let error = db.save_all(&given).await.unwrap_err();
    // Trying it again would change nothing.
    assert!(!error.is_transient(), "{error}");
    assert_eq!(all(&db).await, []);
    given.pop();
    assert_eq!(db.save_all(&given).await.unwrap(), 1_500);
}

pub(crate) async fn a_row_that_makes_no_sense_is_named(place: &Place) {
    let db = place.open().await;
    let given: Vec<_> = (0..3).map(|it| prediction(60 * it, "a")).collect();
    db.save_all(&given).await.unwrap();
    let ids: Vec<_> = all(&db).await.iter().map(|it| it.id).collect();
    let none = PredictionFilter::default();
    for (damage, wanted) in [
        ("status = 'PERHAPS'", "none of SUCCESS, FAILURE"),
        ("status = 'SUCCESS', horizon = -5", "horizon is -5"),
    ] {
        place
            .raw(&format!(
                "UPDATE predictions SET {damage} WHERE id = {}",
                ids[1]
            ))
            .await;
        let error = db.predictions(&none, 0, 9).await.unwrap_err();
        assert!(!error.is_transient());
        let error = error.to_string();
        assert!(error.contains(&format!("number {}", ids[1])), "{error}");
        assert!(
            error.contains(wanted) && error.contains("delete"),
            "{error}"
        );
    }
    // Whoever passes it over can go on.
    let rest = db.predictions(&none, ids[1], 9).await.unwrap();
    assert_eq!(rest[0].prediction, given[2]);
    // An answer that is damaged is found by whoever opens it, and harms no other.
    place
        .raw(&format!(
            "UPDATE predictions SET horizon = 60, payload = {} WHERE id = {}",
            if place.is_postgres() {
                "'\\x28b52ffd00'"
            } else {
                "x'28b52ffd00'"
            },
            ids[1]
        ))
        .await;
    let stored = all(&db).await;
    let payload = stored[1].prediction.payload.as_ref().unwrap();
    assert!(matches!(payload.text(), Err(StoreError::Corrupt { .. })));
    db.keep_models(&[model("a", 0)]).await.unwrap();
    place
        .raw(if place.is_postgres() {
            "UPDATE models SET last_seen = '20000-01-01'"
        } else {
            "UPDATE models SET last_seen = 568971820800000"
        })
        .await;
    let error = db.models(CRUNCH).await.unwrap_err().to_string();
    assert!(error.contains("last_seen is 568971820800000 ms"), "{error}");
}

pub(crate) async fn a_newer_database_is_refused(place: &Place) {
    drop(place.open().await);
    place
        .raw(
            "INSERT INTO prediction_migrations \
             (version, description, success, checksum, execution_time) \
             SELECT 99, 'later', success, checksum, 0 FROM prediction_migrations \
             WHERE version = 1",
        )
        .await;
    let error = PredictionDb::connect(&place.url()).await.unwrap_err();
    assert!(matches!(error, StoreError::Tables { .. }), "{error}");
    assert!(error.to_string().contains("a newer worker"), "{error}");
}
