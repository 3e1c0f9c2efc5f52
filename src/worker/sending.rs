//! The submitter's way out: forecast, signature, journal, broadcast.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    budget::Spent,
    flight::{Flight, Step},
    ledger::gas_for,
    lookup::Question,
    parcel::{Letter, MOST_LETTERS, Parcel},
    submitter::Submitter,
};
use crate::{
    chain::{Answer, ChainError, Decimal, DecimalError, Output, Uallo},
    failpoint::failpoint,
    forecast::Forecast,
    ops::Event,
    store::{SignedTx, State},
    types::WindowKey,
};

const AGAIN: &str = "trying again at the next block";

impl Submitter {
    /// Sends what is prepared for these windows, and prepares what is not: together, but for answers
    /// that did badly in company.
    pub(super) async fn launch(&mut self, keys: Vec<WindowKey>) {
        let mut ready: Vec<Arc<SignedTx>> = Vec::new();
        let (mut together, mut alone) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for key in keys {
            let Some(flight) = self.flights.get(&key) else {
                continue;
            };
            match &flight.step {
                Step::Prepared(tx) => {
                    if self.is_confirmed(&tx.hash)
                        && ready.iter().all(|other| other.hash != tx.hash)
                    {
                        ready.push(tx.clone());
                    }
                }
                Step::Due => {
                    let is_alone = flight.is_alone();
                    match self.letter(key) {
                        Some(letter) if is_alone => alone.push(letter),
                        Some(letter) => together.entry(letter.window.end).or_default().push(letter),
                        None => {}
                    }
                }
                Step::Hindered | Step::Pending { .. } | Step::Included => {}
            }
        }
        // A node refuses a sequence number before the ones that precede it.
        ready.sort_by_key(|tx| tx.sequence);
        for tx in ready {
            self.broadcast(tx).await;
        }
        // A transaction ends with its earliest window, which must not cost the others.
        for letters in together.values().flat_map(|it| it.chunks(MOST_LETTERS)) {
            self.dispatch(letters.to_vec()).await;
        }
        for letter in alone {
            self.dispatch(vec![letter]).await;
        }
    }

    /// The answer to a window, if a forecast is at hand; else one is made in the background.
    fn letter(&mut self, key: WindowKey) -> Option<Letter> {
        let flight = self.flights.get(&key)?;
        let written = flight.letter.as_ref();
        if let Some(letter) = written.filter(|letter| letter.is_current(&self.parts.chain)) {
            return Some(letter.clone());
        }
        let WindowKey { topic, nonce } = key;
        let (value, forecast) = match flight.value.clone() {
            Some(value) => (value, flight.forecast.clone()),
            None if flight.asking => return None,
            None => {
                let Some(forecast) = self.parts.desk.fresh(key) else {
                    let end = flight.end;
                    self.tell(Event::ForecastTraining { topic, nonce });
                    self.ask(key, self.training(key, end));
                    return None;
                };
                let value = self.canonical(&forecast);
                self.tell(Event::ForecastUsed {
                    topic,
                    nonce,
                    forecast: forecast.as_ref().clone(),
                });
                (value, Some(forecast))
            }
        };
        let flight = self.flights.get_mut(&key)?;
        flight.value = Some(value.clone());
        flight.forecast.clone_from(&forecast);
        match Letter::write(&self.parts.chain, flight.window(), value, forecast) {
            Ok(letter) => {
                flight.letter = Some(letter.clone());
                Some(letter)
            }
            Err(error) => {
                self.delayed(key, &error.to_string(), AGAIN);
                None
            }
        }
    }

    /// Takes a forecast that was not ready when the window opened.
    pub(super) fn use_trained(&mut self, key: WindowKey, forecast: &Arc<Forecast>) {
        let value = self.canonical(forecast);
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.value = Some(value);
            flight.forecast = Some(Arc::clone(forecast));
        }
        let WindowKey { topic, nonce } = key;
        let forecast = forecast.as_ref().clone();
        self.tell(Event::ForecastTrained {
            topic,
            nonce,
            forecast,
        });
    }

    pub(super) fn canonical(&self, forecast: &Forecast) -> Output {
        canonical(forecast, |trouble| self.tell(trouble))
    }

    /// Signs, journals and broadcasts one transaction.
    async fn dispatch(&mut self, mut letters: Vec<Letter>) {
        if !self.parts.dry_run && !self.parts.chain.rpc.may_send() {
            // They are tried again while their windows last.
            return;
        }
        let height = self.height;
        letters.retain(|letter| {
            let flight = self.flights.get_mut(&letter.key());
            let may_go = flight.filter(|it| it.may_hurry() && it.is_in_time(height));
            may_go.is_some_and(|flight| {
                flight.haste += 1;
                true
            })
        });
        let Some(first) = letters.first().map(Letter::key) else {
            return;
        };
        self.reprice();
        let Some(terms) = self.terms(&letters, self.ledger.account().sequence) else {
            self.tell_too_dear(&letters);
            self.ask(first, Question::Price);
            return;
        };
        if let Err(spent) = self.may_pay(terms.fee) {
            let height = self.height;
            for letter in &letters {
                if let Some(flight) = self.flights.get_mut(&letter.key()) {
                    flight.too_dear = Some(height);
                }
                self.delayed(letter.key(), &spent.cause(), &spent.next());
            }
            return;
        }
        let keys: Vec<_> = letters.iter().map(Letter::key).collect();
        let parcel = match Parcel::seal(&self.parts.chain, letters, terms) {
            Ok(parcel) => parcel,
            Err(error) => {
                self.delay(&keys, &error.to_string(), AGAIN);
                return;
            }
        };
        if self.parts.dry_run {
            self.show(&parcel);
            return;
        }
        failpoint("before-journal");
        let steps = self.steps(&parcel, |it| State::Prepared(it.tx.clone()));
        let (life, written) = (self.parts.life.clone(), self.parts.scribe.write(steps));
        life.during(written.settled()).await;
        failpoint("after-journal");
        let tx = parcel.tx.clone();
        self.adopt(parcel, false);
        self.broadcast(tx).await;
    }

    /// From here on the parcel is what answers its windows.
    pub(super) fn adopt(&mut self, parcel: Parcel, is_presigned: bool) {
        let Parcel { letters, terms, tx } = parcel;
        self.ledger.take(tx.sequence);
        self.budget.pay(&tx.hash, terms.fee, self.parts.clock.now());
        for letter in letters {
            let Some(flight) = self.flights.get_mut(&letter.key()) else {
                continue;
            };
            flight.value = Some(letter.value.clone());
            flight.forecast.clone_from(&letter.forecast);
            flight.letter = Some(letter);
            flight.fee = terms.fee;
            flight.too_dear = None;
            flight.signatures.push((tx.hash.clone(), tx.sequence));
            flight.step = Step::Prepared(tx.clone());
            flight.is_presigned = is_presigned;
        }
    }

    pub(super) async fn broadcast(&mut self, tx: Arc<SignedTx>) {
        let keys = self.carried(&tx.hash);
        let in_time = keys
            .iter()
            .filter_map(|key| self.flights.get(key))
            .any(|flight| flight.is_in_time(self.height));
        if !in_time || self.parts.dry_run || self.unreachable {
            return;
        }
        let (life, chain) = (self.parts.life.clone(), self.parts.chain.clone());
        // Nodes may rightly take their time.
        match life.during(chain.rpc.broadcast(&tx.bytes)).await {
            Ok(sent) => self.answered(tx, keys, sent).await,
            Err(error) => {
                // Each further try would take as long: until the next tick nothing is sent.
                self.unreachable = true;
                for flight in self.flights_of(&keys) {
                    flight.uncertain = true;
                }
                let next = "sending the same transaction again";
                self.delay(&keys, &error.to_string(), next);
            }
        }
    }

    pub(super) fn flights_of(&mut self, keys: &[WindowKey]) -> impl Iterator<Item = &mut Flight> {
        self.flights
            .values_mut()
            .filter(|flight| keys.contains(&flight.key))
    }

    pub(super) fn delay(&mut self, keys: &[WindowKey], cause: &str, next: &str) {
        for &key in keys {
            self.delayed(key, cause, next);
        }
    }

    /// Whether a fee fits into what may be paid in a day. A dry run pays nothing.
    pub(super) fn may_pay(&mut self, fee: Uallo) -> Result<(), Spent> {
        if self.parts.dry_run {
            return Ok(());
        }
        self.budget.allows(fee, self.parts.clock.now())
    }

    fn tell_too_dear(&mut self, letters: &[Letter]) {
        let gas = gas_for(self.ledger.gas(), letters.len());
        let (fee, cap) = (self.ledger.uncapped(gas), self.ledger.fees().max_fee);
        let cause = match letters.len() {
            1 => format!("the fee of {fee} is above the cap of {cap}"),
            many => format!("the fee of {fee} for {many} answers is above the cap of {cap} each"),
        };
        let height = self.height;
        let next = format!("{AGAIN}; raise fees.max_fee or lower fees.tier");
        for letter in letters {
            let key = letter.key();
            if let Some(flight) = self.flights.get_mut(&key) {
                flight.too_dear = Some(height);
            }
            self.delayed(key, &cause, &next);
        }
    }

    fn show(&mut self, parcel: &Parcel) {
        for letter in &parcel.letters {
            let WindowKey { topic, nonce } = letter.key();
            self.tell(Event::DryRun {
                topic,
                nonce,
                value: letter.value.to_string(),
                hash: parcel.tx.hash.clone(),
                tx: hex::encode(&parcel.tx.bytes),
            });
            self.finish(letter.key(), true);
        }
    }

    /// Reads the account again, after a refusal that says that ours is wrong.
    pub(super) async fn resync(&mut self, keys: &[WindowKey]) {
        let (life, chain) = (self.parts.life.clone(), self.parts.chain.clone());
        match life.during(chain.account()).await {
            Ok(account) => self.ledger.resync(account),
            Err(error) => self.delay(keys, &error.to_string(), AGAIN),
        }
    }

    /// Puts right what an answer says is wrong.
    pub(super) async fn mend(&mut self, answer: &Answer) -> Result<(), ChainError> {
        let (life, chain) = (self.parts.life.clone(), self.parts.chain.clone());
        match answer {
            Answer::Unreadable | Answer::OtherVersion => {
                life.during(chain.emissions.redetect()).await?;
            }
            Answer::Sequence { expected: None } | Answer::WrongSigner => {
                self.ledger.resync(life.during(chain.account()).await?);
            }
            Answer::FeeTooLow => self.ledger.reprice(life.during(chain.gas_price()).await?),
            _ => {}
        }
        Ok(())
    }
}

/// A forecast as the chain writes it; 0 in place of what the chain does not take.
pub(super) fn canonical(forecast: &Forecast, mut tell: impl FnMut(Event)) -> Output {
    let topic = forecast.topic;
    let mut zero = |error: DecimalError| {
        tell(Event::Trouble {
            cause: format!("the forecast for topic {topic} can't be submitted: {error}"),
            remedy: "0 is submitted in its place".into(),
        });
        Decimal::zero()
    };
    let mut decimal = |value: f64| Decimal::try_from(value).unwrap_or_else(&mut zero);
    if forecast.values.is_empty() {
        return decimal(forecast.value).into();
    }
    let values = forecast.values.iter();
    Output::Labelled(
        values
            .map(|it| (it.label.clone(), decimal(it.value)))
            .collect(),
    )
}
