//! A worker under test: what it is started with, what it tells, and how it ends.

use std::{collections::HashMap, sync::Arc, time::Duration};

use allora_worker::{
    chain::{ChainConfig, FeeConfig, NetworkConfig},
    clock::SharedClock,
    forecast::{Desk, ForecastConfig, Forecaster, History, Outside, Target, TopicSpec},
    ops::{Ending, Event, Recording, Reporter, Shutdown, TaskGroup},
    store::Journal,
    types::TopicId,
    worker::{Chain, StartError, Tally, Worker, WorkerConfig, connect},
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{
    events::story,
    harness::{WAIT, signer},
};

/// What a worker is started with.
pub(crate) struct Setup {
    pub(crate) network: NetworkConfig,
    pub(crate) topics: Vec<TopicId>,
    pub(crate) chain: ChainConfig,
    pub(crate) fees: FeeConfig,
    pub(crate) config: WorkerConfig,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) forecaster: Arc<dyn Forecaster>,
    /// Who answers instead of it.
    pub(crate) outside: Vec<(TopicId, Outside)>,
    pub(crate) forecast: ForecastConfig,
    pub(crate) history: watch::Receiver<History>,
    pub(crate) desk: Forecasts,
    pub(crate) clock: SharedClock,
    pub(crate) dry_run: bool,
    pub(crate) once: bool,
    /// Who is given the chain once it is connected.
    pub(crate) bystander: Option<oneshot::Sender<Arc<Chain>>>,
}

/// What the desk does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forecasts {
    /// Nothing: the worker asks it.
    Unready,
    /// Each topic has a forecast before the worker is started.
    Ready,
    /// The same, and it follows the candles.
    Following,
}

/// How a worker ended.
pub(crate) type End = Result<(Ending, Tally), StartError>;

/// A worker that runs.
pub(crate) struct Running {
    pub(crate) told: Recording,
    pub(crate) reporter: Reporter,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<End>,
}

impl Running {
    pub(crate) fn start(setup: Setup) -> Self {
        let (reporter, told) = Reporter::recording();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(live(setup, reporter.clone(), shutdown.clone()));
        Self {
            told,
            reporter,
            shutdown,
            task,
        }
    }

    /// Waits for the first event that fits, and fails with what was told instead.
    pub(crate) async fn expect(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        self.expect_nth(1, what, fits).await
    }

    /// Waits for the n-th event that fits.
    pub(crate) async fn expect_nth(
        &self,
        nth: usize,
        what: &str,
        fits: impl Fn(&Event) -> bool,
    ) -> Event {
        let waited = timeout(WAIT, self.told.wait_for_nth(nth, fits)).await;
        waited.unwrap_or_else(|_| {
            let story = story(&self.told.events());
            panic!("not told in time ({nth}.): {what}; told was:\n{story}")
        })
    }

    /// Stops it as an operator does.
    pub(crate) async fn stop(self) -> Tally {
        self.shutdown.request("a test");
        let (ending, tally) = self.end().await.unwrap();
        assert_eq!(ending, Ending::Asked);
        tally
    }

    /// Waits until it ends by itself.
    pub(crate) async fn end(self) -> End {
        let ended = timeout(WAIT, self.task).await;
        let ended = ended.unwrap_or_else(|_| {
            panic!("it did not end; told was:\n{}", story(&self.told.events()))
        });
        ended.unwrap()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends all its tasks where they stand.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _cancelled = self.task.await;
    }
}

/// A worker as the command line puts it together, with candles and a forecaster of the test's.
async fn live(setup: Setup, reporter: Reporter, shutdown: Shutdown) -> End {
    let clock = setup.clock;
    let mut group = TaskGroup::new(shutdown, reporter.clone());
    let specs = setup.topics.iter().map(|&topic| TopicSpec {
        topic,
        ticker: "btcusd".into(),
        horizon: Duration::from_hours(7 * 24),
        target: Target::LogReturn,
    });
    let histories = HashMap::from([("btcusd".to_owned(), setup.history)]);
    let outside: Vec<TopicId> = setup.outside.iter().map(|(topic, _)| *topic).collect();
    let desk = Desk::with_forecaster(
        setup.forecast,
        specs.collect(),
        &histories,
        Arc::clone(&clock),
        setup.forecaster,
    )
    .unwrap()
    .with_outside(setup.outside);
    let handle = desk.handle();
    if setup.desk != Forecasts::Unready {
        for topic in setup.topics.iter().filter(|it| !outside.contains(it)) {
            handle.now(*topic, WAIT).await;
        }
    }
    // What stands in for a forecaster outside is made by the desk itself.
    if setup.desk == Forecasts::Following || !outside.is_empty() {
        let cancel = group.token();
        group.spawn("desk", async move { desk.run(cancel).await });
    }
    for topic in outside {
        let made = || handle.latest(topic).and_then(|it| it.data_until);
        while made().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let chain = connect(
        &setup.chain,
        setup.network,
        signer(),
        &setup.topics,
        &reporter,
    )
    .await?;
    if let Some(bystander) = setup.bystander {
        drop(bystander.send(Arc::clone(&chain)));
    }
    let worker = Worker {
        chain,
        journal: setup.journal,
        desk: handle,
        reporter,
        clock,
        topics: setup.topics,
        chain_config: setup.chain,
        fees: setup.fees,
        config: setup.config,
        dry_run: setup.dry_run,
        once: setup.once,
        started: Instant::now(),
    };
    let tally = worker.start(&mut group).await?;
    let ending = group.join().await;
    let tally = *tally.borrow();
    Ok((ending, tally))
}
