//! A database in memory that fails, hangs and refuses on demand.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::store::{
    Close, CloseRepository, ConfigKey, Deployment, ModelRecord, ModelRepository, Prediction,
    PredictionConfig, PredictionConfigRepository, PredictionFilter, PredictionRepository,
    StoreError, StoredConfig, StoredPrediction,
};

/// How it behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Mood {
    #[default]
    Well,
    /// Each call fails.
    Down,
    /// No call returns.
    Hangs,
    /// A call that holds more predictions than this never returns.
    Slow(usize),
    /// A call fails with this probability, before or after it was done.
    Flaky(f64),
}

/// What it holds, in the order of storing.
#[derive(Default)]
pub(super) struct Held {
    pub(super) mood: Mood,
    /// Models whose predictions are refused.
    pub(super) poison: HashSet<String>,
    /// Models whose predictions take for ever.
    pub(super) sleepers: HashSet<String>,
    pub(super) predictions: Vec<Prediction>,
    known: HashSet<(ConfigKey, i64, String)>,
    /// Sizes of the calls of `save_all` that came through.
    pub(super) calls: Vec<usize>,
    pub(super) models: Vec<ModelRecord>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) performed: BTreeMap<ConfigKey, i64>,
    /// Predictions that were held when a round's end was noted.
    pub(super) ends: Vec<(ConfigKey, i64, usize)>,
    /// Of models without a row of their own.
    pub(super) orphans: BTreeSet<String>,
    pub(super) closes: BTreeMap<(String, i64), f64>,
    pub(super) declared: usize,
    pub(super) attempts: usize,
}

#[derive(Default)]
pub(super) struct Double(Mutex<Held>);

impl Double {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    pub(super) fn become_(&self, mood: Mood) {
        self.held().mood = mood;
    }

    /// Gives whether a call fails after it was done.
    async fn try_call(&self, predictions: usize) -> Result<bool, StoreError> {
        let mood = {
            let mut held = self.held();
            held.attempts += 1;
            held.mood
        };
        let one_of = |chance: f64| rand::random_bool(chance);
        match mood {
            Mood::Down => Err(down()),
            Mood::Hangs => std::future::pending().await,
            Mood::Slow(most) if predictions > most => std::future::pending().await,
            Mood::Well | Mood::Slow(_) => Ok(false),
            Mood::Flaky(chance) if one_of(chance) => Err(down()),
            Mood::Flaky(chance) => Ok(one_of(chance)),
        }
    }
}

fn down() -> StoreError {
    StoreError::Database {
        place: "the double".into(),
        cause: std::io::Error::other("connection refused").into(),
    }
}

fn refusal() -> StoreError {
    StoreError::Database {
        place: "the double".into(),
        cause: sqlx::Error::Encode("a poisoned value".into()),
    }
}

const fn ended(fails: bool) -> Result<(), ()> {
    if fails { Err(()) } else { Ok(()) }
}

#[async_trait]
impl PredictionRepository for Double {
    async fn save_all(&self, predictions: &[Prediction]) -> Result<u64, StoreError> {
        let fails = self.try_call(predictions.len()).await?;
        let sleeps = {
            let sleepers = &self.held().sleepers;
            predictions.iter().any(|it| sleepers.contains(&it.model_id))
        };
        if sleeps {
            std::future::pending::<()>().await;
        }
        let mut held = self.held();
        if predictions
            .iter()
            .any(|it| held.poison.contains(&it.model_id))
        {
            return Err(refusal());
        }
        held.calls.push(predictions.len());
        let before = held.predictions.len();
        for it in predictions {
            if held
                .models
                .iter()
                .all(|model| model.model_id != it.model_id)
            {
                held.orphans.insert(it.model_id.clone());
            }
            let key = (it.config.clone(), it.slot, it.model_id.clone());
            if held.known.insert(key) {
                held.predictions.push(it.clone());
            }
        }
        let new = held.predictions.len() - before;
        ended(fails).map_err(|()| down())?;
        Ok(new as u64)
    }

    async fn predictions(
        &self,
        _: &PredictionFilter,
        _: i64,
        _: u32,
    ) -> Result<Vec<StoredPrediction>, StoreError> {
        Ok(Vec::new())
    }

    async fn newest(&self, crunch_id: &str) -> Result<Option<OffsetDateTime>, StoreError> {
        let held = self.held();
        let of_it = held
            .predictions
            .iter()
            .filter(|it| it.crunch_id == crunch_id);
        Ok(of_it.map(|it| it.performed_at).max())
    }

    async fn prune(
        &self,
        crunch_id: &str,
        before: OffsetDateTime,
        most: u32,
    ) -> Result<u64, StoreError> {
        self.try_call(0).await?;
        let mut held = self.held();
        let mut left = most;
        let all = held.predictions.len();
        held.predictions.retain(|it| {
            let goes = left > 0 && it.crunch_id == crunch_id && it.performed_at < before;
            left -= u32::from(goes);
            !goes
        });
        Ok((all - held.predictions.len()) as u64)
    }

    async fn best(&self, _: &str, _: OffsetDateTime, _: u32) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl ModelRepository for Double {
    async fn keep_models(&self, models: &[ModelRecord]) -> Result<(), StoreError> {
        let fails = self.try_call(0).await?;
        let mut held = self.held();
        for model in models {
            held.models.retain(|it| it.model_id != model.model_id);
            held.models.push(model.clone());
        }
        ended(fails).map_err(|()| down())
    }

    async fn models(&self, _: &str) -> Result<Vec<ModelRecord>, StoreError> {
        Ok(self.held().models.clone())
    }

    async fn deployed(&self, deployments: &[Deployment]) -> Result<(), StoreError> {
        let fails = self.try_call(0).await?;
        let mut held = self.held();
        for it in deployments {
            if !held.deployments.contains(it) {
                held.deployments.push(it.clone());
            }
        }
        ended(fails).map_err(|()| down())
    }

    async fn deployments(&self, _: &str, _: &str) -> Result<Vec<Deployment>, StoreError> {
        Ok(self.held().deployments.clone())
    }
}

#[async_trait]
impl PredictionConfigRepository for Double {
    async fn declare(&self, _: &str, configs: &[PredictionConfig]) -> Result<(), StoreError> {
        self.try_call(0).await?;
        self.held().declared += configs.len();
        Ok(())
    }

    async fn configs(&self, _: &str) -> Result<Vec<StoredConfig>, StoreError> {
        Ok(Vec::new())
    }

    async fn performed(&self, _: &str, rounds: &[(ConfigKey, i64)]) -> Result<(), StoreError> {
        let fails = self.try_call(0).await?;
        let mut held = self.held();
        for (config, slot) in rounds {
            let there = held.predictions.len();
            held.ends.push((config.clone(), *slot, there));
            let newest = held.performed.entry(config.clone()).or_insert(*slot);
            *newest = (*slot).max(*newest);
        }
        ended(fails).map_err(|()| down())
    }
}

#[async_trait]
impl CloseRepository for Double {
    async fn keep_closes(&self, asset: &str, closes: &[Close]) -> Result<(), StoreError> {
        let fails = self.try_call(0).await?;
        let mut held = self.held();
        for close in closes {
            held.closes
                .insert((asset.to_owned(), close.at), close.price);
        }
        ended(fails).map_err(|()| down())
    }

    async fn closes(&self, _: &str, _: Range<i64>) -> Result<Vec<Close>, StoreError> {
        Ok(Vec::new())
    }
}
