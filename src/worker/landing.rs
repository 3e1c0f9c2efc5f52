//! The submitter's way in: inclusion in a block, and how the window closed.

use super::{flight::Step, lookup::Outcome, submitter::Submitter, windows::Told};
use crate::{
    chain::{Answer, Next, jsonrpc::TxResult},
    ops::Event,
    store::{Refusal, State},
    types::{Height, WindowKey},
};

impl Submitter {
    /// A transaction of ours stands in a block.
    pub(super) async fn land(
        &mut self,
        key: WindowKey,
        hash: String,
        height: Height,
        result: TxResult,
    ) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if matches!(flight.step, Step::Included) {
            // Both the event and an answer to an earlier question tell of it.
            return;
        }
        if let Some(tx) = flight.tx() {
            self.ledger.spent(tx.sequence);
        }
        let TxResult {
            code,
            codespace,
            log,
            gas_used,
            ..
        } = result;
        let refusal = Refusal {
            codespace,
            code,
            log,
        };
        let answer = Answer::to_refusal(&refusal);
        if answer == Answer::Accepted || answer.next() == Next::Done {
            self.included(key, hash, height, gas_used).await;
            return;
        }
        flight.refusals += 1;
        self.refused(key, refusal, answer).await;
    }

    async fn included(&mut self, key: WindowKey, hash: String, height: Height, gas_used: i64) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.step = Step::Included;
        let (end, value) = (flight.end, flight.value.as_ref().map(ToString::to_string));
        let WindowKey { topic, nonce } = key;
        self.tell(Event::SubmissionSuccessful {
            topic,
            nonce,
            height,
            hash: hash.clone(),
            blocks_after_nonce: height.0 - nonce.0,
            gas_used,
        });
        self.record(key, end, value, State::Included { hash, height })
            .await;
        self.told(Told::Answered(key));
    }

    /// The chain holds our inference, and no index tells in which block it came.
    pub(super) async fn admitted(&mut self, key: WindowKey) {
        let hash = self.flights.get(&key).and_then(|flight| flight.tx());
        let hash = hash.map(|tx| tx.hash.clone()).unwrap_or_default();
        self.included(key, hash, self.height, 0).await;
    }

    /// The window is closed and the chain has told how.
    pub(super) async fn close(&mut self, key: WindowKey, outcome: Outcome) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let included = matches!(flight.step, Step::Included);
        let in_block = outcome.tx.filter(|_| !included);
        if let Some(tx) = in_block {
            self.land(key, tx.hash, Height(tx.height), tx.tx_result)
                .await;
            let landed = self.flights.get(&key).map(|flight| &flight.step);
            if !matches!(landed, Some(Step::Included)) {
                self.miss(key, "the chain refused the submission".into())
                    .await;
                return;
            }
        } else if !included && (outcome.counted || outcome.sequence_spent) {
            // No index has our transaction, and the chain has our inference or spent our sequence.
            self.admitted(key).await;
        } else if !included {
            let cause = "the window closed before a transaction of this wallet was in a block";
            self.miss(key, cause.into()).await;
            return;
        }
        let WindowKey { topic, nonce } = key;
        let (event, state) = if outcome.counted {
            (Event::Counted { topic, nonce }, State::Counted)
        } else {
            (
                Event::Outranked {
                    topic,
                    nonce,
                    places: outcome.places,
                },
                State::Outranked,
            )
        };
        self.tell(event);
        self.end(key, state).await;
    }

    /// Gives a window up.
    pub(super) async fn miss(&mut self, key: WindowKey, cause: String) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let WindowKey { topic, nonce } = key;
        self.tell(Event::WindowMissed {
            topic,
            nonce,
            window_end: flight.end,
            cause: cause.clone(),
        });
        self.end(key, State::Expired { reason: cause }).await;
    }

    async fn end(&mut self, key: WindowKey, state: State) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let (end, value) = (flight.end, flight.value.as_ref().map(ToString::to_string));
        let answered = state.name().is_answered();
        self.record(key, end, value, state).await;
        self.finish(key, answered);
    }
}
