//! A run's task: it connects, has the instance made and brought up to date, and does so again
//! whenever the connection or the instance is lost.

use std::{sync::Arc, time::Duration};

use http::uri::PathAndQuery;
use prost::Message as _;
use rand::Rng as _;
use tokio::time::{Instant, sleep, timeout};

use super::{Instance, News, Phase, Run, exchange::Exchanged};
use crate::models::{
    FailureCode,
    proto::dynamic_subclass::SetupResponse,
    wire::{Connection, Fault, FaultKind},
};

const SETUP: PathAndQuery =
    PathAndQuery::from_static("/dynamic_subclass.DynamicSubclassService/Setup");
/// First pause before a server is tried again; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest such pause.
const RETRY_LONGEST: Duration = Duration::from_secs(5);
/// How often bringing a model up to date is tried again when it failed, and after which pause.
const REPLAY_AGAIN: (u32, Duration) = (2, Duration::from_secs(20));
/// What a server says when it had an instance before.
const FOUND: &str = "Instance already exists";

/// Why a run can't be set up.
enum Hitch {
    /// It can't be reached, or does not answer in time.
    Unreachable(Fault),
    /// It said so: nothing more is tried.
    Failed,
}

impl From<Fault> for Hitch {
    fn from(fault: Fault) -> Self {
        Self::Unreachable(fault)
    }
}

/// What the task knows of its run.
struct Life {
    run: Arc<Run>,
    /// Counts the instances of the server.
    instance: u64,
    /// What the instance at hand is still to be brought up to date from.
    owed: Option<Instance>,
    tries: u32,
    /// When it was last known to answer.
    answered: Instant,
}

/// Lives until the run is let go or failed.
pub(super) async fn live(run: Arc<Run>) {
    let cancel = run.cancel.clone();
    let mut life = Life {
        run: Arc::clone(&run),
        instance: 0,
        owed: None,
        tries: 0,
        answered: Instant::now(),
    };
    cancel.run_until_cancelled(Box::pin(life.go_on())).await;
    let over = Phase::Over("the orchestrator stopped it".into());
    run.phase.send_if_modified(|phase| {
        let is_news = !matches!(phase, Phase::Over(_));
        if is_news {
            *phase = over;
        }
        is_news
    });
}

impl Life {
    async fn go_on(&mut self) {
        loop {
            let Some(connection) = self.join().await else {
                return;
            };
            if self.hold(&connection).await.is_none() {
                return;
            }
            connection.close();
            self.away("its connection was lost");
        }
    }

    /// Connects and sets up, however long it takes; none when it failed for good.
    async fn join(&mut self) -> Option<Connection> {
        self.answered = Instant::now();
        let mut pause = RETRY_FIRST;
        let mut told = Duration::ZERO;
        let limit = self.run.common.config.unreachable_after;
        loop {
            let fault = match self.try_join().await {
                Ok(connection) => return Some(connection),
                Err(Hitch::Failed) => return None,
                Err(Hitch::Unreachable(fault)) => fault,
            };
            self.away(&fault.detail);
            let (since, cause) = (self.answered.elapsed(), fault.detail);
            if fault.kind == FaultKind::Unauthenticated {
                self.run.note(News::Unauthenticated(cause));
            } else if since >= told + limit {
                told = since;
                self.run.note(News::Lost { since, cause });
            } else {
                self.run.note(News::Unreachable { since, cause });
            }
            let jitter = rand::rng().random_range(0.75..=1.0);
            sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    async fn try_join(&mut self) -> Result<Connection, Hitch> {
        let run = Arc::clone(&self.run);
        let limit = run.common.config.connect_timeout;
        let connection = {
            let _one_of_few = run.common.connects.acquire().await;
            let late = |_| {
                Fault::new(
                    FaultKind::Unavailable,
                    format!("no connection within {} s", limit.as_secs_f64()),
                )
            };
            timeout(limit, Box::pin(Connection::open(Arc::clone(&run.target))))
                .await
                .map_err(late)??
        };
        connection.check_health(limit).await?;
        run.phase.send_replace(Phase::Preparing);
        self.set_up(&connection).await?;
        Ok(connection)
    }

    /// Watches over a connection until it is lost; none when the run failed for good.
    async fn hold(&mut self, connection: &Connection) -> Option<()> {
        let run = Arc::clone(&self.run);
        loop {
            let replay_again = self.owed.filter(|_| self.tries <= REPLAY_AGAIN.0);
            tokio::select! {
                () = connection.ended() => return Some(()),
                () = run.emptied.notified() => {}
                () = run.doubted.notified() => {
                    if connection.check_health(run.common.config.connect_timeout).await.is_err() {
                        return Some(());
                    }
                    continue;
                }
                () = sleep(REPLAY_AGAIN.1), if replay_again.is_some() => {}
            }
            run.phase.send_replace(Phase::Preparing);
            match self.set_up(connection).await {
                Ok(()) => {}
                Err(Hitch::Unreachable(_)) => return Some(()),
                Err(Hitch::Failed) => return None,
            }
        }
    }

    /// Has the instance made, brings it up to date, and lets it be called.
    async fn set_up(&mut self, connection: &Connection) -> Result<(), Hitch> {
        let run = Arc::clone(&self.run);
        // Closed never: the semaphore lives as long as the run.
        let _alone = run.gate.acquire().await;
        run.common.replay.begins(&run.info());
        let is_created = self.make(connection).await?;
        let instance = if is_created {
            Instance::Created
        } else {
            Instance::Found
        };
        run.common.replay.has(&run.info(), instance);
        if is_created || self.instance == 0 {
            self.instance += 1;
            (self.owed, self.tries) = (Some(instance), 0);
            run.note(News::SetUp(instance));
        }
        self.replay(connection).await;
        let ready = Phase::Ready(connection.clone(), self.instance);
        run.phase.send_if_modified(|phase| {
            let is_wanted = !matches!(phase, Phase::Over(_));
            if is_wanted {
                *phase = ready;
            }
            is_wanted
        });
        run.note(News::Ready);
        Ok(())
    }

    /// Asks for an instance; true when it is a new one.
    async fn make(&mut self, connection: &Connection) -> Result<bool, Hitch> {
        let run = Arc::clone(&self.run);
        let limit = run.common.config.setup_timeout;
        let deadline = Instant::now() + limit;
        let answer = loop {
            let asked = run
                .request(connection, SETUP, run.common.setup.clone(), deadline)
                .await;
            let Some(answer) = asked else {
                let cause = format!("no instance within {} s", limit.as_secs_f64());
                run.note(News::Lost {
                    since: limit,
                    cause: cause.clone(),
                });
                return Err(Fault::new(FaultKind::Unavailable, cause).into());
            };
            match answer {
                Err(fault) if fault.kind == FaultKind::Busy => sleep(RETRY_FIRST).await,
                answer => break answer?,
            }
        };
        let status = SetupResponse::decode(answer.message)
            .ok()
            .and_then(|answer| answer.status);
        let Some(status) = status else {
            return Err(
                Fault::new(FaultKind::Nonsense, "it answers nonsense when it is set up").into(),
            );
        };
        match status.code.as_str() {
            "SUCCESS" => {
                run.prove(&run.common.base_class());
                Ok(status.message != FOUND)
            }
            "BAD_IMPLEMENTATION" | "INVALID_ARGUMENT" => {
                self.accused(connection, &status.message).await
            }
            _ if is_about_the_class(&status.message) => {
                self.accused(connection, &status.message).await
            }
            _ => {
                run.fail(FailureCode::MultipleFailed, status.message);
                Err(Hitch::Failed)
            }
        }
    }

    /// It lacks the base class. Whether that is its fault shows when another model has it.
    async fn accused(&mut self, connection: &Connection, words: &str) -> Result<bool, Hitch> {
        let why = "it has no instance: it lacks the configured base class";
        self.away(why);
        self.run.accuse(self.run.common.base_class(), words);
        // Until it is convicted, stopped, replaced, or made anew.
        connection.ended().await;
        self.answered = Instant::now();
        Err(Fault::new(FaultKind::Unavailable, why).into())
    }

    async fn replay(&mut self, connection: &Connection) {
        let Some(instance) = self.owed else {
            return;
        };
        let run = Arc::clone(&self.run);
        let _one_of_few = run.common.replays.acquire().await;
        let calls = run.common.replay.calls(&run.info(), instance).await;
        let begun = Instant::now();
        self.tries += 1;
        for call in &calls {
            let deadline =
                Instant::now() + call.timeout.unwrap_or(run.common.config.replay_timeout);
            let Exchanged { result, .. } = run.exchange(connection, call, deadline).await;
            match result {
                Ok(_) => run.settle(call.method(), None, ""),
                Err(trouble) => {
                    run.settle(call.method(), Some(trouble.cause.blame()), &trouble.detail);
                    run.note(News::Replayed(Err(trouble.detail)));
                    return;
                }
            }
        }
        self.owed = None;
        if !calls.is_empty() {
            run.note(News::Replayed(Ok(begun.elapsed())));
        }
    }

    fn away(&self, why: &str) {
        let why: Arc<str> = why.into();
        self.run.phase.send_if_modified(|phase| {
            let is_wanted = !matches!(phase, Phase::Over(_));
            if is_wanted {
                *phase = Phase::Away(why);
            }
            is_wanted
        });
    }
}

/// Whether a failed setup is about the name of the base class rather than about the model.
fn is_about_the_class(words: &str) -> bool {
    words.starts_with("Invalid class name")
        || (words.starts_with("Class '") && words.contains("' not found in module '"))
        || (words.starts_with("Object '") && words.ends_with("is not a class."))
}
