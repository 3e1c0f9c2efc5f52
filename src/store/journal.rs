//! The journal of submissions: every step of every window's answer, written before it is taken.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;
use crate::types::{Height, WindowKey};

/// Whose submissions: an address on a chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wallet {
    /// The chain's id.
    pub chain_id: String,
    /// The address, `allo1…`.
    pub address: String,
}

/// A signed transaction, ready to be sent any number of times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedTx {
    /// The transaction as broadcast.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes in upper-case hex.
    pub hash: String,
    /// The account's sequence number that it spends.
    pub sequence: u64,
}

/// A refusal by the chain, as it words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The module whose code it is.
    pub codespace: String,
    /// The code; never 0.
    pub code: u32,
    /// The text.
    pub log: String,
}

/// Where a submission stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its window is open and nothing is signed yet.
    Due,
    /// Signed, and from here on taken as sent.
    Prepared(Arc<SignedTx>),
    /// A node has taken it into its mempool.
    Broadcast {
        /// The transaction's hash.
        hash: String,
        /// The node's URL.
        endpoint: String,
    },
    /// It stands in a block with code 0.
    Included {
        /// The transaction's hash; empty when the chain only told that an inference of ours is in.
        hash: String,
        /// The block.
        height: Height,
    },
    /// The window closed and our inference is in the set that counts.
    Counted,
    /// The window closed and better inferers took all places.
    Outranked,
    /// The chain refused the transaction; another attempt may follow.
    Rejected(Refusal),
    /// The window closed before a transaction of ours was in.
    Expired {
        /// What stood in the way.
        reason: String,
    },
    /// Prepared bytes were replaced, or withdrawn, before their window opened.
    Superseded,
}

/// A state without its details, as the database and the log name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateName {
    /// See [`State::Due`].
    Due,
    /// See [`State::Prepared`].
    Prepared,
    /// See [`State::Broadcast`].
    Broadcast,
    /// See [`State::Included`].
    Included,
    /// See [`State::Counted`].
    Counted,
    /// See [`State::Outranked`].
    Outranked,
    /// See [`State::Rejected`].
    Rejected,
    /// See [`State::Expired`].
    Expired,
    /// See [`State::Superseded`].
    Superseded,
}

impl State {
    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Due => StateName::Due,
            Self::Prepared(_) => StateName::Prepared,
            Self::Broadcast { .. } => StateName::Broadcast,
            Self::Included { .. } => StateName::Included,
            Self::Counted => StateName::Counted,
            Self::Outranked => StateName::Outranked,
            Self::Rejected(_) => StateName::Rejected,
            Self::Expired { .. } => StateName::Expired,
            Self::Superseded => StateName::Superseded,
        }
    }
}

impl StateName {
    const ALL: [Self; 9] = [
        Self::Due,
        Self::Prepared,
        Self::Broadcast,
        Self::Included,
        Self::Counted,
        Self::Outranked,
        Self::Rejected,
        Self::Expired,
        Self::Superseded,
    ];

    /// The name in the database and the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Prepared => "prepared",
            Self::Broadcast => "broadcast",
            Self::Included => "included",
            Self::Counted => "counted",
            Self::Outranked => "outranked",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing follows it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Counted | Self::Outranked | Self::Expired)
    }

    /// Whether an inference of ours is on the chain.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Included | Self::Counted | Self::Outranked)
    }
}

/// One step of a submission.
#[derive(Clone, Debug)]
pub struct Transition {
    /// When it was written.
    pub at: OffsetDateTime,
    /// Whose.
    pub wallet: Wallet,
    /// Which window.
    pub key: WindowKey,
    /// The last block that takes a submission, inclusive.
    pub window_end: Height,
    /// The signed value in canonical form, once there is one; for several labels a JSON object.
    pub value: Option<String>,
    /// How the value came about, with [`State::Prepared`]: the forecast as JSON.
    pub report: Option<String>,
    /// The state that is entered.
    pub state: State,
}

/// A submission as the journal knows it: its newest state, and the newest signed bytes.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Which window.
    pub key: WindowKey,
    /// The last block that takes a submission, inclusive.
    pub window_end: Height,
    /// When its first step was written.
    pub since: OffsetDateTime,
    /// The newest state.
    pub state: State,
    /// The newest signed transaction that the chain has not refused.
    pub signed: Option<Arc<SignedTx>>,
    /// The value that was signed last.
    pub value: Option<String>,
}

impl Submission {
    /// Whether it is signed, and no node is known to have taken it.
    #[must_use]
    pub const fn is_prepared(&self) -> bool {
        matches!(self.state, State::Prepared(_))
    }
}

/// A transaction that was handed to a node, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it was first journaled so.
    pub at: OffsetDateTime,
    /// The transaction as broadcast.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes in upper-case hex.
    pub hash: String,
}

/// The journal of submissions. What is appended is on the disk when the call returns.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Writes steps in their order: all, or none.
    ///
    /// # Errors
    /// When they are not certain to be on the disk.
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError>;

    /// The submissions whose newest state is not final and that were not withdrawn, oldest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError>;

    /// The newest `limit` submissions of every state, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError>;

    /// The transactions of a wallet that were handed to a node since a time, or may have been: those
    /// that a node took, and those that were prepared and not withdrawn. A journal that keeps no bytes
    /// knows of none.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn sent_since(
        &self,
        _wallet: &Wallet,
        _since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        Ok(Vec::new())
    }

    /// Sets all of a wallet's submissions aside under another chain id, because the chain began anew
    /// under its old id (a local or test chain). What was learnt of them is forgotten: the same nonces
    /// come again.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError>;

    /// How long bytes wait for their steps to be written before they leave all the same: a disk takes
    /// milliseconds, a busy one a second. A little longer than it takes until a write is said to hang, so
    /// that those behind it are known not to be waited for.
    fn patience(&self) -> Duration {
        Duration::from_millis(2_050)
    }

    /// Whether bytes wait for their steps though earlier ones hang: others read them.
    fn is_binding(&self) -> bool {
        false
    }
}
