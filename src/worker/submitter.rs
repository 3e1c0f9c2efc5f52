//! The submitter: the one task that owns the wallet's sequence, and signs and sends for all topics.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    budget::Budget,
    flight::{Flight, Origin},
    ledger::Ledger,
    lookup::Finding,
    nonces::is_remembered,
    pace::Pace,
    parts::{Parts, Report, Tally},
    registration::Enrolments,
    staging::Stage,
    windows::Told,
};
use crate::{
    failpoint::{failpoint, stall},
    ops::Event,
    store::{State, Submission, Transition},
    types::{Height, WindowKey},
};

/// How often what could not be sent, or is not known to be in a block, is looked after between blocks:
/// after half a block's time, and this long at most. Where blocks come fast, a second is a whole window.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long after a block's header its openings may be heard of: this share of the block time, within
/// limits. The frame with the openings of many topics is long, and the way may be, too.
const OPENINGS_SHARE: u32 = 3;
const OPENINGS_LEAST: Duration = Duration::from_millis(150);
const OPENINGS_MOST: Duration = Duration::from_secs(2);
/// Blocks that the node which told the height at the start may be behind.
const MOST_LAG: i64 = 2;
const FAR: Duration = Duration::from_hours(1);

pub(super) struct Submitter {
    pub(super) parts: Parts,
    pub(super) ledger: Ledger,
    pub(super) budget: Budget,
    pub(super) height: Height,
    pub(super) flights: BTreeMap<WindowKey, Flight>,
    /// Windows to come.
    pub(super) stage: Stage,
    /// Finished windows with their last block.
    pub(super) done: BTreeMap<WindowKey, Height>,
    tally: watch::Sender<Tally>,
    pub(super) lookups: JoinSet<(WindowKey, Finding)>,
    pub(super) enrolments: Enrolments,
    /// No endpoint answered since the last tick.
    pub(super) unreachable: bool,
    /// When it is time to give up waiting for the present block's openings.
    drift_at: Option<Instant>,
    /// How fast blocks come.
    pub(super) pace: Pace,
}

impl Submitter {
    pub(super) fn new(
        parts: Parts,
        ledger: Ledger,
        budget: Budget,
        height: Height,
        tally: watch::Sender<Tally>,
    ) -> Self {
        Self {
            parts,
            ledger,
            budget,
            height,
            flights: BTreeMap::new(),
            stage: Stage::default(),
            done: BTreeMap::new(),
            tally,
            lookups: JoinSet::new(),
            enrolments: Enrolments::default(),
            unreachable: false,
            drift_at: None,
            pace: Pace::default(),
        }
    }

    /// Takes up what an earlier run left, before new windows are reported.
    pub(super) fn resume(&mut self, submissions: Vec<Submission>) {
        for submission in submissions {
            let key = submission.key;
            if submission.state.name().is_final() {
                self.done.insert(key, submission.window_end);
                continue;
            }
            if submission.is_prepared() && key.nonce.height() > self.height.plus(MOST_LAG) {
                // Its window has not opened: it is prepared afresh.
                self.withdraw(key, submission.window_end);
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
        let mut tried: Option<Instant> = None;
        let mut forecasts = self.parts.desk.prepared();
        let mut landing: Option<Instant> = None;
        loop {
            self.parts.life.beat();
            let far = Instant::now() + FAR;
            let retry = tried.map_or_else(Instant::now, |at| at + self.retry_every());
            tokio::select! {
                biased;
                () = stop.cancelled(), if landing.is_none() => {
                    // What is in the air is another worker's where this one may not send.
                    let may_send = self.parts.chain.rpc.may_send();
                    let grace = self.parts.stop_grace * u32::from(may_send);
                    landing = Some(Instant::now() + grace);
                    self.stage.clear();
                    self.tell_stopping();
                }
                () = sleep_until(landing.unwrap_or(far)), if landing.is_some() => return,
                report = reports.recv() => match report {
                    Some(
                        Report::Opened { .. } | Report::Foretold { .. } | Report::Register(_),
                    ) if landing.is_some() => {}
                    Some(report) => self.hear(report).await,
                    None => return,
                },
                Some(found) = self.lookups.join_next() => match found {
                    Ok((key, finding)) => self.learn(key, finding).await,
                    // A question that panicked is asked again.
                    Err(_) => self.unask(),
                },
                Some((topic, news)) = self.enrolments.next() => self.enrol(topic, news).await,
                () = sleep_until(self.drift_at.unwrap_or(far)), if self.drift_at.is_some() => {
                    self.drift_at = None;
                    for (from, to) in self.stage.drift(self.height) {
                        self.parts.desk.rename(from, to);
                    }
                }
                // A fresher forecast replaces what is staged, below.
                _ = forecasts.recv() => {}
                () = sleep_until(retry) => {
                    tried = Some(Instant::now());
                    self.unreachable = false;
                    self.advance().await;
                }
            }
            self.restage();
            self.tell_calm();
            if landing.is_some() && self.in_the_air() == 0 {
                return;
            }
            if self.parts.once && *self.tally.borrow() != Tally::default() {
                self.parts
                    .shutdown
                    .request("--once: the window is at its end");
                self.stage.clear();
                self.restage();
                return;
            }
        }
    }

    fn retry_every(&self) -> Duration {
        if self.unreachable || self.flights.values().any(Flight::is_pending) {
            RETRY_EVERY.min(self.pace.block_time() / 2)
        } else {
            RETRY_EVERY
        }
    }

    async fn hear(&mut self, report: Report) {
        match report {
            Report::Opened { windows, seen } => self.open(windows, seen).await,
            Report::Held(key) => {
                // The same bytes again tell what became of them.
                if self.flights.get_mut(&key).is_some_and(Flight::confirm) {
                    self.launch(vec![key]).await;
                }
            }
            Report::Foretold { topic, next } => {
                let next = next.filter(|window| {
                    window.key.nonce.height() >= self.height && !self.knows(window.key)
                });
                self.stage.foretell(topic, next);
            }
            Report::Block(height) => {
                stall("submitter").await;
                self.height = self.height.max(height);
                let now = Instant::now();
                self.pace.hear(height, now);
                for flight in self.flights.values_mut() {
                    flight.haste = 0;
                    flight.in_vain = 0;
                }
                self.done.retain(|_, end| is_remembered(*end, height));
                if self.stage.is_due(height) {
                    let wait = self.pace.block_time() / OPENINGS_SHARE;
                    self.drift_at = Some(now + wait.clamp(OPENINGS_LEAST, OPENINGS_MOST));
                }
                if self.stage.is_near(height.plus(1)) {
                    self.warm();
                }
                self.ask_again();
                self.advance().await;
            }
            Report::Included {
                hash,
                height,
                result,
            } => {
                failpoint("before-confirmation");
                self.land(hash, height, result).await;
            }
            Report::Register(topic) => self.register(topic),
        }
    }

    /// Tells those who ask the chain out of interest whether they may: nothing is to be signed or sent
    /// soon, and nothing that was sent is waited for. What waits for a lower price or for the operator does
    /// not count: it may wait for as long as its window lasts.
    fn tell_calm(&self) {
        let mut flights = self.flights.values();
        let calm = flights.all(Flight::is_calm) && !self.stage.is_near(self.height.plus(1));
        let told = &self.parts.chain.calm;
        told.send_if_modified(|known| std::mem::replace(known, calm) != calm);
    }

    /// Whether a window is being answered, or was.
    pub(super) fn knows(&self, key: WindowKey) -> bool {
        self.done.contains_key(&key) || self.flights.contains_key(&key)
    }

    fn unask(&mut self) {
        self.flights
            .values_mut()
            .for_each(|flight| flight.asking = false);
        self.stage.unask();
    }

    /// One step of a window's answer, for the journal.
    pub(super) fn step(&self, key: WindowKey, state: State) -> Option<Transition> {
        let flight = self.flights.get(&key)?;
        let value = flight.value.as_ref().map(ToString::to_string);
        Some(self.parts.transition(key, flight.end, value, state))
    }

    /// Journals a step of a window's answer; nothing waits for it.
    pub(super) fn note(&self, key: WindowKey, state: State) {
        let steps = self.step(key, state).into_iter().collect();
        self.parts.scribe.write(steps);
    }

    /// Journals that what is prepared for a window is not sent.
    pub(super) fn withdraw(&self, key: WindowKey, end: Height) {
        let step = self.parts.transition(key, end, None, State::Superseded);
        self.parts.scribe.write(vec![step]);
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
        self.done.insert(key, flight.end);
        if flight.origin != Origin::Here && self.parts.once {
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

    fn in_the_air(&self) -> usize {
        let flights = self.flights.values();
        flights.filter(|it| it.is_in_the_air(self.height)).count()
    }

    fn tell_stopping(&self) {
        let signal = self.parts.shutdown.reason().unwrap_or_default().to_owned();
        let in_flight = self.in_the_air();
        self.tell(Event::Stopping { signal, in_flight });
    }

    /// Tells what stands in the way, once as long as it is the same.
    pub(super) fn delayed(&mut self, key: WindowKey, cause: &str, next: &str) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if flight.told == cause {
            return;
        }
        cause.clone_into(&mut flight.told);
        let WindowKey { topic, nonce } = key;
        self.tell(Event::SubmissionDelayed {
            topic,
            nonce,
            cause: cause.into(),
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
}
