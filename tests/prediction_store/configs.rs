//! What models are asked for.

use allora_worker::store::{
    ConfigKey, PredictionConfig, PredictionConfigRepository as _, PredictionDb, StoredConfig,
};

use super::{
    Place,
    make::{CRUNCH, config},
};

async fn stored(db: &PredictionDb) -> Vec<StoredConfig> {
    db.configs(CRUNCH).await.expect("they are read")
}

fn as_stored(config: PredictionConfig) -> StoredConfig {
    StoredConfig {
        config,
        performed: None,
    }
}

pub(crate) async fn configs_follow_the_configuration_file(place: &Place) {
    let db = place.open().await;
    let (mut btc, mut eth, mut best) = (
        config("BTC", 3_600, 60),
        config("ETH", 3_600, 60),
        config("BTC", 3_600, 60),
    );
    (btc.order, eth.order, best.best) = (2, 1, Some(5));
    // The last one of a name counts.
    let mut earlier = btc.clone();
    earlier.interval = 1;
    let given = [earlier, btc.clone(), eth.clone(), best.clone()];
    db.declare(CRUNCH, &given).await.unwrap();
    db.declare("other", &[config("BTC", 60, 60)]).await.unwrap();
    let expected = [best.clone(), eth.clone(), btc.clone()].map(as_stored);
    assert_eq!(stored(&db).await, expected);
    // Another file: one is gone, one has changed, one is new and off.
    let mut off = config("SOL", 60, 60);
    off.active = false;
    btc.interval = 120;
    btc.order = 0;
    db.declare(CRUNCH, &[off.clone(), btc.clone(), best.clone()])
        .await
        .unwrap();
    eth.active = false;
    let expected = [btc, best, off, eth.clone()].map(as_stored);
    assert_eq!(stored(&db).await, expected);
    db.declare(CRUNCH, &[]).await.unwrap();
    assert!(stored(&db).await.iter().all(|it| !it.config.active));
    // What comes back is asked for again.
    eth.active = true;
    db.declare(CRUNCH, std::slice::from_ref(&eth))
        .await
        .unwrap();
    assert!(stored(&db).await.contains(&as_stored(eth)));
    assert!(db.configs("other").await.unwrap()[0].config.active);
}

pub(crate) async fn what_others_wrote_stays(place: &Place) {
    let db = place.open().await;
    let insert =
        "INSERT INTO prediction_configs (crunch_id, asset, horizon, step, \"interval\", best)";
    for values in [
        "'DOGE', 600, 60, 30, NULL",
        "'no step', 600, 0, 30, NULL",
        "'no horizon', 0, 60, 30, NULL",
        "'no interval', 600, 60, 0, NULL",
        "'no multiple', 600, 70, 30, NULL",
        "'negative', 600, -60, 30, NULL",
        "'huge', 6000000000, 60, 30, NULL",
        "'huge best', 600, 60, 30, 6000000000",
        "'', 600, 60, 30, NULL",
    ] {
        place
            .raw(&format!("{insert} VALUES ('{CRUNCH}', {values})"))
            .await;
    }
    let mut doge = config("DOGE", 600, 60);
    doge.interval = 30;
    assert_eq!(stored(&db).await, [as_stored(doge.clone())]);
    let btc = config("BTC", 60, 60);
    db.declare(CRUNCH, std::slice::from_ref(&btc))
        .await
        .unwrap();
    assert_eq!(stored(&db).await, [btc, doge].map(as_stored));
    db.declare(CRUNCH, &[]).await.unwrap();
    let active: Vec<_> = stored(&db)
        .await
        .into_iter()
        .map(|it| it.config.active)
        .collect();
    assert_eq!(active, [false, true]);
}

pub(crate) async fn rounds_that_are_done_only_go_forward(place: &Place) {
    let db = place.open().await;
    let (btc, eth) = (config("BTC", 60, 60), config("A/B", 60, 60));
    db.declare(CRUNCH, &[btc.clone(), eth.clone()])
        .await
        .unwrap();
    let unknown = ConfigKey("SOL/60/60".into());
    let garbled = ConfigKey("what".into());
    db.performed(
        CRUNCH,
        &[
            (btc.key(), 120),
            (eth.key(), 60),
            (btc.key(), 60),
            (garbled, 1),
        ],
    )
    .await
    .unwrap();
    db.performed(CRUNCH, &[(btc.key(), 100), (eth.key(), 180), (unknown, 60)])
        .await
        .unwrap();
    let performed: Vec<_> = stored(&db).await.iter().map(|it| it.performed).collect();
    assert_eq!(performed, [Some(180), Some(120)]);
    // A declaration does not touch them, and an early round is remembered.
    let sol = config("SOL", 60, 60);
    db.declare(CRUNCH, &[btc, eth, sol]).await.unwrap();
    let performed: Vec<_> = stored(&db).await.iter().map(|it| it.performed).collect();
    assert_eq!(performed, [Some(180), Some(120), Some(60)]);
}
