//! The worker: windows in, submissions out.
//!
//! The windows' task learns of windows from the feed, the poll and the chain's status; the submitter
//! answers each once. They know each other through channels.

mod backlog;
mod bookkeeping;
mod budget;
mod bystander;
mod cashbook;
mod catch_up;
mod chain_time;
mod competition;
mod config;
mod earnings;
mod flight;
mod gaps;
mod landing;
mod ledger;
mod lookup;
mod nonces;
mod outputs;
mod pace;
mod parcel;
mod parts;
mod preparing;
mod refusal;
mod registration;
mod scribe;
mod sending;
mod staging;
mod standing;
mod startup;
mod steps;
mod submitter;
mod twice;
mod upkeep;
mod verdict;
mod windows;

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc, watch},
    time::Instant,
};

pub use bookkeeping::{Bookkeeper, Hindered, follow_scores, follow_terms};
pub use bystander::Bystander;
pub use cashbook::Cashbook;
pub use competition::{Period, Phase};
pub use config::{CompetitionConfig, NoAsset, TopicConfig, WorkerConfig};
pub use earnings::Earner;
pub use parts::Tally;
pub use startup::{StartError, connect, connect_leashed};

use crate::{
    chain::{
        Account, BreakerState, ChainConfig, ChainError, Emissions, EndpointHealth, FeeConfig,
        GasPrice, NetworkConfig, Notice, Rpc, Signer, TOLERATED_LAG, Uallo, feed::Feed,
        proto::emissions::Topic,
    },
    clock::SharedClock,
    forecast::DeskHandle,
    ops::{EndpointGauge, Event, GaugeEvent, Reporter, TaskGroup},
    store::{Journal, Wallet},
    types::{Height, TopicId},
};
use budget::{Budget, Fee};
use bystander::BlockTimes;
use catch_up::CatchUp;
use ledger::Ledger;
use nonces::NonceTracker;
use parts::Parts;
use scribe::Scribe;
use submitter::Submitter;
use windows::Windows;

/// The chain as the worker sees it: nodes, module, key and network.
#[derive(Debug)]
pub struct Chain {
    /// Its nodes.
    pub rpc: Arc<Rpc>,
    /// Its emissions module.
    pub emissions: Emissions,
    /// The wallet's key.
    pub signer: Signer,
    /// The network's settings.
    pub network: NetworkConfig,
    /// The topics, as they were when it was connected.
    topics: Vec<Topic>,
    /// Turns of the questions that are asked in the background: with many topics hundreds come up in
    /// the same block, and a node that is flooded answers none in time.
    turns: Semaphore,
    /// Whether no answer is on its way and none is due soon: what is asked out of interest waits for it.
    calm: watch::Sender<bool>,
    /// The times of the newest blocks that were heard of.
    times: BlockTimes,
}

impl Chain {
    fn new(
        rpc: Arc<Rpc>,
        emissions: Emissions,
        signer: Signer,
        network: NetworkConfig,
        topics: Vec<Topic>,
    ) -> Self {
        Self {
            rpc,
            emissions,
            signer,
            network,
            topics,
            turns: Semaphore::new(QUESTIONS),
            calm: watch::Sender::new(false),
            times: BlockTimes::default(),
        }
    }

    /// What became of endpoints since it was last asked.
    pub(crate) fn node_news(&self) -> impl Iterator<Item = Event> + use<> {
        self.rpc
            .take_notices()
            .into_iter()
            .map(|notice| match notice {
                Notice::Trouble { endpoint, cause } => Event::NodeTrouble { endpoint, cause },
                Notice::Well { endpoint, after } => Event::NodeWell {
                    endpoint,
                    seconds: after.as_secs(),
                },
            })
    }

    /// How the endpoints fare.
    pub(crate) fn node_readings(&self) -> GaugeEvent {
        let read = |it: EndpointHealth| {
            let is_behind = it.lag > TOLERATED_LAG;
            let is_healthy = !it.is_shut_out
                && it.breaker == BreakerState::Closed
                && it.failures == 0
                && !is_behind;
            EndpointGauge {
                endpoint: it.name,
                is_healthy,
                is_pinned: it.is_pinned,
                height: it.height,
                lag: it.lag,
                latency_ms: it.latency.map(|it| it.as_secs_f64() * 1e3),
                failures: it.failures,
                cause: it.last_error.filter(|_| !is_healthy),
            }
        };
        GaugeEvent::Endpoints {
            endpoints: self.rpc.health().into_iter().map(read).collect(),
        }
    }

    /// Waits for a turn to ask in the background; it lasts until the value is dropped.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Fails only when it is closed, which nobody does.
        self.turns.acquire().await.ok()
    }

    async fn account(&self) -> Result<Account, ChainError> {
        Account::of(&self.rpc, self.signer.address()).await
    }

    async fn gas_price(&self) -> Result<GasPrice, ChainError> {
        let network = &self.network;
        GasPrice::of_market(&self.rpc, &network.denom, network.gas_price_floor).await
    }

    /// Lets those ask who ask out of interest, until a worker starts: one that stands by answers nothing.
    pub fn stand_by(&self) {
        self.calm.send_replace(true);
    }

    fn wallet(&self) -> Wallet {
        Wallet {
            chain_id: self.network.chain_id.clone(),
            address: self.signer.address().to_owned(),
        }
    }

    /// How the wallet is given coins.
    fn fund_remedy(&self) -> String {
        let address = self.signer.address();
        match &self.network.faucet {
            Some(faucet) => format!("ask {faucet} for test coins for {address}"),
            None => format!("send ALLO to {address}"),
        }
    }
}

/// What a worker is made of.
pub struct Worker {
    /// The chain, connected.
    pub chain: Arc<Chain>,
    /// Where submissions are journaled.
    pub journal: Arc<dyn Journal>,
    /// Where forecasts come from.
    pub desk: DeskHandle,
    /// Who tells the operator.
    pub reporter: Reporter,
    /// The date.
    pub clock: SharedClock,
    /// The topics to answer.
    pub topics: Vec<TopicId>,
    /// How nodes are spoken to.
    pub chain_config: ChainConfig,
    /// Gas and fees.
    pub fees: FeeConfig,
    /// Polling and registration.
    pub config: WorkerConfig,
    /// Sign and show, broadcast nothing.
    pub dry_run: bool,
    /// End after the first window.
    pub once: bool,
    /// When the process was started, for the time that it took to be ready.
    pub started: Instant,
}

/// Capacities of the channels between the tasks: a block with every topic's window fits in.
const QUEUE: usize = 1024;
/// Questions that are asked at once in the background.
const QUESTIONS: usize = 8;

impl Worker {
    /// Starts the worker's tasks in `group`. The submitter ends when the group is asked to
    /// end and what is
    /// in the air has landed.
    ///
    /// # Errors
    /// When the chain or the journal can't be read, an endpoint can't be used, or a topic asks for more
    /// than its forecaster gives.
    pub async fn start(self, group: &mut TaskGroup) -> Result<watch::Receiver<Tally>, StartError> {
        self.chain.calm.send_replace(false);
        for topic in &self.chain.topics {
            outputs::declare(topic, &self.desk)?;
        }
        let journal = self.journal.as_ref();
        let mut opening = startup::open(
            &self.chain,
            journal,
            &self.fees,
            &self.topics,
            &self.reporter,
            self.clock.now(),
        )
        .await?;
        if self.dry_run {
            opening.submissions.clear();
        }
        let (events, feed_events) = mpsc::channel(QUEUE);
        let (reports, reported) = mpsc::channel(QUEUE);
        let (told, tells) = mpsc::channel(QUEUE);
        let (prices, price) = watch::channel(opening.price);
        let (tally, tallied) = watch::channel(Tally::default());
        let catch_up = CatchUp::new(self.chain_config.catch_up, opening.heard);
        let feed = Feed::new(
            self.chain_config,
            self.chain.network.ws.clone(),
            self.chain.network.chain_id.clone(),
            self.chain.signer.address().to_owned(),
            self.chain.emissions.versions(),
            self.chain.rpc.heads(),
            events,
        )?
        .knowing(Arc::clone(&self.chain.rpc))
        .watched(group.pulse("feed"))
        .waking(self.clock.jumps());
        let mut tracker = NonceTracker::new(self.topics);
        for submission in &opening.submissions {
            tracker.recall(submission);
        }
        let windows = Windows::new(
            Arc::clone(&self.chain),
            self.reporter.clone(),
            reports,
            tracker,
            self.config.clone(),
            opening.height,
            self.started,
        )
        .catching_up(catch_up)
        .watched(group.pulse("windows"), Arc::clone(&self.clock));
        let low = self.fees.low_balance;
        let was_low = opening.coins < low;
        let (scribe, writing) = Scribe::new(self.journal, self.reporter.clone());
        let writing = writing.watched(group.slow_pulse("journal"));
        let parts = Parts {
            chain: Arc::clone(&self.chain),
            scribe,
            desk: self.desk,
            reporter: self.reporter.clone(),
            clock: self.clock,
            prices: price,
            shutdown: group.shutdown(),
            told,
            dry_run: self.dry_run,
            once: self.once,
            stop_grace: self.config.stop_grace,
            life: group.pulse("submitter"),
        };
        let budget = Budget::new(self.fees.max_fee_per_day, opening.fees);
        let ledger = Ledger::new(opening.account, opening.price, self.fees);
        let mut submitter = Submitter::new(parts, ledger, budget, opening.height, tally);
        submitter.resume(opening.submissions);
        let cancel = group.token();
        group.spawn("feed", feed.run(cancel.clone()));
        group.spawn("windows", windows.run(feed_events, tells, cancel));
        group.spawn("journal", writing.run(group.token()));
        group.spawn("submitter", submitter.run(reported));
        let chain = Arc::clone(&self.chain);
        group.spawn_minor("gas price", move || {
            upkeep::follow_price(Arc::clone(&chain), prices.clone())
        });
        let (chain, reporter, tally) = (self.chain, self.reporter, tallied.clone());
        group.spawn_minor("balance", move || {
            let low = (low, was_low);
            upkeep::follow_balance(Arc::clone(&chain), tally.clone(), low, reporter.clone())
        });
        Ok(tallied)
    }
}

/// What the worker finds when it starts.
pub(crate) struct Opening {
    account: Account,
    /// What the wallet holds.
    coins: Uallo,
    price: GasPrice,
    height: Height,
    /// The newest block that an earlier run has heard of.
    heard: Option<Height>,
    submissions: Vec<crate::store::Submission>,
    /// What was paid in the last day.
    fees: Vec<Fee>,
}
