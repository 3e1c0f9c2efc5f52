//! Questions that are asked of the chain out of interest: they wait until no answer of ours is on its
//! way or due soon, and until nobody else asks in the background.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::{
    sync::SemaphorePermit,
    time::{Instant, sleep, sleep_until},
};

use super::{Chain, QUESTIONS};
use crate::{
    clock::SharedClock,
    learning::{Network, NetworkView, Unknown},
    types::{Height, TopicId, WindowKey},
};

/// The least time between two questions.
const PACE: Duration = Duration::from_secs(1);
/// How long others' questions are waited for before it is looked again.
const MOMENT: Duration = Duration::from_millis(200);
/// Blocks whose time is remembered: some hours.
const TIMES: usize = 4_096;

/// Asks the chain about others' inferences, one question a second at most, and never while an answer
/// of ours is about to be signed or sent, or waits for its block.
#[derive(Debug)]
pub struct Bystander {
    chain: Arc<Chain>,
    /// When the next question may be asked.
    next: Mutex<Instant>,
    pace: Duration,
}

impl Bystander {
    /// One for this chain.
    #[must_use]
    pub fn new(chain: Arc<Chain>) -> Self {
        Self::paced(chain, PACE)
    }

    /// The same, with questions a second apart by this clock.
    #[must_use]
    pub fn timed(chain: Arc<Chain>, clock: &SharedClock) -> Self {
        Self::paced(chain, clock.timer(PACE))
    }

    /// The same, with another time between two questions.
    #[must_use]
    pub fn paced(chain: Arc<Chain>, pace: Duration) -> Self {
        let next = Mutex::new(Instant::now());
        Self { chain, next, pace }
    }

    /// Waits for a turn after everything that is urgent. One after the other asks: this is for one task.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let next = *self.next();
        sleep_until(next).await;
        loop {
            self.calm().await;
            if self.chain.turns.available_permits() == QUESTIONS {
                break;
            }
            sleep(MOMENT).await;
        }
        *self.next() = Instant::now() + self.pace;
        self.chain.turn().await
    }

    fn next(&self) -> MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Network for Bystander {
    async fn calm(&self) {
        let mut calm = self.chain.calm.subscribe();
        // Fails only without a sender, which the chain holds.
        let _ = calm.wait_for(|calm| *calm).await;
    }

    fn has_closed(&self, end: Height) -> bool {
        *self.chain.rpc.heads().borrow() > end
    }

    fn heard_at(&self, height: Height) -> Option<OffsetDateTime> {
        self.chain.times.of(height)
    }

    async fn block_time(&self, height: Height) -> Result<Option<OffsetDateTime>, Unknown> {
        let _turn = self.turn().await;
        let asked = self.chain.rpc.block_time(height).await;
        asked.map_err(|error| Unknown(error.to_string()))
    }

    async fn latest(&self, topic: TopicId, end: Height) -> Result<Option<NetworkView>, Unknown> {
        let _turn = self.turn().await;
        let asked = self.chain.emissions.latest_network_inference(topic, end);
        asked
            .await
            .map(|found| found.map(view))
            .map_err(|error| Unknown(error.to_string()))
    }

    async fn at(&self, key: WindowKey, end: Height) -> Result<Option<NetworkView>, Unknown> {
        let _turn = self.turn().await;
        let asked = self.chain.emissions.network_inference_at(key, end).await;
        asked
            .map(|found| found.map(view))
            .map_err(|error| Unknown(error.to_string()))
    }

    async fn inferences(&self, key: WindowKey, end: Height) -> Result<Vec<(String, f64)>, Unknown> {
        let _turn = self.turn().await;
        let asked = self.chain.emissions.inferences(key, end).await;
        asked.map_err(|error| Unknown(error.to_string()))
    }
}

fn view(found: crate::chain::NetworkInference) -> NetworkView {
    NetworkView {
        nonce: found.nonce,
        combined: found.combined,
        inferers: found.inferers,
    }
}

/// The times of the newest blocks, as their headers tell them.
#[derive(Debug, Default)]
pub(super) struct BlockTimes(Mutex<VecDeque<(Height, OffsetDateTime)>>);

impl BlockTimes {
    pub(super) fn note(&self, height: Height, time: OffsetDateTime) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() >= TIMES {
            times.pop_front();
        }
        times.push_back((height, time));
    }

    fn of(&self, height: Height) -> Option<OffsetDateTime> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = times.iter().rev().find(|(known, _)| *known == height);
        found.map(|(_, time)| *time)
    }
}
