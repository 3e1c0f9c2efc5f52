//! The submitter's way in: inclusion in a block, and how the window closed.

use super::{
    flight::{Flight, Step},
    lookup::Outcome,
    submitter::Submitter,
    windows::Told,
};
use crate::{
    chain::{Answer, Next, jsonrpc::TxResult},
    ops::Event,
    store::{Refusal, State},
    types::{Height, WindowKey},
};

/// Blocks after a window's end for which its outcome is asked for.
const PURSUED: i64 = 100;

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
        let Some(index) = flight
            .signatures
            .iter()
            .position(|(signed, _)| *signed == hash)
        else {
            // Told before.
            return;
        };
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
        let (_, sequence) = flight.signatures[index];
        if answer == Answer::Accepted || answer.next() == Next::Done {
            self.ledger.spent(sequence);
            self.included(key, hash, height, gas_used).await;
            return;
        }
        flight.signatures.remove(index);
        if answer.is_free() {
            self.resync(key).await;
        } else {
            self.ledger.spent(sequence);
            if let Some(flight) = self.flights.get_mut(&key) {
                flight.refusals += 1;
            }
        }
        let is_newest = self
            .flights
            .get(&key)
            .and_then(Flight::tx)
            .is_some_and(|tx| tx.hash == hash);
        if is_newest {
            self.refused_by_block(key, refusal, answer).await;
        }
    }

    /// The chain holds our inference.
    pub(super) async fn included(
        &mut self,
        key: WindowKey,
        hash: String,
        height: Height,
        gas_used: i64,
    ) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if matches!(flight.step, Step::Included) {
            return;
        }
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
        let newest = self
            .flights
            .get(&key)
            .and_then(|flight| flight.signatures.last());
        let hash = newest.map(|(hash, _)| hash.clone()).unwrap_or_default();
        self.included(key, hash, self.height, 0).await;
    }

    /// The window is closed and the chain has told how.
    pub(super) async fn close(&mut self, key: WindowKey, outcome: Outcome) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let mut included = matches!(flight.step, Step::Included);
        if let Some(tx) = outcome.tx.filter(|tx| !included && flight.signed(&tx.hash)) {
            let (height, result) = (Height(tx.height), tx.tx_result);
            included = result.code == 0;
            if included {
                self.included(key, tx.hash, height, result.gas_used).await;
            } else if !outcome.admitted {
                let TxResult {
                    code,
                    codespace,
                    log,
                    ..
                } = result;
                let cause = format!("the chain refused the submission: {log} ({codespace} {code})");
                self.miss(key, cause).await;
                return;
            }
        }
        if !included && outcome.admitted {
            self.admitted(key).await;
        } else if !included {
            let cause = "the window closed before a transaction of this wallet was in a block";
            self.miss(key, cause.into()).await;
            return;
        }
        self.classify(key, outcome.counted, outcome.places).await;
    }

    /// Ours is on the chain: does it count?
    async fn classify(&mut self, key: WindowKey, counted: bool, places: usize) {
        let WindowKey { topic, nonce } = key;
        let Some(end) = self.flights.get(&key).map(|flight| flight.end) else {
            return;
        };
        if counted {
            self.tell(Event::Counted { topic, nonce });
            self.end(key, State::Counted).await;
        } else if places > 0 {
            self.tell(Event::Outranked {
                topic,
                nonce,
                places,
            });
            self.end(key, State::Outranked).await;
        } else if self.height > end.plus(PURSUED) {
            // No set at all: pruned, most likely. The journal keeps what is known.
            self.tell(Event::Trouble {
                cause: format!("no node tells who counted in the window of {key}"),
                remedy: "the submission is in its block; name a node with a longer history".into(),
            });
            self.finish(key, true);
        }
    }

    /// Gives a window up.
    pub(super) async fn miss(&mut self, key: WindowKey, cause: String) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let WindowKey { topic, nonce } = key;
        let window_end = flight.end;
        self.tell(Event::WindowMissed {
            topic,
            nonce,
            window_end,
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
