//! Who is asked in a round.

use std::collections::HashSet;

use crate::models::{ModelNetwork, Ours, Subset};

/// Who is asked in a round, and for whom it is said that he was absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Whom {
    /// These alone; all when none are given.
    pub(super) only: Option<HashSet<String>>,
    /// This worker's; all where it shares them with nobody.
    pub(super) ours: Ours,
    /// Not these: they were just taken over, and are asked when they are there.
    pub(super) but: HashSet<String>,
}

impl Whom {
    /// These alone, or all.
    pub(super) fn only(models: Option<impl IntoIterator<Item = String>>) -> Self {
        Self {
            only: models.map(|models| models.into_iter().collect()),
            ..Self::default()
        }
    }

    /// Whether a model is meant.
    pub(super) fn covers(&self, model: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(model))
            && self.ours.as_ref().is_none_or(|ours| ours.contains(model))
            && !self.but.contains(model)
    }

    /// Whether there can't be anybody.
    pub(super) fn is_nobody(&self) -> bool {
        let ours = self.ours.as_ref();
        ours.is_some_and(|ours| ours.iter().all(|model| !self.covers(model)))
    }

    /// Those that can be called now.
    pub(super) fn subset(&self, network: &ModelNetwork) -> Subset {
        match &self.only {
            None if self.but.is_empty() => Subset::All,
            Some(only) if self.but.is_empty() => Subset::Only(only.iter().cloned().collect()),
            _ => {
                let models = network.models();
                let ids = models.iter().map(|model| model.model_id.as_str());
                let ids = ids.filter(|model| self.covers(model));
                Subset::Only(ids.map(str::to_owned).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn set(models: &[&str]) -> HashSet<String> {
        models.iter().map(|&it| it.to_owned()).collect()
    }

    #[test]
    fn those_are_meant_that_are_named_ours_and_there() {
        let all = Whom::default();
        assert!(all.covers("a") && !all.is_nobody());
        let mut whom = Whom {
            only: Some(set(&["a", "b", "c"])),
            ours: Some(Arc::new(set(&["b", "c", "d"]))),
            but: set(&["c"]),
        };
        let covered = ["a", "b", "c", "d"].map(|it| whom.covers(it));
        assert_eq!(covered, [false, true, false, false]);
        assert!(!whom.is_nobody());
        whom.but.insert("b".into());
        assert!(whom.is_nobody());
    }
}
