//! Which of the models that the orchestrator lists are called from here. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::item::{Item, State};

/// The ids of the models that are called from here; none for all.
pub type Ours = Option<Arc<HashSet<String>>>;

/// All that the orchestrator lists, and which of it is ours.
#[derive(Debug, Default)]
pub(super) struct Circle {
    ours: Ours,
    /// The runs of each model, in the orchestrator's order.
    items: BTreeMap<String, Vec<Item>>,
    /// Their ids, made when they are asked for.
    listed: Option<Arc<[String]>>,
}

impl Circle {
    /// The orchestrator lists all that run; gives those that are ours.
    pub(super) fn list(&mut self, items: Vec<Item>) -> Vec<Item> {
        self.items.clear();
        self.listed = None;
        for item in &items {
            self.note(item);
        }
        self.own(items)
    }

    /// The orchestrator tells of changes; gives those that concern us.
    pub(super) fn update(&mut self, items: Vec<Item>) -> Vec<Item> {
        for item in &items {
            self.note(item);
        }
        self.own(items)
    }

    /// Other models are ours from now on. Gives the models that are ours no more, and the runs of those
    /// that have become ours.
    pub(super) fn confine(&mut self, ours: Ours) -> (Vec<String>, Vec<Item>) {
        let before = std::mem::replace(&mut self.ours, ours);
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        for (model, items) in &self.items {
            match (is_among(&before, model), is_among(&self.ours, model)) {
                (true, false) => gone.push(model.clone()),
                (false, true) => come.extend(items.iter().cloned()),
                _ => {}
            }
        }
        (gone, come)
    }

    /// The ids of all models that are listed, ours or not.
    pub(super) fn listed(&mut self) -> Arc<[String]> {
        let ids = || self.items.keys().cloned().collect();
        Arc::clone(self.listed.get_or_insert_with(ids))
    }

    fn own(&self, mut items: Vec<Item>) -> Vec<Item> {
        items.retain(|item| is_among(&self.ours, &item.info.model_id));
        items
    }

    fn note(&mut self, item: &Item) {
        let model = &item.info.model_id;
        let is_same = |it: &Item| it.info.deployment_id == item.info.deployment_id;
        match item.state {
            State::Running => {
                if !self.items.contains_key(model) {
                    self.listed = None;
                }
                let items = self.items.entry(model.clone()).or_default();
                match items.iter_mut().find(|it| is_same(it)) {
                    Some(known) => {
                        // Without an address it is where it was.
                        let address = item.address.clone().or_else(|| known.address.take());
                        *known = item.clone();
                        known.address = address;
                    }
                    None => items.push(item.clone()),
                }
            }
            State::Stopped | State::Recovering => {
                let Some(items) = self.items.get_mut(model) else {
                    return;
                };
                items.retain(|it| !is_same(it));
                if items.is_empty() {
                    self.items.remove(model);
                    self.listed = None;
                }
            }
            State::Other => {}
        }
    }
}

fn is_among(ours: &Ours, model: &str) -> bool {
    ours.as_ref().is_none_or(|ours| ours.contains(model))
}

#[cfg(test)]
#[path = "circle_tests.rs"]
mod tests;
