//! The task that follows submitted forecasts to their outcomes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::select_all;
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Common, News, Prices,
    compare::rank,
    recall::{fuse, recalled},
    resolve::{Finding, base_end, is_ambiguous, resolve},
    standing::Tally,
};
use crate::{
    forecast::{ForecastConfig, HOUR, History, LiveFuse, LiveFuses, TopicSpec},
    store::{Answered, Noted, OpenedBy, Resolution, StoreError},
    types::{Nonce, TopicId},
};

/// How often it is looked for answered windows.
const EVERY: Duration = Duration::from_secs(20);
/// Rows of one transaction or page: a few milliseconds of the database's one writer.
const BATCH: u32 = 200;
/// Rows that are read at once to reckon with.
const PAGE: u32 = 2_000;
/// A pause after each batch, for those who wait for the database.
const PAUSE: Duration = Duration::from_millis(20);
/// Blocks by which windows may be answered out of order.
const DISORDER: i64 = 2_000;
/// A topic's resolutions are told once in this time, at most.
const TELL_EVERY: time::Duration = time::Duration::HOUR;
/// How long after its horizon a forecast waits for a missing close, or for the chain to tell in which
/// hour its window opened.
const GRACE: i64 = 24 * HOUR;
/// The candles of several tickers come together: after the first the others are waited for.
const SETTLE: Duration = Duration::from_secs(1);
/// What the running record covers.
const SPAN: time::Duration = time::Duration::days(365);

/// Notes answered windows, resolves them when their horizon has passed, and keeps the record.
pub struct Resolver {
    common: Common,
    forecast: ForecastConfig,
    prices: Prices,
    fuses: watch::Sender<LiveFuses>,
    /// All answered windows up to here are noted, but for what `DISORDER` allows.
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

    /// Notes the windows that the journal says are answered.
    async fn note(&mut self) -> Result<usize, StoreError> {
        let Common {
            outcomes,
            wallet,
            topics,
            ..
        } = self.common.clone();
        let topics: Vec<TopicId> = topics.iter().map(|it| it.topic).collect();
        let mut after = Nonce(self.noted.0 - DISORDER);
        let mut count = 0;
        loop {
            let found = outcomes.unnoted(&wallet, &topics, after, BATCH).await?;
            let Some(newest) = found.last().map(|it| it.key.nonce) else {
                return Ok(count);
            };
            let forecasts: Vec<Noted> = found.iter().filter_map(|it| self.noted_as(it)).collect();
            count += forecasts.len();
            if !forecasts.is_empty() {
                self.common.quiet().await;
                outcomes.note(&wallet, &forecasts).await?;
            }
            self.noted = self.noted.max(newest);
            if found.len() < BATCH as usize {
                return Ok(count);
            }
            // The page may have ended in the middle of a nonce.
            let before = Nonce(newest.0 - 1);
            after = if before > after { before } else { newest };
            sleep(PAUSE).await;
        }
    }

    /// A window with the number that we gave, and when it opened as far as is known by now.
    fn noted_as(&self, answered: &Answered) -> Option<Noted> {
        let value: f64 = answered.value.as_ref()?.parse().ok()?;
        let heard = self.common.network.heard_at(answered.key.nonce.height());
        let (opened, clock) = match heard {
            Some(time) => (time, OpenedBy::Header),
            None => (answered.at, OpenedBy::Journal),
        };
        value.is_finite().then_some(Noted {
            key: answered.key,
            window_end: answered.window_end,
            value,
            source: answered.source,
            opened,
            clock,
            is_asked: false,
        })
    }

    /// Resolves a topic's forecasts whose horizon has passed. By `time` (unix seconds) they grow old.
    async fn resolve(&mut self, topic: &TopicSpec, time: Option<i64>) -> Result<(), StoreError> {
        let Common {
            outcomes,
            wallet,
            clock,
            ..
        } = self.common.clone();
        let now = clock.now();
        let horizon = i64::try_from(topic.horizon.as_secs()).unwrap_or(i64::MAX);
        // The base is the close of the hour before the opening, up to an hour earlier.
        let until = now - topic.horizon + time::Duration::HOUR;
        let mut closes = None;
        let mut after = Nonce(0);
        loop {
            let due = outcomes
                .unresolved(&wallet, topic.topic, until, after, BATCH)
                .await?;
            let (Some(first), Some(last)) = (due.first(), due.last()) else {
                return Ok(());
            };
            after = last.key.nonce;
            if closes.is_none() {
                let since = base_end(first.opened) - 3 * HOUR;
                closes = Some(self.prices.closes(&topic.ticker, since).await?);
            }
            let closes = closes.get_or_insert_default();
            let found: Vec<_> = due
                .iter()
                .filter_map(|it| {
                    let age = time.map_or(0, |time| time - base_end(it.opened) - horizon);
                    let finding = if age < GRACE && is_ambiguous(it) && self.may_ask(it) {
                        Finding::Pending
                    } else {
                        resolve(it, topic.target, horizon, closes, age >= GRACE)
                    };
                    let resolution = match finding {
                        Finding::Resolved(resolution) => Some(resolution),
                        Finding::Pending if age > seconds(self.common.config.retention) => None,
                        Finding::Pending => return None,
                    };
                    Some((it, resolution))
                })
                .collect();
            self.write(topic.topic, now, &found).await?;
            if due.len() < BATCH as usize {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    fn may_ask(&self, forecast: &Noted) -> bool {
        self.common.config.peers && !forecast.is_asked
    }

    async fn write(
        &mut self,
        topic: TopicId,
        now: OffsetDateTime,
        found: &[(&Noted, Option<Resolution>)],
    ) -> Result<(), StoreError> {
        if found.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = found.iter().map(|(it, of)| (it.key.nonce, *of)).collect();
        self.common.quiet().await;
        let Common {
            outcomes, wallet, ..
        } = &self.common;
        outcomes.resolve(wallet, topic, now, &rows).await?;
        let resolved = found.iter().filter(|(_, of)| of.is_some());
        if let Some((newest, _)) = resolved.clone().next_back() {
            let untold = self.untold.entry(topic).or_insert((0, newest.clock));
            *untold = (untold.0 + resolved.count(), newest.clock);
        }
        Ok(())
    }

    /// Ranks a topic's resolved forecasts among the others, where their values are known.
    async fn rank(&mut self, topic: &TopicSpec) -> Result<(), StoreError> {
        let Common {
            outcomes, wallet, ..
        } = self.common.clone();
        loop {
            let found = outcomes.unranked(&wallet, topic.topic, BATCH).await?;
            if found.is_empty() {
                return Ok(());
            }
            let fields = found
                .iter()
                .map(|(record, peers)| (record.nonce, rank(&record.resolution, peers)));
            let fields: Vec<_> = fields.collect();
            self.common.quiet().await;
            outcomes.rank(&wallet, topic.topic, &fields).await?;
            self.ranked.insert(topic.topic);
            sleep(PAUSE).await;
        }
    }

    /// Brings a topic's record up to date and tells of it, unless it was told lately.
    async fn reckon(&mut self, spec: &TopicSpec) -> Result<(), StoreError> {
        let topic = spec.topic;
        let is_new = self.untold.contains_key(&topic) || self.ranked.contains(&topic);
        let now = self.common.clock.now();
        let lately = self.told.get(&topic).is_some_and(|at| {
            // The clock may have been set back.
            (time::Duration::ZERO..TELL_EVERY).contains(&(now - *at))
        });
        if !is_new || lately {
            return Ok(());
        }
        let tally = self.tally(spec, now - SPAN).await?;
        let Some(newest) = tally.newest() else {
            return Ok(());
        };
        let (config, of) = (self.forecast.clone(), spec.clone());
        let work = move || tally.standing(&config, &of, now);
        let Ok(standing) = tokio::task::spawn_blocking(work).await else {
            // It panicked, or the runtime shuts down.
            return Ok(());
        };
        let Common {
            outcomes, wallet, ..
        } = &self.common;
        self.common.quiet().await;
        outcomes.save_standing(wallet, topic, &standing).await?;
        self.publish(topic, fuse(&standing));
        self.ranked.remove(&topic);
        self.told.insert(topic, now);
        if let Some((count, clock)) = self.untold.remove(&topic) {
            self.common.tell(News::Resolved {
                topic,
                newest,
                clock,
                count,
                standing,
            });
        }
        Ok(())
    }

    async fn tally(&self, spec: &TopicSpec, since: OffsetDateTime) -> Result<Tally, StoreError> {
        let Common {
            outcomes, wallet, ..
        } = &self.common;
        let mut tally = Tally::default();
        let mut after = Nonce(0);
        loop {
            let page = outcomes
                .resolved(wallet, spec.topic, since, after, PAGE)
                .await?;
            for record in &page {
                tally.add(spec.target, *record);
                after = record.nonce;
            }
            if page.len() < PAGE as usize {
                return Ok(tally);
            }
            sleep(PAUSE).await;
        }
    }

    fn publish(&self, topic: TopicId, fuse: LiveFuse) {
        if !self.common.config.fuse {
            return;
        }
        self.fuses.send_if_modified(|fuses| {
            let is_new = fuses.get(&topic) != Some(&fuse);
            if is_new {
                Arc::make_mut(fuses).insert(topic, fuse);
            }
            is_new
        });
    }

    /// Drops the others' values that are older than they are kept for.
    async fn forget(&self, time: i64) -> Result<(), StoreError> {
        let before = time - seconds(self.common.config.retention);
        let Ok(before) = OffsetDateTime::from_unix_timestamp(before) else {
            return Ok(());
        };
        while self.common.outcomes.drop_peers(before, BATCH).await? >= u64::from(BATCH) {
            sleep(PAUSE).await;
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

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
