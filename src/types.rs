//! The few values that every room speaks of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A topic of the network, as numbered by the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub u64);

/// A block height.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Height(pub i64);

impl Height {
    /// The height `blocks` later (or earlier, when negative).
    #[must_use]
    pub const fn plus(self, blocks: i64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}

/// A submission window's nonce: the height of the block whose end opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce(pub i64);

impl Nonce {
    /// The block that opened the window.
    #[must_use]
    pub const fn height(self) -> Height {
        Height(self.0)
    }
}

/// Identifies one submission window of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowKey {
    /// The topic whose window it is.
    pub topic: TopicId,
    /// The window's nonce.
    pub nonce: Nonce,
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for WindowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} nonce {}", self.topic, self.nonce)
    }
}
