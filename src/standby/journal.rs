//! The journal of a worker among others: the shared one, with a copy on this machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{sleep, timeout},
};

use super::Role;
use crate::{
    leash::Leash,
    store::{Journal, Lead, Sent, SharedSteps, Store, StoreError, Submission, Transition, Wallet},
};

/// Before the shared journal is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// Steps that are handed on at once.
const BATCH: u32 = 500;
/// Steps of a journal that was this worker's alone which the shared one is begun with.
const BEGINNING: u32 = 2_000;
/// Steps that may wait for the shared journal: more than a year of a busy worker's outages.
const MOST_WAITING: u32 = 20_000;
/// How often the copy is brought up to date, at the latest.
const COPY_EVERY: Duration = Duration::from_secs(5);

/// Writes into the shared journal under this worker's lease, and keeps a local copy: of what all workers
/// wrote, for what is learnt of it, and for the time in which the database is down. What is written then
/// waits here, and is handed on when the database is back, if nobody else led meanwhile.
pub struct StandbyJournal {
    shared: Arc<dyn SharedSteps>,
    local: Store,
    wallet: Wallet,
    name: String,
    goes_on: bool,
    heartbeat: Duration,
    role: watch::Receiver<Role>,
    leash: Leash,
    /// Whether what waits is what this worker journaled while it was the wallet's only one.
    begins: AtomicBool,
    /// Whether it is known what of that which waits still counts.
    is_taken_up: AtomicBool,
    /// Held while steps move between the two.
    moving: Mutex<()>,
    changed: Notify,
}

impl StandbyJournal {
    /// The journal of the worker `name`, which leads as `role` tells. `goes_on`: whether it writes here
    /// alone while the database is down for all.
    ///
    /// # Errors
    /// When the local database can't be written.
    pub async fn open(
        shared: Arc<dyn SharedSteps>,
        local: Store,
        (wallet, name): (Wallet, String),
        (goes_on, heartbeat): (bool, Duration),
        role: watch::Receiver<Role>,
        leash: Leash,
    ) -> Result<Self, StoreError> {
        local.begin_copy().await?;
        Ok(Self {
            shared,
            local,
            wallet,
            name,
            goes_on,
            heartbeat,
            role,
            leash,
            begins: AtomicBool::new(false),
            is_taken_up: AtomicBool::new(false),
            moving: Mutex::new(()),
            changed: Notify::new(),
        })
    }

    /// Hands on what waits from before, or forgets it where another worker led since. To be called when
    /// this one has become the leader; `own` is the token that it had before, and `token` the present one.
    ///
    /// # Errors
    /// When the local database can't be used.
    pub async fn take_up(&self, own: Option<i64>, token: i64) -> Result<(), StoreError> {
        let is_next = own.is_some_and(|own| own == token || own + 1 == token);
        if self.local.copied_until(&self.wallet).await?.is_none() {
            // The first time: what this worker journaled by itself is what the shared journal begins with.
            self.local.hand_over(&self.wallet, BEGINNING).await?;
            self.begins.store(true, Ordering::Release);
        } else if !is_next {
            self.local.drop_waiting().await?;
        }
        self.is_taken_up.store(true, Ordering::Release);
        Ok(())
    }

    /// Keeps the copy up to date, and hands on what waits, for ever.
    pub async fn follow(&self) {
        loop {
            // What can't be moved now is moved later.
            let _ = self.settle().await;
            let _ = timeout(COPY_EVERY, self.changed.notified()).await;
        }
    }

    async fn settle(&self) -> Result<(), StoreError> {
        let _moving = self.moving.lock().await;
        if self.is_taken_up.load(Ordering::Acquire)
            && let Ok(lead) = self.lead()
        {
            self.hand_on(&lead).await?;
        }
        self.copy_all().await
    }

    async fn copy_all(&self) -> Result<(), StoreError> {
        let mut last = self.local.copied_until(&self.wallet).await?.unwrap_or(0);
        loop {
            let new = self
                .within(self.shared.after(&self.wallet, last, BATCH))
                .await?;
            let Some(newest) = new.last().map(|(number, _)| *number) else {
                return Ok(());
            };
            let steps: Vec<_> = new.into_iter().map(|(_, step)| step).collect();
            self.local.copy(&self.wallet, &steps, newest).await?;
            last = newest;
        }
    }

    async fn waits(&self) -> Result<bool, StoreError> {
        let waiting = self.local.waiting(&self.wallet, 1).await?;
        Ok(!waiting.is_empty())
    }

    /// Hands on what waits here, then writes.
    async fn write(&self, lead: &Lead, steps: &[Transition]) -> Result<(), StoreError> {
        let _moving = self.moving.lock().await;
        self.hand_on(lead).await?;
        let written = self.shared.write(&self.wallet, lead, steps);
        self.within(written).await.map(drop)
    }

    /// This worker alone writes the shared journal meanwhile, so the copy is complete after it.
    async fn hand_on(&self, lead: &Lead) -> Result<(), StoreError> {
        if self.begins.load(Ordering::Acquire) {
            if !self.is_empty().await? {
                // Another worker's journal is the shared one's beginning.
                self.local.drop_waiting().await?;
            }
            self.begins.store(false, Ordering::Release);
        }
        while self.waits().await? {
            self.copy_all().await?;
            let waiting = self.local.waiting(&self.wallet, BATCH).await?;
            let Some(until) = waiting.last().map(|(number, _)| *number) else {
                return Ok(());
            };
            let steps: Vec<_> = waiting.into_iter().map(|(_, step)| step).collect();
            let written = self.shared.write(&self.wallet, lead, &steps);
            let last = self.within(written).await?;
            self.local.handed_over(&self.wallet, until, last).await?;
        }
        Ok(())
    }

    async fn is_empty(&self) -> Result<bool, StoreError> {
        let first = self.within(self.shared.after(&self.wallet, 0, 1)).await?;
        Ok(first.is_empty())
    }

    /// A question to the shared journal, no longer than a lease lasts.
    async fn within<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let limit = self.heartbeat;
        timeout(limit, question).await.unwrap_or_else(|_| {
            Err(StoreError::Server {
                place: "that the workers of this wallet share".into(),
                cause: sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
            })
        })
    }

    fn lead(&self) -> Result<Lead, StoreError> {
        let token = self.role.borrow().token();
        token
            .map(|token| Lead {
                owner: self.name.clone(),
                token,
            })
            .ok_or_else(|| StoreError::Fenced {
                address: self.wallet.address.clone(),
            })
    }

    fn is_alone(&self) -> bool {
        self.role.borrow().is_alone()
    }

    /// Writes here alone; bounded, so that a database that is never back takes no disk.
    async fn keep(&self, steps: &[Transition], cause: StoreError) -> Result<(), StoreError> {
        let _moving = self.moving.lock().await;
        let waiting = self.local.waiting(&self.wallet, MOST_WAITING).await?;
        if waiting.len() >= MOST_WAITING as usize {
            return Err(cause);
        }
        self.local.append_waiting(steps).await
    }

    /// Waits until the shared journal holds all that this worker wrote; false when it goes on alone.
    async fn is_shared(&self) -> Result<bool, StoreError> {
        loop {
            if self.is_alone() {
                return Ok(false);
            }
            let lead = self.lead()?;
            let _moving = self.moving.lock().await;
            match self.hand_on(&lead).await {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                done => return done.map(|()| true),
            }
        }
    }
}

#[async_trait]
impl Journal for StandbyJournal {
    /// Bytes may leave once this returns well: it waits for as long as the database neither takes the steps
    /// nor is known to be down for all. By then another worker leads, or the lease is past its end.
    async fn append(&self, steps: &[Transition]) -> Result<(), StoreError> {
        loop {
            match self.write(&self.lead()?, steps).await {
                Ok(()) => {
                    self.changed.notify_one();
                    return Ok(());
                }
                Err(cause @ StoreError::Fenced { .. }) => {
                    // Nobody else may have noticed yet.
                    self.leash.cut();
                    return Err(cause);
                }
                Err(cause) if self.goes_on && (cause.down().is_some() || self.is_alone()) => {
                    return self.keep(steps, cause).await;
                }
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                Err(cause) => return Err(cause),
            }
        }
    }

    async fn unfinished(&self, wallet: &Wallet) -> Result<Vec<Submission>, StoreError> {
        loop {
            if !self.is_shared().await? {
                return self.local.unfinished(wallet).await;
            }
            match self.within(self.shared.unfinished(wallet)).await {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                found => return found,
            }
        }
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        loop {
            if !self.is_shared().await? {
                return self.local.recent(wallet, limit).await;
            }
            match self.within(self.shared.recent(wallet, limit)).await {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                found => return found,
            }
        }
    }

    /// The copy holds the bytes of all workers.
    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        while self.is_shared().await? {
            match self.settle().await {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                done => {
                    done?;
                    break;
                }
            }
        }
        self.local.sent_since(wallet, since).await
    }

    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError> {
        self.local.set_aside(wallet, chain_id).await?;
        loop {
            if !self.is_shared().await? {
                return Ok(());
            }
            let lead = self.lead()?;
            match self
                .within(self.shared.set_aside(wallet, &lead, chain_id))
                .await
            {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                done => return done,
            }
        }
    }

    /// What is not in the shared journal may be unknown to the next leader.
    fn patience(&self) -> Duration {
        self.heartbeat
    }

    fn is_binding(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
