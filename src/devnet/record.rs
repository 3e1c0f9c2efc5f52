//! What happened to each window, as the chain itself knows it: the ground truth of a season.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// Windows that are remembered.
const REMEMBERED: usize = 10_000;

/// A window, from its opening on.
#[derive(Clone, Debug)]
pub struct WindowRecord {
    /// Its topic.
    pub topic: u64,
    /// The block whose end opened it.
    pub nonce: i64,
    /// The last block that takes answers.
    pub end: i64,
    /// When it opened.
    pub opened: Instant,
    /// Its blocks so far, the first after the opening first.
    pub blocks: Vec<BlockRecord>,
    /// Transactions for it that stand in blocks, refused ones included, in their order.
    pub answers: Vec<AnswerRecord>,
    /// The faults that held while it was open.
    pub faults: BTreeSet<String>,
}

/// A block of a window.
#[derive(Clone, Debug)]
pub struct BlockRecord {
    /// Its height.
    pub height: i64,
    /// When it came.
    pub at: Instant,
    /// For each endpoint whether nothing impaired it, or the chain, from the block before to this one.
    pub healthy: Vec<bool>,
}

/// A transaction for a window, in a block.
#[derive(Clone, Debug)]
pub struct AnswerRecord {
    /// Who sent it.
    pub sender: String,
    /// Its block.
    pub height: i64,
    /// 0, or why the chain refused it.
    pub code: u32,
    /// Whether the answer is the chain's from then on. So it is as well when the chain was ordered to say
    /// that it has it already.
    pub stands: bool,
    /// When the mempool took it.
    pub arrived: Instant,
}

/// An upgrade from emissions v9 to v10.
#[derive(Clone, Debug)]
pub struct UpgradeRecord {
    /// When it came.
    pub at: Instant,
    /// The block after it, the first that speaks v10.
    pub height: i64,
    /// The windows, as topic and nonce, that were open meanwhile.
    pub windows: Vec<(u64, i64)>,
}

/// An answer on its way from the chain to the record.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    pub(super) topic: u64,
    pub(super) nonce: i64,
    pub(super) answer: AnswerRecord,
}

/// All records, for whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    windows: Arc<Mutex<Vec<WindowRecord>>>,
    upgrades: Arc<Mutex<Vec<UpgradeRecord>>>,
}

impl Ledger {
    pub(super) fn windows(&self) -> Vec<WindowRecord> {
        self.with(|windows| windows.clone())
    }

    pub(super) fn upgrades(&self) -> Vec<UpgradeRecord> {
        let upgrades = self.upgrades.lock();
        upgrades.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn upgrade(&self, upgrade: UpgradeRecord) {
        let upgrades = self.upgrades.lock();
        let mut upgrades = upgrades.unwrap_or_else(PoisonError::into_inner);
        upgrades.push(upgrade);
        if upgrades.len() > REMEMBERED {
            upgrades.remove(0);
        }
    }

    pub(super) fn opened(&self) -> u64 {
        self.with(|windows| windows.len() as u64)
    }

    pub(super) fn open(&self, window: WindowRecord) {
        self.with(|windows| {
            windows.push(window);
            if windows.len() > REMEMBERED {
                windows.remove(0);
            }
        });
    }

    /// Notes a block in the windows that it belongs to.
    pub(super) fn add_block(&self, block: &BlockRecord, faults: &BTreeSet<String>) {
        self.with(|windows| {
            for window in windows.iter_mut().rev().take(64) {
                if (window.nonce + 1..=window.end).contains(&block.height) {
                    window.blocks.push(block.clone());
                    window.faults.extend(faults.iter().cloned());
                }
            }
        });
    }

    pub(super) fn land(&self, landed: Landed) {
        self.with(|windows| {
            let found = windows
                .iter_mut()
                .rev()
                .find(|window| (window.topic, window.nonce) == (landed.topic, landed.nonce));
            if let Some(window) = found {
                window.answers.push(landed.answer);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<WindowRecord>) -> T) -> T {
        act(&mut self.windows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
