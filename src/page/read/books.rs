//! What the worker's database tells beside the journal. It is read again only when somebody has written.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;

use super::{BoardPlan, bands::Bands, network, track};
use crate::{
    page::{Earnings, NetworkNow, RewardPoint, ScorePoint, Track},
    status::Desk,
    store::{self, Learnt, Ledger, NoncedScore, Reward, StoreError, Wallet},
    types::{Nonce, TopicId, WindowKey},
};

/// How far back outcomes, scores and rewards are shown: as far as the record goes.
const REACH: Duration = Duration::from_hours(365 * 24);
/// Forecasts that are shown of those whose horizon has not passed.
const MOST_PENDING: u32 = 5_000;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Of which state of the database.
    seen: Option<u64>,
    wallet: Option<Wallet>,
    topics: BTreeMap<TopicId, TopicBooks>,
    /// By nonce and topic.
    latencies: Vec<(WindowKey, f64)>,
}

/// What was read of a topic.
#[derive(Debug, Default)]
pub(super) struct TopicBooks {
    pub(super) track: Track,
    pub(super) network: Option<NetworkNow>,
    pub(super) earnings: Earnings,
    learnt: Learnt,
    bands: Bands,
}

impl Books {
    /// Of a topic; none before anything was read of it.
    pub(super) fn topic(&self, id: TopicId) -> Option<&TopicBooks> {
        self.topics.get(&id)
    }

    /// How long answers took, by nonce and topic.
    pub(super) fn latencies(&self) -> &[(WindowKey, f64)] {
        &self.latencies
    }

    /// Reads what has changed since.
    ///
    /// # Errors
    /// When the database can't be read: what was read before stays.
    pub(super) async fn read(
        &mut self,
        desk: &Desk,
        plan: &BoardPlan,
        topics: &[TopicId],
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let Some((ledger, wallet)) = desk.books() else {
            *self = Self::default();
            return Ok(());
        };
        if self.wallet.as_ref() != Some(wallet) {
            *self = Self {
                wallet: Some(wallet.clone()),
                ..Self::default()
            };
        }
        if self.seen == Some(desk.changes()) {
            return Ok(());
        }
        self.latencies = ledger.latencies(wallet, Nonce(0)).await?;
        let mut earned = ledger.earnings(wallet, now - REACH).await?;
        let mut standings: BTreeMap<_, _> = ledger.standings(wallet).await?.into_iter().collect();
        self.topics.retain(|id, _| topics.contains(id));
        for id in topics {
            let topic = self.topics.entry(*id).or_default();
            topic.read(ledger, wallet, plan, *id, now).await?;
            topic.track.standing = standings.remove(id);
            topic.earnings = earned.remove(id).map(earnings).unwrap_or_default();
        }
        self.seen = Some(desk.changes());
        Ok(())
    }
}

impl TopicBooks {
    async fn read(
        &mut self,
        ledger: &Ledger,
        wallet: &Wallet,
        plan: &BoardPlan,
        id: TopicId,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let learnt = ledger.learnt(wallet, id).await?;
        if learnt == self.learnt {
            return Ok(());
        }
        let asked = plan.topics.get(&id);
        let (target, horizon) = (asked.map(|it| it.target), asked.map(|it| it.horizon));
        let records = ledger.resolved(wallet, id, now - REACH).await?;
        let pending = ledger.pending(wallet, id, MOST_PENDING).await?;
        let compared = ledger.compared(wallet, id).await?;
        self.track = Track {
            points: track::points(&records),
            pending: track::pending(&pending),
            standing: None,
            bands: self.bands.of(&records, target, horizon),
        };
        self.network = compared
            .and_then(|(ours, peers)| network::network(&plan.learning, target, (&ours, &peers)));
        self.learnt = learnt;
        Ok(())
    }
}

fn earnings(of: store::Earnings) -> Earnings {
    let score = |it: NoncedScore| ScorePoint {
        nonce: it.nonce,
        at: it.at,
        score: it.score,
        ema: it.ema,
    };
    let reward = |it: Reward| RewardPoint {
        height: it.height,
        at: it.at,
        amount: it.amount,
    };
    Earnings {
        scores: of.scores.into_iter().map(score).collect(),
        rewards: of.rewards.into_iter().map(reward).collect(),
    }
}
