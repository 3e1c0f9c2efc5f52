//! What an earlier process put and the database does not have yet.

use std::collections::HashMap;

use futures_util::TryStreamExt;

use super::{
    file::{File, read},
    merge::{Models, merge_model},
};
use crate::{
    predict::Fact,
    store::{ConfigKey, ModelRecord},
};

/// What waits in the outbox of a crunch and is to be known before anything is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The newest slot of each round that is done, unix seconds.
    pub performed: HashMap<ConfigKey, i64>,
    /// Models as last known, by id.
    pub models: Vec<ModelRecord>,
}

impl Pending {
    fn take(&mut self, models: &mut Models, fact: Fact, crunch: &str) {
        match fact {
            Fact::Performed {
                crunch_id,
                config,
                slot,
            } if crunch_id == crunch => {
                let newest = self.performed.entry(config).or_insert(slot);
                *newest = slot.max(*newest);
            }
            Fact::Model(model) if model.crunch_id == crunch => merge_model(models, model),
            _ => {}
        }
    }
}

impl File {
    pub(super) async fn pending(&self, crunch: &str) -> Result<Pending, sqlx::Error> {
        let (mut pending, mut models) = (Pending::default(), Models::new());
        let mut rows = sqlx::query(
            "SELECT seq, kind, fact, payload FROM facts \
                WHERE kind IN ('model', 'performed') ORDER BY seq",
        )
        .fetch(&self.pool);
        while let Some(row) = rows.try_next().await? {
            // What can't be read is told when its turn to be stored comes.
            if let Ok(fact) = read(&row)?.decode() {
                pending.take(&mut models, fact, crunch);
            }
        }
        pending.models = models.into_values().collect();
        Ok(pending)
    }
}
