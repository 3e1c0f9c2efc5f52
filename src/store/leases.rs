//! Which worker calls which model, where several share a crunch.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;

use super::{ModelRecord, PredictionConfig, StoreError};

/// A sign of life of a worker, and what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The crunch.
    pub crunch_id: String,
    /// The worker; no two have the same name.
    pub worker: String,
    /// How long its leases last from now on, by the server's clock.
    pub lapse: Duration,
    /// The models that the orchestrator lists.
    pub listed: Vec<String>,
    /// Models that are not listed are shared, too, when they were seen within this time: somebody has to
    /// store that they are absent.
    pub absent_within: Duration,
    /// Models that it gives back.
    pub give: Vec<String>,
    /// Whether it may remove workers that have lapsed.
    pub may_bury: bool,
}

/// What a worker holds, and who the others are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Its models, by id.
    pub models: Vec<String>,
    /// Models of the crunch, whoever holds them.
    pub total: usize,
    /// Models that nobody holds.
    pub free: usize,
    /// The other workers that live, each with how many models it holds; by name.
    pub others: Vec<(String, usize)>,
    /// Until the first of them lapses, unless it renews.
    pub next_lapse: Option<Duration>,
    /// Workers that had lapsed and were removed with this.
    pub buried: Vec<String>,
}

impl Held {
    /// The most models that a worker may hold: all of them over the workers that live, rounded up.
    #[must_use]
    pub fn share(&self) -> usize {
        self.total.div_ceil(self.others.len() + 1)
    }

    /// How many models are held by workers that do not live.
    #[must_use]
    pub fn orphans(&self) -> usize {
        let others = self.others.iter().map(|it| it.1).sum::<usize>();
        self.total
            .saturating_sub(self.free + self.models.len() + others)
    }

    /// How many models it has above its share and others have room for.
    #[must_use]
    pub fn excess(&self) -> usize {
        let share = self.share();
        let room = self.others.iter().map(|it| share.saturating_sub(it.1));
        let room = room.sum::<usize>().saturating_sub(self.free);
        self.models.len().saturating_sub(share).min(room)
    }
}

/// Keeps leases. Only a server does: a file has one worker.
///
/// Whoever waits for an answer may stop waiting at any time: what was not finished by then is not done.
#[async_trait]
pub trait LeaseRepository: Send + Sync + 'static {
    /// A heartbeat, in one transaction: renews what the worker holds, adds models that are new, drops
    /// those that nobody wants, gives back what is to be given, removes workers that have lapsed if that
    /// is allowed, and takes what is free up to the worker's share.
    ///
    /// # Errors
    /// When the database can't be reached or written; [`StoreError::is_down`] tells whether it is away
    /// for all.
    async fn beat(&self, beat: &Beat) -> Result<Held, StoreError>;

    /// Gives all back at once, and leaves.
    ///
    /// # Errors
    /// When the database can't be written: then the leases lapse.
    async fn leave(&self, crunch_id: &str, worker: &str) -> Result<(), StoreError>;

    /// What is known of these models of a crunch now.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn known(
        &self,
        crunch_id: &str,
        models: &[String],
    ) -> Result<Vec<ModelRecord>, StoreError>;

    /// Which of these models have a part in which of these rounds: the round's place, and the model.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn parts_of(
        &self,
        crunch_id: &str,
        rounds: &[(PredictionConfig, i64)],
        models: &[String],
    ) -> Result<HashSet<(usize, String)>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(own: usize, others: &[usize], free: usize) -> Held {
        let others = others.iter().enumerate();
        let others: Vec<_> = others.map(|(it, held)| (it.to_string(), *held)).collect();
        let total = own + free + others.iter().map(|it| it.1).sum::<usize>();
        Held {
            models: (0..own).map(|it| it.to_string()).collect(),
            total,
            free,
            others,
            ..Held::default()
        }
    }

    #[test]
    fn models_of_the_dead_are_neither_free_nor_anybodys() {
        let mut held = held(100, &[100], 20);
        assert_eq!(held.orphans(), 0);
        held.total += 80;
        assert_eq!(held.orphans(), 80);
    }

    #[test]
    fn a_share_is_rounded_up() {
        assert_eq!(held(300, &[], 0).share(), 300);
        assert_eq!(held(100, &[100, 100], 0).share(), 100);
        assert_eq!(held(100, &[100, 100], 1).share(), 101);
        assert_eq!(held(0, &[], 0).share(), 0);
    }

    #[test]
    fn models_are_given_only_where_somebody_has_room() {
        assert_eq!(held(100, &[100, 100, 0], 0).excess(), 25);
        assert_eq!(held(100, &[75, 100, 0], 25).excess(), 25);
        assert_eq!(held(100, &[75, 75, 0], 50).excess(), 25);
        assert_eq!(held(4, &[4, 2], 0).excess(), 0, "as even as it gets");
        assert_eq!(held(5, &[4, 1], 0).excess(), 1);
        assert_eq!(held(5, &[4, 0], 1).excess(), 1);
        assert_eq!(held(5, &[1, 1], 5).excess(), 1);
        assert_eq!(held(4, &[1, 1], 6).excess(), 0);
        assert_eq!(
            held(6, &[6, 0], 0).excess(),
            2,
            "half of what another lacks"
        );
    }
}
