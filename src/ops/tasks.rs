//! The long tasks of a worker, each with its name.

use std::future::Future;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// Tasks that all have to run: the first that ends ends all.
#[derive(Debug)]
pub struct TaskGroup {
    tasks: JoinSet<()>,
    names: Vec<(Id, &'static str)>,
    cancel: CancellationToken,
}

/// How the group came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to end, or a task said that all is done.
    Asked,
    /// A task ended by itself.
    Returned(&'static str),
    /// A task panicked.
    Panicked(&'static str),
}

impl TaskGroup {
    /// A group that ends when `cancel` is cancelled, and cancels it when one of its tasks ends.
    #[must_use]
    pub fn new(cancel: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            names: Vec::new(),
            cancel,
        }
    }

    /// Starts a task that the worker can't do without.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.push((handle.id(), name));
    }

    /// Waits until a task ends or the group is cancelled, then until all have ended.
    pub async fn join(mut self) -> Ending {
        let mut ending = Ending::Asked;
        while let Some(ended) = self.tasks.join_next_with_id().await {
            let panicked = ended.is_err();
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            let name = self
                .names
                .iter()
                .find(|(task, _)| *task == id)
                .map_or("?", |(_, name)| name);
            let first = ending == Ending::Asked;
            if first && panicked {
                ending = Ending::Panicked(name);
            } else if first && !self.cancel.is_cancelled() {
                ending = Ending::Returned(name);
            }
            self.cancel.cancel();
        }
        ending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn group(task: impl Future<Output = ()> + Send + 'static) -> Ending {
        let cancel = CancellationToken::new();
        let mut group = TaskGroup::new(cancel.clone());
        group.spawn("patient", async move { cancel.cancelled().await });
        group.spawn("other", task);
        group.join().await
    }

    #[tokio::test]
    async fn the_first_task_that_ends_ends_all_by_name() {
        assert_eq!(group(async {}).await, Ending::Returned("other"));
        assert_eq!(
            group(async { panic!("on purpose") }).await,
            Ending::Panicked("other")
        );
    }

    #[tokio::test]
    async fn a_cancelled_group_ends_quietly() {
        let cancel = CancellationToken::new();
        let mut group = TaskGroup::new(cancel.clone());
        let token = cancel.clone();
        group.spawn("patient", async move { token.cancelled().await });
        cancel.cancel();
        assert_eq!(group.join().await, Ending::Asked);
    }
}
