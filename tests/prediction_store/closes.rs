//! Prices that models were told.

use allora_worker::store::{
    Close, CloseRepository as _, ModelRepository as _, PredictionRepository as _,
};

use super::{Place, rounds::all};

pub(crate) async fn closes_are_replaced(place: &Place) {
    let db = place.open().await;
    let close = |at, price| Close { at, price };
    let given: Vec<_> = (0..1_234_i32)
        .map(|it| close(60 * i64::from(it), 0.1 + f64::from(it)))
        .collect();
    db.keep_closes("BTC", &given).await.unwrap();
    db.keep_closes("ETH", &[close(60, 2.5)]).await.unwrap();
    assert_eq!(db.closes("BTC", 0..i64::MAX).await.unwrap(), given);
    assert_eq!(db.closes("BTC", i64::MIN..i64::MAX).await.unwrap(), given);
    // The first is within, the last is not.
    assert_eq!(db.closes("BTC", 60..180).await.unwrap(), given[1..3]);
    let batch = [close(60, 7.0), close(60, 8.0), close(0, f64::NAN)];
    db.keep_closes("BTC", &batch).await.unwrap();
    let now = db.closes("BTC", 0..120).await.unwrap();
    assert_eq!(now, [given[0], close(60, 8.0)]);
    assert_eq!(db.closes("ETH", 0..120).await.unwrap(), [close(60, 2.5)]);
    assert_eq!(db.closes("SOL", 0..120).await.unwrap(), []);
}

pub(crate) async fn nothing_changes_nothing(place: &Place) {
    let db = place.open().await;
    assert_eq!(db.save_all(&[]).await.unwrap(), 0);
    db.keep_models(&[]).await.unwrap();
    db.deployed(&[]).await.unwrap();
    db.keep_closes("BTC", &[]).await.unwrap();
    assert_eq!(all(&db).await, []);
    assert_eq!(db.closes("BTC", 0..9).await.unwrap(), []);
}
