//! The submitter's way in: inclusion in a block, and how the window closed.

use super::{
    catch_up::AWAY,
    flight::{Flight, Origin, Step},
    lookup::Outcome,
    submitter::Submitter,
    windows::Told,
};
use crate::{
    chain::{Answer, Next, Uallo, answered_windows, jsonrpc::TxResult, refused_message},
    ops::{Event, GaugeEvent},
    store::{Refusal, State},
    types::{Height, WindowKey},
};

/// Blocks after a window's end for which its outcome is asked for.
pub(super) const PURSUED: i64 = 100;

impl Submitter {
    /// A transaction of ours stands in a block.
    pub(super) async fn land(&mut self, hash: String, height: Height, result: TxResult) {
        let signed = self.flights.values().filter(|flight| flight.signed(&hash));
        let keys: Vec<_> = signed.map(|flight| flight.key).collect();
        let sequence = keys
            .first()
            .and_then(|key| self.flights.get(key)?.sequence_of(&hash));
        let Some(sequence) = sequence else {
            // Not ours, or told before.
            return;
        };
        let TxResult {
            code,
            codespace,
            log,
            gas_used,
            ..
        } = result;
        let fee = keys.first().and_then(|key| self.flights.get(key));
        let fee = fee.map(|flight| flight.fee).unwrap_or_default();
        self.budget.pay(&hash, fee, self.parts.clock.now());
        let refusal = Refusal {
            codespace,
            code,
            log,
        };
        let answer = Answer::to_refusal(&refusal);
        if answer == Answer::Accepted {
            self.ledger.spent(sequence);
            let mut is_news = false;
            for key in keys {
                is_news |= self.included(key, hash.clone(), height, gas_used);
            }
            if is_news {
                self.paid(&hash, fee);
            }
            return;
        }
        if matches!(answer, Answer::Sequence { .. } | Answer::AlreadySubmitted) {
            self.contest(&keys, &hash);
        }
        let newest = self.carried(&hash);
        let culprit = self.culprit(&hash, &newest, &refusal.log);
        for flight in self.flights_of(&keys) {
            flight.signatures.retain(|(signed, _)| *signed != hash);
        }
        if answer.is_free() {
            self.budget.forgive(&hash);
            self.resync(&keys).await;
        } else {
            self.ledger.spent(sequence);
            self.paid(&hash, fee);
            for flight in self.flights_of(&keys) {
                let is_culprit = culprit == Some(flight.key);
                flight.refusals += u32::from(culprit.is_none() || is_culprit);
                flight.blames += u32::from(is_culprit);
            }
        }
        let (blamed, others): (Vec<_>, Vec<_>) = newest
            .into_iter()
            .partition(|&key| culprit.is_none_or(|culprit| culprit == key));
        if !others.is_empty() {
            self.held_up(others, &refusal).await;
        }
        if answer.next() == Next::Done {
            for key in blamed {
                self.included(key, hash.clone(), height, gas_used);
            }
        } else {
            self.refused_by_block(&blamed, refusal, answer).await;
        }
    }

    /// The window whose answer made a block refuse a transaction, when the refusal names one of several.
    fn culprit(&self, hash: &str, keys: &[WindowKey], log: &str) -> Option<WindowKey> {
        let index = refused_message(log)?;
        let flight = self.flights.get(keys.first()?)?;
        let tx = flight.tx().filter(|tx| tx.hash == hash)?;
        answered_windows(&tx.bytes).get(index).copied()
    }

    /// A block took a transaction's fee.
    fn paid(&mut self, hash: &str, fee: Uallo) {
        let hash = hash.to_owned();
        self.tell(GaugeEvent::FeePaid { hash, fee }.into());
        let (paid, most) = self.budget.of_day(self.parts.clock.now());
        self.tell(GaugeEvent::FeesOfDay { paid, most }.into());
    }

    /// The chain holds our inference. Gives whether that is news.
    fn included(&mut self, key: WindowKey, hash: String, height: Height, gas_used: i64) -> bool {
        let Some(flight) = self.flights.get_mut(&key) else {
            return false;
        };
        if matches!(flight.step, Step::Included) {
            return false;
        }
        flight.step = Step::Included;
        self.parts.chain.rpc.landed();
        let WindowKey { topic, nonce } = key;
        self.tell(Event::SubmissionSuccessful {
            topic,
            nonce,
            height,
            hash: hash.clone(),
            blocks_after_nonce: height.0 - nonce.0,
            gas_used,
        });
        self.note(key, State::Included { hash, height });
        self.told(Told::Answered(key));
        true
    }

    /// As [`Submitter::included`], of one whose transaction nobody has told of.
    fn found(&mut self, key: WindowKey, hash: &str, height: Height, gas_used: i64) {
        let flight = self.flights.get(&key);
        let fee = flight.map(|flight| flight.fee).unwrap_or_default();
        if self.included(key, hash.to_owned(), height, gas_used) {
            self.paid(hash, fee);
        }
    }

    /// The chain holds our inference, and no index tells in which block it came.
    pub(super) fn admitted(&mut self, key: WindowKey) {
        let newest = self
            .flights
            .get(&key)
            .and_then(|flight| flight.signatures.last());
        let hash = newest.map(|(hash, _)| hash.clone()).unwrap_or_default();
        // One signature alone can have brought it in.
        let flight = self.flights.get(&key);
        if let Some([(_, sequence)]) = flight.map(|it| it.signatures.as_slice()) {
            self.ledger.spent(*sequence);
        }
        self.found(key, &hash, self.height, 0);
    }

    /// The window is closed and the chain has told how.
    pub(super) fn close(&mut self, key: WindowKey, outcome: Outcome) {
        self.tell_twice(key, &outcome.taken);
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let mut included = matches!(flight.step, Step::Included);
        if let Some(tx) = outcome.tx.filter(|tx| !included && flight.signed(&tx.hash)) {
            let (height, result) = (Height(tx.height), tx.tx_result);
            included = result.code == 0;
            if included {
                self.found(key, &tx.hash, height, result.gas_used);
            } else if !outcome.admitted {
                let TxResult {
                    code,
                    codespace,
                    log,
                    ..
                } = result;
                let cause = format!("the chain refused the submission: {log} ({codespace} {code})");
                self.miss(key, cause);
                return;
            }
        }
        if !included && outcome.admitted {
            self.admitted(key);
        } else if !included {
            self.miss(key, unanswered(self.flights.get(&key)).into());
            return;
        }
        self.classify(key, outcome.counted, outcome.places);
    }

    /// Ours is on the chain: does it count?
    fn classify(&mut self, key: WindowKey, counted: bool, places: usize) {
        let WindowKey { topic, nonce } = key;
        let Some(end) = self.flights.get(&key).map(|flight| flight.end) else {
            return;
        };
        if counted {
            self.tell(Event::Counted { topic, nonce });
            self.end(key, State::Counted);
        } else if places > 0 {
            self.tell(Event::Outranked {
                topic,
                nonce,
                places,
            });
            self.end(key, State::Outranked);
        } else if self.height > end.plus(PURSUED) {
            // No set at all: pruned, most likely. The journal keeps what is known.
            self.tell(Event::Trouble {
                cause: format!("no node tells who counted in the window of {key}"),
                remedy: "the submission is in its block; name a node with a longer history".into(),
            });
            self.finish(key, true);
        }
    }

    /// No node tells how a window ended that closed long ago.
    pub(super) fn give_up_asking(&mut self, key: WindowKey) {
        let flight = self.flights.get(&key);
        if flight.is_some_and(|flight| matches!(flight.step, Step::Included)) {
            self.finish(key, true);
        } else {
            let cause = "no node tells any more what became of the submission";
            self.miss(key, cause.into());
        }
    }

    /// Gives a window up.
    pub(super) fn miss(&mut self, key: WindowKey, cause: String) {
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
        self.end(key, State::Expired { reason: cause });
    }

    fn end(&mut self, key: WindowKey, state: State) {
        let answered = state.name().is_answered();
        self.note(key, state);
        self.finish(key, answered);
    }
}

/// Why a window that is closed holds nothing of ours.
fn unanswered(flight: Option<&Flight>) -> &'static str {
    match flight {
        Some(it) if it.origin != Origin::Here && it.announced.is_empty() => AWAY,
        _ => "the window closed before a transaction of this wallet was in a block",
    }
}
