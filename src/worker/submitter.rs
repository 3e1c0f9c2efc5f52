//! The submitter: the one task that owns the wallet's sequence, and signs and sends for all topics.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{
    flight::{Flight, Step, Want},
    ledger::Ledger,
    lookup::{Finding, Inclusion, Question, ask},
    parts::{Parts, Report, Tally},
    registration::{Enrolment, Enrolments},
    windows::Told,
};
use crate::{
    chain::{ChainError, Envelope, Uallo},
    failpoint::failpoint,
    ops::Event,
    store::{SignedTx, State, Submission, Transition},
    types::{Height, TopicId, WindowKey},
};

/// How long a window may wait for a forecast that is not ready.
const TRAINING_LIMIT: Duration = Duration::from_secs(2);
/// How long a submission may wait for the journal. A disk takes milliseconds, a busy one a second.
const JOURNAL_LIMIT: Duration = Duration::from_secs(2);
/// How often what could not be sent is tried again between blocks.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// Blocks for which a finished window is remembered.
const REMEMBERED: i64 = 10_000;

pub(super) struct Submitter {
    pub(super) parts: Parts,
    pub(super) ledger: Ledger,
    pub(super) height: Height,
    pub(super) flights: BTreeMap<WindowKey, Flight>,
    /// Windows that are at their end.
    done: BTreeSet<WindowKey>,
    tally: watch::Sender<Tally>,
    lookups: JoinSet<(WindowKey, Finding)>,
    pub(super) enrolments: Enrolments,
    /// No endpoint answered since the last tick.
    pub(super) unreachable: bool,
}

impl Submitter {
    pub(super) fn new(
        parts: Parts,
        ledger: Ledger,
        height: Height,
        tally: watch::Sender<Tally>,
    ) -> Self {
        Self {
            parts,
            ledger,
            height,
            flights: BTreeMap::new(),
            done: BTreeSet::new(),
            tally,
            lookups: JoinSet::new(),
            enrolments: Enrolments::default(),
            unreachable: false,
        }
    }

    /// Takes up what an earlier run left, before new windows are reported.
    pub(super) fn resume(&mut self, submissions: Vec<Submission>) {
        for submission in submissions {
            let key = submission.key;
            if submission.state.name().is_final() {
                self.done.insert(key);
                continue;
            }
            let state = submission.state.name().as_str().to_owned();
            let WindowKey { topic, nonce } = key;
            self.tell(Event::SubmissionResumed {
                topic,
                nonce,
                state,
            });
            let gas = self.ledger.gas();
            self.flights.insert(key, Flight::resumed(submission, gas));
        }
    }

    /// Serves until it is asked to stop (then it waits for what is in the air), or until its first
    /// window is at its end if only one was wanted.
    pub(super) async fn run(mut self, mut reports: mpsc::Receiver<Report>) {
        let stop = self.parts.shutdown.token();
        let mut retry = interval(RETRY_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut landing: Option<Instant> = None;
        loop {
            let limit = landing.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = stop.cancelled(), if landing.is_none() => {
                    landing = Some(Instant::now() + self.parts.stop_grace);
                    self.tell_stopping();
                }
                () = sleep_until(limit), if landing.is_some() => return,
                report = reports.recv() => match report {
                    Some(Report::Due { .. } | Report::Register(_)) if landing.is_some() => {}
                    Some(report) => self.hear(report).await,
                    None => return,
                },
                Some(found) = self.lookups.join_next() => match found {
                    Ok((key, finding)) => self.learn(key, finding).await,
                    // A question that panicked is asked again.
                    Err(_) => self.flights.values_mut().for_each(|flight| flight.asking = false),
                },
                Some((topic, news)) = self.enrolments.next() => self.enrol(topic, news).await,
                _ = retry.tick() => {
                    self.unreachable = false;
                    self.advance().await;
                }
            }
            if landing.is_some() && !self.flights.values().any(Flight::is_in_the_air) {
                return;
            }
            if self.parts.once && *self.tally.borrow() != Tally::default() {
                self.parts
                    .shutdown
                    .request("--once: the window is at its end");
                return;
            }
        }
    }

    async fn hear(&mut self, report: Report) {
        match report {
            Report::Due { key, end, seen } => {
                if self.done.contains(&key) || self.flights.contains_key(&key) {
                    return;
                }
                let gas = self.ledger.gas();
                self.flights.insert(key, Flight::new(key, end, seen, gas));
                self.send(key).await;
            }
            Report::Block(height) => {
                self.height = self.height.max(height);
                for flight in self.flights.values_mut() {
                    flight.haste = 0;
                }
                self.done.retain(|key| key.nonce.0 > height.0 - REMEMBERED);
                self.advance().await;
            }
            Report::Included {
                hash,
                height,
                result,
            } => {
                let flight = self.flights.values().find(|flight| flight.signed(&hash));
                if let Some(key) = flight.map(|flight| flight.key) {
                    failpoint("before-confirmation");
                    self.land(key, hash, height, result).await;
                }
            }
            Report::Register(topic) => self.register(topic),
        }
    }

    /// Lets every flight take the step that is due at the present height.
    async fn advance(&mut self) {
        let mut wants: Vec<_> = self
            .flights
            .values()
            .map(|flight| (flight.key, flight.want(self.height)))
            .collect();
        // A node refuses a sequence number before the ones that precede it.
        wants.sort_by_key(|(key, _)| {
            self.flights
                .get(key)
                .and_then(Flight::tx)
                .map_or(u64::MAX, |tx| tx.sequence)
        });
        for (key, want) in wants {
            let Some(flight) = self.flights.get(&key) else {
                continue;
            };
            let hashes = || {
                flight
                    .signatures
                    .iter()
                    .map(|(hash, _)| hash.clone())
                    .collect()
            };
            match want {
                Want::Nothing => {}
                Want::Send => self.send(key).await,
                Want::Standing => self.ask(key, Question::Standing),
                Want::Inclusion => self.ask(key, Question::Inclusion { hashes: hashes() }),
                Want::Outcome => {
                    let question = Question::Outcome {
                        end: flight.end,
                        hashes: hashes(),
                    };
                    self.ask(key, question);
                }
            }
        }
    }

    /// Asks the chain about a window in the background; one question at a time.
    pub(super) fn ask(&mut self, key: WindowKey, question: Question) {
        let height = self.height;
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.asking = true;
            if !matches!(question, Question::Forecast { .. }) {
                flight.asked_at = height;
            }
            self.lookups
                .spawn(ask(Arc::clone(&self.parts.chain), key, question));
        }
    }

    /// Acts on an answer, if it still fits what has become of the flight meanwhile.
    async fn learn(&mut self, key: WindowKey, finding: Finding) {
        let height = self.height;
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.asking = false;
        let is_pending = matches!(flight.step, Step::Pending { .. });
        match finding {
            Finding::Forecast(forecast) if matches!(flight.step, Step::Due) => {
                self.send_trained(key, &forecast).await;
            }
            Finding::Standing(true) if matches!(flight.step, Step::Hindered) => {
                flight.step = Step::Due;
                self.send(key).await;
            }
            Finding::Inclusion(Inclusion::InBlock(tx)) => {
                self.land(key, tx.hash, Height(tx.height), tx.tx_result)
                    .await;
            }
            Finding::Inclusion(Inclusion::Admitted) => self.admitted(key).await,
            Finding::Inclusion(Inclusion::Unknown) if is_pending => {
                // Not in a block after two: evicted, frozen with its node, or its sequence went to
                // another transaction. The same bytes to another node tell which.
                flight.uncertain = false;
                if let Some(tx) = flight.tx().cloned() {
                    flight.step = Step::Prepared(tx);
                }
                self.parts.chain.rpc.prefer_next();
            }
            Finding::Outcome(outcome) => self.close(key, outcome).await,
            // If it is within the cap by now, the next block's turn sends.
            Finding::Price(price) => self.ledger.reprice(price),
            Finding::Unknown(error) => {
                let next = format!("asking again after block {height}");
                self.delayed(key, error.to_string(), &next);
            }
            Finding::Forecast(_) | Finding::Standing(_) | Finding::Inclusion(_) => {}
        }
    }

    pub(super) async fn enrol(&mut self, topic: TopicId, news: Enrolment) {
        if let Some(told) = self.proceed(topic, news).await {
            self.told(told);
        }
    }

    /// Journals a step and takes it. The journal's failure is told and holds nothing up: the chain
    /// itself refuses a second answer.
    pub(super) async fn record(
        &self,
        key: WindowKey,
        end: Height,
        value: Option<String>,
        state: State,
    ) {
        let step = Transition {
            at: self.parts.clock.now(),
            wallet: self.parts.chain.wallet(),
            key,
            window_end: end,
            value,
            state,
        };
        let cause = match timeout(JOURNAL_LIMIT, self.parts.journal.append(&step)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                "the journal's database does not answer: does another program hold it?".into()
            }
        };
        let remedy =
            "free or repair the disk; until then a restart may forget this submission".into();
        self.tell(Event::Trouble { cause, remedy });
    }

    /// Signs a message with the next sequence number.
    pub(super) fn sign(
        &self,
        message: cosmrs::Any,
        gas: u64,
        fee: Uallo,
        timeout_height: Option<Height>,
    ) -> Result<SignedTx, ChainError> {
        let chain = &self.parts.chain;
        let account = self.ledger.account();
        let envelope = Envelope {
            chain_id: chain.network.chain_id.clone(),
            account_number: account.number,
            sequence: account.sequence,
            gas,
            fee,
            denom: chain.network.denom.clone(),
            timeout_height,
        };
        chain.signer.sign_tx(vec![message], &envelope)
    }

    /// Takes over a newer price of gas, if there is one.
    pub(super) fn reprice(&mut self) {
        if self.parts.prices.has_changed().unwrap_or(false) {
            self.ledger.reprice(*self.parts.prices.borrow_and_update());
        }
    }

    /// Ends a flight for good.
    pub(super) fn finish(&mut self, key: WindowKey, answered: bool) {
        let Some(flight) = self.flights.remove(&key) else {
            return;
        };
        self.done.insert(key);
        if flight.is_resumed && self.parts.once {
            // Only a window of this run counts as the one.
            return;
        }
        self.tally.send_modify(|tally| {
            if answered {
                tally.answered += 1;
            } else {
                tally.missed += 1;
            }
        });
    }

    fn tell_stopping(&self) {
        let signal = self.parts.shutdown.reason().unwrap_or_default().to_owned();
        let in_flight = self
            .flights
            .values()
            .filter(|flight| flight.is_in_the_air())
            .count();
        self.tell(Event::Stopping { signal, in_flight });
    }

    /// Tells what stands in the way, once as long as it is the same.
    pub(super) fn delayed(&mut self, key: WindowKey, cause: String, next: &str) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if flight.told == cause {
            return;
        }
        flight.told.clone_from(&cause);
        let WindowKey { topic, nonce } = key;
        self.tell(Event::SubmissionDelayed {
            topic,
            nonce,
            cause,
            next: next.into(),
        });
    }

    pub(super) fn tell(&self, event: Event) {
        self.parts.reporter.emit(event);
    }

    pub(super) fn told(&self, told: Told) {
        // The windows' task asks the chain by itself at its next poll if it is too busy to hear this.
        let _ = self.parts.told.try_send(told);
    }

    pub(super) const fn training_limit() -> Duration {
        TRAINING_LIMIT
    }
}
