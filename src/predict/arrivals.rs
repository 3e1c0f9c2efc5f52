//! Models that this worker has just taken over: they are asked for what they lack once they are there.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout},
};

use super::{round::Asker, schedule::Due, whom::Whom};
use crate::{
    models::{ModelNetwork, Ours},
    store::LeaseRepository,
};

/// How long the database may take to tell what models lack. Without it they are asked for all, which
/// is stored once.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a worker knows of its share of the models.
#[derive(Clone)]
pub struct Sharing {
    /// Which models are its own.
    pub ours: watch::Receiver<Ours>,
    /// Tells which rounds have a part of a model.
    pub leases: Arc<dyn LeaseRepository>,
    /// How long a model that was taken over may take to join, before it counts as absent.
    pub patience: Duration,
    /// How long it takes at most from a worker's last round until another calls its models.
    pub moves_within: Duration,
}

/// Follows which models are ours.
pub(super) struct Arrivals {
    sharing: Sharing,
    ours: Arc<HashSet<String>>,
    /// Models that are not there yet, and until when each is waited for.
    awaited: HashMap<String, Instant>,
    /// Lets one question to the database at a time.
    questions: Arc<Semaphore>,
}

/// Models that have come, and the right to ask the database of them.
pub(super) struct Come {
    pub(super) models: Vec<String>,
    right: OwnedSemaphorePermit,
}

impl Arrivals {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self {
            sharing,
            ours: Arc::default(),
            awaited: HashMap::new(),
            questions: Arc::new(Semaphore::new(1)),
        }
    }

    /// How old a slot may be that a model is asked for after it has moved: a worker's death is noticed,
    /// and the model joins another, within this.
    pub(super) const fn moves_within(&self) -> Duration {
        self.sharing.moves_within
    }

    /// Learns which models are ours now.
    pub(super) fn look(&mut self) {
        let now = self.sharing.ours.borrow_and_update().clone();
        let now = now.unwrap_or_default();
        let until = Instant::now() + self.sharing.patience;
        self.awaited.retain(|model, _| now.contains(model));
        for model in now.difference(&self.ours) {
            self.awaited.insert(model.clone(), until);
        }
        self.ours = now;
    }

    /// Whether models are waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Who is asked in a round that begins now.
    pub(super) fn whom(&self, only: Option<HashSet<String>>) -> Whom {
        Whom {
            only,
            ours: Some(Arc::clone(&self.ours)),
            but: self.awaited.keys().cloned().collect(),
        }
    }

    /// The models that are there now, or were waited for long enough. Rounds that begin from now on
    /// are theirs, too. None while the database is still asked of those that came before.
    pub(super) fn come(&mut self, network: &ModelNetwork) -> Option<Come> {
        if self.awaited.is_empty() {
            return None;
        }
        let right = Arc::clone(&self.questions).try_acquire_owned().ok()?;
        let models = network.models();
        let there: HashSet<&str> = models.iter().map(|it| it.model_id.as_str()).collect();
        let now = Instant::now();
        let is_due =
            |(model, until): &(&String, &Instant)| there.contains(model.as_str()) || **until <= now;
        let come = self.awaited.iter().filter(is_due);
        let models: Vec<String> = come.map(|(model, _)| model.clone()).collect();
        for model in &models {
            self.awaited.remove(model);
        }
        (!models.is_empty()).then_some(Come { models, right })
    }

    /// Asks models for what they lack of these rounds; each round is of those that it names.
    pub(super) fn ask(
        &self,
        asker: Arc<Asker>,
        Come { models, right }: Come,
        rounds: Vec<(Due, HashSet<String>)>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (leases, ours) = (Arc::clone(&self.sharing.leases), Arc::clone(&self.ours));
        async move {
            let slots = rounds.iter().map(|(due, _)| (due.config.clone(), due.slot));
            let slots: Vec<_> = slots.collect();
            let asked = leases.parts_of(&asker.crunch_id, &slots, &models);
            let there = match timeout(PATIENCE, asked).await {
                Ok(Ok(there)) => there,
                _ => HashSet::new(),
            };
            drop(right);
            let rounds = rounds.into_iter().enumerate();
            let rounds = rounds.filter_map(|(place, (due, mut lacks))| {
                lacks.retain(|model| !there.contains(&(place, model.clone())));
                let whom = Whom {
                    only: Some(lacks),
                    ours: Some(Arc::clone(&ours)),
                    but: HashSet::new(),
                };
                (!whom.is_nobody()).then(|| Arc::clone(&asker).ask(due, whom))
            });
            join_all(rounds).await;
        }
    }
}

#[cfg(test)]
#[path = "arrivals_tests.rs"]
mod tests;
