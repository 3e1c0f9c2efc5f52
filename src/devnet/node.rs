//! The node around the chain: the one task that owns it, its block clock, and its endpoints.

use std::{collections::BTreeSet, sync::Arc, time::Duration, time::Instant};

use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};

use super::{
    chain::Chain,
    config::EmissionsVersion,
    control::{self, Control},
    faults::{Beat, Director, Fault, Hit, News, Order, RandomFaults},
    prices::PriceFaults,
    record::{BlockRecord, UpgradeRecord, WindowRecord},
    rpc,
    shared::{Hub, Shared},
    view::View,
};
use crate::{chain::jsonrpc::RpcError, clock::Clock as _, types::Height};

/// Something for the chain's task to do.
pub(super) enum Job {
    /// Answer an RPC.
    Call {
        /// Which endpoint is asked.
        endpoint: usize,
        method: String,
        params: Value,
        reply: oneshot::Sender<Result<Value, RpcError>>,
    },
    /// Carry out an order; the reply is the height after it.
    Order {
        /// The endpoint that it is for, if it is an endpoint's.
        endpoint: usize,
        control: Control,
        reply: oneshot::Sender<Height>,
    },
    /// Tell what was played, and what waits.
    Faults {
        reply: oneshot::Sender<(Vec<Hit>, Vec<Order>)>,
    },
    /// Play random faults from the next window on, or no longer.
    Random(Option<Box<RandomFaults>>),
}

/// The task that owns the chain.
pub(super) struct Node {
    chain: Chain,
    endpoints: Vec<Arc<Shared>>,
    hub: Hub,
    prices: PriceFaults,
    director: Director,
    /// Which endpoints were impaired in the beat before.
    impaired: Vec<bool>,
    running: bool,
}

impl Node {
    pub(super) fn new(
        chain: Chain,
        endpoints: Vec<Arc<Shared>>,
        hub: Hub,
        prices: PriceFaults,
    ) -> Self {
        let running = chain.config.automatic_blocks;
        Self {
            chain,
            impaired: vec![false; endpoints.len()],
            endpoints,
            hub,
            prices,
            director: Director::default(),
            running,
        }
    }

    /// Runs until no one can send a job any more, or the task is ended.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut clock = block_clock(self.chain.config.block_time);
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => self.handle(job),
                    None => return,
                },
                _ = clock.tick(), if self.running => self.beat(),
            }
        }
    }

    fn handle(&mut self, job: Job) {
        // Who asked may have gone; then no one needs the answer.
        match job {
            Job::Call {
                endpoint,
                method,
                params,
                reply,
            } => {
                self.chain.view = self.endpoints[endpoint].view();
                let _gone = reply.send(rpc::call(&mut self.chain, &method, params));
                self.chain.view = View::default();
            }
            Job::Order {
                endpoint,
                control,
                reply,
            } => {
                self.obey(endpoint, control);
                let _gone = reply.send(Height(self.chain.state.height));
            }
            Job::Faults { reply } => {
                let _gone = reply.send(self.director.report());
            }
            Job::Random(random) => self.director.play_random(random.map(|it| *it)),
        }
    }

    fn obey(&mut self, endpoint: usize, control: Control) {
        match control {
            Control::Pause => self.running = false,
            Control::Resume => self.running = true,
            Control::ProduceBlocks(count) => (0..count).for_each(|_| self.beat()),
            Control::Play(orders) => self.director.add(orders),
            other => {
                if let Some(other) = self.endpoints[endpoint].obey(other) {
                    control::apply(other, &mut self.chain);
                }
            }
        }
    }

    /// One block time: faults begin and end, and a block comes, unless one of them halts the chain.
    fn beat(&mut self) {
        let news = self.director.advance(&self.next_beat());
        for it in news {
            self.turn(&it);
            // Without anyone who listens it is told to nobody.
            let _no_one = self.hub.news.send(it);
        }
        self.spread_effects();
        let endpoints = 0..self.endpoints.len();
        let impaired: Vec<_> = endpoints.map(|it| self.director.impaired(it)).collect();
        if !self.director.halted() {
            self.produce_block(&impaired);
        }
        self.impaired = impaired;
    }

    fn next_beat(&self) -> Beat {
        let state = &self.chain.state;
        let first = self.chain.config.topics.first();
        let first = first.and_then(|topic| state.topics.get(&topic.id.0));
        Beat {
            height: state.height + 1,
            open: self.open_windows(),
            next_opening: first.and_then(|topic| topic.next_opening),
            last_opening: first
                .map(|topic| topic.epoch_last_ended)
                .filter(|nonce| *nonce > 0),
        }
    }

    fn open_windows(&self) -> Vec<(u64, i64)> {
        let topics = self.chain.state.topics.iter();
        topics
            .filter_map(|(id, topic)| Some((*id, topic.open?.nonce)))
            .collect()
    }

    /// What happens once, as a fault begins or ends.
    fn turn(&mut self, news: &News) {
        let (fault, begins) = (&news.order.fault, news.begins);
        let of_all = news.order.endpoint.is_none();
        let struck = self
            .endpoints
            .iter()
            .filter(|it| of_all || news.order.endpoint == Some(it.index + 1));
        match fault {
            Fault::RefuseSubscribes | Fault::DelaySubscribes { .. } if begins => {
                struck.for_each(|it| it.cut_sockets());
            }
            Fault::AnotherChain => struck.for_each(|it| it.cut_sockets()),
            Fault::Upgrade | Fault::RollBack if !begins => {
                struck.for_each(|it| it.cut_sockets());
                self.speak(if *fault == Fault::Upgrade {
                    EmissionsVersion::V10
                } else {
                    EmissionsVersion::V9
                });
            }
            _ => {}
        }
    }

    /// Goes on with this version, after a halt.
    fn speak(&mut self, version: EmissionsVersion) {
        let before = std::mem::replace(&mut self.chain.config.version, version);
        self.chain.evict();
        if (before, version) == (EmissionsVersion::V9, EmissionsVersion::V10) {
            self.hub.ledger.upgrade(UpgradeRecord {
                at: Instant::now(),
                height: self.chain.state.height + 1,
                windows: self.open_windows(),
            });
        }
    }

    fn spread_effects(&mut self) {
        for endpoint in &self.endpoints {
            let effects = self.director.effects(endpoint.index);
            if effects.drops {
                endpoint.cut_sockets();
            }
            endpoint.set_effects(effects);
        }
        let effects = self.director.chain_effects();
        let base = self.chain.state.gas_price / self.chain.effects.price_times.max(1);
        self.chain.state.gas_price = base * effects.price_times;
        self.chain.effects = effects;
        self.prices.set(self.director.of_prices());
    }

    fn produce_block(&mut self, impaired: &[bool]) {
        if self.chain.effects.evicts {
            self.chain.evict();
        }
        let now = self.chain.config.clock.now();
        let block = self.chain.produce_block(now);
        self.record(impaired);
        self.prices.open(self.open_windows());
        // No subscriber is no fault.
        let _no_one = self.hub.blocks.send(block);
    }

    fn record(&mut self, impaired: &[bool]) {
        let height = self.chain.state.height;
        let both = impaired.iter().zip(&self.impaired);
        let block = BlockRecord {
            height,
            at: Instant::now(),
            healthy: both.map(|(now, before)| !now && !before).collect(),
        };
        let faults: BTreeSet<String> = self.director.kinds().collect();
        self.hub.ledger.add_block(&block, &faults);
        for landed in self.chain.landed.drain(..) {
            self.hub.ledger.land(landed);
        }
        for (id, topic) in &self.chain.state.topics {
            if let Some(window) = topic.open.filter(|window| window.nonce == height) {
                self.director.note_opening((*id, height));
                self.hub.ledger.open(WindowRecord {
                    topic: *id,
                    nonce: height,
                    end: window.end,
                    opened: block.at,
                    blocks: Vec::new(),
                    answers: Vec::new(),
                    faults: faults.clone(),
                });
            }
        }
    }
}

fn block_clock(block_time: Duration) -> tokio::time::Interval {
    let mut clock = tokio::time::interval(block_time);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}
