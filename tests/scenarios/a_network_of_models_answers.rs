//! A topic is answered with what a network of models expects, by the rows of a database; when the models
//! fall silent the built-in forecast stands in, and no window is missed.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    clock::{SharedClock, SimulatedClock},
    density::Unit,
    forecast::{BlendConfig, Builtin, ForecastConfig, NetworkForecaster, Outside, Source},
    forecasters::network::{Reader, Subject, Tell},
    store::{
        ConfigKey, Packed, Prediction, PredictionDb, PredictionRepository as _, PredictionStatus,
    },
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::{
    ahead::{journal_of, next_nonce},
    harness::{Stage, TOPIC, eventually},
};

const WEEK: u32 = 7 * 86_400;

/// Four models' answers to one round, which is done now.
async fn round(db: &PredictionDb, at: OffsetDateTime, values: [f64; 4]) {
    let of = |(place, value): (usize, f64)| Prediction {
        crunch_id: "synth".into(),
        config: ConfigKey(format!("BTC/{WEEK}/{WEEK}")),
        slot: at.unix_timestamp(),
        model_id: format!("m{place}"),
        deployment_id: "d".into(),
        status: PredictionStatus::Success,
        asset: "BTC".into(),
        horizon: WEEK,
        step: WEEK,
        exec_time_us: 1,
        payload: Some(Packed::new(&value.to_string())),
        detail: None,
        base: Some(60_000.0),
        performed_at: at,
        resolvable_at: at + Duration::from_secs(u64::from(WEEK)),
    };
    let rows: Vec<_> = values.into_iter().enumerate().map(of).collect();
    assert_eq!(db.save_all(&rows).await.unwrap(), 4);
}

#[tokio::test]
async fn its_newest_round_is_submitted_and_its_silence_is_stood_in_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/predict.db", folder.path().display());
    let db = Arc::new(PredictionDb::connect(&url.parse().unwrap()).await.unwrap());
    let start = OffsetDateTime::now_utc();
    let clock = SimulatedClock::starting_at(start);
    let shared: SharedClock = Arc::new(clock.clone());
    let config = BlendConfig {
        poll: Duration::from_millis(20),
        ..BlendConfig::default()
    };
    let subject = Subject {
        crunch_id: "synth".into(),
        asset: "BTC".into(),
        horizon: WEEK,
        unit: Unit::LogReturn,
    };
    let store = Arc::clone(&db) as _;
    let (mut reader, state) = Reader::new(store, subject, config.clone(), Arc::clone(&shared));
    round(&db, start, [0.01, 0.02, 0.03, 0.04]).await;
    reader.look().await.unwrap();
    let cancel = CancellationToken::new();
    let stopped = cancel.clone();
    let tell: Tell = Box::new(|_| {});
    let reading = tokio::spawn(async move { reader.run(&stopped, &tell).await });

    let forecast = ForecastConfig {
        max_abs: 1.0,
        ..ForecastConfig::default()
    };
    let built_in = Arc::new(Builtin::new(forecast.clone()));
    let terms = (forecast, config);
    let forecaster = NetworkForecaster::new(false, built_in, state, terms, shared);
    let outside = Outside {
        source: Source::Models,
        forecaster: Arc::new(forecaster),
        time_limit: Duration::from_secs(5),
        closes: usize::MAX,
        labels: Vec::new(),
    };
    let stage = Stage::new().await;
    let worker = stage
        .worker_with(|setup| setup.outside = vec![(TOPIC, outside)])
        .await;
    let signed = async |nonce: i64, wanted: &str| {
        let found = eventually(async || {
            let submission = journal_of(&stage, TOPIC, nonce).await?;
            (submission.value.as_deref() == Some(wanted)).then_some(())
        });
        found
            .await
            .unwrap_or_else(|| panic!("{wanted} is never prepared for {nonce}"));
    };

    // What is stored after the question for this window is used for it.
    let first = next_nonce(&stage).await;
    stage.blocks_until(first - 2).await;
    signed(first, "0.025").await;
    round(
        &db,
        start + Duration::from_secs(60),
        [0.02, 0.03, 0.04, 0.05],
    )
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.block().await;
    signed(first, "0.035").await;
    let answered = stage.answer_a_window(&worker).await;
    assert_eq!(answered, first);

    // The models fall silent: their answers grow too old.
    clock.set(start + Duration::from_secs(4 * 3600));
    let second = next_nonce(&stage).await;
    stage.blocks_until(second - 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.block().await;
    signed(second, "0.0125").await;
    assert_eq!(stage.answer_a_window(&worker).await, second);
    let truth = stage.truth().await;
    assert_eq!(truth.each_answered_at_once(first), 2);
    for (nonce, value) in [(first, "y=0.035"), (second, "y=0.0125")] {
        assert_eq!(truth.at(nonce)[0].values, [value]);
    }
    worker.stop().await;
    cancel.cancel();
    reading.await.unwrap();
}
