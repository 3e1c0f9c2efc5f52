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
        key: WindowKey,
        refusal: Refusal,
        answer: Answer,
    ) {
        let uncertain = self
            .flights
            .get(&key)
            .is_some_and(|flight| flight.uncertain);
        self.tell_refusal(key, &refusal, &answer);
        self.note_refusal(key, &refusal).await;
        match answer.next() {
            // Earlier bytes may be out: the window's close tells.
            Next::GiveUp if !uncertain => self.miss(key, reason(&refusal)).await,
            Next::Rebuild => self.rebuild(key, &answer).await,
            _ => self.hinder(key),
        }
    }

    /// A block refused the transaction, which can't come again.
    pub(super) async fn refused_by_block(
        &mut self,
        key: WindowKey,
        refusal: Refusal,
        answer: Answer,
    ) {
        self.tell_refusal(key, &refusal, &answer);
        self.note_refusal(key, &refusal).await;
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.uncertain = !flight.signatures.is_empty();
        let worn_out = flight.refusals >= MAX_REFUSALS;
        match answer.next() {
            Next::GiveUp => self.miss(key, reason(&refusal)).await,
            _ if worn_out => {
                let cause = format!("{MAX_REFUSALS} refusals, the last: {}", reason(&refusal));
                self.miss(key, cause).await;
            }
            Next::Rebuild => self.rebuild(key, &answer).await,
            _ => self.hinder(key),
        }
    }

    pub(super) fn tell_refusal(&self, key: WindowKey, refusal: &Refusal, answer: &Answer) {
        self.tell(Event::SubmissionRefused {
            topic: key.topic,
            nonce: key.nonce,
            codespace: refusal.codespace.clone(),
            code: refusal.code,
            log: refusal.log.clone(),
            next: answer.advice().into(),
        });
    }

    async fn note_refusal(&mut self, key: WindowKey, refusal: &Refusal) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let (end, value) = (flight.end, flight.value.as_ref().map(ToString::to_string));
        self.record(key, end, value, State::Rejected(refusal.clone()))
            .await;
    }

    /// Mends what was wrong and signs anew.
    async fn rebuild(&mut self, key: WindowKey, answer: &Answer) {
        let mended = self.mend(answer).await;
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.step = Step::Due;
            if *answer == Answer::OutOfGas {
                flight.gas = self.ledger.raise_gas(flight.gas);
            }
        }
        match mended {
            Ok(()) => self.resend(key).await,
            Err(error) => self.delayed(key, error.to_string(), "trying again at the next block"),
        }
    }

    /// Waits until the chain says that the window is open to us.
    fn hinder(&mut self, key: WindowKey) {
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.step = Step::Hindered;
        }
    }
}

fn reason(refusal: &Refusal) -> String {
    format!("{} ({} {})", refusal.log, refusal.codespace, refusal.code)
}
