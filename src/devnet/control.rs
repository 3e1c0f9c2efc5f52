//! Orders to a running devnet: the tests' way to make the chain and its node misbehave.

use std::time::Duration;

use super::{
    chain::Chain,
    config::EmissionsVersion,
    faults::Order,
    refusal::Refusal,
    state::{Score, Topic},
};
use crate::types::TopicId;

/// Something that the devnet is told to do.
#[derive(Clone, Debug)]
pub enum Control {
    /// Cuts all WebSockets.
    DropSockets,
    /// Sends no event over any WebSocket while it holds, though all stay open and answer.
    Silence(bool),
    /// Refuses so many of the next subscriptions.
    RefuseSubscribes(u32),
    /// Stops the block clock.
    Pause,
    /// Lets the block clock go on.
    Resume,
    /// Makes so many blocks at once, paused or not. More than 100 leave every WebSocket behind, and
    /// its subscriptions are ended as a slow client's.
    ProduceBlocks(u32),
    /// Holds each transaction that comes from now on out of so many blocks.
    HoldTransactions {
        /// Blocks that go by without it; 0 holds none.
        blocks: u32,
    },
    /// Empties the mempool.
    EvictMempool,
    /// Answers the next requests of a method otherwise than by their truth.
    Answer {
        /// The JSON-RPC method, such as `abci_query`; `*` is any.
        method: String,
        /// How many requests.
        times: u32,
        /// With what.
        with: Answer,
    },
    /// Refuses the next transaction.
    Refuse {
        /// Where.
        stage: Stage,
        /// The module whose code it is.
        codespace: String,
        /// The code, not 0.
        code: u32,
        /// The text.
        log: String,
    },
    /// Sets the gas price, uallo.
    GasPrice(u128),
    /// Sets how many inferers count.
    MaxTopInferers(usize),
    /// Registers a worker in a topic, or ends its registration.
    Register {
        /// The topic.
        topic: TopicId,
        /// The worker.
        address: String,
        /// Whether it is registered from now on.
        registered: bool,
    },
    /// Bars an address from a topic, or lifts the bar.
    Whitelist {
        /// The topic.
        topic: TopicId,
        /// The worker.
        address: String,
        /// Whether it may submit from now on.
        allowed: bool,
    },
    /// Starts or stops a topic's windows.
    TopicActive {
        /// The topic.
        topic: TopicId,
        /// Whether it is active from now on.
        active: bool,
    },
    /// Makes a topic's weight too small for it to be active, or enough again. Without weight it is
    /// inactive from where its next window would open; with weight, it is active again as soon as
    /// someone pays a fee to it.
    TopicWeight {
        /// The topic.
        topic: TopicId,
        /// Whether its weight suffices from now on.
        suffices: bool,
    },
    /// Opens the next window of a topic later than it is told: where it was due, nothing happens.
    /// The windows after it follow one epoch apart.
    DelayWindow {
        /// The topic.
        topic: TopicId,
        /// By so many blocks; 0 takes the order back.
        blocks: u32,
    },
    /// Sets a worker's score in a topic.
    Score {
        /// The topic.
        topic: TopicId,
        /// The worker.
        address: String,
        /// Its score.
        score: f64,
    },
    /// Sets an account's balance, uallo; opens the account when there is none.
    Fund {
        /// The account.
        address: String,
        /// Its balance from now on.
        balance: u128,
    },
    /// Sets an account's sequence number, as if it had sent transactions from elsewhere.
    Sequence {
        /// The account.
        address: String,
        /// Its next sequence number.
        sequence: u64,
    },
    /// Answers queries, status and blocks from so many blocks ago.
    Lag(u32),
    /// Sets the transaction indexer.
    Indexer(Indexer),
    /// Speaks another version of the emissions module from now on, as after a chain's upgrade.
    Upgrade(EmissionsVersion),
    /// Plays these faults beside those that are ordered already.
    Play(Vec<Order>),
}

/// What a request gets in place of its true answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A JSON-RPC error.
    Error {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
        /// Its data.
        data: String,
    },
    /// A bare HTTP answer, such as a proxy's error page in HTML.
    Http {
        /// The status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The true answer, later.
    Delay(Duration),
    /// Takes the request and what it does, and answers nothing: the connection is held open.
    Swallow,
    /// 429 with Retry-After.
    Busy {
        /// When it may be asked again.
        retry_after: Duration,
    },
    /// The true answer, cut off in its middle.
    Truncate,
}

/// Where a transaction is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On its way into the mempool; nothing is spent.
    Check,
    /// In its block, by its messages; fee and sequence number are spent.
    Deliver,
}

/// What the transaction indexer knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Indexer {
    /// All.
    #[default]
    On,
    /// All but the newest blocks.
    Behind(i64),
    /// Nothing: searches are refused.
    Off,
}

impl Control {
    /// A refusal's parts, in order: stage, codespace, code and text.
    #[must_use]
    pub fn refuse(stage: Stage, codespace: &str, code: u32, log: &str) -> Self {
        Self::Refuse {
            stage,
            codespace: codespace.into(),
            code,
            log: log.into(),
        }
    }
}

/// The part of an order that the chain itself carries out.
pub(super) fn apply(control: Control, chain: &mut Chain) {
    match control {
        Control::HoldTransactions { blocks } => chain.hold = i64::from(blocks),
        Control::EvictMempool => chain.evict(),
        Control::Refuse {
            stage,
            codespace,
            code,
            log,
        } => {
            let refusal = Refusal {
                codespace,
                code,
                log,
            };
            match stage {
                Stage::Check => chain.forced.check.push_back(refusal),
                Stage::Deliver => chain.forced.deliver.push_back(refusal),
            }
        }
        Control::GasPrice(price) => chain.state.gas_price = price * chain.effects.price_times,
        Control::MaxTopInferers(places) => chain.state.max_top_inferers = places,
        Control::Fund { address, balance } => {
            chain.change_account(&address, |account| account.balance = balance);
        }
        Control::Sequence { address, sequence } => {
            chain.change_account(&address, |account| account.sequence = sequence);
        }
        Control::Upgrade(version) => chain.config.version = version,
        Control::Register { topic, .. }
        | Control::Whitelist { topic, .. }
        | Control::TopicActive { topic, .. }
        | Control::TopicWeight { topic, .. }
        | Control::DelayWindow { topic, .. }
        | Control::Score { topic, .. } => {
            let height = chain.state.height;
            if let Some(topic) = chain.state.topics.get_mut(&topic.0) {
                apply_to_topic(control, topic, height);
            }
        }
        // These are the node's, not the chain's.
        Control::DropSockets
        | Control::Silence(_)
        | Control::RefuseSubscribes(_)
        | Control::Pause
        | Control::Resume
        | Control::ProduceBlocks(_)
        | Control::Lag(_)
        | Control::Indexer(_)
        | Control::Play(_)
        | Control::Answer { .. } => {}
    }
}

fn apply_to_topic(control: Control, topic: &mut Topic, height: i64) {
    match control {
        Control::Register {
            address,
            registered,
            ..
        } => {
            topic.workers.remove(&address);
            topic.workers.extend(registered.then_some(address));
        }
        Control::Whitelist {
            address,
            allowed: true,
            ..
        } => {
            topic.barred.remove(&address);
            if let Some(list) = topic.whitelist.as_mut() {
                list.insert(address);
            }
        }
        Control::Whitelist {
            address,
            allowed: false,
            ..
        } => {
            topic.barred.insert(address);
        }
        Control::TopicActive { active, .. } => {
            topic.may_be_active = active;
            let next = topic
                .next_opening
                .unwrap_or_else(|| topic.at_its_phase(height));
            topic.next_opening = active.then_some(next);
        }
        Control::TopicWeight { suffices, .. } => topic.may_be_active = suffices,
        Control::DelayWindow { blocks, .. } => topic.late = i64::from(blocks),
        Control::Score { address, score, .. } => {
            let nonce = topic.scores.get(&address).map_or(0, |s| s.nonce);
            topic.scores.insert(
                address,
                Score {
                    value: score,
                    nonce,
                },
            );
        }
        _ => {}
    }
}
