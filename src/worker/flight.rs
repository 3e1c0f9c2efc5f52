//! One window's answer on its way: which step it is at, and what may follow.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::parcel::Letter;
use crate::{
    chain::{OpenWindow, Output, Uallo},
    forecast::Forecast,
    store::{SignedTx, State, Submission},
    types::{Height, WindowKey},
};

/// A submission that is not at its end yet.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) key: WindowKey,
    /// The last block that takes a submission, inclusive.
    pub(super) end: Height,
    /// When we learnt of the window.
    pub(super) seen: Instant,
    pub(super) step: Step,
    pub(super) value: Option<Output>,
    /// What the value is made from, if this run made it.
    pub(super) forecast: Option<Arc<Forecast>>,
    /// The answer, its bundle signed, once it is written.
    pub(super) letter: Option<Letter>,
    pub(super) gas: u64,
    /// What the newest signature pays.
    pub(super) fee: Uallo,
    /// Transactions of ours that blocks refused, not for another answer in them: each cost a fee.
    pub(super) refusals: u32,
    /// How many of them were refused for this answer and not for all in them.
    pub(super) blames: u32,
    /// Transactions that blocks refused for another answer in them.
    pub(super) delays: u32,
    /// How often mempools refused the answer itself.
    pub(super) blunders: u32,
    /// Whether its transaction was signed before the window opened.
    pub(super) is_presigned: bool,

    /// Blocks at which a node asked for an earlier sequence number.
    pub(super) waits: u32,
    /// Signatures since the last block: a bound on haste.
    pub(super) haste: u32,
    /// How often the same was sent elsewhere since the last block: where none come, it is done ever less.
    pub(super) in_vain: u32,
    /// Every signature that a block may still hold: hash and sequence.
    pub(super) signatures: Vec<(String, u64)>,
    /// Whether some of them may be out: a node took them, or did not tell.
    pub(super) uncertain: bool,
    /// The block after which its fee was above the cap, if that is why it is not signed.
    pub(super) too_dear: Option<Height>,
    /// Whether the chain is being asked about this window.
    pub(super) asking: bool,
    /// The height at which it was last asked, and when that was.
    pub(super) asked_at: Height,
    pub(super) asked: Option<Instant>,
    pub(super) origin: Origin,
    /// The hash of the transaction that was told to be submitted.
    pub(super) announced: String,
    /// The hash of the transaction whose refusal was waited out, since a node may hold it that did not
    /// tell: each is waited for once.
    pub(super) waited_out: String,
    /// The hash of the transaction that was refused because its sequence number was spent or the chain had
    /// an answer already, so that another one of this wallet may have been taken.
    pub(super) contested: Option<String>,
    /// What was last told to stand in the way, so that it is told once.
    pub(super) told: String,
}

/// Which run began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This one: its window is known to be open.
    Here,
    /// An earlier one, and its window has opened.
    Earlier,
    /// An earlier one, which prepared for a window that may never have opened.
    Unconfirmed,
}

/// Where a flight is.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing is signed, or the chain refused what was.
    Due,
    /// Something outside has to change before it makes sense to sign again.
    Hindered,
    /// Signed and journaled. From here on the same bytes are sent, never others.
    Prepared(Arc<SignedTx>),
    /// In a mempool since a height and a time.
    Pending {
        tx: Arc<SignedTx>,
        since: Height,
        at: Instant,
    },
    /// In a block; the window's close tells whether it counts.
    Included,
}

/// Blocks after which a transaction that no event told of is asked for. Where blocks aren't heard of, the
/// time that they and half a block more take.
const PATIENCE: i64 = 2;
const PATIENCE_IN_HALVES: u32 = 5;
/// Refusals because of another answer in the same transaction, before an answer goes alone.
const MOST_DELAYS: u32 = 2;
/// Signatures between two blocks.
const MAX_HASTE: u32 = 3;

/// How often the time that is given to what was sent in vain is doubled while no block is heard of.
const MOST_DOUBLINGS: u32 = 6;

/// The present, as the submitter knows it. The height is a past one while no blocks are heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) height: Height,
    pub(super) at: Instant,
    /// The usual time between two blocks.
    pub(super) block_time: Duration,
}

impl Present {
    /// Whether so much time has passed since then that blocks must have come; after tries in vain it takes
    /// longer.
    fn is_long_after(self, then: Instant, in_vain: u32) -> bool {
        let patience = self.block_time * PATIENCE_IN_HALVES / 2;
        let passed = self.at.saturating_duration_since(then);
        passed >= patience * (1 << in_vain.min(MOST_DOUBLINGS))
    }
}

/// What a flight wants when a block or some time has passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Want {
    Nothing,
    /// Sign, if need be, and send.
    Send,
    /// Ask whether the window ever opened.
    Opening,
    /// Ask whether the window is open to us.
    Standing,
    /// Ask whether the transaction is in a block.
    Inclusion,
    /// Ask how the window ended.
    Outcome,
}

impl Flight {
    pub(super) fn new(window: OpenWindow, seen: Instant, gas: u64) -> Self {
        Self {
            key: window.key,
            end: window.end,
            seen,
            step: Step::Due,
            value: None,
            forecast: None,
            letter: None,
            gas,
            fee: Uallo::default(),
            refusals: 0,
            blames: 0,
            delays: 0,
            blunders: 0,
            waits: 0,
            is_presigned: false,
            haste: 0,
            in_vain: 0,
            signatures: Vec::new(),
            uncertain: false,
            too_dear: None,
            asking: false,
            asked_at: Height::default(),
            asked: None,
            origin: Origin::Here,
            announced: String::new(),
            waited_out: String::new(),
            contested: None,
            told: String::new(),
        }
    }

    /// Takes up a submission of an earlier run. What was prepared counts as sent.
    pub(super) fn resumed(submission: Submission, gas: u64) -> Self {
        let value = submission
            .value
            .as_deref()
            .and_then(|value| value.parse().ok());
        let origin = if submission.is_prepared() {
            Origin::Unconfirmed
        } else {
            Origin::Earlier
        };
        let window = OpenWindow {
            key: submission.key,
            end: submission.window_end,
        };
        let step = match (submission.state, submission.signed) {
            (State::Included { .. }, _) => Step::Included,
            (State::Prepared(tx), _) | (State::Broadcast { .. }, Some(tx)) => Step::Prepared(tx),
            // A refusal may have been about something that only time mends.
            (State::Rejected(_), _) => Step::Hindered,
            _ => Step::Due,
        };
        let mut flight = Self::new(window, Instant::now(), gas);
        if let Step::Prepared(tx) = &step {
            flight.signatures.push((tx.hash.clone(), tx.sequence));
            flight.uncertain = true;
        }
        flight.origin = origin;
        flight.is_presigned = origin == Origin::Unconfirmed;
        flight.step = step;
        flight.value = value;
        flight
    }

    /// What to do at present.
    pub(super) fn want(&self, now: Present) -> Want {
        let height = now.height;
        if self.asking {
            return Want::Nothing;
        }
        // The chain's answer changes with its blocks.
        let may_ask = height > self.asked_at;
        match &self.step {
            _ if self.origin == Origin::Unconfirmed => {
                if may_ask && height > self.key.nonce.height() {
                    Want::Opening
                } else {
                    Want::Nothing
                }
            }
            _ if height > self.end => {
                if may_ask {
                    Want::Outcome
                } else {
                    Want::Nothing
                }
            }
            Step::Due | Step::Prepared(_) if self.is_in_time(height) => Want::Send,
            Step::Hindered if may_ask && self.is_in_time(height) => Want::Standing,
            Step::Pending { .. }
                if (may_ask
                    || self
                        .asked
                        .is_some_and(|then| now.is_long_after(then, self.in_vain)))
                    && self.is_overdue(now) =>
            {
                Want::Inclusion
            }
            _ => Want::Nothing,
        }
    }

    /// Whether a node took its transaction so long ago that a block should hold it, heard of or not. A
    /// node that may still take it is given two blocks, however long they last.
    pub(super) fn is_overdue(&self, now: Present) -> bool {
        let Step::Pending { tx, since, at } = &self.step else {
            return false;
        };
        let is_waited_out = self.waited_out == tx.hash && self.announced != tx.hash;
        now.height >= since.plus(PATIENCE)
            || (!is_waited_out && now.is_long_after(*at, self.in_vain))
    }

    /// Whether a node took its transaction, and no block is known to hold it.
    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.step, Step::Pending { .. })
    }

    /// Whether a transaction with this hash is an answer of ours to this window.
    pub(super) fn signed(&self, hash: &str) -> bool {
        self.signatures.iter().any(|(signed, _)| signed == hash)
    }

    /// The window is open: what an earlier run prepared for it may be sent. True when that is news.
    pub(super) fn confirm(&mut self) -> bool {
        let is_news = self.origin == Origin::Unconfirmed;
        if is_news {
            self.origin = Origin::Earlier;
            self.asked_at = Height::default();
        }
        is_news
    }

    /// The window, as a node told of it.
    pub(super) const fn window(&self) -> OpenWindow {
        OpenWindow {
            key: self.key,
            end: self.end,
        }
    }

    /// The hashes of all that was signed for it and may be in a block.
    pub(super) fn hashes(&self) -> Vec<String> {
        self.signatures
            .iter()
            .map(|(hash, _)| hash.clone())
            .collect()
    }

    /// Whether it is to have a transaction of its own: in company it was refused, or held up by
    /// others' refusals.
    pub(super) const fn is_alone(&self) -> bool {
        self.blames > 0 || self.delays >= MOST_DELAYS
    }

    /// The sequence that a signature of ours spends.
    pub(super) fn sequence_of(&self, hash: &str) -> Option<u64> {
        let signature = self.signatures.iter().find(|(signed, _)| signed == hash);
        signature.map(|(_, sequence)| *sequence)
    }

    /// Whether what is sent now can still be in a block of the window.
    pub(super) fn is_in_time(&self, height: Height) -> bool {
        height < self.end
    }

    /// Whether another signature is in order before the next block.
    pub(super) const fn may_hurry(&self) -> bool {
        self.haste < MAX_HASTE
    }

    /// The transaction that is out, or about to be.
    pub(super) const fn tx(&self) -> Option<&Arc<SignedTx>> {
        match &self.step {
            Step::Prepared(tx) | Step::Pending { tx, .. } => Some(tx),
            Step::Due | Step::Hindered | Step::Included => None,
        }
    }

    /// Whether nothing is signed for it.
    pub(super) const fn is_due(&self) -> bool {
        matches!(self.step, Step::Due)
    }

    /// Whether nothing of it is on its way: its answer is in a block, or waits for something that only
    /// others change.
    pub(super) const fn is_calm(&self) -> bool {
        match self.step {
            Step::Included | Step::Hindered => true,
            Step::Due => self.too_dear.is_some(),
            Step::Prepared(_) | Step::Pending { .. } => false,
        }
    }

    /// Whether what is signed for it is out, or will be, and can still be in a block.
    pub(super) fn may_land(&self, height: Height) -> bool {
        self.tx().is_some() && self.is_in_time(height) && self.origin != Origin::Unconfirmed
    }

    /// Whether a stop should wait for it: also for the verdict of the window's last block.
    pub(super) fn is_in_the_air(&self, height: Height) -> bool {
        self.tx().is_some() && height <= self.end && self.origin != Origin::Unconfirmed
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
