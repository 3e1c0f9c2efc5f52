//! The windows of a topic as the chain opened and closed them, from every block's results.

use std::collections::{BTreeMap, BTreeSet};

use allora_worker::chain::jsonrpc::Event;
use serde::de::DeserializeOwned;

use crate::chain::{Chain, Submission};

/// The topic of all tests.
pub(crate) const TOPIC: u64 = 67;

/// One submission window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// The block that opened it.
    pub(crate) nonce: i64,
    /// The last block that takes a submission.
    pub(crate) end: i64,
    /// Whose inference counted, once it is closed.
    pub(crate) counted: BTreeSet<String>,
    closed: bool,
}

/// All windows from a block on.
pub(crate) struct Ledger<'a> {
    chain: &'a Chain,
    next: i64,
    windows: BTreeMap<i64, Window>,
}

impl<'a> Ledger<'a> {
    /// Reads from the chain's first block on.
    pub(crate) fn new(chain: &'a Chain) -> Self {
        Self {
            chain,
            next: 1,
            windows: BTreeMap::new(),
        }
    }

    /// Reads all blocks up to the newest, and tells its height.
    pub(crate) fn advance(&mut self) -> i64 {
        let newest = self.chain.height();
        for height in self.next..=newest {
            let results = self.chain.block_results(height);
            for event in results.finalize_block_events.unwrap_or_default() {
                self.note(&event, height);
            }
        }
        self.next = newest + 1;
        newest
    }

    /// The windows with `nonce > after`, oldest first, as far as read.
    pub(crate) fn windows_after(&self, after: i64) -> impl Iterator<Item = &Window> {
        self.windows.range(after + 1..).map(|(_, window)| window)
    }

    /// The window that takes submissions in the block after `height`.
    pub(crate) fn open_at(&self, height: i64) -> Option<&Window> {
        let newest = self.windows.range(..=height).next_back()?.1;
        (height < newest.end).then_some(newest)
    }

    /// Waits until `count` windows with `nonce > after` have closed; these.
    pub(crate) fn wait_for_closed(&mut self, after: i64, count: usize) -> Vec<Window> {
        loop {
            let height = self.advance();
            let closed: Vec<Window> = self
                .windows_after(after)
                .take_while(|window| window.closed)
                .take(count)
                .cloned()
                .collect();
            if closed.len() == count {
                return closed;
            }
            // Bounded: this fails when blocks stop, and windows open in all epochs.
            assert!(
                height < after + 60 + 40 * i64::try_from(count).expect("a small count"),
                "only {} of {count} windows closed between blocks {after} and {height}",
                closed.len()
            );
            self.chain.wait_for(height + 1);
        }
    }

    fn note(&mut self, event: &Event, height: i64) {
        let Some(name) = event
            .kind
            .strip_prefix("emissions.v")
            .and_then(|rest| rest.split_once('.'))
            .map(|(_, name)| name)
        else {
            return;
        };
        if typed::<String>(event, "topic_id") != Some(TOPIC.to_string()) {
            return;
        }
        let Some(nonce) = typed::<String>(event, "nonce_block_height") else {
            return;
        };
        let nonce: i64 = nonce.parse().expect("a height");
        match name {
            "EventWorkerSubmissionWindowOpened" => {
                assert_eq!(nonce, height, "a nonce is the height that opened it");
                let end: String = typed(event, "window_end_block").expect("the window's end");
                let window = Window {
                    nonce,
                    end: end.parse().expect("a height"),
                    counted: BTreeSet::new(),
                    closed: false,
                };
                self.windows.insert(nonce, window);
            }
            "EventWorkerSubmissionWindowClosed" => self.known(nonce).closed = true,
            "EventActiveInferersSet" => {
                let addresses: Vec<String> = typed(event, "addresses").unwrap_or_default();
                self.known(nonce).counted.extend(addresses);
            }
            _ => {}
        }
    }

    fn known(&mut self, nonce: i64) -> &mut Window {
        self.windows
            .get_mut(&nonce)
            .unwrap_or_else(|| panic!("window {nonce} closed without having opened"))
    }
}

/// A window with the transactions that answered it.
pub(crate) struct Answered {
    /// The window.
    pub(crate) window: Window,
    /// Every transaction of the worker for its nonce, refused ones included.
    pub(crate) txs: Vec<Submission>,
}

/// Puts the worker's transactions to their windows.
pub(crate) fn pair(windows: &[Window], txs: &[Submission]) -> Vec<Answered> {
    windows
        .iter()
        .map(|window| Answered {
            window: window.clone(),
            txs: txs
                .iter()
                .filter(|tx| tx.nonce == window.nonce)
                .cloned()
                .collect(),
        })
        .collect()
}

/// An attribute of a typed event: JSON in a string.
fn typed<T: DeserializeOwned>(event: &Event, key: &str) -> Option<T> {
    serde_json::from_str(event.attribute(key)?).ok()
}
