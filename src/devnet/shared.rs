//! What the chain's task and the sockets of one endpoint share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::{
    chain::Block,
    config::DevnetError,
    control::{Answer, Control, Indexer},
    faults::{Effects, Hit, News, Order, RandomFaults},
    node::Job,
    record::Ledger,
    view::View,
};
use crate::{chain::jsonrpc::RpcError, types::Height};

/// What all endpoints share.
#[derive(Clone)]
pub(super) struct Hub {
    pub(super) blocks: broadcast::Sender<Arc<Block>>,
    pub(super) news: broadcast::Sender<News>,
    pub(super) ledger: Ledger,
    jobs: mpsc::Sender<Job>,
}

impl Hub {
    pub(super) fn new(jobs: mpsc::Sender<Job>) -> Self {
        /// Blocks that a slow WebSocket may fall behind before its subscriptions end.
        const BACKLOG: usize = 100;
        /// News that a slow listener may miss.
        const NEWS: usize = 1_024;
        Self {
            blocks: broadcast::Sender::new(BACKLOG),
            news: broadcast::Sender::new(NEWS),
            ledger: Ledger::default(),
            jobs,
        }
    }

    /// What was played and what waits.
    pub(super) async fn faults(&self) -> Result<(Vec<Hit>, Vec<Order>), DevnetError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Faults { reply }).await?;
        answer.await.map_err(|_| DevnetError::Stopped)
    }

    /// Plays random faults from the next window on, or no longer.
    pub(super) async fn play_random(
        &self,
        random: Option<RandomFaults>,
    ) -> Result<(), DevnetError> {
        self.send(Job::Random(random.map(Box::new))).await
    }

    async fn send(&self, job: Job) -> Result<(), DevnetError> {
        self.jobs.send(job).await.map_err(|_| DevnetError::Stopped)
    }
}

/// One endpoint.
pub(super) struct Shared {
    /// Its place among the endpoints, from 0 on.
    pub(super) index: usize,
    pub(super) chain_id: String,
    pub(super) hub: Hub,
    /// Grows by one each time that all its WebSockets are cut.
    pub(super) cut: watch::Sender<u64>,
    address: String,
    faults: Mutex<Faults>,
}

/// What was ordered by hand, and what a script does.
#[derive(Default)]
struct Faults {
    silent: bool,
    refused_subscribes: u32,
    answers: HashMap<String, Vec<(u32, Answer)>>,
    lag: i64,
    indexer: Indexer,
    effects: Effects,
}

impl Shared {
    pub(super) fn new(index: usize, chain_id: String, address: String, hub: Hub) -> Self {
        Self {
            index,
            chain_id,
            hub,
            cut: watch::Sender::new(0),
            address,
            faults: Mutex::default(),
        }
    }

    fn with_faults<T>(&self, act: impl FnOnce(&mut Faults) -> T) -> T {
        act(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn cut_sockets(&self) {
        self.cut.send_modify(|cut| *cut += 1);
    }

    /// What scripted faults do here.
    pub(super) fn effects(&self) -> Effects {
        self.with_faults(|faults| faults.effects.clone())
    }

    pub(super) fn set_effects(&self, effects: Effects) {
        self.with_faults(|faults| faults.effects = effects);
    }

    /// Whether no event is sent.
    pub(super) fn is_silent(&self) -> bool {
        self.with_faults(|faults| faults.silent || faults.effects.silent)
    }

    /// The chain's id as it is shown here.
    pub(super) fn shown_id(&self) -> String {
        let another = self.with_faults(|faults| faults.effects.another_chain);
        if another {
            format!("another-{}", self.chain_id)
        } else {
            self.chain_id.clone()
        }
    }

    /// What it shows of the chain.
    pub(super) fn view(&self) -> View {
        /// How far a node that catches up is behind.
        const CATCHING_UP: i64 = 20;
        let chain_id = Some(self.shown_id()).filter(|id| *id != self.chain_id);
        self.with_faults(|faults| {
            let effects = &faults.effects;
            let far = if effects.catching_up { CATCHING_UP } else { 0 };
            View {
                address: self.address.clone(),
                lag: faults.lag.max(effects.lag).max(far),
                accounts_lag: effects.accounts_lag,
                indexer: effects.indexer.unwrap_or(faults.indexer),
                catching_up: effects.catching_up,
                chain_id,
                black_hole: effects.black_hole,
                refusal: effects.refusal.clone(),
            }
        })
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
            faults.effects.answer.clone()
        })
    }

    /// Whether this subscription is to be refused.
    pub(super) fn refuses_subscribe(&self) -> bool {
        self.with_faults(|faults| {
            let refuses = faults.refused_subscribes > 0;
            faults.refused_subscribes = faults.refused_subscribes.saturating_sub(1);
            refuses || faults.effects.refuses_subscribes
        })
    }

    /// Carries out what is for an endpoint; gives back what is not.
    pub(super) fn obey(&self, control: Control) -> Option<Control> {
        match control {
            Control::DropSockets => self.cut_sockets(),
            Control::Silence(silent) => self.with_faults(|faults| faults.silent = silent),
            Control::RefuseSubscribes(times) => {
                self.with_faults(|faults| faults.refused_subscribes = times);
            }
            Control::Lag(blocks) => self.with_faults(|faults| faults.lag = i64::from(blocks)),
            Control::Indexer(indexer) => self.with_faults(|faults| faults.indexer = indexer),
            Control::Answer {
                method,
                times,
                with,
            } if times > 0 => {
                let answer = (times, with);
                self.with_faults(|faults| faults.answers.entry(method).or_default().push(answer));
            }
            other => return Some(other),
        }
        None
    }

    /// Asks the chain's task to answer a method.
    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Call {
            endpoint: self.index,
            method: method.into(),
            params,
            reply,
        };
        let stopped = |_| super::render::internal("the node is shutting down");
        self.hub.send(job).await.map_err(stopped)?;
        answer
            .await
            .map_err(|_| super::render::internal("the node is shutting down"))?
    }

    /// Gives the chain's task an order and waits until it is carried out.
    pub(super) async fn order(&self, control: Control) -> Result<Height, DevnetError> {
        let (reply, done) = oneshot::channel();
        let job = Job::Order {
            endpoint: self.index,
            control,
            reply,
        };
        self.hub.send(job).await?;
        done.await.map_err(|_| DevnetError::Stopped)
    }
}
