//! Facts into as few calls of the repositories as their order allows.

use std::collections::BTreeMap;

use crate::{
    predict::Fact,
    store::{Close, ConfigKey, Deployment, ModelRecord, Prediction, PredictionStore, StoreError},
};

/// Neighbouring facts of one kind. Within a group no key is there twice where a repository writes over
/// what it has: a database may refuse to write a row twice in one statement.
pub(super) enum Group {
    Models(Models),
    Deployed(Vec<Deployment>),
    Predictions(Vec<Prediction>),
    /// By crunch.
    Performed(BTreeMap<String, BTreeMap<ConfigKey, i64>>),
    /// By asset, then by time.
    Closes(BTreeMap<String, BTreeMap<i64, Close>>),
}

impl Group {
    fn of(fact: Fact) -> Self {
        let mut group = match &fact {
            Fact::Model(_) => Self::Models(Models::new()),
            Fact::Deployed(_) => Self::Deployed(Vec::new()),
            Fact::Prediction(_) => Self::Predictions(Vec::new()),
            Fact::Performed { .. } => Self::Performed(BTreeMap::new()),
            Fact::Closes { .. } => Self::Closes(BTreeMap::new()),
        };
        let _ = group.take(fact);
        group
    }

    /// Takes a fact, or gives it back when it is of another kind.
    fn take(&mut self, fact: Fact) -> Option<Fact> {
        match (self, fact) {
            (Self::Models(models), Fact::Model(model)) => merge_model(models, model),
            (Self::Deployed(all), Fact::Deployed(deployment)) => all.push(deployment),
            (Self::Predictions(all), Fact::Prediction(prediction)) => all.push(prediction),
            (
                Self::Performed(rounds),
                Fact::Performed {
                    crunch_id,
                    config,
                    slot,
                },
            ) => {
                let rounds = rounds.entry(crunch_id).or_default();
                let newest = rounds.entry(config).or_insert(slot);
                *newest = slot.max(*newest);
            }
            (Self::Closes(assets), Fact::Closes { asset, closes }) => {
                let known = assets.entry(asset).or_default();
                known.extend(closes.into_iter().map(|close| (close.at, close)));
            }
            (_, other) => return Some(other),
        }
        None
    }

    /// Writes the group. Writing it again changes nothing.
    pub(super) async fn store(&self, store: &dyn PredictionStore) -> Result<(), StoreError> {
        match self {
            Self::Models(models) => {
                let models: Vec<_> = models.values().cloned().collect();
                store.keep_models(&models).await
            }
            Self::Deployed(deployments) => store.deployed(deployments).await,
            Self::Predictions(predictions) => store.save_all(predictions).await.map(drop),
            Self::Performed(crunches) => {
                for (crunch, rounds) in crunches {
                    let rounds: Vec<_> =
                        rounds.iter().map(|(key, at)| (key.clone(), *at)).collect();
                    store.performed(crunch, &rounds).await?;
                }
                Ok(())
            }
            Self::Closes(assets) => {
                for (asset, closes) in assets {
                    let closes: Vec<_> = closes.values().copied().collect();
                    store.keep_closes(asset, &closes).await?;
                }
                Ok(())
            }
        }
    }
}

/// Groups of neighbours, in the order of the facts.
pub(super) fn groups(facts: impl IntoIterator<Item = Fact>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for fact in facts {
        let left = match groups.last_mut() {
            Some(group) => group.take(fact),
            None => Some(fact),
        };
        groups.extend(left.map(Group::of));
    }
    groups
}

/// Models by crunch and id.
pub(super) type Models = BTreeMap<(String, String), ModelRecord>;

/// Takes a model as it is now into models, by the rule that its repository follows.
pub(super) fn merge_model(models: &mut Models, mut model: ModelRecord) {
    let key = (model.crunch_id.clone(), model.model_id.clone());
    if let Some(known) = models.get(&key) {
        model.first_seen = known.first_seen.min(model.first_seen);
        model.last_seen = known.last_seen.max(model.last_seen);
        model.metrics_since = known.metrics_since.max(model.metrics_since);
    }
    models.insert(key, model);
}
