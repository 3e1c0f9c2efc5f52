//! The task that follows submitted forecasts to their outcomes.

mod following;
mod reckoning;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::select_all;
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Common, News, Prices, recall::recalled};
use crate::{
    forecast::{ForecastConfig, History, LiveFuses},
    store::{Noted, OpenedBy, StoreError},
    types::{Nonce, TopicId},
};

/// How often it is looked for answered windows.
const EVERY: Duration = Duration::from_secs(20);
/// Rows of one transaction or page: a few milliseconds of the database's one writer.
const BATCH: u32 = 200;
/// A pause after each batch, for those who wait for the database.
const PAUSE: Duration = Duration::from_millis(20);
/// The candles of several tickers come together: after the first the others are waited for.
const SETTLE: Duration = Duration::from_secs(1);

/// Notes answered windows, resolves them when their horizon has passed, and keeps the record.
pub struct Resolver {
    common: Common,
    forecast: ForecastConfig,
    prices: Prices,
    fuses: watch::Sender<LiveFuses>,
    /// All answered windows up to here are noted, but for some blocks' disorder.
    noted: Nonce,
    /// Candles changed since the topics were looked at.
    is_due: bool,
    /// What was resolved of a topic and not told yet: how many, and who told the newest one's time.
    untold: BTreeMap<TopicId, (usize, OpenedBy)>,
    /// Topics whose record changed in another way.
    ranked: BTreeSet<TopicId>,
    told: BTreeMap<TopicId, OffsetDateTime>,
    /// The trouble that was told last, so that it is told once.
    trouble: Option<String>,
}

impl Resolver {
    /// A resolver, and where the topics' live fuses are seen. They are empty until
    /// [`Resolver::recall`] or the first resolution.
    #[must_use]
    pub fn new(
        common: Common,
        forecast: ForecastConfig,
        prices: Prices,
    ) -> (Self, watch::Receiver<LiveFuses>) {
        let (fuses, receiver) = watch::channel(LiveFuses::default());
        let resolver = Self {
            common,
            forecast,
            prices,
            fuses,
            noted: Nonce(0),
            is_due: true,
            untold: BTreeMap::new(),
            ranked: BTreeSet::new(),
            told: BTreeMap::new(),
            trouble: None,
        };
        (resolver, receiver)
    }

    /// Recalls the live fuses that an earlier run left, and up to where it noted answered windows.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn recall(&mut self) -> Result<(), StoreError> {
        let known = recalled(self.common.outcomes.as_ref(), &self.common.wallet).await?;
        for (&topic, &fuse) in known.iter() {
            self.publish(topic, fuse);
        }
        let noted = self.newest().await?;
        self.noted = noted
            .iter()
            .map(|it| it.key.nonce)
            .max()
            .unwrap_or(self.noted);
        Ok(())
    }

    /// The newest noted forecast of each topic.
    async fn newest(&self) -> Result<Vec<Noted>, StoreError> {
        let Common {
            outcomes,
            wallet,
            topics,
            ..
        } = &self.common;
        let topics: Vec<TopicId> = topics.iter().map(|it| it.topic).collect();
        outcomes.newest(wallet, &topics).await
    }

    /// The time by which things grow old, unix seconds: that of the newest close, or of the newest
    /// opening that a block told. None when neither is known. Our clock may be far ahead, and what is
    /// given up or dropped by it would be lost.
    async fn witnessed(&self) -> Result<Option<i64>, StoreError> {
        let newest = self.newest().await?;
        let told = newest.iter().filter(|it| it.clock != OpenedBy::Journal);
        let told = told.map(|it| it.opened.unix_timestamp());
        let time = told.chain(self.prices.newest()).max();
        Ok(time.map(|it| it.min(self.common.clock.now().unix_timestamp())))
    }

    /// Learns until `cancel`. No failure ends it.
    pub async fn run(&mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(self.learn()).await;
    }

    async fn learn(&mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut histories = self.prices.changes();
        loop {
            self.is_due |= wake(&mut ticks, &mut histories).await;
            self.round().await;
        }
    }

    /// Does what there is to do by now, and tells of what stands in the way.
    pub async fn round(&mut self) {
        match self.work().await {
            Ok(()) => self.trouble = None,
            Err(error) => {
                // What was not done is tried again.
                self.is_due = true;
                let cause = error.to_string();
                if self.trouble.as_ref() != Some(&cause) {
                    self.common.tell(News::Hindered {
                        cause: cause.clone(),
                        remedy: "submitted forecasts are resolved later",
                    });
                }
                self.trouble = Some(cause);
            }
        }
    }

    async fn work(&mut self) -> Result<(), StoreError> {
        let noted = self.note().await?;
        let topics = self.common.topics.clone();
        if std::mem::take(&mut self.is_due) || noted > 0 {
            let time = self.witnessed().await?;
            for topic in &topics {
                self.resolve(topic, time).await?;
            }
            if let Some(time) = time {
                self.forget(time).await?;
            }
        }
        for topic in &topics {
            self.rank(topic).await?;
            self.reckon(topic).await?;
        }
        Ok(())
    }
}

/// Waits for new candles or the next tick. True when it was candles.
async fn wake(ticks: &mut Interval, histories: &mut Vec<watch::Receiver<History>>) -> bool {
    if histories.is_empty() {
        ticks.tick().await;
        return false;
    }
    let changes = histories.iter_mut().map(|it| Box::pin(it.changed()));
    let closed = tokio::select! {
        (change, index, _) = select_all(changes) => change.is_err().then_some(index),
        _ = ticks.tick() => return false,
    };
    // Nobody keeps these candles any more.
    if let Some(index) = closed {
        drop(histories.swap_remove(index));
    }
    sleep(SETTLE).await;
    for history in histories {
        history.mark_unchanged();
    }
    true
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
