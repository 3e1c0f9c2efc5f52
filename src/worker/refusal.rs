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
            Next::GiveUp => {
                for &key in keys {
                    // Earlier bytes may be out: the window's close tells.
                    if self.flights.get(&key).is_some_and(|it| it.uncertain) {
                        self.hinder(key);
                    } else {
                        self.miss(key, reason(&refusal));
                    }
                }
            }
            Next::Rebuild => self.rebuild(keys, &answer).await,
            _ => keys.iter().for_each(|&key| self.hinder(key)),
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
                Next::GiveUp => self.miss(key, reason(&refusal)),
                _ if worn_out => {
                    let cause = format!("{MAX_REFUSALS} refusals, the last: {}", reason(&refusal));
                    self.miss(key, cause);
                }
                Next::Rebuild => again.push(key),
                _ => self.hinder(key),
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
