//! The database or the forecast lets the worker down, and the window is answered all the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use allora_worker::{
    forecast::{Blocking, Fallback, Fitted, Forecast, History, Model, Source, Target},
    ops::Event,
};
use sqlx::Connection as _;
use tokio::sync::watch;

use crate::{
    doubles,
    harness::Stage,
    running::{Forecasts, Running},
};

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_told_of_and_holds_nothing_up() {
    let stage = Stage::new().await;
    let worker = stage.worker().await;
    let path = stage.folder.path().join("worker.db");
    let url = format!("sqlite:{}", path.display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("DROP TABLE journal")
        .execute(&mut other)
        .await
        .unwrap();
    let first = stage.answer_a_window(&worker).await;
    stage.answer_a_window(&worker).await;
    let remedy = worker.trouble("worker.db").await;
    assert!(remedy.contains("disk"), "{remedy}");
    assert_eq!(stage.truth().await.each_answered_at_once(first), 2);
    worker.stop().await;
}

/// A forecaster that does something else once it is told to.
struct Turning<F> {
    turned: Arc<AtomicBool>,
    then: F,
}

impl<F: Fn() -> Result<f64, Fallback> + Send + Sync + 'static> Model for Turning<F> {
    fn fit_predict(&self, _: &History, _: Duration, _: Target) -> Result<Fitted, Fallback> {
        let value = if self.turned.load(Ordering::Relaxed) {
            (self.then)()?
        } else {
            0.0125
        };
        Ok(Fitted {
            value,
            source: Source::Gated,
            report: None,
        })
    }
}

/// A worker whose forecaster turns bad; with a forecast from before, or without.
async fn with_bad_forecaster(
    then: impl Fn() -> Result<f64, Fallback> + Send + Sync + 'static,
    known: bool,
) -> (Stage, Running, i64) {
    let stage = Stage::new().await;
    let turned = Arc::new(AtomicBool::new(!known));
    let (candles, history) = watch::channel(doubles::history(28));
    let forecaster = Arc::new(Blocking::new(Turning {
        turned: Arc::clone(&turned),
        then,
    }));
    let worker = stage
        .worker_with(|setup| {
            setup.forecaster = forecaster;
            setup.history = history;
            setup.desk = if known {
                Forecasts::Ready
            } else {
                Forecasts::Unready
            };
            setup.forecast.train_deadline = Duration::from_millis(300);
        })
        .await;
    turned.store(true, Ordering::Relaxed);
    // New candles make the known forecast an old one.
    candles.send_replace(doubles::history(28));
    let nonce = stage.answer_a_window(&worker).await;
    assert_eq!(stage.truth().await.each_answered_at_once(nonce), 1);
    (stage, worker, nonce)
}

/// The forecast that was submitted, whether it was made before the window opened or after.
async fn used(worker: &Running) -> Forecast {
    let told = worker
        .expect("a forecast", |event| {
            matches!(
                event,
                Event::ForecastTrained { .. } | Event::ForecastUsed { .. }
            )
        })
        .await;
    match told {
        Event::ForecastTrained { forecast, .. } | Event::ForecastUsed { forecast, .. } => forecast,
        _ => unreachable!("it fits"),
    }
}

#[tokio::test]
async fn a_forecast_that_is_not_ready_is_trained_within_the_window() {
    let (_stage, worker, _) = with_bad_forecaster(|| Ok(0.25), false).await;
    let forecast = used(&worker).await;
    assert!((forecast.value - 0.25).abs() < 1e-12);
    worker.stop().await;
}

#[tokio::test]
async fn a_trainer_that_hangs_is_passed_by_with_the_last_forecast() {
    let hang = || {
        std::thread::sleep(Duration::from_secs(1));
        Ok(0.25)
    };
    let (_stage, worker, _) = with_bad_forecaster(hang, true).await;
    let forecast = used(&worker).await;
    assert!((forecast.value - 0.0125).abs() < 1e-12);
    worker.stop().await;
}

#[tokio::test]
async fn a_trainer_that_hangs_from_the_start_is_passed_by_with_zero() {
    let hang = || {
        std::thread::sleep(Duration::from_secs(1));
        Ok(0.25)
    };
    let (stage, worker, nonce) = with_bad_forecaster(hang, false).await;
    let forecast = used(&worker).await;
    assert_eq!(forecast.fallback, Some(Fallback::Late));
    let submission = stage.submission(nonce).await.unwrap();
    assert_eq!(submission.value.as_deref(), Some("0"));
    worker.stop().await;
}

#[tokio::test]
async fn a_trainer_that_panics_is_passed_by() {
    for known in [true, false] {
        let panics = || panic!("on purpose");
        let (_stage, worker, _) = with_bad_forecaster(panics, known).await;
        let forecast = used(&worker).await;
        assert_eq!(forecast.fallback.is_none(), known, "{forecast:?}");
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_forecast_that_is_no_number_is_never_sent() {
    for nonsense in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let (stage, worker, nonce) = with_bad_forecaster(move || Ok(nonsense), false).await;
        let submission = stage.submission(nonce).await.unwrap();
        assert_eq!(submission.value.as_deref(), Some("0"));
        worker.stop().await;
    }
}
