//! The chain itself: a mempool, blocks, and what follows from them. No sockets and no clock here.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use time::OffsetDateTime;

use super::{
    ante::{self, Mode},
    config::DevnetConfig,
    control::Indexer,
    emissions, events, execute,
    faults::ChainEffects,
    mempool::Pending,
    record::{AnswerRecord, Landed},
    refusal::Refusal,
    state::{Account, Accounts, State},
    transaction::{Message, Transaction},
    view::View,
};
use crate::chain::jsonrpc::{Event, TxResult};

/// Blocks that are kept; older ones are forgotten.
const KEPT_BLOCKS: usize = 4_096;
/// States that queries may still ask for.
const KEPT_STATES: usize = 64;

/// A transaction in a block.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub(super) tx: Vec<u8>,
    pub(super) hash: String,
    pub(super) height: i64,
    pub(super) index: usize,
    /// The messages' answers, protobuf.
    pub(super) data: Vec<u8>,
    pub(super) result: TxResult,
}

/// A block and its results.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) height: i64,
    pub(super) time: OffsetDateTime,
    pub(super) txs: Vec<Arc<Delivered>>,
    /// What the block's end emitted.
    pub(super) events: Vec<Event>,
}

/// A refusal that is forced on the next transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Forced {
    pub(super) check: VecDeque<Refusal>,
    pub(super) deliver: VecDeque<Refusal>,
}

/// The chain.
pub(super) struct Chain {
    pub(super) config: DevnetConfig,
    pub(super) state: State,
    /// The accounts as they will be when all that is pending is in.
    pub(super) check: Accounts,
    pub(super) pending: Vec<Pending>,
    /// Hashes that the mempool has seen and still remembers.
    pub(super) cache: HashSet<String>,
    /// What endpoints that pass nothing on have taken, by their address.
    pub(super) holes: HashMap<String, Vec<Transaction>>,
    blocks: BTreeMap<i64, Arc<Block>>,
    by_hash: HashMap<String, Arc<Delivered>>,
    states: VecDeque<Arc<State>>,
    pub(super) forced: Forced,
    /// Blocks for which a new transaction is held back.
    pub(super) hold: i64,
    /// What the endpoint shows that is asked now.
    pub(super) view: View,
    /// What scripted faults do to the chain.
    pub(super) effects: ChainEffects,
    /// Answers that came into blocks since they were last taken from here.
    pub(super) landed: Vec<Landed>,
}

impl Chain {
    /// A chain with its first block.
    pub(super) fn new(config: DevnetConfig, now: OffsetDateTime) -> Self {
        let state = State::new(&config);
        let mut chain = Self {
            check: state.accounts.clone(),
            state,
            config,
            pending: Vec::new(),
            cache: HashSet::new(),
            holes: HashMap::new(),
            blocks: BTreeMap::new(),
            by_hash: HashMap::new(),
            states: VecDeque::new(),
            forced: Forced::default(),
            hold: 0,
            view: View::default(),
            effects: ChainEffects::default(),
            landed: Vec::new(),
        };
        chain.produce_block(now);
        chain
    }

    /// The chain's id, as the endpoint that is asked shows it.
    pub(super) fn shown_id(&self) -> &str {
        self.view
            .chain_id
            .as_deref()
            .unwrap_or(&self.config.chain_id)
    }

    /// The newest height that this node shows.
    pub(super) fn shown_height(&self) -> i64 {
        (self.state.height - self.view.lag).max(self.first_height())
    }

    /// The oldest block that is kept.
    pub(super) fn first_height(&self) -> i64 {
        self.blocks
            .keys()
            .next()
            .copied()
            .unwrap_or(self.state.height)
    }

    /// A block, if it is kept and shown.
    pub(super) fn block(&self, height: i64) -> Option<&Arc<Block>> {
        self.blocks
            .get(&height)
            .filter(|_| height <= self.shown_height())
    }

    /// The state that queries see: the newest shown one, or that of a height.
    pub(super) fn state_at(&self, height: Option<i64>) -> Option<Arc<State>> {
        let height = height.unwrap_or_else(|| self.shown_height());
        if height == self.state.height {
            return Some(Arc::new(self.state.clone()));
        }
        self.states
            .iter()
            .find(|state| state.height == height)
            .cloned()
    }

    /// A delivered transaction that the indexer knows.
    pub(super) fn indexed(&self, hash: &str) -> Option<&Arc<Delivered>> {
        self.by_hash
            .get(hash)
            .filter(|found| found.height <= self.indexed_height())
    }

    /// Whether a transaction stands in a block.
    pub(super) fn has_landed(&self, hash: &str) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// All that the indexer knows, oldest first.
    pub(super) fn all_indexed(&self) -> impl DoubleEndedIterator<Item = &Arc<Delivered>> {
        self.blocks
            .range(..=self.indexed_height())
            .flat_map(|(_, block)| &block.txs)
    }

    fn indexed_height(&self) -> i64 {
        match self.view.indexer {
            Indexer::On | Indexer::Off => self.shown_height(),
            Indexer::Behind(blocks) => self.shown_height() - blocks,
        }
    }

    /// Transactions that wait for a block.
    pub(super) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Opens an account for an address that is named for the first time, when all are funded.
    pub(super) fn fund(&mut self, address: &str) {
        if let Some(balance) = self.config.fund_unknown
            && super::state::check_address(address).is_ok()
        {
            self.state.accounts.open(address, balance);
            self.check.open(address, balance);
        }
    }

    /// Changes an account in the chain and for the mempool alike.
    pub(super) fn change_account(&mut self, address: &str, change: impl Fn(&mut Account)) {
        for accounts in [&mut self.state.accounts, &mut self.check] {
            accounts.open(address, 0);
            accounts.get_mut(address).into_iter().for_each(&change);
        }
    }

    /// Makes the next block of all that is pending and not held back.
    pub(super) fn produce_block(&mut self, now: OffsetDateTime) -> Arc<Block> {
        self.states.push_back(Arc::new(self.state.clone()));
        if self.states.len() > KEPT_STATES {
            self.states.pop_front();
        }
        let height = self.state.height + 1;
        let (ready, held) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition::<Vec<_>, _>(|pending| pending.from <= height);
        self.pending = held;
        emissions::rivals_answer(&mut self.state, height);
        let mut txs = Vec::new();
        for (index, pending) in ready.into_iter().enumerate() {
            let (arrived, windows) = (pending.arrived, windows_of(&pending.tx));
            let (delivered, stands) = self.deliver(pending.tx, height, index);
            for (sender, topic, nonce) in windows {
                let code = delivered.result.code;
                self.landed.push(Landed {
                    topic,
                    nonce,
                    answer: AnswerRecord {
                        sender,
                        height,
                        code,
                        stands,
                        arrived,
                    },
                });
            }
            txs.push(Arc::new(delivered));
        }
        let events = emissions::end_block(&mut self.state, height, self.config.version);
        self.state.height = height;
        let block = Arc::new(Block {
            height,
            time: now,
            txs,
            events,
        });
        self.remember(&block);
        self.recheck();
        block
    }

    fn remember(&mut self, block: &Arc<Block>) {
        for tx in &block.txs {
            // The mempool forgets what failed, so that the same bytes may come again.
            if tx.result.code != 0 {
                self.cache.remove(&tx.hash);
            }
            self.by_hash.insert(tx.hash.clone(), Arc::clone(tx));
        }
        self.blocks.insert(block.height, Arc::clone(block));
        if self.blocks.len() > KEPT_BLOCKS
            && let Some((_, old)) = self.blocks.pop_first()
        {
            for tx in &old.txs {
                self.by_hash.remove(&tx.hash);
                self.cache.remove(&tx.hash);
            }
        }
    }

    /// Carries out a transaction; gives whether its answers are the chain's from then on, too.
    fn deliver(&mut self, tx: Transaction, height: i64, index: usize) -> (Delivered, bool) {
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height,
            gas_price: self.state.gas_price,
            mode: Mode::Execute,
        };
        let (result, data, stands) = match ante::check(&tx, &mut self.state.accounts, &context) {
            Err(refusal) => {
                let used = ante::gas_when_refused(&tx, &refusal);
                (refused(&refusal, &tx, used, Vec::new()), Vec::new(), false)
            }
            Ok(()) => self.run_messages(&tx, height),
        };
        let delivered = Delivered {
            hash: tx.hash.clone(),
            tx: tx.bytes,
            height,
            index,
            data,
            result,
        };
        (delivered, stands)
    }

    /// The messages and what stands around them; the fee is paid already.
    fn run_messages(&mut self, tx: &Transaction, height: i64) -> (TxResult, Vec<u8>, bool) {
        let paid = tx
            .fee
            .first()
            .and_then(|c| c.amount.parse().ok())
            .unwrap_or(0_u128);
        let before = events::before_messages(tx, paid);
        let forced = self.forced.deliver.pop_front();
        if let Some(refusal) = forced.or_else(|| self.effects.refusal.clone()) {
            let stands = refusal.says_it_is_in() && self.run_unseen(tx, height);
            let result = refused(&refusal, tx, execute::gas_used(tx), before);
            return (result, Vec::new(), stands);
        }
        let version = self.config.version;
        let outcome = execute::run(tx, &mut self.state, height, version, tx.gas_limit);
        if let Some(refusal) = outcome.refusal {
            let result = refused(&refusal, tx, outcome.gas_used, before);
            return (result, Vec::new(), false);
        }
        let used = u128::from(outcome.gas_used) * self.state.gas_price;
        let mut all = before;
        all.extend(outcome.events);
        all.extend(events::after_messages(
            used.min(paid),
            paid.saturating_sub(used),
        ));
        let result = TxResult {
            gas_wanted: gas_number(tx.gas_limit),
            gas_used: gas_number(outcome.gas_used),
            events: all,
            ..TxResult::default()
        };
        (result, outcome.data, true)
    }

    /// Takes a transaction's answers as if they had come by another way.
    fn run_unseen(&mut self, tx: &Transaction, height: i64) -> bool {
        let version = self.config.version;
        let outcome = execute::run(tx, &mut self.state, height, version, tx.gas_limit);
        outcome.refusal.is_none()
    }
}

/// Who answers which windows with a transaction.
fn windows_of(tx: &Transaction) -> Vec<(String, u64, i64)> {
    let answers = tx.messages.iter().filter_map(|message| match message {
        Message::Insert(request) => {
            let bundle = request.worker_data_bundle.as_ref()?;
            let nonce = bundle.nonce.as_ref()?.block_height;
            Some((request.sender.clone(), bundle.topic_id, nonce))
        }
        Message::Register(_) => None,
    });
    answers.collect()
}

fn refused(refusal: &Refusal, tx: &Transaction, gas_used: u64, events: Vec<Event>) -> TxResult {
    TxResult {
        code: refusal.code,
        log: refusal.log.clone(),
        codespace: refusal.codespace.clone(),
        gas_wanted: gas_number(tx.gas_limit),
        gas_used: gas_number(gas_used),
        events,
    }
}

fn gas_number(gas: u64) -> i64 {
    i64::try_from(gas).unwrap_or(i64::MAX)
}
