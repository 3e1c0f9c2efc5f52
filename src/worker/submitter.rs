//! The submitter: the one task that owns the wallet's sequence, and signs and sends for all topics.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Chain,
    flight::{Flight, Step, Want},
    ledger::Ledger,
    lookup::{Finding, Inclusion, Question, ask},
    windows::Told,
};
use crate::{
    chain::{GasPrice, jsonrpc::TxResult},
    clock::SharedClock,
    failpoint::failpoint,
    forecast::DeskHandle,
    ops::{Event, Reporter, Shutdown, WindowSource},
    store::{Journal, State, Submission, Transition},
    types::{Height, TopicId, WindowKey},
};

/// What the submitter is told. It is told the same window any number of times and answers it once.
#[derive(Debug)]
pub(super) enum Report {
    /// A window is open.
    Due {
        key: WindowKey,
        end: Height,
        seen: Instant,
        source: WindowSource,
    },
    /// A block has passed.
    Block(Height),
    /// A transaction of ours is in a block.
    Included {
        hash: String,
        height: Height,
        result: TxResult,
    },
    /// The wallet is to be registered in a topic.
    Register(TopicId),
}

/// How long a window may wait for a forecast that is not ready.
const TRAINING_LIMIT: Duration = Duration::from_secs(2);
/// Blocks for which a finished window is remembered.
const REMEMBERED: i64 = 10_000;

/// Windows that came to their end in this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// With an inference of ours on the chain (or shown, in a dry run).
    pub answered: u32,
    /// Without.
    pub missed: u32,
}

impl Tally {
    const fn total(self) -> u32 {
        self.answered + self.missed
    }
}

/// Everything that the submitter needs of the other rooms.
pub(super) struct Parts {
    pub(super) chain: Arc<Chain>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) desk: DeskHandle,
    pub(super) reporter: Reporter,
    pub(super) clock: SharedClock,
    pub(super) prices: watch::Receiver<GasPrice>,
    /// Tells when to stop, and why.
    pub(super) shutdown: Shutdown,
    /// Tells the windows' task what became of its reports.
    pub(super) told: mpsc::Sender<Told>,
    /// Sign and show, broadcast nothing.
    pub(super) dry_run: bool,
    /// End after the first window.
    pub(super) once: bool,
    /// How long a stop waits for transactions that are in the air.
    pub(super) stop_grace: Duration,
}

pub(super) struct Submitter {
    pub(super) parts: Parts,
    pub(super) ledger: Ledger,
    pub(super) height: Height,
    pub(super) flights: BTreeMap<WindowKey, Flight>,
    /// Windows that are at their end.
    done: BTreeSet<WindowKey>,
    tally: watch::Sender<Tally>,
    pub(super) lookups: JoinSet<(WindowKey, Finding)>,
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
            let gas = self.ledger.fees().gas_limit;
            self.flights.insert(key, Flight::resumed(submission, gas));
        }
    }

    /// Serves until it is cancelled (then it waits for what is in the air), or until its first window
    /// is at its end if only one was wanted.
    pub(super) async fn run(mut self, mut reports: mpsc::Receiver<Report>) {
        let stop = self.parts.shutdown.token();
        let mut retry = interval(Duration::from_secs(1));
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut landing: Option<Instant> = None;
        self.advance().await;
        loop {
            let limit = landing.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                biased;
                report = reports.recv() => match report {
                    Some(Report::Due { .. }) if landing.is_some() => {}
                    Some(report) => self.hear(report).await,
                    None => return,
                },
                Some(found) = self.lookups.join_next() => {
                    match found {
                        Ok((key, finding)) => self.learn(key, finding).await,
                        // A question that panicked is asked again.
                        Err(_) => self.flights.values_mut().for_each(|flight| flight.asking = false),
                    }
                }
                _ = retry.tick() => self.advance().await,
                () = stop.cancelled(), if landing.is_none() => {
                    landing = Some(Instant::now() + self.parts.stop_grace);
                    self.tell_stopping();
                }
                () = sleep_until(limit), if landing.is_some() => return,
            }
            if landing.is_some() && !self.flights.values().any(Flight::is_in_the_air) {
                return;
            }
            if self.parts.once && self.tally.borrow().total() > 0 {
                self.parts
                    .shutdown
                    .request("--once: the window is at its end");
                return;
            }
        }
    }

    async fn hear(&mut self, report: Report) {
        match report {
            Report::Due {
                key,
                end,
                seen,
                source,
            } => {
                if self.done.contains(&key) || self.flights.contains_key(&key) {
                    return;
                }
                let WindowKey { topic, nonce } = key;
                self.tell(Event::WindowOpen {
                    topic,
                    nonce,
                    window_end: end,
                    source,
                });
                let gas = self.ledger.fees().gas_limit;
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
                let key = self
                    .flights
                    .values()
                    .find(|flight| flight.tx().is_some_and(|tx| tx.hash == hash))
                    .map(|flight| flight.key);
                if let Some(key) = key {
                    failpoint("before-confirmation");
                    self.land(key, hash, height, result).await;
                }
            }
            Report::Register(topic) => self.register(topic).await,
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
            match want {
                Want::Nothing => {}
                Want::Send => self.send(key).await,
                Want::Standing => self.ask(key, Question::Standing),
                Want::Inclusion => {
                    if let Some(tx) = self.flights.get(&key).and_then(Flight::tx) {
                        let hash = tx.hash.clone();
                        self.ask(key, Question::Inclusion { hash });
                    }
                }
                Want::Outcome => {
                    if let Some(flight) = self.flights.get(&key) {
                        let tx = flight.tx().map(|tx| (tx.hash.clone(), tx.sequence));
                        self.ask(
                            key,
                            Question::Outcome {
                                end: flight.end,
                                tx,
                            },
                        );
                    }
                }
            }
        }
    }

    /// Asks the chain about a window in the background; one question at a time.
    pub(super) fn ask(&mut self, key: WindowKey, question: Question) {
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.asking = true;
            self.lookups
                .spawn(ask(Arc::clone(&self.parts.chain), key, question));
        }
    }

    async fn learn(&mut self, key: WindowKey, finding: Finding) {
        let height = self.height;
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.asking = false;
        match finding {
            Finding::Forecast(forecast) => self.send_trained(key, &forecast).await,
            Finding::Standing(true) => {
                flight.step = Step::Due;
                self.send(key).await;
            }
            Finding::Inclusion(Inclusion::InBlock(tx)) => {
                self.land(key, tx.hash, Height(tx.height), tx.tx_result)
                    .await;
            }
            Finding::Inclusion(Inclusion::Admitted) => self.admitted(key).await,
            Finding::Inclusion(Inclusion::Unknown) => {
                // Not in a block after two: evicted, or its sequence went to another transaction.
                // The same bytes again tell which.
                if let Step::Pending { tx, .. } = &flight.step {
                    flight.step = Step::Prepared(tx.clone());
                    self.send(key).await;
                }
            }
            Finding::Outcome(outcome) => self.close(key, outcome).await,
            // If it is within the cap by now, the next block's turn sends.
            Finding::Price(price) => self.ledger.reprice(price),
            // Asked again at the next block.
            Finding::Standing(false) => {}
            Finding::Unknown(error) => {
                let next = format!("asking again after block {height}");
                self.delayed(key, error.to_string(), &next);
            }
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
        if let Err(error) = self.parts.journal.append(&step).await {
            self.tell(Event::Trouble {
                cause: error.to_string(),
                remedy: "free or repair the disk; until then a restart may forget this submission"
                    .into(),
            });
        }
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

    /// Ends a flight for good.
    pub(super) fn finish(&mut self, key: WindowKey, answered: bool) {
        self.flights.remove(&key);
        self.done.insert(key);
        self.tally.send_modify(|tally| {
            if answered {
                tally.answered += 1;
            } else {
                tally.missed += 1;
            }
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
