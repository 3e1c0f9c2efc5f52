//! The journal of a worker among others: the shared one, with a copy on this machine.

use std::{
    sync::{
        Arc, Mutex as Lock, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{sleep, timeout},
};

use super::{
    Role,
    copy::{Fault, HomeCopy},
};
use crate::{
    leash::Leash,
    ops::Reporter,
    store::{Journal, Lead, Sent, SharedSteps, Store, StoreError, Submission, Transition, Wallet},
};

/// Before the shared journal is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// Steps of a journal that was this worker's alone which the shared one is begun with.
const BEGINNING: u32 = 2_000;
/// How often the copy is brought up to date, at the latest.
const COPY_EVERY: Duration = Duration::from_secs(5);

/// Writes into the shared journal under this worker's lease, and keeps a local copy: of what all workers
/// wrote, for what is learnt of it, and for the time in which the database is down. What is written then
/// waits here, and is handed on when the database is back, if nobody else led meanwhile. A local disk that
/// fails or hangs does not hinder what is written into the shared journal.
pub struct StandbyJournal {
    copy: HomeCopy,
    name: String,
    goes_on: bool,
    heartbeat: Duration,
    role: watch::Receiver<Role>,
    leash: Leash,
    /// Whether what waits is what this worker journaled while it was the wallet's only one.
    begins: AtomicBool,
    /// The token before and the present one, until it is known what of that which waits still counts.
    intake: Lock<Option<(Option<i64>, i64)>>,
    is_taken_up: AtomicBool,
    /// The local number up to which what waited is in the shared journal.
    handed: AtomicI64,
    /// Held while this worker writes into the shared journal.
    order: Mutex<()>,
    changed: Notify,
}

impl StandbyJournal {
    /// The journal of the worker `name`, which leads as `role` tells. `goes_on`: whether it writes here
    /// alone while the database is down for all.
    #[must_use]
    pub fn new(
        shared: Arc<dyn SharedSteps>,
        local: Store,
        (wallet, name): (Wallet, String),
        (goes_on, heartbeat): (bool, Duration),
        role: watch::Receiver<Role>,
        leash: Leash,
    ) -> Self {
        let copy = HomeCopy::new(shared, local, wallet, heartbeat, role.clone());
        Self {
            copy,
            name,
            goes_on,
            heartbeat,
            role,
            leash,
            begins: AtomicBool::new(false),
            intake: Lock::new(None),
            is_taken_up: AtomicBool::new(false),
            handed: AtomicI64::new(0),
            order: Mutex::new(()),
            changed: Notify::new(),
        }
    }

    /// The same, with a word where the copy fails again and again.
    #[must_use]
    pub fn telling(mut self, reporter: Reporter) -> Self {
        self.copy.reporter = Some(reporter);
        self
    }

    /// Hands on what waits from before, or forgets it where another worker led since. To be called when
    /// this one has become the leader; `own` is the token that it had before, and `token` the present one.
    /// While the local database can't be used, it is put off.
    pub async fn take_up(&self, own: Option<i64>, token: i64) {
        *self.intake.lock().unwrap_or_else(PoisonError::into_inner) = Some((own, token));
        self.copy.judge(&self.sort().await);
        self.is_taken_up.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Sorts what waits from before.
    async fn sort(&self) -> Result<(), Fault> {
        let intake = || self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let given = *intake();
        let Some((own, token)) = given else {
            return Ok(());
        };
        let (local, wallet) = (&self.copy.local, &self.copy.wallet);
        let is_next = own.is_some_and(|own| own == token || own + 1 == token);
        let sorted = async {
            match local.copied_until(wallet).await? {
                // The first time: what this worker journaled by itself is what the shared journal begins with.
                None => local.hand_over(wallet, BEGINNING).await?,
                Some(_) if !is_next => return local.drop_waiting().await.map(|_| false),
                Some(until) => return Ok(until == 0),
            }
            Ok(true)
        };
        let begins = self.copy.ask(sorted).await?;
        self.begins.store(begins, Ordering::Release);
        *intake() = None;
        Ok(())
    }

    /// Keeps the copy up to date, and hands on what waits, for ever.
    pub async fn follow(&self) {
        loop {
            // What can't be moved now is moved later.
            self.copy.judge(&self.settle().await);
            let _ = timeout(COPY_EVERY, self.changed.notified()).await;
        }
    }

    async fn settle(&self) -> Result<(), Fault> {
        self.copy.wake().await?;
        if self.is_taken_up.load(Ordering::Acquire)
            && let Ok(lead) = self.lead()
        {
            let _order = self.order.lock().await;
            self.hand_on(&lead).await?;
        }
        self.copy.catch_up().await?;
        self.copy.write_own().await;
        Ok(())
    }

    /// Hands on what waits here, then writes.
    async fn write(&self, lead: &Lead, steps: &[Transition]) -> Result<(), StoreError> {
        let _order = self.order.lock().await;
        // What waits on a disk that fails does not hold up what is new.
        if !self.copy.is_hung()
            && let Err(Fault::Shared(cause)) = self.hand_on(lead).await
        {
            return Err(cause);
        }
        let written = self.copy.shared.write(&self.copy.wallet, lead, steps);
        self.copy.within(written).await?;
        self.copy.note(steps);
        Ok(())
    }

    /// What another worker wrote before is copied first, and so is what was handed on and is not known to
    /// be: it waits no more. A disk that takes nothing still gives what waits.
    async fn hand_on(&self, lead: &Lead) -> Result<(), Fault> {
        if !self.copy.may_wait() {
            return Ok(());
        }
        self.sort().await?;
        self.begin().await?;
        let mut noted = Ok(());
        while !self.copy.is_hung() && !self.waiting().await?.is_empty() {
            let caught_up = self.copy.catch_up_now().await;
            if self.copy.is_hung() {
                return caught_up;
            }
            let mut waiting = self.waiting().await?;
            let Some(until) = waiting.last().map(|(number, _)| *number) else {
                return Ok(());
            };
            if let Err(fault @ Fault::Shared(_)) = caught_up {
                return Err(fault);
            }
            if caught_up.is_err() {
                self.copy.leave_out_shared(&mut waiting).await?;
            }
            let steps: Vec<_> = waiting.into_iter().map(|(_, step)| step).collect();
            if !steps.is_empty() {
                let written = self.copy.shared.write(&self.copy.wallet, lead, &steps);
                self.copy.within(written).await.map_err(Fault::Shared)?;
            }
            self.handed.store(until, Ordering::Release);
            noted = self.copy.ask(self.copy.local.handed_over(until)).await;
        }
        noted
    }

    async fn waiting(&self) -> Result<Vec<(i64, Transition)>, Fault> {
        let handed = self.handed.load(Ordering::Acquire);
        self.copy.waiting(handed).await
    }

    /// Where another worker's journal is the shared one's beginning, this one's own does not follow it.
    async fn begin(&self) -> Result<(), Fault> {
        if !self.begins.load(Ordering::Acquire) {
            return Ok(());
        }
        let (shared, wallet) = (&self.copy.shared, &self.copy.wallet);
        let first = self.copy.within(shared.after(wallet, 0, 1)).await;
        if let Some((_, first)) = first.map_err(Fault::Shared)?.first() {
            let longer = self.copy.within(shared.before_newest(wallet, BEGINNING));
            let is_longer = longer.await.map_err(Fault::Shared)? > 0;
            let dropped = async {
                // It may have been handed on in part before a kill.
                if is_longer || !self.copy.local.holds(first).await? {
                    self.copy.local.drop_waiting().await?;
                }
                Ok(())
            };
            self.copy.ask(dropped).await?;
        }
        self.begins.store(false, Ordering::Release);
        Ok(())
    }

    fn lead(&self) -> Result<Lead, StoreError> {
        let token = self.role.borrow().token();
        token
            .map(|token| Lead {
                owner: self.name.clone(),
                token,
            })
            .ok_or_else(|| StoreError::Fenced {
                address: self.copy.wallet.address.clone(),
            })
    }

    fn is_alone(&self) -> bool {
        self.role.borrow().is_alone()
    }

    /// Writes here alone.
    async fn keep(&self, steps: &[Transition], cause: StoreError) -> Result<(), StoreError> {
        if let Err(Fault::Home(cause) | Fault::Shared(cause)) = self.sort().await {
            return Err(cause);
        }
        self.copy.keep(steps, cause).await
    }

    /// Waits until the shared journal holds all that this worker wrote, as far as the local disk gives it;
    /// false when it goes on alone.
    async fn is_shared(&self) -> Result<bool, StoreError> {
        loop {
            if self.is_alone() {
                return Ok(false);
            }
            let lead = self.lead()?;
            let handed = {
                let _order = self.order.lock().await;
                self.hand_on(&lead).await
            };
            match handed {
                Err(Fault::Shared(cause)) if cause.is_transient() => sleep(AGAIN).await,
                Err(Fault::Shared(cause)) => return Err(cause),
                Err(Fault::Home(_)) | Ok(()) => return Ok(true),
            }
        }
    }

    /// Asks the shared journal until it answers; none when this worker goes on alone.
    async fn of_all<T, F>(&self, mut question: impl FnMut() -> F) -> Result<Option<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        while self.is_shared().await? {
            match self.copy.within(question()).await {
                Err(cause) if cause.is_transient() => sleep(AGAIN).await,
                answer => return answer.map(Some),
            }
        }
        Ok(None)
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
                    if !self.copy.write_own().await {
                        self.changed.notify_one();
                    }
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
        let shared = self.of_all(|| self.copy.shared.unfinished(wallet));
        match shared.await? {
            Some(found) => Ok(found),
            None => self.copy.local.unfinished(wallet).await,
        }
    }

    async fn recent(&self, wallet: &Wallet, limit: u32) -> Result<Vec<Submission>, StoreError> {
        let shared = self.of_all(|| self.copy.shared.recent(wallet, limit));
        match shared.await? {
            Some(found) => Ok(found),
            None => self.copy.local.recent(wallet, limit).await,
        }
    }

    /// The shared journal holds the bytes of all workers. It is asked for a heartbeat: a leader that waited
    /// longer would miss windows for the sake of a sum. The copy tells what it has.
    async fn sent_since(
        &self,
        wallet: &Wallet,
        since: OffsetDateTime,
    ) -> Result<Vec<Sent>, StoreError> {
        let shared = self.of_all(|| self.copy.shared.sent_since(wallet, since));
        match timeout(self.heartbeat, shared).await {
            Ok(Ok(Some(sent))) => Ok(sent),
            Ok(Err(cause @ StoreError::Fenced { .. })) => Err(cause),
            _ => self.copy.local.sent_since(wallet, since).await,
        }
    }

    async fn set_aside(&self, wallet: &Wallet, chain_id: &str) -> Result<(), StoreError> {
        self.copy.local.set_aside(wallet, chain_id).await?;
        let shared = self.of_all(async || {
            let lead = self.lead()?;
            self.copy.shared.set_aside(wallet, &lead, chain_id).await
        });
        shared.await.map(|_| ())
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
