//! What the submitter does as blocks pass: the step that each flight is due, and the questions that
//! are asked about it in the background.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    flight::{Flight, Origin, Present, Step, Want},
    landing::PURSUED,
    lookup::{Finding, Inclusion, Question, ask},
    registration::Enrolment,
    submitter::Submitter,
};
use crate::{
    store::{SignedTx, State},
    types::{Height, TopicId, WindowKey},
};

/// The last blocks of a window, which are left for its answer to be sent and to land.
const TO_LAND: i64 = 3;
/// What a forecast that is not ready is given at least, however little the window leaves.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);

impl Submitter {
    /// Lets every flight take the step that is due at the present height.
    pub(super) async fn advance(&mut self) {
        let now = self.present();
        let wants: Vec<_> = self
            .flights
            .values()
            .map(|flight| (flight.key, flight.want(now)))
            .collect();
        let mut sends = Vec::new();
        for (key, want) in wants {
            let Some(flight) = self.flights.get(&key) else {
                continue;
            };
            match want {
                Want::Nothing => {}
                Want::Send => sends.push(key),
                Want::Opening => self.ask(key, Question::Opening),
                Want::Standing => self.ask(key, Question::Standing),
                Want::Inclusion => {
                    let hashes = flight.hashes();
                    self.ask(key, Question::Inclusion { hashes });
                }
                Want::Outcome => {
                    let question = Question::Outcome {
                        end: flight.end,
                        hashes: flight.hashes(),
                        contested: flight.contested.is_some(),
                    };
                    self.ask(key, question);
                }
            }
        }
        self.launch(sends).await;
    }

    fn present(&self) -> Present {
        Present {
            height: self.height,
            at: Instant::now(),
            block_time: self.pace.block_time(),
        }
    }

    /// Asks the chain about a window in the background; one question at a time.
    pub(super) fn ask(&mut self, key: WindowKey, question: Question) {
        let height = self.height;
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.asking = true;
            if !matches!(question, Question::Forecast { .. }) {
                flight.asked_at = height;
                flight.asked = Some(Instant::now());
            }
            self.spawn(key, question);
        }
    }

    pub(super) fn spawn(&mut self, key: WindowKey, question: Question) {
        self.lookups
            .spawn(ask(Arc::clone(&self.parts.chain), key, question));
    }

    /// The question for a forecast that is not ready, to be answered while a window with this end leaves
    /// time to submit it.
    pub(super) fn training(&self, key: WindowKey, end: Height) -> Question {
        let blocks = u32::try_from(end.0 - self.height.0 - TO_LAND).unwrap_or(0);
        let left = self.pace.block_time().saturating_mul(blocks);
        Question::Forecast {
            desk: self.parts.desk.clone(),
            key,
            within: left.max(LEAST_PATIENCE),
        }
    }

    /// Has the connection to the nodes ready for what is sent soon.
    pub(super) fn warm(&self) {
        let chain = Arc::clone(&self.parts.chain);
        tokio::spawn(async move { chain.rpc.warm().await });
    }

    /// Acts on an answer, if it still fits what has become of the flight meanwhile.
    pub(super) async fn learn(&mut self, key: WindowKey, finding: Finding) {
        let (height, now) = (self.height, self.present());
        let Some(flight) = self.flights.get_mut(&key) else {
            if let Finding::Forecast(forecast) = finding {
                self.stage.learn(key, forecast);
            }
            return;
        };
        flight.asking = false;
        match finding {
            Finding::Forecast(forecast) if matches!(flight.step, Step::Due) => {
                if flight.value.is_none() {
                    self.use_trained(key, &forecast);
                }
                self.launch(vec![key]).await;
            }
            Finding::Standing(true) if matches!(flight.step, Step::Hindered) => {
                flight.step = Step::Due;
                self.launch(vec![key]).await;
            }
            Finding::Opening(true) => {
                if flight.confirm() {
                    self.launch(vec![key]).await;
                }
            }
            Finding::Opening(false) if flight.origin == Origin::Unconfirmed => {
                self.never_opened(key);
            }
            Finding::Inclusion(Inclusion::InBlock(tx)) => {
                self.land(tx.hash, Height(tx.height), tx.tx_result).await;
            }
            Finding::Inclusion(Inclusion::Admitted) => self.admitted(key),
            // Of several windows in one transaction the first sends it again for all.
            Finding::Inclusion(Inclusion::Unknown) if flight.is_overdue(now) => {
                if let Some(tx) = flight.tx().cloned() {
                    self.send_elsewhere(&tx);
                    self.launch(vec![key]).await;
                }
            }
            Finding::Outcome(outcome) => self.close(key, outcome),
            // If it is within the cap by now, the next block's turn sends.
            Finding::Price(price) => self.ledger.reprice(price),
            Finding::Unknown(_) if height > flight.end.plus(PURSUED) => self.give_up_asking(key),
            Finding::Unknown(error) => {
                let next = format!("asking again after block {height}");
                self.delayed(key, &error.to_string(), &next);
            }
            Finding::Forecast(_)
            | Finding::Standing(_)
            | Finding::Opening(_)
            | Finding::Inclusion(_) => {}
        }
    }

    /// Not in a block after two: evicted, frozen with its node, kept by a node that passes nothing on,
    /// or its sequence went to another transaction. The same bytes to another node tell which.
    fn send_elsewhere(&mut self, tx: &Arc<SignedTx>) {
        let mut was_taken = true;
        for flight in self.flights.values_mut() {
            if flight.tx().is_some_and(|it| it.hash == tx.hash) {
                flight.uncertain = false;
                flight.in_vain += 1;
                flight.step = Step::Prepared(tx.clone());
                was_taken &= flight.waited_out != tx.hash || flight.announced == tx.hash;
            }
        }
        // The one that refused it has not kept it, and the one that let wait is asked last already.
        if was_taken {
            self.parts.chain.rpc.prefer_next();
        }
    }

    /// A window that an earlier run prepared for did not open, so that its transaction never left:
    /// the other windows in it are answered afresh.
    fn never_opened(&mut self, key: WindowKey) {
        let tx = self.flights.get(&key).and_then(Flight::tx);
        let hash = tx.map(|tx| tx.hash.clone()).unwrap_or_default();
        for key in self.carried(&hash) {
            if let Some(flight) = self.flights.get_mut(&key) {
                flight.step = Step::Due;
                flight.signatures.clear();
                flight.uncertain = false;
            }
            self.note(key, State::Superseded);
        }
        self.flights.remove(&key);
    }

    /// Whether all windows that a transaction answers are known to have opened.
    pub(super) fn is_confirmed(&self, hash: &str) -> bool {
        let mut carried = self.carried(hash).into_iter();
        carried.all(|key| {
            let flight = self.flights.get(&key);
            flight.is_some_and(|flight| flight.origin != Origin::Unconfirmed)
        })
    }

    pub(super) async fn enrol(&mut self, topic: TopicId, news: Enrolment) {
        if let Some(told) = self.proceed(topic, news).await {
            self.told(told);
        }
    }

    /// The windows whose answer is in the transaction with this hash, and may be sent or is out.
    pub(super) fn carried(&self, hash: &str) -> Vec<WindowKey> {
        self.flights
            .values()
            .filter(|flight| flight.tx().is_some_and(|tx| tx.hash == hash))
            .map(|flight: &Flight| flight.key)
            .collect()
    }
}
