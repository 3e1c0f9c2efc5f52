//! The node around the chain: the one task that owns it, its block clock, and what its sockets share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use time::OffsetDateTime;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::MissedTickBehavior,
};

use super::{
    chain::{Block, Chain},
    config::DevnetError,
    control::{self, Answer, Control},
    rpc,
};
use crate::{chain::jsonrpc::RpcError, types::Height};

/// Something for the chain's task to do.
pub(super) enum Job {
    /// Answer an RPC.
    Call {
        method: String,
        params: Value,
        reply: oneshot::Sender<Result<Value, RpcError>>,
    },
    /// Carry out an order; the reply is the height after it.
    Order {
        control: Control,
        reply: oneshot::Sender<Height>,
    },
}

/// What the chain's task and the sockets share.
pub(super) struct Shared {
    pub(super) chain_id: String,
    pub(super) address: String,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) blocks: broadcast::Sender<Arc<Block>>,
    /// Grows by one each time that all WebSockets are cut.
    pub(super) cut: watch::Sender<u64>,
    pub(super) silent: watch::Sender<bool>,
    faults: Mutex<Faults>,
}

#[derive(Default)]
struct Faults {
    refused_subscribes: u32,
    answers: HashMap<String, Vec<(u32, Answer)>>,
}

impl Shared {
    pub(super) fn new(chain_id: String, address: String, jobs: mpsc::Sender<Job>) -> Self {
        /// Blocks that a slow WebSocket may fall behind before its subscriptions end.
        const BACKLOG: usize = 100;
        Self {
            chain_id,
            address,
            jobs,
            blocks: broadcast::Sender::new(BACKLOG),
            cut: watch::Sender::new(0),
            silent: watch::Sender::new(false),
            faults: Mutex::default(),
        }
    }

    fn with_faults<T>(&self, act: impl FnOnce(&mut Faults) -> T) -> T {
        act(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The false answer that is due for a request of this method, if any.
    pub(super) fn false_answer(&self, method: &str) -> Option<Answer> {
        self.with_faults(|faults| {
            for name in [method, "*"] {
                let queue = faults.answers.get_mut(name);
                let Some(queue) = queue.filter(|queue| !queue.is_empty()) else {
                    continue;
                };
                queue[0].0 -= 1;
                let answer = queue[0].1.clone();
                if queue[0].0 == 0 {
                    queue.remove(0);
                }
                return Some(answer);
            }
            None
        })
    }

    /// Whether this subscription is to be refused.
    pub(super) fn refuses_subscribe(&self) -> bool {
        self.with_faults(|faults| {
            let refuses = faults.refused_subscribes > 0;
            faults.refused_subscribes = faults.refused_subscribes.saturating_sub(1);
            refuses
        })
    }

    /// Asks the chain's task to answer a method.
    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Call {
            method: method.into(),
            params,
            reply,
        };
        let stopped = || super::render::internal("the node is shutting down");
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Gives the chain's task an order and waits until it is carried out.
    pub(super) async fn order(&self, control: Control) -> Result<Height, DevnetError> {
        let (reply, done) = oneshot::channel();
        let job = Job::Order { control, reply };
        self.jobs
            .send(job)
            .await
            .map_err(|_| DevnetError::Stopped)?;
        done.await.map_err(|_| DevnetError::Stopped)
    }
}

/// The task that owns the chain.
pub(super) struct Node {
    chain: Chain,
    shared: Arc<Shared>,
    running: bool,
}

impl Node {
    pub(super) fn new(chain: Chain, shared: Arc<Shared>) -> Self {
        let running = chain.config.automatic_blocks;
        Self {
            chain,
            shared,
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
                _ = clock.tick(), if self.running => self.produce_block(),
            }
        }
    }

    fn handle(&mut self, job: Job) {
        // Who asked may have gone; then no one needs the answer.
        match job {
            Job::Call {
                method,
                params,
                reply,
            } => {
                let address = self.shared.address.clone();
                let _gone = reply.send(rpc::call(&mut self.chain, &method, params, &address));
            }
            Job::Order { control, reply } => {
                self.obey(control);
                let _gone = reply.send(Height(self.chain.state.height));
            }
        }
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::DropSockets => self.shared.cut.send_modify(|cut| *cut += 1),
            Control::Silence(silent) => {
                self.shared.silent.send_replace(silent);
            }
            Control::RefuseSubscribes(times) => {
                self.shared
                    .with_faults(|faults| faults.refused_subscribes = times);
            }
            Control::Answer {
                method,
                times,
                with,
            } if times > 0 => {
                self.shared.with_faults(|faults| {
                    faults
                        .answers
                        .entry(method)
                        .or_default()
                        .push((times, with));
                });
            }
            Control::Pause => self.running = false,
            Control::Resume => self.running = true,
            Control::ProduceBlocks(count) => (0..count).for_each(|_| self.produce_block()),
            other => control::apply(other, &mut self.chain),
        }
    }

    fn produce_block(&mut self) {
        let block = self.chain.produce_block(OffsetDateTime::now_utc());
        // No subscriber is no fault.
        let _no_one = self.shared.blocks.send(block);
    }
}

fn block_clock(block_time: Duration) -> tokio::time::Interval {
    let mut clock = tokio::time::interval(block_time);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}
