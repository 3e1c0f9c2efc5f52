//! From the journal's answered windows to their outcomes.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::sleep;

use super::{BATCH, PAUSE, Resolver};
use crate::{
    forecast::{HOUR, TopicSpec},
    learning::{
        Common,
        resolve::{Finding, base_end, is_ambiguous, resolve},
    },
    store::{Answered, Noted, OpenedBy, Resolution, StoreError},
    types::{Nonce, TopicId},
};

/// Blocks by which windows may be answered out of order.
const DISORDER: i64 = 2_000;
/// How long after its horizon a forecast waits for a missing close, or for the chain to tell in which
/// hour its window opened.
const GRACE: i64 = 24 * HOUR;

impl Resolver {
    /// Notes the windows that the journal says are answered.
    pub(super) async fn note(&mut self) -> Result<usize, StoreError> {
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
    pub(super) async fn resolve(
        &mut self,
        topic: &TopicSpec,
        time: Option<i64>,
    ) -> Result<(), StoreError> {
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

    /// Drops the others' values that are older than they are kept for.
    pub(super) async fn forget(&self, time: i64) -> Result<(), StoreError> {
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

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
