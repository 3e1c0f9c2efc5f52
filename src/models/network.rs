//! The network of models as its user sees it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{broadcast, mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Call, Calling, ModelInfo, ModelsConfig, ModelsError, NetworkEvent, Ours, Replay,
    keeper::{Keeper, Standing},
    model::{Common, Run, Turn, ask},
    orchestrator::Orchestrator,
};

/// News that wait for a slow reader; older ones are dropped for it.
const BACKLOG: usize = 1 << 14;

/// Which models are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subset {
    /// All that can be called.
    All,
    /// Those of these ids that can be called; with none, nobody is called.
    Only(Vec<String>),
}

/// A network of models, kept current in the background. It ends when this is dropped or closed.
pub struct ModelNetwork {
    common: Arc<Common>,
    standing: watch::Receiver<Standing>,
    events: broadcast::Sender<NetworkEvent>,
    tasks: Vec<JoinHandle<()>>,
    cancel: CancellationToken,
    _ends_with_this: DropGuard,
}

/// How many of the listed models can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether the orchestrator has listed its models.
    pub is_listed: bool,
    /// Models that can be called.
    pub serving: usize,
    /// Models that have neither joined nor failed so far; they go on in the background.
    pub joining: usize,
}

impl ModelNetwork {
    /// Starts to follow the orchestrator and to connect to its models, all in the background.
    ///
    /// # Errors
    /// When the configuration makes no sense or credentials can't be read.
    pub fn start(config: ModelsConfig, replay: Arc<dyn Replay>) -> Result<Self, ModelsError> {
        Self::start_confined(config, replay, watch::channel(None).1)
    }

    /// The same for a network of which only some models are called from here, others by other workers.
    /// Which ones may change at any time: a model that is ours no more is let go, and calls of it that
    /// are under way may finish; one that becomes ours is connected as one that the orchestrator has
    /// just told of.
    ///
    /// # Errors
    /// As [`ModelNetwork::start`].
    pub fn start_confined(
        config: ModelsConfig,
        replay: Arc<dyn Replay>,
        ours: watch::Receiver<Ours>,
    ) -> Result<Self, ModelsError> {
        /// Frames that may wait; the keeper never waits for a model.
        const FRAMES: usize = 64;
        config.check()?;
        let cancel = CancellationToken::new();
        let (heard_by, heard) = mpsc::channel(FRAMES);
        let (reports, reported) = mpsc::unbounded_channel();
        let (notes, noted) = mpsc::unbounded_channel();
        let events = broadcast::Sender::new(BACKLOG);
        let orchestrator = Orchestrator::new(&config, heard_by, reported);
        let common = Arc::new(Common::new(config, replay, notes)?);
        let (standings, standing) = watch::channel(Standing::default());
        let keeper = Keeper::new(
            Arc::clone(&common),
            standings,
            events.clone(),
            reports,
            cancel.clone(),
        );
        let tasks = vec![
            tokio::spawn(orchestrator.run(cancel.clone())),
            tokio::spawn(keeper.run(heard, noted, ours)),
        ];
        let guard = cancel.clone().drop_guard();
        Ok(Self {
            common,
            standing,
            events,
            tasks,
            cancel,
            _ends_with_this: guard,
        })
    }

    /// Starts, and waits until each listed model has joined or failed once, or the time is over. A slow
    /// model goes on joining in the background.
    ///
    /// # Errors
    /// As [`ModelNetwork::start`].
    pub async fn init(
        config: ModelsConfig,
        replay: Arc<dyn Replay>,
        limit: Duration,
    ) -> Result<(Self, Settled), ModelsError> {
        let network = Self::start(config, replay)?;
        let settled = network.settled(limit).await;
        Ok((network, settled))
    }

    /// Waits until each listed model has joined or failed once, or the time is over.
    pub async fn settled(&self, limit: Duration) -> Settled {
        let mut standing = self.standing.clone();
        let is_settled = |standing: &Standing| standing.is_listed && standing.joining == 0;
        // When the time is over, or the network, it is as it is.
        let _ = timeout(limit, standing.wait_for(is_settled)).await;
        let standing = self.standing.borrow();
        Settled {
            is_listed: standing.is_listed,
            serving: standing.serving.len(),
            joining: standing.joining,
        }
    }

    /// The models that can be called now.
    #[must_use]
    pub fn models(&self) -> Vec<Arc<ModelInfo>> {
        self.serving().iter().map(|run| run.info()).collect()
    }

    /// Sees the ids of all models that the orchestrator lists, whoever calls them; none before it has.
    /// It does not keep the network open.
    pub fn list_reader(&self) -> impl Fn() -> Option<Arc<[String]>> + Send + Sync + use<> {
        let standing = self.standing.clone();
        move || standing.borrow().listed.clone()
    }

    /// News from now on. A reader that falls far behind misses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<NetworkEvent> {
        self.events.subscribe()
    }

    /// Calls all models or some of them at once. The time begins now; it is the call's own limit or
    /// else the configured one. What was begun goes on when the answers are not waited for. Calls of one
    /// model reach it in the order in which they are made here.
    #[must_use]
    pub fn call(&self, call: &Call, subset: &Subset) -> Calling {
        let deadline = Instant::now() + call.timeout.unwrap_or(self.common.config.timeout);
        let runs = self.serving();
        let chosen: Vec<&Arc<Run>> = match subset {
            Subset::All => runs.iter().collect(),
            Subset::Only(ids) => {
                let ids: std::collections::HashSet<&str> = ids.iter().map(String::as_str).collect();
                runs.iter()
                    .filter(|run| ids.contains(run.info().model_id.as_str()))
                    .collect()
            }
        };
        let (sender, outcomes) = mpsc::unbounded_channel();
        let asked = chosen.iter().map(|run| run.info()).collect();
        for run in chosen {
            let turn = Turn::take(run);
            let (run, call, sender) = (Arc::clone(run), call.clone(), sender.clone());
            tokio::spawn(async move {
                // The caller may have gone on.
                let _ = sender.send(ask(run, call, turn, deadline).await);
            });
        }
        Calling::new(asked, outcomes)
    }

    /// Ends all connections and tasks, and waits for that.
    pub async fn close(mut self) {
        self.cancel.cancel();
        for task in self.tasks.drain(..) {
            // One that panicked has ended, too.
            let _ = task.await;
        }
    }

    fn serving(&self) -> Arc<[Arc<Run>]> {
        Arc::clone(&self.standing.borrow().serving)
    }
}
