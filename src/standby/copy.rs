//! This machine's copy of the journal that several workers share.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex as Lock, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use super::Role;
use crate::{
    ops::{Event, Reporter},
    store::{SharedSteps, Store, StoreError, Transition, Wallet},
};

/// Steps that are moved at once.
pub(super) const BATCH: u32 = 500;
/// How long the local disk is waited for by what has to leave: as long as without a shared journal, and no
/// longer than a heartbeat. A disk that takes longer hangs, and is not waited for again before it is known to be well.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the copy itself waits.
const SLOW: Duration = Duration::from_secs(60);
/// Steps that may wait for the shared journal: more than a year of a busy worker's outages.
const MOST_WAITING: u64 = 20_000;
/// Writes of this worker's that may wait for the local disk in memory: the server has them.
const MOST_OWN: usize = 200;
/// Newest steps that a database in memory is begun with.
const RECENT: u32 = 20_000;
/// Failures in a row before they are told.
const OFTEN: u32 = 3;
/// No token.
const NONE: i64 = -1;

/// Why a step was not moved.
#[derive(Debug)]
pub(super) enum Fault {
    /// The local database failed; the shared one may be well.
    Home(StoreError),
    /// The shared one failed.
    Shared(StoreError),
}

/// The copy, and who writes into it.
pub(super) struct HomeCopy {
    pub(super) shared: Arc<dyn SharedSteps>,
    pub(super) local: Store,
    pub(super) wallet: Wallet,
    /// No question to the shared journal takes longer than a lease lasts.
    limit: Duration,
    patience: Duration,
    role: watch::Receiver<Role>,
    /// Held while the copy is written, so that its steps stand in their order.
    home: Mutex<()>,
    /// What this worker has written into the shared journal and not yet here.
    own: Lock<VecDeque<Vec<Transition>>>,
    /// Under which token all that others wrote is here.
    complete: AtomicI64,
    /// Whether steps may wait here for the shared journal.
    may_wait: AtomicBool,
    is_hung: AtomicBool,
    failures: AtomicU32,
    pub(super) reporter: Option<Reporter>,
}

impl HomeCopy {
    pub(super) fn new(
        shared: Arc<dyn SharedSteps>,
        local: Store,
        wallet: Wallet,
        limit: Duration,
        role: watch::Receiver<Role>,
    ) -> Self {
        Self {
            shared,
            local,
            wallet,
            limit,
            patience: PATIENCE.min(limit),
            role,
            home: Mutex::new(()),
            own: Lock::default(),
            complete: AtomicI64::new(NONE),
            may_wait: AtomicBool::new(true),
            is_hung: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            reporter: None,
        }
    }

    /// Brings the copy up to date. What is written into it meanwhile is not held up.
    pub(super) async fn catch_up(&self) -> Result<(), Fault> {
        while self.copy_some(SLOW).await? {}
        Ok(())
    }

    /// The same for those that can't wait for a slow disk.
    pub(super) async fn catch_up_now(&self) -> Result<(), Fault> {
        while self.copy_some(self.patience).await? {}
        Ok(())
    }

    async fn copy_some(&self, limit: Duration) -> Result<bool, Fault> {
        let token = self.role.borrow().token();
        let last = self.copied_until(limit).await?;
        let new = self.shared.after(&self.wallet, last, BATCH);
        let new = self.within(new).await.map_err(Fault::Shared)?;
        let is_all = new.len() < BATCH as usize;
        let newest = new.last().map(|(number, _)| *number);
        let steps: Vec<_> = new.into_iter().map(|(_, step)| step).collect();
        let copied = async {
            let _home = self.home.lock().await;
            if newest.is_some() {
                self.local.copy(&self.wallet, &steps, newest).await?;
            }
            if is_all {
                // Whoever leads is the only one that writes.
                self.complete
                    .store(token.unwrap_or(NONE), Ordering::Release);
            }
            Ok(!is_all)
        };
        self.at_home(limit, copied).await
    }

    /// A database in memory that does not know how far it goes is begun with the newest steps: it has no
    /// room for all, and may hold most of them.
    pub(super) async fn copied_until(&self, limit: Duration) -> Result<i64, Fault> {
        let until = self.local.copied_until(&self.wallet);
        let until = self.at_home(limit, until).await?.unwrap_or(0);
        if until > 0 || !self.local.is_in_memory() {
            return Ok(until);
        }
        let before = self.shared.before_newest(&self.wallet, RECENT);
        self.within(before).await.map_err(Fault::Shared)
    }

    /// Notes what this worker has written into the shared journal, in its order.
    pub(super) fn note(&self, steps: &[Transition]) {
        let mut own = self.own();
        if own.len() >= MOST_OWN {
            // They are copied from the server.
            own.clear();
            self.complete.store(NONE, Ordering::Release);
        }
        own.push_back(steps.to_vec());
    }

    /// Writes what was noted, unless older steps are missing or the disk hangs. Gives whether all is here.
    pub(super) async fn write_own(&self) -> bool {
        let token = self.role.borrow().token().unwrap_or(NONE);
        if self.is_hung() || token == NONE || self.complete.load(Ordering::Acquire) != token {
            return false;
        }
        let written = async {
            let _home = self.home.lock().await;
            self.drain().await
        };
        self.at_home(self.patience, written).await.is_ok()
    }

    async fn drain(&self) -> Result<(), StoreError> {
        loop {
            let Some(steps) = self.own().front().cloned() else {
                return Ok(());
            };
            self.local.copy(&self.wallet, &steps, None).await?;
            self.own().pop_front();
        }
    }

    /// Writes here alone; bounded, so that a database that is never back takes no disk.
    pub(super) async fn keep(
        &self,
        steps: &[Transition],
        cause: StoreError,
    ) -> Result<(), StoreError> {
        let kept = async {
            let _home = self.home.lock().await;
            self.drain().await?;
            if self.local.count_waiting().await? >= MOST_WAITING {
                return Err(cause);
            }
            self.may_wait.store(true, Ordering::Release);
            self.local.append_waiting(steps).await
        };
        match self.at_home(self.limit, kept).await {
            Err(Fault::Home(cause) | Fault::Shared(cause)) => Err(cause),
            Ok(()) => Ok(()),
        }
    }

    /// Whether steps may wait for the shared journal.
    pub(super) fn may_wait(&self) -> bool {
        self.may_wait.load(Ordering::Acquire)
    }

    /// The oldest steps that wait, after the number `handed`.
    pub(super) async fn waiting(&self, handed: i64) -> Result<Vec<(i64, Transition)>, Fault> {
        let read = async {
            let _home = self.home.lock().await;
            let waiting = self.local.waiting(&self.wallet, handed, BATCH).await?;
            self.may_wait.store(!waiting.is_empty(), Ordering::Release);
            Ok(waiting)
        };
        self.at_home(self.patience, read).await
    }

    /// Leaves out of what waits what the shared journal holds beyond the copy.
    pub(super) async fn leave_out_shared(
        &self,
        waiting: &mut Vec<(i64, Transition)>,
    ) -> Result<(), Fault> {
        let mut last = self.copied_until(self.patience).await?;
        loop {
            let new = self.shared.after(&self.wallet, last, BATCH);
            let new = self.within(new).await.map_err(Fault::Shared)?;
            waiting.retain(|(_, step)| !new.iter().any(|(_, other)| step.is_same(other)));
            match new.last() {
                Some((number, _)) if new.len() == BATCH as usize => last = *number,
                _ => return Ok(()),
            }
        }
    }

    /// A question to the local database that does not wait for a disk that hangs.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Fault> {
        self.at_home(self.patience, question).await
    }

    async fn at_home<T>(
        &self,
        limit: Duration,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Fault> {
        let Ok(answer) = timeout(limit, question).await else {
            self.is_hung.store(true, Ordering::Release);
            return Err(Fault::Home(StoreError::Database {
                place: "on this machine".into(),
                cause: sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
            }));
        };
        if answer.is_ok() {
            self.is_hung.store(false, Ordering::Release);
        }
        answer.map_err(Fault::Home)
    }

    /// Whether the local disk was waited for in vain.
    pub(super) fn is_hung(&self) -> bool {
        self.is_hung.load(Ordering::Acquire)
    }

    /// Waits for a disk that hangs.
    pub(super) async fn wake(&self) -> Result<(), Fault> {
        if !self.is_hung() {
            return Ok(());
        }
        let question = self.local.count_waiting();
        self.at_home(SLOW, question).await.map(drop)
    }

    /// A question to the shared journal.
    pub(super) async fn within<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        timeout(self.limit, question).await.unwrap_or_else(|_| {
            Err(StoreError::Server {
                place: "that the workers of this wallet share".into(),
                cause: sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
            })
        })
    }

    /// Tells once of a copy that fails again and again. That the server is away is told by who keeps the
    /// lease.
    pub(super) fn judge(&self, done: &Result<(), Fault>) {
        let cause = match done {
            Ok(()) => {
                self.failures.store(0, Ordering::Relaxed);
                return;
            }
            Err(Fault::Shared(StoreError::Server { .. } | StoreError::Fenced { .. })) => return,
            Err(Fault::Home(cause) | Fault::Shared(cause)) => cause,
        };
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures == OFTEN
            && let Some(reporter) = &self.reporter
        {
            reporter.emit(Event::Trouble {
                cause: format!(
                    "this machine's copy of the shared journal is not kept up to date: {cause}"
                ),
                remedy: "it is tried again; the worker leads and stands by as ever, but can't go on while the \
                         shared database is down"
                    .into(),
            });
        }
    }

    fn own(&self) -> MutexGuard<'_, VecDeque<Vec<Transition>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
