//! Which models there are: the orchestrator's lists turned into steps. Pure.
//!
//! A model has one *run* for each deployment and address. The newest run that is ready serves; older
//! ones are let go only then, so that a redeploy leaves no gap.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    ModelInfo,
    item::{Address, Item, State},
};

/// A run's number, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RunId(pub(super) u64);

/// Something to be done about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Connect to a new run.
    Start {
        run: RunId,
        info: Arc<ModelInfo>,
        address: Address,
    },
    /// Let a run go.
    Stop {
        run: RunId,
        info: Arc<ModelInfo>,
        why: Left,
    },
    /// A name has changed.
    Inform { run: RunId, info: Arc<ModelInfo> },
}

/// Why a run was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Left {
    /// The orchestrator stopped it.
    Stopped,
    /// It is being restarted, and comes back elsewhere.
    Recovering,
    /// A newer run of the same model serves in its place.
    Replaced,
    /// The orchestrator does not list it any more.
    Unlisted,
    /// It failed too often.
    Disconnected,
    /// Another worker calls the model.
    HandedOver,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped by the orchestrator",
            Self::Recovering => "restarted by the orchestrator",
            Self::Replaced => "replaced by a newer run",
            Self::Unlisted => "not listed any more",
            Self::Disconnected => "disconnected",
            Self::HandedOver => "another worker's",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    Ready,
    /// It failed: kept so that the next list does not bring it back.
    GivenUp,
}

#[derive(Clone, Debug)]
struct Run {
    id: RunId,
    info: Arc<ModelInfo>,
    address: Address,
    stage: Stage,
}

/// The runs of all models, oldest first within a model.
#[derive(Debug, Default)]
pub(super) struct Roster {
    models: BTreeMap<String, Vec<Run>>,
    made: u64,
}

impl Roster {
    /// The orchestrator lists all that run.
    pub(super) fn list(&mut self, items: Vec<Item>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut listed: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for item in items
            .into_iter()
            .filter(|item| item.state == State::Running)
        {
            listed
                .entry(item.info.model_id.clone())
                .or_default()
                .push(item);
        }
        let held: Vec<String> = self.models.keys().cloned().collect();
        for model in held.into_iter().filter(|model| !listed.contains_key(model)) {
            self.keep(&model, |_| false, Left::Unlisted, &mut steps);
        }
        for (model, items) in listed {
            let is_listed = |run: &Run| {
                items
                    .iter()
                    .any(|item| item.info.deployment_id == run.info.deployment_id)
            };
            self.keep(&model, is_listed, Left::Unlisted, &mut steps);
            for (place, item) in items.iter().enumerate() {
                // In a redeploy the older run is listed first; with the newer one ready it is not needed.
                let is_newest = place + 1 == items.len();
                let has_ready = || {
                    self.models
                        .get(&model)
                        .is_some_and(|runs| runs.iter().any(|run| run.stage == Stage::Ready))
                };
                if is_newest || self.holds(item) || !has_ready() {
                    self.running(item, &mut steps);
                }
            }
            self.reorder(&model, &items);
        }
        steps
    }

    /// The orchestrator tells of a change.
    pub(super) fn update(&mut self, items: &[Item]) -> Vec<Step> {
        let mut steps = Vec::new();
        for item in items {
            let other = |run: &Run| run.info.deployment_id != item.info.deployment_id;
            let model = &item.info.model_id;
            match item.state {
                State::Running => self.running(item, &mut steps),
                // The deployment alone tells which: the second announcement bears no address.
                State::Stopped => self.keep(model, other, Left::Stopped, &mut steps),
                State::Recovering => self.keep(model, other, Left::Recovering, &mut steps),
                State::Other => {}
            }
        }
        steps
    }

    /// A run can be called: older runs of its model are let go.
    pub(super) fn ready(&mut self, model: &str, id: RunId) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(runs) = self.models.get_mut(model) else {
            return steps;
        };
        let Some(place) = runs.iter().position(|run| run.id == id) else {
            return steps;
        };
        runs[place].stage = Stage::Ready;
        for run in runs.drain(..place) {
            if run.stage != Stage::GivenUp {
                steps.push(Step::Stop {
                    run: run.id,
                    info: run.info,
                    why: Left::Replaced,
                });
            }
        }
        steps
    }

    /// A run failed for good. It is not started again until the orchestrator tells of it anew.
    pub(super) fn give_up(&mut self, model: &str, id: RunId) {
        for run in self.models.get_mut(model).into_iter().flatten() {
            if run.id == id {
                run.stage = Stage::GivenUp;
            }
        }
    }

    /// A model is not called from here any more.
    pub(super) fn hand_over(&mut self, model: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.keep(model, |_| false, Left::HandedOver, &mut steps);
        steps
    }

    /// The runs that are called: of each model the newest that is ready.
    pub(super) fn serving(&self) -> impl Iterator<Item = RunId> + '_ {
        self.models.values().filter_map(|runs| {
            let newest = runs.iter().rev().find(|run| run.stage == Stage::Ready);
            newest.map(|run| run.id)
        })
    }

    /// How many models there are that have not been given up.
    pub(super) fn models(&self) -> usize {
        let lives = |runs: &&Vec<Run>| runs.iter().any(|run| run.stage != Stage::GivenUp);
        self.models.values().filter(lives).count()
    }

    fn holds(&self, item: &Item) -> bool {
        let runs = self.models.get(&item.info.model_id);
        runs.is_some_and(|runs| {
            runs.iter()
                .any(|run| run.info.deployment_id == item.info.deployment_id)
        })
    }

    fn keep(
        &mut self,
        model: &str,
        stays: impl Fn(&Run) -> bool,
        why: Left,
        steps: &mut Vec<Step>,
    ) {
        let Some(runs) = self.models.get_mut(model) else {
            return;
        };
        runs.retain(|run| {
            let stays = stays(run);
            if !stays && run.stage != Stage::GivenUp {
                steps.push(Step::Stop {
                    run: run.id,
                    info: Arc::clone(&run.info),
                    why,
                });
            }
            stays
        });
        if runs.is_empty() {
            self.models.remove(model);
        }
    }

    fn running(&mut self, item: &Item, steps: &mut Vec<Step>) {
        let info = Arc::new(item.info.clone());
        let runs = self.models.entry(item.info.model_id.clone()).or_default();
        let mut is_known = false;
        for run in runs
            .iter_mut()
            .filter(|run| run.info.deployment_id == info.deployment_id)
        {
            if run.info != info {
                run.info = Arc::clone(&info);
                if run.stage != Stage::GivenUp {
                    steps.push(Step::Inform {
                        run: run.id,
                        info: Arc::clone(&info),
                    });
                }
            }
            // Without an address it is where it was.
            is_known |= item
                .address
                .as_ref()
                .is_none_or(|address| *address == run.address);
        }
        let is_outdated = runs.iter().any(|run| info.is_older_than(&run.info));
        match &item.address {
            Some(address) if !is_known && !is_outdated => {
                self.made += 1;
                let run = RunId(self.made);
                let address = address.clone();
                steps.push(Step::Start {
                    run,
                    info: Arc::clone(&info),
                    address: address.clone(),
                });
                runs.push(Run {
                    id: run,
                    info,
                    address,
                    stage: Stage::Joining,
                });
            }
            _ => {}
        }
        if runs.is_empty() {
            self.models.remove(&item.info.model_id);
        }
    }

    /// Puts a model's runs in the list's order; among addresses of one deployment the newest stays last.
    fn reorder(&mut self, model: &str, items: &[Item]) {
        if let Some(runs) = self.models.get_mut(model) {
            runs.sort_by_key(|run| {
                let place = items
                    .iter()
                    .rposition(|item| item.info.deployment_id == run.info.deployment_id);
                (place, run.id)
            });
        }
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
