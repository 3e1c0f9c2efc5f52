//! Who of several workers may submit for a wallet.

use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Sent, StoreError, Submission, Transition, Wallet};

/// A worker that leads a wallet: what it writes is checked against this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Its name.
    pub owner: String,
    /// Grows by one with each new owner.
    pub token: i64,
}

/// A lease as a worker sees it that waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Who leads; none when it was given back.
    pub owner: Option<String>,
    /// Of the present owner, or the last.
    pub token: i64,
    /// Until it lapses, by the server's clock; zero when it has.
    pub left: Duration,
    /// Changes with each renewal.
    pub sign: i64,
}

/// What else a worker should know of the leases' database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Other wallets of the same chain that somebody leads at present: some of them.
    pub others: Vec<String>,
    /// The server's clock.
    pub now: OffsetDateTime,
}

/// What a worker asks for that takes a lease.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its name.
    pub owner: String,
    /// Whose lease it may take though that has not lapsed: its own, of before it was started again.
    pub own: Option<i64>,
    /// How long it is to last.
    pub lapse: Duration,
    /// Whether one that has lapsed may be taken.
    pub may_bury: bool,
}

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its token.
    pub token: i64,
    /// Who led before.
    pub from: Option<String>,
    /// How long that one had not been heard of.
    pub silent: Duration,
}

/// Keeps the leases of wallets. The server's clock alone decides what has lapsed.
///
/// Whoever waits for an answer may stop waiting at any time: what was not finished by then is not done.
#[async_trait]
pub trait WalletLeases: Send + Sync + 'static {
    /// How a wallet's lease stands; none while nobody ever led it.
    ///
    /// # Errors
    /// When the database can't be reached; [`StoreError::down`] tells whether it is away for all.
    async fn look(&self, wallet: &Wallet) -> Result<Option<Seen>, StoreError>;

    /// Who else is there, and what time it is.
    ///
    /// # Errors
    /// As [`WalletLeases::look`].
    async fn survey(&self, wallet: &Wallet) -> Result<Survey, StoreError>;

    /// Takes a lease that nobody holds, or that has lapsed where that is allowed; none when it can't be
    /// taken.
    ///
    /// # Errors
    /// As [`WalletLeases::look`].
    async fn take(&self, wallet: &Wallet, claim: &Claim) -> Result<Option<Taken>, StoreError>;

    /// Has a lease last for `lapse` from now on; false when it is another's.
    ///
    /// # Errors
    /// As [`WalletLeases::look`].
    async fn renew(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        lapse: Duration,
    ) -> Result<bool, StoreError>;

    /// Gives a lease back, and wakes those that wait for it.
    ///
    /// # Errors
    /// As [`WalletLeases::look`]: then it lapses.
    async fn give_back(&self, wallet: &Wallet, lead: &Lead) -> Result<(), StoreError>;

    /// Waits until a wallet's lease was given back. It may miss one, and wake for nothing.
    async fn given_back(&self, wallet: &Wallet);
}

/// The journal that the workers of a wallet share. What is written is checked against the lease in the same
/// statement.
#[async_trait]
pub trait SharedSteps: Send + Sync + 'static {
    /// Writes steps of a wallet in their order, all or none, if `lead` still holds its lease. Gives the
    /// number of the last one.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the lease is another's; else they are not certain to be written.
    async fn write(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        steps: &[Transition],
    ) -> Result<i64, StoreError>;

    /// The steps with numbers above `after`, oldest first, each with its number.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn after(
        &self,
        wallet: &Wallet,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Transition)>, StoreError>;

    /// As [`Journal::unfinished`](super::Journal::unfinished).
    ///
    /// # Errors
    /// When the database can't be read.
    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError>;

    /// As [`Journal::recent`](super::Journal::recent).
    ///
    /// # Errors
    /// When the database can't be read.
    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError>;

    /// As [`Journal::sent_since`](super::Journal::sent_since).
    ///
    /// # Errors
    /// When the database can't be read.
    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError>;

    /// The number of the step before the newest `count`; 0 when there are no more.
    ///
    /// # Errors
    /// When the database can't be read.
    async fn before_newest(&self, wallet: &Wallet, count: u32) -> Result<i64, StoreError>;

    /// As [`Journal::set_aside`](super::Journal::set_aside), if `lead` still holds the wallet's lease.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the lease is another's, or when the database can't be written.
    async fn set_aside(
        &self,
        wallet: &Wallet,
        lead: &Lead,
        chain_id: &str,
    ) -> Result<(), StoreError>;
}
