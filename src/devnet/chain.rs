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
    emissions, events,
    execute::{self, Outcome},
    refusal::Refusal,
    state::{Account, Accounts, State},
    transaction::{self, Transaction},
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

struct Pending {
    tx: Transaction,
    /// The first block that may take it.
    from: i64,
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
    check: Accounts,
    pending: Vec<Pending>,
    /// Hashes that the mempool has seen and still remembers.
    cache: HashSet<String>,
    blocks: BTreeMap<i64, Arc<Block>>,
    by_hash: HashMap<String, Arc<Delivered>>,
    states: VecDeque<Arc<State>>,
    pub(super) forced: Forced,
    /// Blocks for which a new transaction is held back.
    pub(super) hold: i64,
    /// How many blocks behind the truth answers are.
    pub(super) lag: i64,
    pub(super) indexer: Indexer,
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
            blocks: BTreeMap::new(),
            by_hash: HashMap::new(),
            states: VecDeque::new(),
            forced: Forced::default(),
            hold: 0,
            lag: 0,
            indexer: Indexer::On,
        };
        chain.produce_block(now);
        chain
    }

    /// The newest height that this node shows.
    pub(super) fn shown_height(&self) -> i64 {
        (self.state.height - self.lag).max(self.first_height())
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

    /// All that the indexer knows, oldest first.
    pub(super) fn all_indexed(&self) -> impl DoubleEndedIterator<Item = &Arc<Delivered>> {
        self.blocks
            .range(..=self.indexed_height())
            .flat_map(|(_, block)| &block.txs)
    }

    fn indexed_height(&self) -> i64 {
        match self.indexer {
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

    /// Takes a transaction into the mempool. None when its bytes are there, or in a block, already.
    pub(super) fn submit(&mut self, bytes: &[u8]) -> Option<Result<(), Refusal>> {
        let hash = transaction::hash(bytes);
        if !self.cache.insert(hash.clone()) {
            return None;
        }
        let checked = self.check_new(bytes);
        if checked.is_err() {
            self.cache.remove(&hash);
        }
        Some(checked)
    }

    fn check_new(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let tx = Transaction::decode(bytes, self.config.version)?;
        tx.signers().iter().for_each(|signer| self.fund(signer));
        if let Some(refusal) = self.forced.check.pop_front() {
            return Err(refusal);
        }
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Execute,
        };
        ante::check(&tx, &mut self.check, &context)?;
        self.pending.push(Pending {
            tx,
            from: self.state.height + 1 + self.hold,
        });
        Ok(())
    }

    /// Runs a transaction without keeping anything; gives the gas that it used.
    pub(super) fn simulate(&mut self, bytes: &[u8]) -> Result<Outcome, (Refusal, u64)> {
        let tx = Transaction::decode(bytes, self.config.version).map_err(|r| (r, 0))?;
        tx.signers().iter().for_each(|signer| self.fund(signer));
        let mut branch = self.state.clone();
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Simulate,
        };
        branch.accounts = self.check.clone();
        ante::check(&tx, &mut branch.accounts, &context).map_err(|r| (r, ante::gas(&tx)))?;
        let height = self.state.height;
        let outcome = execute::run(&tx, &mut branch, height, self.config.version, u64::MAX);
        match outcome.refusal {
            Some(refusal) => Err((refusal, outcome.gas_used)),
            None => Ok(outcome),
        }
    }

    /// Forgets all that is pending, as a node does that is short of memory or restarted.
    pub(super) fn evict(&mut self) {
        for pending in self.pending.drain(..) {
            self.cache.remove(&pending.tx.hash);
        }
        self.check = self.state.accounts.clone();
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
            txs.push(Arc::new(self.deliver(pending.tx, height, index)));
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

    /// Checks all that still waits against the accounts as they are now.
    fn recheck(&mut self) {
        self.check = self.state.accounts.clone();
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height: self.state.height,
            gas_price: self.state.gas_price,
            mode: Mode::Recheck,
        };
        for pending in std::mem::take(&mut self.pending) {
            match ante::check(&pending.tx, &mut self.check, &context) {
                Ok(()) => self.pending.push(pending),
                Err(_) => {
                    self.cache.remove(&pending.tx.hash);
                }
            }
        }
    }

    fn deliver(&mut self, tx: Transaction, height: i64, index: usize) -> Delivered {
        let context = ante::Context {
            chain_id: &self.config.chain_id,
            height,
            gas_price: self.state.gas_price,
            mode: Mode::Execute,
        };
        let (result, data) = match ante::check(&tx, &mut self.state.accounts, &context) {
            Err(refusal) => (
                refused(&refusal, &tx, ante::gas(&tx), Vec::new()),
                Vec::new(),
            ),
            Ok(()) => self.run_messages(&tx, height),
        };
        Delivered {
            hash: tx.hash.clone(),
            tx: tx.bytes,
            height,
            index,
            data,
            result,
        }
    }

    /// The messages and what stands around them; the fee is paid already.
    fn run_messages(&mut self, tx: &Transaction, height: i64) -> (TxResult, Vec<u8>) {
        let paid = tx
            .fee
            .first()
            .and_then(|c| c.amount.parse().ok())
            .unwrap_or(0_u128);
        let before = events::before_messages(tx, paid);
        if let Some(refusal) = self.forced.deliver.pop_front() {
            return (
                refused(&refusal, tx, execute::gas_used(tx), before),
                Vec::new(),
            );
        }
        let version = self.config.version;
        let outcome = execute::run(tx, &mut self.state, height, version, tx.gas_limit);
        if let Some(refusal) = outcome.refusal {
            return (refused(&refusal, tx, outcome.gas_used, before), Vec::new());
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
        (result, outcome.data)
    }
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
