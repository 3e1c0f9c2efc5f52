//! The long tasks of a worker, each with its name.

use std::{future::Future, time::Duration};

use tokio::{
    task::{Id, JoinSet},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Event, Reporter, Shutdown};
use crate::pulse::{Pulse, Pulses, Weight};

/// The tasks of a worker. The essential ones all have to run: the first that ends ends all. The minor
/// ones are started again when they fail, and the operator is told.
pub struct TaskGroup {
    essential: JoinSet<()>,
    minor: JoinSet<()>,
    names: Vec<(Id, &'static str)>,
    shutdown: Shutdown,
    cancel: CancellationToken,
    reporter: Reporter,
    pulses: Pulses,
}

/// How the group came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// An essential task ended by itself.
    Returned(&'static str),
    /// An essential task panicked.
    Panicked(&'static str),
}

/// Pauses before a minor task is started again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl TaskGroup {
    /// A group that is asked to end by `shutdown`. Tasks that need no time to end watch
    /// [`TaskGroup::token`]; it is cancelled when the first essential task has ended.
    #[must_use]
    pub fn new(shutdown: Shutdown, reporter: Reporter) -> Self {
        Self {
            essential: JoinSet::new(),
            minor: JoinSet::new(),
            names: Vec::new(),
            shutdown,
            cancel: CancellationToken::new(),
            reporter,
            pulses: Pulses::default(),
        }
    }

    /// The signs of life of its tasks go where somebody watches them.
    #[must_use]
    pub fn watched(mut self, pulses: Pulses) -> Self {
        self.pulses = pulses;
        self
    }

    /// The sign of life of an essential task, which is to move into it: the process begins anew when it is
    /// silent for long. A task that rightly waits beats meanwhile.
    #[must_use]
    pub fn pulse(&self, name: &'static str) -> Pulse {
        self.pulses.pulse(name, Weight::Vital)
    }

    /// As [`TaskGroup::pulse`], for a task that others can wait for: its silence is only told.
    #[must_use]
    pub fn slow_pulse(&self, name: &'static str) -> Pulse {
        self.pulses.pulse(name, Weight::Told)
    }

    /// Cancelled when the group ends.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// What asks the group to end.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Starts a task that the worker can't do without.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.essential.spawn(task);
        self.names.push((handle.id(), name));
    }

    /// Starts a task that the worker can do without for a while. When it ends or panics, it is made
    /// anew after a pause that grows.
    pub fn spawn_minor<F>(
        &mut self,
        name: &'static str,
        mut make: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (cancel, reporter) = (self.cancel.clone(), self.reporter.clone());
        self.minor.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                let begun = Instant::now();
                // A task of its own, so that a panic is caught.
                let mut task = JoinSet::new();
                task.spawn(make());
                let ended = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return,
                    ended = task.join_next() => ended,
                };
                let how = if ended.is_some_and(|it| it.is_err()) {
                    "panicked"
                } else {
                    "ended"
                };
                if begun.elapsed() > LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
                reporter.emit(Event::Trouble {
                    cause: format!("the task {name:?} {how}"),
                    remedy: format!("it is started again in {} s", pause.as_secs()),
                });
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = sleep(pause) => {}
                }
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        });
    }

    /// Waits until an essential task ends, then until all have ended.
    pub async fn join(mut self) -> Ending {
        let mut ending = None;
        while let Some(ended) = self.essential.join_next_with_id().await {
            let panicked = ended.is_err();
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            let found = self.names.iter().find(|(task, _)| *task == id);
            let name = found.map_or("?", |(_, name)| *name);
            ending.get_or_insert(if panicked {
                Ending::Panicked(name)
            } else if self.shutdown.token().is_cancelled() {
                Ending::Asked
            } else {
                Ending::Returned(name)
            });
            // What nobody asked for shall not be the end.
            self.shutdown.request_restart(name);
            self.cancel.cancel();
        }
        ending.unwrap_or(Ending::Asked)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    async fn group(task: impl Future<Output = ()> + Send + 'static) -> Ending {
        let mut group = TaskGroup::new(Shutdown::new(), Reporter::recording().0);
        let token = group.token();
        group.spawn("patient", async move { token.cancelled().await });
        group.spawn("other", task);
        group.join().await
    }

    #[tokio::test]
    async fn the_first_task_that_ends_ends_all_by_name() {
        assert_eq!(group(async {}).await, Ending::Returned("other"));
        let panicking = async { panic!("on purpose") };
        assert_eq!(group(panicking).await, Ending::Panicked("other"));
    }

    #[tokio::test]
    async fn a_group_that_is_asked_ends_quietly() {
        let shutdown = Shutdown::new();
        let mut group = TaskGroup::new(shutdown.clone(), Reporter::recording().0);
        let asked = shutdown.token();
        group.spawn("patient", async move { asked.cancelled().await });
        shutdown.request("a test");
        assert_eq!(group.join().await, Ending::Asked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_minor_task_is_made_anew_and_told_of() {
        let (reporter, recording) = Reporter::recording();
        let mut group = TaskGroup::new(Shutdown::new(), reporter);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        group.spawn_minor("fragile", move || {
            let run = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(run >= 2, "on purpose");
                std::future::pending::<()>().await;
            }
        });
        sleep(Duration::from_secs(10)).await;
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        assert_eq!(
            recording.count(|event| matches!(event, Event::Trouble { .. })),
            2
        );
    }
}
