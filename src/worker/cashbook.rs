//! How fast answers were and how the chain scores us on average, noted beside the path as it is told.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    clock::SharedClock,
    ops::{Event, GaugeEvent, Stamped},
    store::{AnswerTime, EarningsRepository, Scored, StoreError, Wallet},
    types::{Nonce, TopicId, WindowKey},
};

/// How often what was told is written.
const BEAT: Duration = Duration::from_secs(10);
/// How long one note may take.
const BOUND: Duration = Duration::from_secs(20);
/// How long the last one may take.
const LAST: Duration = Duration::from_secs(2);
/// Notes that wait for a disk; beyond them the oldest are lost.
const MOST: usize = 4_096;

/// Writes in batches what each answer took, and the moving average at that time, which stands until the
/// answer is scored. What the disk refuses is written with the next batch.
pub struct Cashbook {
    earnings: Arc<dyn EarningsRepository>,
    wallet: Wallet,
    clock: SharedClock,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    times: Vec<AnswerTime>,
    scores: Vec<Scored>,
    /// The newest average of each topic, and the newest nonce then.
    averages: BTreeMap<TopicId, (i64, f64)>,
}

impl Cashbook {
    /// For this wallet.
    #[must_use]
    pub fn new(earnings: Arc<dyn EarningsRepository>, wallet: Wallet, clock: SharedClock) -> Self {
        Self {
            earnings,
            wallet,
            clock,
            pending: Mutex::default(),
        }
    }

    /// Listens and writes.
    pub async fn run(&self, mut heard: Receiver<Arc<Stamped>>) {
        let mut beats = interval(self.clock.timer(BEAT));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let listens = async {
            loop {
                match heard.recv().await {
                    Ok(told) => self.held().hear(&told),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return std::future::pending::<()>().await,
                }
            }
        };
        let writes = async {
            loop {
                beats.tick().await;
                self.write(BOUND).await;
            }
        };
        tokio::select! {
            () = listens => {}
            () = writes => {}
        }
    }

    /// Writes what is left.
    pub async fn close(&self) {
        self.write(LAST).await;
    }

    async fn write(&self, bound: Duration) {
        let (times, scores) = {
            let mut held = self.held();
            (mem::take(&mut held.times), mem::take(&mut held.scores))
        };
        if times.is_empty() && scores.is_empty() {
            return;
        }
        let writing = async {
            self.earnings.note_times(&self.wallet, &times).await?;
            self.earnings.note_scores(&self.wallet, &scores).await
        };
        let written = timeout(bound, writing).await;
        if is_to_be_written_again(&written) {
            let mut held = self.held();
            held.times.splice(0..0, times);
            held.scores.splice(0..0, scores);
            held.bound();
        }
    }

    fn held(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A database that refuses what it is given would do so for ever.
fn is_to_be_written_again<T>(written: &Result<Result<(), StoreError>, T>) -> bool {
    match written {
        Ok(Ok(())) => false,
        Ok(Err(error)) => error.is_transient(),
        Err(_) => true,
    }
}

impl Pending {
    fn hear(&mut self, told: &Stamped) {
        match &told.event {
            Event::Submitted {
                topic,
                nonce,
                latency_ms,
                ..
            } => self.times.push(AnswerTime {
                key: key(*topic, *nonce),
                at: told.at,
                latency_ms: *latency_ms,
            }),
            Event::Gauge(GaugeEvent::Score {
                topic,
                ema: Some(ema),
                nonce: Some(nonce),
            }) => self.average(told.at, *topic, *nonce, *ema),
            _ => return,
        }
        self.bound();
    }

    fn average(&mut self, at: OffsetDateTime, topic: TopicId, nonce: i64, ema: f64) {
        let before = self.averages.insert(topic, (nonce, ema));
        if before != Some((nonce, ema)) {
            self.scores.push(Scored {
                key: key(topic, Nonce(nonce)),
                at,
                score: None,
                ema: Some(ema),
            });
        }
    }

    fn bound(&mut self) {
        let surplus = self.times.len().saturating_sub(MOST);
        self.times.drain(..surplus);
        let surplus = self.scores.len().saturating_sub(MOST);
        self.scores.drain(..surplus);
    }
}

const fn key(topic: TopicId, nonce: Nonce) -> WindowKey {
    WindowKey { topic, nonce }
}

#[cfg(test)]
#[path = "cashbook_tests.rs"]
mod tests;
