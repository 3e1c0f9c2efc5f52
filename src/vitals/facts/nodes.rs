//! What is known of the chain's nodes.

use serde::{Deserialize, Serialize};

use super::Moment;
use crate::types::Height;

/// The chain's newest block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// Its height.
    pub height: Option<Height>,
    /// When it was heard of.
    pub heard: Moment,
    /// The usual time between two blocks, in milliseconds.
    pub block_ms: Option<f64>,
    /// The version of the emissions module.
    pub emissions: String,
}

/// The WebSocket that brings windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Socket {
    /// Whether it is open.
    pub is_connected: bool,
    /// To whom.
    pub endpoint: String,
    /// Since when it is so.
    pub since: Moment,
    /// Why it was lost last.
    pub cause: String,
    /// How often it was lost.
    pub losses: u64,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// The URL without what may be secret.
    pub endpoint: String,
    /// Whether it is asked.
    pub is_healthy: bool,
    /// Since when it is so.
    pub since: Moment,
    /// What is wrong with it, while something is.
    pub cause: Option<String>,
    /// Whether transactions go to it first.
    pub is_pinned: bool,
    /// The height of its newest answer.
    pub height: Option<Height>,
    /// Blocks that this was behind.
    pub lag: i64,
    /// The moving average of the time that its answers take, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Failures since it answered last.
    pub failures: u32,
}
