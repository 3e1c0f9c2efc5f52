//! Bringing a model up to date.

use async_trait::async_trait;

use crate::models::{Call, ModelInfo};

/// What a model's server holds when it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instance {
    /// An instance that was just made: it knows nothing.
    Created,
    /// One that was there when this process first came: it knows what it was told before.
    Found,
}

/// Gives the calls that bring a model up to date before it is called for anything else: after it
/// joined, after a redeploy, and whenever its server was restarted.
#[async_trait]
pub trait Replay: Send + Sync + 'static {
    /// A model's server is about to be asked for an instance. Until it has answered nobody knows what the
    /// model knows.
    fn begins(&self, _model: &ModelInfo) {}

    /// It has this instance. One that was just made knows nothing, however long it waits to be told.
    fn has(&self, _model: &ModelInfo, _instance: Instance) {}

    /// The calls in their order. The same [`Call`] may be given to all models: clones share its bytes.
    async fn calls(&self, model: &ModelInfo, instance: Instance) -> Vec<Call>;
}

/// Models that need not be brought up to date.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoReplay;

#[async_trait]
impl Replay for NoReplay {
    async fn calls(&self, _: &ModelInfo, _: Instance) -> Vec<Call> {
        Vec::new()
    }
}
