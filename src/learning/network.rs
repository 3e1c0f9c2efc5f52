//! What the learning room asks of the chain.

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::types::{Height, Nonce, TopicId, WindowKey};

/// What the network makes of a topic's inferences for one nonce.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkView {
    /// The nonce.
    pub nonce: Nonce,
    /// The combined value, in the target's unit; none where there is none.
    pub combined: Option<f64>,
    /// Every inferer that counts, with its value.
    pub inferers: Vec<(String, f64)>,
}

/// The chain could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub String);

/// The chain, for questions that are not urgent: each waits for its turn after all that are.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Waits until nothing of ours is on its way to the chain or due soon.
    async fn calm(&self);

    /// Whether the window that ended with this block is known to be closed.
    fn has_closed(&self, end: Height) -> bool;

    /// The time of a block whose header was heard of in this run.
    fn heard_at(&self, height: Height) -> Option<OffsetDateTime>;

    /// The time of a block; none when no node has it (any more).
    ///
    /// # Errors
    /// When no node answers.
    async fn block_time(&self, height: Height) -> Result<Option<OffsetDateTime>, Unknown>;

    /// The network's newest inference for a topic, from a node that has passed the block `end`.
    ///
    /// # Errors
    /// When no node answers.
    async fn latest(&self, topic: TopicId, end: Height) -> Result<Option<NetworkView>, Unknown>;

    /// The network's inference for a nonce whose window ended with `end`; none when the chain has none.
    ///
    /// # Errors
    /// When no node answers.
    async fn at(&self, key: WindowKey, end: Height) -> Result<Option<NetworkView>, Unknown>;

    /// The values that stand for a nonce whose window ended with `end`, by their inferers; empty when
    /// the chain has none (any more).
    ///
    /// # Errors
    /// When no node answers.
    async fn inferences(&self, key: WindowKey, end: Height) -> Result<Vec<(String, f64)>, Unknown>;
}
