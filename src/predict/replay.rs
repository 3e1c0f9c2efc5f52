//! Bringing models up to date.

use std::sync::Arc;

use async_trait::async_trait;

use super::{FeedError, SharedBook, heard::Since};
use crate::models::{Call, Instance, ModelInfo, Replay};

/// A new instance is told the whole book. One that was there before is told what it has missed since it
/// last answered, as far as that is known. Calls come in their order and are mostly one.
///
/// Ticks that are told between a replay's calls and the model's joining are not lost: the teller knows
/// up to which tick the replay went, and tells the rest with the model's first tick.
#[async_trait]
impl Replay for SharedBook {
    fn begins(&self, model: &ModelInfo) {
        self.begins(model);
    }

    fn has(&self, model: &ModelInfo, instance: Instance) {
        self.has(model, instance);
    }

    async fn calls(&self, model: &ModelInfo, instance: Instance) -> Vec<Call> {
        let calls = match self.replay(model, instance) {
            Since::Ever => self.whole().await,
            Since::At(at) => self.calls_since(at).await,
            Since::Now => Ok(Arc::default()),
        };
        let calls = calls.unwrap_or_else(|cause: FeedError| {
            self.complain(&cause);
            Arc::default()
        });
        if calls.is_empty() {
            self.replayed(model, true);
        }
        calls.to_vec()
    }
}
