//! Models that this worker has just taken over: they are asked for what they lack once they are there.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
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
}

/// Follows which models are ours.
pub(super) struct Arrivals {
    sharing: Sharing,
    ours: Arc<HashSet<String>>,
    /// Models that are not there yet, and until when each is waited for.
    awaited: HashMap<String, Instant>,
}

impl Arrivals {
    pub(super) fn new(sharing: Sharing) -> Self {
        Self {
            sharing,
            ours: Arc::default(),
            awaited: HashMap::new(),
        }
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
    /// are theirs, too.
    pub(super) fn come(&mut self, network: &ModelNetwork) -> Vec<String> {
        if self.awaited.is_empty() {
            return Vec::new();
        }
        let models = network.models();
        let there: HashSet<&str> = models.iter().map(|it| it.model_id.as_str()).collect();
        let now = Instant::now();
        let is_due =
            |(model, until): &(&String, &Instant)| there.contains(model.as_str()) || **until <= now;
        let come = self.awaited.iter().filter(is_due);
        let come: Vec<String> = come.map(|(model, _)| model.clone()).collect();
        for model in &come {
            self.awaited.remove(model);
        }
        come
    }

    /// Asks models for what they lack of these rounds; each round is of some models, or of all.
    pub(super) fn ask(
        &self,
        asker: Arc<Asker>,
        models: Vec<String>,
        rounds: Vec<(Due, Option<HashSet<String>>)>,
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
            let rounds = rounds.into_iter().enumerate();
            let rounds = rounds.filter_map(|(place, (due, only))| {
                let lacks = models.iter().filter(|model| {
                    only.as_ref().is_none_or(|only| only.contains(*model))
                        && !there.contains(&(place, (*model).clone()))
                });
                let lacks: HashSet<String> = lacks.cloned().collect();
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
