#![allow(clippy::float_cmp, reason = "values pass through unchanged")]

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use time::macros::datetime;
use tokio::{sync::Semaphore, time::timeout};

use super::*;
use crate::{
    clock::SimulatedClock,
    forecast::{Answer, Desk, DeskHandle, Target},
    types::{TopicId, WindowKey},
};

const TOPIC: TopicId = TopicId(67);
const SECOND: Duration = Duration::from_secs(1);

/// Answers 0.5 when it is released, but fails the first few times.
#[derive(Default)]
struct Slow {
    failures: usize,
    calls: AtomicUsize,
    release: Option<Semaphore>,
    /// The labels of the newest question.
    labels: Mutex<Vec<String>>,
}

#[async_trait]
impl Forecaster for Slow {
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback> {
        self.labels.lock().unwrap().clone_from(&question.labels);
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        if before < self.failures {
            return Err(outside("not yet"));
        }
        if let Some(release) = &self.release {
            drop(release.acquire().await);
        }
        Ok(Answer {
            value: 0.5,
            values: Vec::new(),
            source: Source::Http,
            report: None,
        })
    }
}

fn desk(forecaster: &Arc<Slow>) -> DeskHandle {
    let spec = TopicSpec {
        topic: TOPIC,
        ticker: "btcusd".into(),
        horizon: Duration::from_hours(168),
        target: Target::LogReturn,
    };
    let config = ForecastConfig {
        max_abs: 1.0,
        ..ForecastConfig::default()
    };
    let histories = HashMap::from([("btcusd".to_owned(), watch::channel(History::default()).1)]);
    let clock = Arc::new(SimulatedClock::starting_at(datetime!(2025-10-01 12:00 UTC)));
    let outside = Outside {
        forecaster: Arc::clone(forecaster) as _,
        source: Source::Http,
        time_limit: SECOND * 30,
        closes: 0,
        labels: vec!["up".into(), "down".into()],
    };
    let desk = Desk::new(config, vec![spec], &histories, clock).unwrap();
    desk.with_outside([(TOPIC, outside)]).handle()
}

const fn key(nonce: i64) -> WindowKey {
    WindowKey {
        topic: TOPIC,
        nonce: Nonce(nonce),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_asked_about_again_only_when_told_to() {
    let forecaster = Arc::new(Slow {
        failures: 1,
        ..Slow::default()
    });
    let desk = desk(&forecaster);
    assert!(desk.within(key(120), SECOND).await.fallback.is_some());
    desk.prepare(key(120));
    tokio::time::sleep(SECOND).await;
    assert_eq!(forecaster.calls.load(Ordering::SeqCst), 1);
    desk.prepare_again(key(120));
    tokio::time::sleep(SECOND).await;
    assert_eq!(desk.fresh(key(120)).unwrap().value, 0.5);
    // An answer is asked for once.
    desk.prepare_again(key(120));
    tokio::time::sleep(SECOND).await;
    assert_eq!(forecaster.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_window_at_another_block_takes_the_question_over() {
    let forecaster = Arc::new(Slow {
        release: Some(Semaphore::new(0)),
        ..Slow::default()
    });
    let desk = desk(&forecaster);
    desk.prepare(key(120));
    tokio::time::sleep(SECOND).await;
    desk.rename(key(120), Nonce(121));
    let (handle, limit) = (desk.clone(), SECOND * 20);
    let asked = tokio::spawn(async move { handle.within(key(121), limit).await });
    tokio::time::sleep(SECOND * 10).await;
    forecaster.release.as_ref().unwrap().add_permits(1);
    let answer = timeout(SECOND, asked).await.unwrap().unwrap();
    assert_eq!((answer.value, &answer.fallback), (0.5, &None));
    assert_eq!(forecaster.calls.load(Ordering::SeqCst), 1);
    // It is filed for the window that opened, and renamed like a question.
    assert!(desk.fresh(key(120)).is_none());
    desk.rename(key(121), Nonce(122));
    assert_eq!(desk.fresh(key(122)).unwrap().value, 0.5);
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_for_the_chosen_labels_until_the_chain_tells() {
    let forecaster = Arc::new(Slow::default());
    let desk = desk(&forecaster);
    desk.now(TOPIC, SECOND).await;
    assert_eq!(*forecaster.labels.lock().unwrap(), ["up", "down"]);
    desk.declare(TOPIC, None);
    desk.now(TOPIC, SECOND).await;
    assert!(forecaster.labels.lock().unwrap().is_empty());
}
