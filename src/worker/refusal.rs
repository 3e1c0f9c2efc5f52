//! What the submitter does about refusals.

use super::{flight::Step, submitter::Submitter};
use crate::{
    chain::{Answer, Next},
    ops::Event,
    store::{Refusal, State},
    types::WindowKey,
};

/// Refusals in blocks, each of which cost a fee, before a window is given up.
const MAX_REFUSALS: u32 = 3;
/// Mempools' refusals of the answer itself, before a window is given up.
const MAX_BLUNDERS: u32 = 5;
/// Blocks that are let go by after each refusal in a block but the first: what is wrong may pass.
const RESPITE: i64 = 2;
/// The last blocks of a window, which no respite may take.
const TO_TRY: i64 = 3;

impl Submitter {
    /// A mempool did not take the transaction: it spent nothing, and another with the same sequence
    /// excludes it.
    pub(super) async fn refused_by_mempool(
        &mut self,
        keys: &[WindowKey],
        refusal: Refusal,
        answer: Answer,
    ) {
        self.take_note(keys, &refusal, answer.advice());
        match answer.next() {
            Next::Rewrite => {
                self.parts.chain.rpc.prefer_next();
                for &key in keys {
                    if self.is_hopeless(key) {
                        self.miss(key, reason(&refusal));
                    } else {
                        self.rewrite(key);
                    }
                }
            }
            Next::Rebuild => {
                // A node that refuses what was mended is wrong itself, or behind.
                if self.flights_of(keys).any(|flight| flight.haste > 1) {
                    self.parts.chain.rpc.prefer_next();
                }
                self.rebuild(keys, &answer).await;
            }
            _ => {
                // What is one node's error is not the next one's.
                self.parts.chain.rpc.prefer_next();
                for &key in keys {
                    self.hinder(key);
                }
            }
        }
    }

    /// A block refused the transaction of these windows, which can't come again.
    pub(super) async fn refused_by_block(
        &mut self,
        keys: &[WindowKey],
        refusal: Refusal,
        answer: Answer,
    ) {
        self.take_note(keys, &refusal, answer.advice());
        let mut again = Vec::new();
        for &key in keys {
            let Some(flight) = self.flights.get_mut(&key) else {
                continue;
            };
            flight.uncertain = !flight.signatures.is_empty();
            let worn_out = flight.refusals >= MAX_REFUSALS;
            match answer.next() {
                _ if worn_out => {
                    let cause = format!("{MAX_REFUSALS} refusals, the last: {}", reason(&refusal));
                    self.miss(key, cause);
                }
                Next::Rebuild => again.push(key),
                Next::Rewrite => {
                    self.rewrite(key);
                    self.rest(key);
                }
                _ => {
                    self.hinder(key);
                    self.rest(key);
                }
            }
        }
        if !again.is_empty() {
            self.rebuild(&again, &answer).await;
        }
    }

    /// A block refused the transaction of these windows because of another answer in it: they go again
    /// at once, without that one.
    pub(super) async fn held_up(&mut self, keys: Vec<WindowKey>, refusal: &Refusal) {
        let next = "another answer in the same transaction was refused; sending without it";
        self.take_note(&keys, refusal, next);
        for flight in self.flights_of(&keys) {
            flight.uncertain = !flight.signatures.is_empty();
            flight.delays += 1;
            flight.step = Step::Due;
        }
        Box::pin(self.launch(keys)).await;
    }

    pub(super) fn tell_refusal(&self, key: WindowKey, refusal: &Refusal, next: &str) {
        self.tell(Event::SubmissionRefused {
            topic: key.topic,
            nonce: key.nonce,
            codespace: refusal.codespace.clone(),
            code: refusal.code,
            log: refusal.log.clone(),
            next: next.into(),
        });
    }

    /// Tells and journals a refusal of the transaction with these windows' answers.
    fn take_note(&self, keys: &[WindowKey], refusal: &Refusal, next: &str) {
        for &key in keys {
            self.tell_refusal(key, refusal, next);
        }
        let rejected = |&key| self.step(key, State::Rejected(refusal.clone()));
        let steps = keys.iter().filter_map(rejected).collect();
        self.parts.scribe.write(steps);
    }

    /// Mends what was wrong and signs anew. The recursion of sending and answer is bounded by the
    /// flights' haste.
    async fn rebuild(&mut self, keys: &[WindowKey], answer: &Answer) {
        let mended = self.mend(answer).await;
        let tried = self.flights_of(keys).map(|flight| flight.gas).max();
        let gas = match tried {
            Some(tried) if *answer == Answer::OutOfGas => Some(self.ledger.raise_gas(tried)),
            _ => None,
        };
        for flight in self.flights_of(keys) {
            flight.step = Step::Due;
            flight.gas = gas.unwrap_or(flight.gas);
        }
        match mended {
            Ok(()) => Box::pin(self.launch(keys.to_vec())).await,
            Err(error) => {
                let next = "trying again at the next block";
                self.delay(keys, &error.to_string(), next);
            }
        }
    }

    /// Whether mempools have refused the answer itself too often. Where earlier bytes may be out, the
    /// window's close tells.
    fn is_hopeless(&mut self, key: WindowKey) -> bool {
        self.flights.get_mut(&key).is_some_and(|flight| {
            flight.blunders += 1;
            flight.blunders >= MAX_BLUNDERS && !flight.uncertain
        })
    }

    /// Has the answer written anew once the chain says that the window is open to us.
    fn rewrite(&mut self, key: WindowKey) {
        self.hinder(key);
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.letter = None;
        }
    }

    /// Leaves some blocks between refusals that cost a fee.
    fn rest(&mut self, key: WindowKey) {
        let height = self.height;
        if let Some(flight) = self.flights.get_mut(&key) {
            let respite = i64::from(flight.refusals.saturating_sub(1)) * RESPITE;
            let latest = flight.end.plus(-TO_TRY);
            flight.asked_at = height.plus(respite).min(latest).max(height);
        }
    }

    /// Waits until the chain says that the window is open to us.
    pub(super) fn hinder(&mut self, key: WindowKey) {
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.step = Step::Hindered;
        }
    }
}

fn reason(refusal: &Refusal) -> String {
    format!("{} ({} {})", refusal.log, refusal.codespace, refusal.code)
}
