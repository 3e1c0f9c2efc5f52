//! A chain that the list is played to.

use async_trait::async_trait;

use super::Client;

/// A version of the chain's emissions module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V9,
    V10,
}

impl Version {
    /// The word in paths, type URLs and events.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::V9 => "v9",
            Self::V10 => "v10",
        }
    }

    /// The other version's word.
    pub(crate) const fn other(self) -> &'static str {
        match self {
            Self::V9 => "v10",
            Self::V10 => "v9",
        }
    }

    /// The value that stands for this version.
    pub(crate) fn pick<T>(self, v9: T, v10: T) -> T {
        match self {
            Self::V9 => v9,
            Self::V10 => v10,
        }
    }
}

/// A change of the chain's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// Places for inferers in each window.
    Places(u64),
    /// Whether only listed workers may submit to the topic; none is listed.
    OnlyListed(bool),
    /// Whether the topic's weight is enough for it to be active.
    Weight(bool),
}

/// A chain with topic 67, and with 1,000 ALLO for each of the wallets `Funded`.
#[async_trait]
pub(crate) trait Target: Sync {
    /// `http://…`.
    fn rpc(&self) -> String;
    /// `ws://…/websocket`.
    fn ws(&self) -> String;
    /// The chain's id.
    fn chain_id(&self) -> String;
    /// The emissions module's version.
    fn version(&self) -> Version;
    /// Blocks from one window to the next, and blocks that a window takes submissions in.
    fn epoch(&self) -> (i64, i64);
    /// Lets the chain come to this height.
    async fn reach(&self, client: &Client, height: i64);
    /// Changes the chain's settings, and returns when they hold.
    async fn change(&self, client: &Client, change: Change);
    /// Lets an account hold so much uallo, which is more than it holds.
    async fn fund(&self, client: &Client, address: &str, uallo: u128);
}
