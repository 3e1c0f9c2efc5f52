//! The windows of topics as the chain opened and closed them, from every block's results.

use std::collections::{BTreeMap, BTreeSet};

use allora_worker::chain::jsonrpc::Event;
use serde::de::DeserializeOwned;

use crate::chain::{Chain, Submission};

/// The topic of all tests that need only one, and the first of those that need more.
pub(crate) const TOPIC: u64 = 67;
/// Blocks beyond an epoch in which a round of windows must have opened and closed.
const PATIENCE: i64 = 32;

/// One submission window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Whose.
    pub(crate) topic: u64,
    /// The block that opened it.
    pub(crate) nonce: i64,
    /// The last block that takes a submission.
    pub(crate) end: i64,
    /// Whose inference counted, once it is closed.
    pub(crate) counted: BTreeSet<String>,
    closed: bool,
}

impl Window {
    /// One that has closed.
    pub(crate) const fn closed(
        topic: u64,
        nonce: i64,
        end: i64,
        counted: BTreeSet<String>,
    ) -> Self {
        Self {
            topic,
            nonce,
            end,
            counted,
            closed: true,
        }
    }
}

/// All windows of some topics.
pub(crate) struct Ledger<'a> {
    chain: &'a Chain,
    topics: BTreeSet<u64>,
    next: i64,
    /// By nonce and topic.
    windows: BTreeMap<(i64, u64), Window>,
}

impl<'a> Ledger<'a> {
    /// Reads the first topic's windows from the chain's first block on.
    pub(crate) fn new(chain: &'a Chain) -> Self {
        Self::of(chain, [TOPIC])
    }

    /// Reads the windows of these topics from the chain's first block on.
    pub(crate) fn of(chain: &'a Chain, topics: impl IntoIterator<Item = u64>) -> Self {
        Self {
            chain,
            topics: topics.into_iter().collect(),
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
        let later = self.windows.range((after + 1, 0)..);
        later.map(|(_, window)| window)
    }

    /// The window that takes submissions in the block after `height`; of many topics, the last's.
    pub(crate) fn open_at(&self, height: i64) -> Option<&Window> {
        let newest = self.windows.range(..=(height, u64::MAX)).next_back()?.1;
        (height < newest.end).then_some(newest)
    }

    /// The block that opens the next window of topics whose windows open together every `epoch` blocks.
    pub(crate) fn next_opening(&mut self, epoch: i64) -> i64 {
        let height = self.advance();
        let newest = self.windows.last_key_value().map(|((nonce, _), _)| *nonce);
        let newest = newest.expect("the topic has opened windows");
        newest + epoch * ((height - newest) / epoch + 1)
    }

    /// Waits until `count` windows with `nonce > after` have closed, in epochs of at most 100 blocks;
    /// these.
    pub(crate) fn wait_for_closed(&mut self, after: i64, count: usize) -> Vec<Window> {
        let rounds = count.div_ceil(self.topics.len());
        let longest = 100.min(8 + 2 * i64::try_from(self.topics.len()).expect("few topics"));
        let rounds = i64::try_from(rounds).expect("a small count");
        let last = after + 2 * PATIENCE + (longest + PATIENCE) * rounds;
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
                height < last,
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
        let Some(topic) = typed::<String>(event, "topic_id").and_then(|id| id.parse().ok()) else {
            return;
        };
        if !self.topics.contains(&topic) {
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
                    topic,
                    nonce,
                    end: end.parse().expect("a height"),
                    counted: BTreeSet::new(),
                    closed: false,
                };
                self.windows.insert((nonce, topic), window);
            }
            "EventWorkerSubmissionWindowClosed" => self.known(topic, nonce).closed = true,
            "EventActiveInferersSet" => {
                let addresses: Vec<String> = typed(event, "addresses").unwrap_or_default();
                self.known(topic, nonce).counted.extend(addresses);
            }
            _ => {}
        }
    }

    fn known(&mut self, topic: u64, nonce: i64) -> &mut Window {
        self.windows.get_mut(&(nonce, topic)).unwrap_or_else(|| {
            panic!("topic {topic} closed window {nonce} without having opened it")
        })
    }
}

/// A window with the transactions that answered it.
pub(crate) struct Answered {
    /// The window.
    pub(crate) window: Window,
    /// Every submission of the worker for it, refused ones included.
    pub(crate) txs: Vec<Submission>,
}

impl Answered {
    /// The block that holds the accepted submission, counted from the nonce.
    pub(crate) fn blocks_after(&self) -> Option<i64> {
        let accepted = self.txs.iter().find(|tx| tx.code == 0)?;
        Some(accepted.height - self.window.nonce)
    }

    /// What is wrong with it: anything but one submission, accepted within `latest` blocks after the
    /// nonce, and counted.
    pub(crate) fn fault(&self, address: &str, latest: i64) -> Option<String> {
        let Window { topic, nonce, .. } = self.window;
        let place = format!("topic {topic}, window {nonce}");
        if self.txs.len() != 1 {
            return Some(format!(
                "{place} takes one submission, refused ones included: {:?}",
                self.txs
            ));
        }
        match self.blocks_after() {
            None => Some(format!("{place}: refused: {:?}", self.txs)),
            Some(blocks) if blocks > latest => Some(format!(
                "{place}: included at nonce+{blocks}, nonce+{latest} is the latest: {:?}",
                self.txs
            )),
            Some(_) if !self.window.counted.contains(address) => {
                Some(format!("{place} closed without us: {:?}", self.window))
            }
            Some(_) => None,
        }
    }
}

/// Puts the worker's submissions to their windows.
pub(crate) fn pair(windows: &[Window], txs: &[Submission]) -> Vec<Answered> {
    windows
        .iter()
        .map(|window| Answered {
            window: window.clone(),
            txs: txs
                .iter()
                .filter(|tx| (tx.topic, tx.nonce) == (window.topic, window.nonce))
                .cloned()
                .collect(),
        })
        .collect()
}

/// No submission after block `after` is for a window that never opened.
pub(crate) fn assert_no_strays(ledger: &Ledger<'_>, txs: &[Submission], after: i64) {
    let opened = |tx: &Submission| ledger.windows.contains_key(&(tx.nonce, tx.topic));
    let later = txs.iter().filter(|tx| tx.nonce > after);
    let strays: Vec<_> = later.filter(|tx| !opened(tx)).collect();
    assert!(
        strays.is_empty(),
        "transactions for windows that never opened: {strays:?}"
    );
}

/// An attribute of a typed event: JSON in a string.
fn typed<T: DeserializeOwned>(event: &Event, key: &str) -> Option<T> {
    serde_json::from_str(event.attribute(key)?).ok()
}
