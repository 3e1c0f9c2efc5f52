//! The roll of models: which there are, what they are called, what is deployed, and when they were
//! there. It stands in memory, half a kilobyte a model, and follows the database once that is there.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::sync::watch;

use super::{
    Attendance, Fact, Facts, PredictConfig,
    entry::{Entry, plain},
    news::{News, joined},
    whom::Whom,
};
use crate::{
    clock::SharedClock,
    models::ModelInfo,
    ops::Reporter,
    store::{DeploymentEffect, Known, ModelRecord},
};

/// Models that are kept in mind; above it those unseen for longest go, and count as new when they
/// come back.
const MOST_MODELS: usize = 50_000;

/// The models of a crunch that were ever seen.
pub struct Roll {
    pub(super) crunch_id: String,
    clock: SharedClock,
    facts: Arc<dyn Facts>,
    pub(super) news: News,
    effect: DeploymentEffect,
    absent_within: Duration,
    state: Mutex<State>,
    pub(super) loaded: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    /// Whether the database has told what it knows.
    is_loaded: bool,
    /// Facts that go together at the end of what is under way.
    facts: Vec<Fact>,
}

/// A model that was due in a round and could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absentee {
    pub(super) model_id: String,
    pub(super) deployment_id: String,
    pub(super) last_seen: OffsetDateTime,
}

impl Roll {
    /// A roll of what waits in the outbox: `pending` in the order in which it waits.
    #[must_use]
    pub fn new(
        crunch_id: impl Into<String>,
        settings: &PredictConfig,
        clock: SharedClock,
        facts: Arc<dyn Facts>,
        reporter: Reporter,
        pending: Vec<ModelRecord>,
    ) -> Self {
        let entries = pending
            .into_iter()
            .map(|record| (record.model_id.clone(), Entry::known(record)));
        let state = State {
            entries: entries.collect(),
            ..State::default()
        };
        Self {
            crunch_id: crunch_id.into(),
            clock,
            facts,
            news: News::new(reporter),
            effect: settings.on_deployment,
            absent_within: settings.absent_within,
            state: Mutex::new(state),
            loaded: watch::Sender::new(false),
        }
    }

    /// A model can be called: it joined, or a newer deployment of it took over.
    pub(super) fn joined(&self, model: &ModelInfo) {
        self.appear(model);
        self.news.of_a_model(joined(model));
    }

    /// These models can be called, and no others.
    pub(super) fn listed(&self, models: &[Arc<ModelInfo>]) {
        for model in models {
            self.appear(model);
        }
        self.present(models);
    }

    /// These models are connected, and no others. Which deployment serves is left as it is: joins tell
    /// that, and a list may be older than they are.
    pub(super) fn present(&self, models: &[Arc<ModelInfo>]) {
        let now = self.now();
        let unknown: Vec<_> = self.with(|state| {
            let present: HashSet<&str> = models.iter().map(|it| it.model_id.as_str()).collect();
            for (id, entry) in &mut state.entries {
                entry.is_connected = present.contains(id.as_str());
                if entry.is_connected {
                    entry.seen(now);
                }
            }
            let is_unknown = |model: &&Arc<ModelInfo>| !state.entries.contains_key(&model.model_id);
            models.iter().filter(is_unknown).cloned().collect()
        });
        for model in unknown {
            self.appear(&model);
        }
    }

    /// A deployment can be called no more.
    pub(super) fn left(&self, model: &ModelInfo) {
        let now = self.now();
        self.with(|state| {
            if let Some(entry) = state.entries.get_mut(&model.model_id)
                && entry.record.deployment_id == plain(&model.deployment_id)
                && std::mem::take(&mut entry.is_connected)
            {
                entry.seen(now);
            }
        });
    }

    /// A model's name or its owner's data have changed.
    pub(super) fn renamed(&self, model: &ModelInfo) {
        self.with(|state| {
            if let Some(entry) = state.entries.get_mut(&model.model_id)
                && entry.name(model)
                && entry.is_put
            {
                state.facts.push(entry.put());
            }
        });
    }

    /// These models are about to be stored as asked: each is stored before that.
    pub(super) fn vouch(&self, models: &[Arc<ModelInfo>]) {
        let now = self.now();
        self.with(|state| {
            for model in models {
                let is_loaded = state.is_loaded;
                let entry = state
                    .entries
                    .entry(model.model_id.clone())
                    .or_insert_with(|| Entry::new(&self.crunch_id, model, now, is_loaded));
                if !entry.is_put {
                    state.facts.push(entry.put());
                }
            }
        });
        self.commit();
    }

    /// The models that were there lately and are meant, without those that were asked.
    pub(super) fn absentees(
        &self,
        asked: &HashSet<&str>,
        whom: &Whom,
        now: OffsetDateTime,
    ) -> Vec<Absentee> {
        self.with(|state| {
            let absent = state.entries.iter().filter(|(id, entry)| {
                let id = id.as_str();
                !asked.contains(id)
                    && whom.covers(id)
                    && (entry.is_connected
                        || (now - entry.record.last_seen).unsigned_abs() <= self.absent_within)
            });
            let mut absent: Vec<_> = absent
                .map(|(_, Entry { record, .. })| Absentee {
                    model_id: record.model_id.clone(),
                    deployment_id: record.deployment_id.clone(),
                    last_seen: record.last_seen,
                })
                .collect();
            absent.sort_by(|a, b| a.model_id.cmp(&b.model_id));
            absent
        })
    }

    /// What the database knows, at its first appearance.
    pub(super) fn load(&self, stored: Vec<ModelRecord>) {
        let mut told = Vec::new();
        self.with(|state| {
            let State { entries, facts, .. } = state;
            for record in stored {
                match entries.entry(record.model_id.clone()) {
                    hash_map::Entry::Vacant(place) => {
                        place.insert(Entry::known(record));
                    }
                    hash_map::Entry::Occupied(mut place) => {
                        let entry = place.get_mut();
                        if let Some(deployed) = entry.learn(&record, self.effect) {
                            facts.push(entry.put());
                            told.push(Entry::deployed(&deployed));
                            facts.push(Fact::Deployed(deployed));
                        }
                    }
                }
            }
            for entry in entries.values_mut() {
                if entry.settle() {
                    told.push(entry.first_seen());
                    facts.push(entry.put());
                } else if entry.is_changed {
                    facts.push(entry.put());
                }
            }
            state.is_loaded = true;
        });
        self.commit();
        for event in told {
            self.news.of_a_model(event);
        }
        self.loaded.send_replace(true);
    }

    /// What the database knows now of models that another worker called so far: of them this may know
    /// less, or what is long past.
    pub(super) fn take_over(&self, stored: Vec<Known>) {
        self.with(|state| {
            for Known { record, is_told } in stored {
                let entry = match state.entries.entry(record.model_id.clone()) {
                    hash_map::Entry::Vacant(place) => place.insert(Entry::known(record)),
                    hash_map::Entry::Occupied(place) => {
                        let entry = place.into_mut();
                        entry.catch_up(record);
                        entry
                    }
                };
                if !is_told {
                    entry.lacks_the_past();
                }
            }
        });
    }

    /// Since when a model is known.
    pub(super) fn first_seen(&self, model_id: &str) -> Option<OffsetDateTime> {
        self.with(|state| Some(state.entries.get(model_id)?.record.first_seen))
    }

    /// A deployment is called by another worker from now on, which should know all that is known here.
    pub(super) fn handed_over(&self, model: &ModelInfo) {
        self.left(model);
        self.with(|state| {
            if let Some(entry) = state.entries.get_mut(&model.model_id)
                && entry.is_put
                && entry.is_changed
            {
                state.facts.push(entry.put());
            }
        });
    }

    /// Puts when connected models were last seen, all at once.
    pub(super) fn keep(&self) {
        self.with(|state| {
            for entry in state.entries.values_mut().filter(|it| it.is_changed) {
                state.facts.push(entry.put());
            }
            if state.entries.len() > MOST_MODELS {
                forget(&mut state.entries);
            }
        });
        self.commit();
    }

    /// Whether what is put waits, because the store is away or too slow.
    pub(super) fn is_held_up(&self) -> bool {
        self.facts.are_held_up()
    }

    /// Puts what has gathered, in its order.
    pub(super) fn commit(&self) {
        self.with(|state| {
            if !state.facts.is_empty() {
                // Putting never waits, and within the lock no later fact overtakes these.
                self.facts.put(std::mem::take(&mut state.facts));
            }
        });
    }

    /// How many models are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.with(|state| state.entries.len())
    }

    /// Whether no model is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A model serves with a deployment.
    fn appear(&self, model: &ModelInfo) {
        let now = self.now();
        let told = self.with(|state| {
            let State {
                entries,
                facts,
                is_loaded,
            } = state;
            let entry = match entries.entry(model.model_id.clone()) {
                hash_map::Entry::Vacant(place) => {
                    let entry = Entry::new(&self.crunch_id, model, now, *is_loaded);
                    let entry = place.insert(entry);
                    if *is_loaded {
                        facts.push(entry.put());
                        return Some(entry.first_seen());
                    }
                    // Until it is known whether it is new, it is not stored over what may be there.
                    return None;
                }
                hash_map::Entry::Occupied(place) => place.into_mut(),
            };
            let is_renamed = entry.name(model);
            let deployed = entry.serve(model, now, self.effect);
            if deployed.is_some() || (is_renamed && entry.is_put) {
                facts.push(entry.put());
            }
            deployed.map(|deployed| {
                let told = Entry::deployed(&deployed);
                facts.push(Fact::Deployed(deployed));
                told
            })
        });
        if let Some(event) = told {
            self.news.of_a_model(event);
        }
    }

    fn now(&self) -> OffsetDateTime {
        to_the_millisecond(self.clock.now())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A time as every database keeps it.
pub(super) fn to_the_millisecond(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}

fn forget(entries: &mut HashMap<String, Entry>) {
    let mut gone: Vec<_> = entries
        .iter()
        .filter(|(_, entry)| !entry.is_connected)
        .map(|(id, entry)| (entry.record.last_seen, id.clone()))
        .collect();
    gone.sort_unstable();
    for (_, id) in gone.into_iter().take(entries.len() - MOST_MODELS) {
        entries.remove(&id);
    }
}

impl Attendance for Roll {
    fn answered(&self, model: &ModelInfo) {
        let now = self.now();
        self.with(|state| {
            if let Some(entry) = state.entries.get_mut(&model.model_id)
                && entry.record.deployment_id == plain(&model.deployment_id)
            {
                entry.answered = Some(now);
                entry.seen(now);
            }
        });
    }

    /// An earlier process stored when the model was last there to be called, which is taken for its last
    /// answer. A time ahead of the clock, as in a replay of the same prices, tells nothing.
    fn last_answer(&self, model: &ModelInfo) -> Option<OffsetDateTime> {
        let now = self.now();
        self.with(|state| {
            let entry = state.entries.get(&model.model_id)?;
            let is_same = entry.record.deployment_id == plain(&model.deployment_id);
            let last = entry.answered.or(entry.before)?;
            (is_same && last <= now).then_some(last)
        })
    }
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
