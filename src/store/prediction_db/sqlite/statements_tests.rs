use sqlx::Connection as _;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::store::{
    Close, CloseRepository, Packed, Prediction, PredictionConfig, PredictionRepository,
    PredictionStatus, ScoreRepository, Snapshot, WindowScore,
};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn prediction(slot: i64, model: usize) -> Prediction {
    let config = PredictionConfig {
        asset: "BTC".into(),
        horizon: 60,
        step: 60,
        interval: 60,
        active: true,
        order: 0,
        best: None,
    };
    Prediction {
        crunch_id: "crunch".into(),
        config: config.key(),
        slot,
        model_id: model.to_string(),
        deployment_id: String::new(),
        status: PredictionStatus::Success,
        asset: config.asset,
        horizon: config.horizon,
        step: config.step,
        exec_time_us: 1,
        payload: Some(Packed::new("[]")),
        detail: None,
        base: None,
        performed_at: NOW,
        resolvable_at: NOW + Duration::MINUTE,
    }
}

fn snapshot(model: usize) -> Snapshot {
    let window = WindowScore::default();
    Snapshot {
        at: NOW,
        model_id: model.to_string(),
        rank: None,
        recent: window,
        steady: window,
        anchor: window,
    }
}

/// Everything that writes or reads as many rows as there are, with so many of them.
async fn with_rows(db: &Sqlite, count: usize) {
    let slot = i64::try_from(count).unwrap();
    let answers: Vec<_> = (0..count).map(|model| prediction(slot, model)).collect();
    db.save_all(&answers).await.unwrap();
    let closes: Vec<_> = (0..slot).map(|at| Close { at, price: 1.0 }).collect();
    db.keep_closes("BTC", &closes).await.unwrap();
    let snapshots: Vec<_> = (0..count).map(snapshot).collect();
    db.keep_snapshots("crunch", &snapshots).await.unwrap();
    let ids: Vec<_> = (0..slot).collect();
    db.payloads(&ids).await.unwrap();
}

#[tokio::test]
async fn each_count_of_rows_leaves_no_statement_behind() {
    let db = Sqlite::in_memory().await.unwrap();
    let mut kept = Vec::new();
    for count in 1..20 {
        with_rows(&db, count).await;
        let connection = db.writer.acquire().await.unwrap();
        kept.push(connection.cached_statements_size());
    }
    assert_eq!(kept.first(), kept.last(), "{kept:?}");
}
