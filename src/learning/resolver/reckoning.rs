//! From outcomes to a topic's record, and to its live fuse.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::sleep;

use super::{BATCH, PAUSE, Resolver};
use crate::{
    forecast::{LiveFuse, TopicSpec},
    learning::{Common, News, compare::rank, recall::fuse, standing::Tally},
    store::StoreError,
    types::{Nonce, TopicId},
};

/// Rows that are read at once to reckon with.
const PAGE: u32 = 2_000;
/// A topic's resolutions are told once in this time, at most.
const TELL_EVERY: time::Duration = time::Duration::HOUR;
/// What the running record covers.
const SPAN: time::Duration = time::Duration::days(365);

impl Resolver {
    /// Ranks a topic's resolved forecasts among the others, where their values are known.
    pub(super) async fn rank(&mut self, topic: &TopicSpec) -> Result<(), StoreError> {
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
    pub(super) async fn reckon(&mut self, spec: &TopicSpec) -> Result<(), StoreError> {
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
                standing: Box::new(standing),
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

    pub(super) fn publish(&self, topic: TopicId, fuse: LiveFuse) {
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
}
