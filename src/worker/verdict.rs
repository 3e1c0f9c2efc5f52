//! What a mempool answers to a transaction, and what follows.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    flight::{Flight, Step},
    submitter::Submitter,
    windows::Told,
};
use crate::{
    chain::{
        Answer, Next, Sent,
        jsonrpc::{BroadcastSync, RpcError},
    },
    ops::Event,
    store::{Refusal, SignedTx, State},
    types::WindowKey,
};

/// How often an earlier sequence number is waited for before the account is asked about.
const MOST_WAITS: u32 = 3;

/// What to do about a sequence number that a node expects instead of ours.
pub(super) enum Verdict {
    /// Send the same bytes again: a transaction of ours has to come first.
    Wait,
    /// Send the same bytes again: the node is behind what blocks have shown, or that was read wrongly.
    Doubt,
    /// Look whether our own bytes took the number.
    Look,
    /// Sign anew with this one.
    Obey(u64),
}

impl Submitter {
    /// Acts on a mempool's answer to a transaction that carries the answers to these windows.
    pub(super) async fn answered(&mut self, tx: Arc<SignedTx>, keys: Vec<WindowKey>, sent: Sent) {
        for flight in self.flights_of(&keys) {
            flight.uncertain |= sent.maybe_elsewhere;
        }
        let answer = Answer::to_broadcast(&sent.answer);
        if matches!(answer, Answer::Sequence { .. } | Answer::AlreadySubmitted) {
            self.contest(&keys, &tx.hash);
        }
        match answer.next() {
            Next::AwaitInclusion => {
                self.pending(&tx, &keys, &sent.endpoint);
                return;
            }
            Next::Done => {
                for key in keys {
                    self.admitted(key);
                }
                return;
            }
            Next::Resend => {
                self.resend_later(&tx, &keys, sent.answer, &answer);
                return;
            }
            // Another node may still take these bytes, and it is not told yet. A block tells, or the same
            // bytes sent again; a node that hangs for good must not keep the refusal from being mended.
            Next::Rebuild | Next::WaitAndRebuild | Next::Rewrite
                if sent.is_out && self.may_wait_out(&keys, &tx.hash) =>
            {
                self.tell_once(&keys, &refusal(sent.answer), &answer);
                self.ledger.take(tx.sequence);
                self.wait_for(&tx, &keys);
                return;
            }
            Next::Rebuild | Next::WaitAndRebuild | Next::Rewrite => {}
        }
        self.ledger.give_back(tx.sequence);
        if let Answer::Sequence {
            expected: Some(expected),
        } = answer
        {
            match self.judge(&tx, &keys, expected) {
                Verdict::Wait => {
                    let cause = format!("a node waits for sequence {expected}");
                    self.delay(&keys, &cause, "sending the same transaction again");
                    self.ledger.take(tx.sequence);
                    self.parts.chain.rpc.prefer_next();
                    return;
                }
                Verdict::Doubt => {
                    self.ledger.take(tx.sequence);
                    self.parts.chain.rpc.prefer_next();
                    if !self.waited_in_vain(&tx, &keys, expected).await {
                        return;
                    }
                }
                Verdict::Look => {
                    self.ledger.take(expected.saturating_sub(1));
                    self.wait_for(&tx, &keys);
                    return;
                }
                Verdict::Obey(sequence) => self.ledger.obey(sequence),
            }
        }
        if !self.flights_of(&keys).any(|flight| flight.uncertain) {
            self.budget.forgive(&tx.hash);
        }
        let is_free = !matches!(answer, Answer::Sequence { .. });
        let next = is_free.then(|| self.ledger.reuse(tx.sequence));
        let refusal = refusal(sent.answer);
        self.refused_by_mempool(&keys, refusal, answer).await;
        if let Some(next) = next.filter(|_| self.ledger.account().sequence > tx.sequence) {
            // It is signed again, and what was signed after it keeps its number.
            self.ledger.take(next.saturating_sub(1));
        }
    }

    /// Whether a refusal of this transaction was not waited out before. It is from here on.
    fn may_wait_out(&mut self, keys: &[WindowKey], hash: &str) -> bool {
        let mut is_news = false;
        for flight in self.flights_of(keys) {
            is_news |= std::mem::replace(&mut flight.waited_out, hash.to_owned()) != hash;
        }
        is_news
    }

    /// The same bytes again at the next block, unless a node keeps refusing them for a reason that is
    /// not known here: then the chain is asked whether the window is open to us.
    fn resend_later(
        &mut self,
        tx: &SignedTx,
        keys: &[WindowKey],
        answer: Result<BroadcastSync, RpcError>,
        meaning: &Answer,
    ) {
        let is_refused = answer.is_ok() && *meaning == Answer::Unknown;
        self.tell_once(keys, &refusal(answer), meaning);
        // Another node may see it otherwise.
        self.parts.chain.rpc.prefer_next();
        if *meaning == Answer::TooLate {
            self.ledger.give_back(tx.sequence);
        }
        if !is_refused {
            return;
        }
        for flight in self.flights_of(keys) {
            flight.waits += 1;
        }
        let in_vain = |flight: &mut Flight| flight.waits >= MOST_WAITS && !flight.uncertain;
        if self.flights_of(keys).all(in_vain) {
            self.ledger.give_back(tx.sequence);
            for &key in keys {
                self.hinder(key);
            }
        }
    }

    /// A mempool holds the transaction.
    fn pending(&mut self, tx: &Arc<SignedTx>, keys: &[WindowKey], endpoint: &str) {
        self.ledger.take(tx.sequence);
        self.wait_for(tx, keys);
        let mut steps = Vec::new();
        for &key in keys {
            let Some(flight) = self.flights.get_mut(&key) else {
                continue;
            };
            flight.uncertain = true;
            let again = std::mem::replace(&mut flight.announced, tx.hash.clone()) == tx.hash;
            let event = if again {
                Event::SubmissionResent {
                    topic: key.topic,
                    nonce: key.nonce,
                    hash: tx.hash.clone(),
                    endpoint: endpoint.to_owned(),
                }
            } else {
                submitted(flight, tx, endpoint)
            };
            self.tell(event);
            let (hash, endpoint) = (tx.hash.clone(), endpoint.to_owned());
            steps.extend(self.step(key, State::Broadcast { hash, endpoint }));
            self.told(Told::Sent(key));
        }
        self.parts.scribe.write(steps);
    }

    /// A block will tell.
    fn wait_for(&mut self, tx: &Arc<SignedTx>, keys: &[WindowKey]) {
        let (height, at) = (self.height, Instant::now());
        for flight in self.flights_of(keys) {
            flight.step = Step::Pending {
                tx: tx.clone(),
                since: height.max(flight.key.nonce.height()),
                at,
            };
        }
    }

    /// A node asks for an earlier number than blocks have shown. When it still does after some blocks,
    /// the chain's own word on the account is believed.
    async fn waited_in_vain(&mut self, tx: &SignedTx, keys: &[WindowKey], expected: u64) -> bool {
        let cause = format!(
            "a node expects sequence {expected}, before our {}",
            tx.sequence
        );
        self.delay(keys, &cause, "sending the same transaction again");
        for flight in self.flights_of(keys) {
            flight.waits += 1;
        }
        if self
            .flights_of(keys)
            .all(|flight| flight.waits < MOST_WAITS)
        {
            return false;
        }
        match self.parts.chain.account().await {
            Ok(account) if account.sequence == expected => {
                self.ledger.believe(account);
                true
            }
            _ => false,
        }
    }

    pub(super) fn judge(&mut self, tx: &SignedTx, keys: &[WindowKey], expected: u64) -> Verdict {
        let others = self.flights.values();
        let held: Vec<u64> = others
            .filter(|flight| flight.may_land(self.height))
            .filter_map(Flight::tx)
            .filter(|other| other.hash != tx.hash)
            .map(|other| other.sequence)
            .chain(self.enrolments.sequences())
            .collect();
        let is_uncertain = self.flights_of(keys).any(|flight| flight.uncertain);
        if expected < tx.sequence {
            let comes_first = |held: &u64| (expected..tx.sequence).contains(held);
            return if held.iter().any(comes_first) {
                Verdict::Wait
            } else if is_uncertain || expected < self.ledger.landed() {
                Verdict::Doubt
            } else {
                Verdict::Obey(expected)
            };
        }
        if is_uncertain {
            return Verdict::Look;
        }
        let after_held = held.into_iter().filter(|held| *held >= expected).max();
        Verdict::Obey(after_held.map_or(expected, |held| held.saturating_add(1)))
    }

    fn tell_once(&mut self, keys: &[WindowKey], refusal: &Refusal, answer: &Answer) {
        for &key in keys {
            let Some(flight) = self.flights.get_mut(&key) else {
                continue;
            };
            if std::mem::replace(&mut flight.told, refusal.log.clone()) != refusal.log {
                self.tell_refusal(key, refusal, answer.advice());
            }
        }
    }
}

fn submitted(flight: &Flight, tx: &SignedTx, endpoint: &str) -> Event {
    Event::Submitted {
        topic: flight.key.topic,
        nonce: flight.key.nonce,
        value: flight
            .value
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        hash: tx.hash.clone(),
        sequence: tx.sequence,
        fee: flight.fee,
        endpoint: endpoint.to_owned(),
        presigned: flight.is_presigned,
        latency_ms: (flight.seen.elapsed().as_secs_f64() * 1e6).round() / 1e3,
    }
}

/// A mempool's answer as a refusal.
pub(super) fn refusal(answer: Result<BroadcastSync, RpcError>) -> Refusal {
    match answer {
        Ok(sync) => Refusal {
            codespace: sync.codespace,
            code: sync.code,
            log: sync.log,
        },
        Err(error) => Refusal {
            codespace: "rpc".into(),
            code: error.code.unsigned_abs().try_into().unwrap_or(u32::MAX),
            log: error.to_string(),
        },
    }
}
