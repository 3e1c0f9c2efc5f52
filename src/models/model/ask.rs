//! A call of one model, from the queue before it to its outcome.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{MaybeDone, maybe_done},
};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit},
    task::coop::unconstrained,
    time::{Instant, timeout_at},
};

use super::{News, Phase, Run, Subject, exchange::Exchanged};
use crate::models::{Call, Cause, Outcome, Payload, Trouble, status::Blame, wire::Connection};

/// Calls that may wait for one model. More come from a caller that does not mind the answers.
const LONGEST_QUEUE: usize = 32;
/// How often a call is made anew because the model's server was.
const RETRIES: u32 = 2;

/// How a call went, and how long the model took.
struct Asked {
    result: Result<Payload, Trouble>,
    took: Duration,
}

/// A call's place among those of one model, from when it was made until it is the model's turn.
pub(crate) struct Turn(Pin<Box<Acquiring>>);

type Acquiring = MaybeDone<Pin<Box<dyn Future<Output = Permit> + Send>>>;
type Permit = Result<OwnedSemaphorePermit, AcquireError>;

impl Turn {
    /// Takes the next place at once: tasks of several calls may run in any order.
    pub(crate) fn take(run: &Run) -> Self {
        let acquire = Arc::clone(&run.turns).acquire_owned();
        // A budget that is used up would leave it without a place.
        let acquire: Pin<Box<dyn Future<Output = Permit> + Send>> =
            Box::pin(unconstrained(acquire));
        let mut turn = Box::pin(maybe_done(acquire));
        let _ = turn.as_mut().now_or_never();
        Self(turn)
    }

    /// Waits until no earlier call is before it.
    async fn come(&mut self) {
        self.0.as_mut().await;
    }
}

/// Calls a model; it has until `deadline`.
pub(crate) async fn ask(run: Arc<Run>, call: Call, turn: Turn, deadline: Instant) -> Outcome {
    let asked = if run.queued.fetch_add(1, Ordering::Relaxed) < LONGEST_QUEUE {
        run.ask(&call, turn, deadline).await
    } else {
        Asked::not(Cause::Queued, "too many earlier calls wait for it")
    };
    run.queued.fetch_sub(1, Ordering::Relaxed);
    Outcome {
        model: run.info(),
        result: asked.result,
        exec_time_us: u64::try_from(asked.took.as_micros()).unwrap_or(u64::MAX),
    }
}

impl Asked {
    fn not(cause: Cause, words: impl Into<String>) -> Self {
        Self {
            result: Err(Trouble::new(cause, words)),
            took: Duration::ZERO,
        }
    }
}

impl Run {
    async fn ask(&self, call: &Call, turn: Turn, deadline: Instant) -> Asked {
        let came = Instant::now();
        let mut turn = Some(turn);
        let mut retries = 0;
        loop {
            let (connection, instance) = match self.reach(deadline).await {
                Ok(reached) => reached,
                Err(trouble) => {
                    return Asked {
                        result: Err(trouble),
                        took: Duration::ZERO,
                    };
                }
            };
            let enter = async {
                if let Some(turn) = &mut turn {
                    turn.come().await;
                }
                self.gate.acquire().await
            };
            let Ok(Ok(permit)) = timeout_at(deadline, enter).await else {
                return Asked::not(Cause::Queued, "it was at earlier calls all the while");
            };
            if !self.is_at(instance) || connection.has_ended() {
                // Meanwhile it was lost, or is made anew.
                drop(permit);
                tokio::task::yield_now().await;
                if Instant::now() >= deadline {
                    return Asked::not(Cause::Unavailable, "its connection was lost");
                }
                self.lose(instance, &connection);
                continue;
            }
            // The next call may queue behind this one.
            let is_first = turn.take().is_some();
            if is_first && self.counters().skip() {
                let timeouts = self.counters().timeouts();
                let words = format!("not asked, after {timeouts} time-outs in a row");
                return Asked::not(Cause::Skipped, words);
            }
            let begun = Instant::now();
            let Exchanged { mut result, at } = self.exchange(&connection, call, deadline).await;
            let took = at.saturating_duration_since(begun);
            drop(permit);
            if let Err(trouble) = &mut result {
                let has_waited = begun - came > deadline.saturating_duration_since(begun);
                if has_waited && trouble.cause.blame() == Blame::Timeout {
                    // Most of its time went to earlier calls, which have been booked.
                    trouble.cause = Cause::Queued;
                }
            }
            let again = match &result {
                Err(trouble) if retries < RETRIES => match trouble.cause {
                    Cause::NotSetUp => {
                        self.empty(instance);
                        true
                    }
                    Cause::Unavailable if connection.has_ended() => {
                        self.lose(instance, &connection);
                        // Only a new instance surely has not done what was asked.
                        matches!(self.reach(deadline).await, Ok((_, new)) if new != instance)
                    }
                    _ => false,
                },
                _ => false,
            };
            if !again {
                self.book(call, &result);
                return Asked { result, took };
            }
            retries += 1;
        }
    }

    /// Waits until it can be called: as long as the configured patience for a lost connection, until the
    /// deadline while its instance is being made.
    async fn reach(&self, deadline: Instant) -> Result<(Connection, u64), Trouble> {
        let mut phase = self.phase.subscribe();
        let mut patience = None;
        loop {
            let until = match &*phase.borrow_and_update() {
                Phase::Ready(connection, instance) => return Ok((connection.clone(), *instance)),
                Phase::Over(why) => return Err(Trouble::new(Cause::Unavailable, &**why)),
                Phase::Preparing => deadline,
                Phase::Away(_) => {
                    let patience = patience
                        .get_or_insert_with(|| Instant::now() + self.common.config.patience);
                    deadline.min(*patience)
                }
            };
            if timeout_at(until, phase.changed()).await.is_err() {
                return Err(match &*phase.borrow() {
                    Phase::Away(why) => Trouble::new(Cause::Unavailable, &**why),
                    _ => Trouble::new(Cause::Queued, "its instance was being made all the while"),
                });
            }
        }
    }

    fn is_at(&self, instance: u64) -> bool {
        matches!(&*self.phase.borrow(), Phase::Ready(_, present) if *present == instance)
    }

    /// Its server holds no instance: it is to be set up.
    fn empty(&self, instance: u64) {
        let changed = self.phase.send_if_modified(|phase| {
            let is_present = matches!(phase, Phase::Ready(_, present) if *present == instance);
            if is_present {
                *phase = Phase::Preparing;
            }
            is_present
        });
        if changed {
            self.emptied.notify_one();
        }
    }

    /// A connection has ended, which its task may not have seen yet.
    fn lose(&self, instance: u64, connection: &Connection) {
        if !connection.has_ended() {
            return;
        }
        connection.close();
        self.phase.send_if_modified(|phase| {
            let is_present =
                matches!(phase, Phase::Ready(held, present) if *present == instance && held.has_ended());
            if is_present {
                *phase = Phase::Away("its connection was lost".into());
            }
            is_present
        });
    }

    fn book(&self, call: &Call, result: &Result<Payload, Trouble>) {
        let method = || Subject::Method(call.method().to_owned());
        match result {
            Ok(_) => {
                self.settle(call.method(), None, "");
                self.prove(&method());
            }
            Err(trouble) => {
                self.settle(call.method(), Some(trouble.cause.blame()), &trouble.detail);
                match trouble.cause {
                    Cause::BadImplementation => self.accuse(method(), &trouble.detail),
                    Cause::Unavailable => self.doubted.notify_one(),
                    Cause::Unauthenticated => {
                        self.note(News::Unauthenticated(trouble.detail.clone()));
                    }
                    _ => {}
                }
            }
        }
    }
}
