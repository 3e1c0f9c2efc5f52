//! The suite of the store of predictions, on SQLite, and what only a file can suffer.

use allora_worker::store::{PredictionDb, PredictionFilter, PredictionRepository as _};

use crate::prediction_store::{Place, suite};

fn sqlite() -> std::future::Ready<Option<Place>> {
    std::future::ready(Some(Place::sqlite()))
}

suite!(sqlite);

#[tokio::test]
async fn a_file_that_cannot_be_made_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let file = missing.join("predictions.db");
    let url = file.display().to_string().parse().unwrap();
    let db = PredictionDb::new(url);
    let error = db.save_all(&[]).await.unwrap_err();
    assert!(error.is_transient());
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
    std::fs::create_dir(missing).unwrap();
    let found = db.predictions(&PredictionFilter::default(), 0, 1).await;
    assert_eq!(found.unwrap(), []);
}
