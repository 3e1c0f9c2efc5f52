//! Before a window opens its answer is signed and journaled; the opening only releases it.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    flight::Flight,
    ledger::gas_for,
    parcel::{Letter, Parcel, Terms},
    staging::{Expected, Staged},
    submitter::Submitter,
};
use crate::{
    chain::OpenWindow,
    failpoint::failpoint,
    ops::Event,
    store::{State, Transition},
    types::WindowKey,
};

/// Blocks ahead that are more than any epoch has.
const LONGEST_LEAD: i64 = 1 << 40;

impl Submitter {
    /// Brings what is signed ahead into step with what is known: forecasts, sequence, price, version
    /// and the blocks in which windows are expected. Nothing is waited for. A dry run has only the
    /// forecasts made: it signs what it shows, at the opening.
    pub(super) fn restage(&mut self) {
        self.write_letters();
        if self.parts.dry_run {
            return;
        }
        self.reprice();
        let mut before = std::mem::take(&mut self.stage.parcels);
        let mut after = Vec::new();
        let mut sequence = self.ledger.account().sequence;
        for letters in self.stage.groups(self.height) {
            let Some(terms) = self.terms(&letters, sequence) else {
                // Above the cap: the price may be lower at the opening, and else it is told of then.
                continue;
            };
            if self.may_pay(terms.fee).is_err() {
                // The day's fees are spent: at the opening it is told, unless they are a day old then.
                continue;
            }
            sequence += 1;
            let same = before
                .iter()
                .position(|it| it.parcel.is_of(&letters, terms));
            if let Some(index) = same {
                after.push(Ok(before.swap_remove(index)));
            } else if let Ok(parcel) = Parcel::seal(&self.parts.chain, letters, terms) {
                after.push(Err(parcel));
            }
        }
        let mut steps = Vec::new();
        for staged in &before {
            steps.extend(self.steps(&staged.parcel, |_| State::Superseded));
        }
        for parcel in after.iter().filter_map(|it| it.as_ref().err()) {
            steps.extend(self.steps(parcel, |it| State::Prepared(it.tx.clone())));
        }
        if !steps.is_empty() {
            failpoint("before-journal");
        }
        let written = self.parts.scribe.write(steps);
        let staged = after.into_iter().map(|it| {
            it.unwrap_or_else(|parcel| Staged {
                parcel,
                written: written.clone(),
            })
        });
        self.stage.parcels = staged.collect();
    }

    /// Keeps the answers to the windows to come up to date.
    fn write_letters(&mut self) {
        let mut wanted = Vec::new();
        let mut troubles = Vec::new();
        self.ask_ahead();
        let (chain, desk) = (&self.parts.chain, &self.parts.desk);
        for expected in self.stage.near(self.height) {
            let key = expected.window.key;
            let known = expected.forecast.take();
            let fresh = desk.fresh(key);
            let changed = match (&known, &fresh) {
                (Some(known), Some(fresh)) => !known.says_as(fresh),
                _ => false,
            };
            expected.forecast = fresh.or(known);
            let Some(forecast) = &expected.forecast else {
                if !std::mem::replace(&mut expected.asking, true) {
                    wanted.push(expected.window);
                }
                continue;
            };
            let written = expected.letter.as_ref();
            if changed || !written.is_some_and(|letter| letter.is_current(chain)) {
                let value = super::sending::canonical(forecast, |trouble| troubles.push(trouble));
                let forecast = Some(Arc::clone(forecast));
                expected.letter = Letter::write(chain, expected.window, value, forecast).ok();
            }
        }
        for OpenWindow { key, end } in wanted {
            let question = self.training(key, end);
            self.spawn(key, question);
        }
        for trouble in troubles {
            self.tell(trouble);
        }
    }

    /// Has the forecasters outside the process asked for the windows that open soon: their time limit,
    /// and a block, ahead.
    fn ask_ahead(&self) {
        for key in self.soon() {
            self.parts.desk.prepare(key);
        }
    }

    /// Has those that failed asked again, once a block while blocks remain before the opening.
    pub(super) fn ask_again(&self) {
        for key in self.soon() {
            if key.nonce.height() > self.height {
                self.parts.desk.prepare_again(key);
            }
        }
    }

    fn soon(&self) -> Vec<WindowKey> {
        let desk = &self.parts.desk;
        let block_time = self.pace.block_time();
        let blocks = |topic| {
            let lead = desk
                .lead(topic)?
                .as_millis()
                .div_ceil(block_time.as_millis());
            Some(1 + i64::try_from(lead).unwrap_or(LONGEST_LEAD))
        };
        self.stage.soon(self.height, blocks)
    }

    /// What a transaction with these letters spends; none when its fee is above the cap.
    pub(super) fn terms(&self, letters: &[Letter], sequence: u64) -> Option<Terms> {
        let tried = letters
            .iter()
            .filter_map(|letter| self.flights.get(&letter.key()))
            .map(|flight| flight.gas)
            .max();
        let single = tried.unwrap_or_else(|| self.ledger.gas());
        let gas = gas_for(single, letters.len());
        Some(Terms {
            account_number: self.ledger.account().number,
            sequence,
            gas,
            fee: self.ledger.fee(gas, letters.len())?,
        })
    }

    /// One step of each answer in a parcel, for the journal.
    pub(super) fn steps(
        &self,
        parcel: &Parcel,
        state: impl Fn(&Parcel) -> State,
    ) -> Vec<Transition> {
        let step = |letter: &Letter| {
            let value = Some(letter.value.to_string());
            let state = state(parcel);
            let report = matches!(state, State::Prepared(_))
                .then(|| serde_json::to_string(letter.forecast.as_deref()?).ok())
                .flatten();
            let end = letter.window.end;
            Transition {
                report,
                ..self.parts.transition(letter.key(), end, value, state)
            }
        };
        parcel.letters.iter().map(step).collect()
    }

    /// Windows are open. What is ready for them leaves at once; the rest is signed first.
    pub(super) async fn open(&mut self, windows: Vec<OpenWindow>, seen: Instant) {
        let mut keys = Vec::new();
        let mut resumed = Vec::new();
        let mut used = Vec::new();
        for window in windows {
            let key = window.key;
            if let Some(flight) = self.flights.get_mut(&key) {
                if flight.confirm() {
                    resumed.push(key);
                }
                continue;
            }
            if self.done.contains_key(&key) {
                continue;
            }
            let mut flight = Flight::new(window, seen, self.ledger.gas());
            if let Some(Expected {
                window: foretold,
                letter,
                forecast,
                ..
            }) = self.stage.opened(key.topic)
            {
                if foretold.key != key {
                    self.parts.desk.rename(foretold.key, key.nonce);
                }
                // The forecast is for this window also where another block was expected to open it.
                flight.value = forecast.as_ref().map(|it| self.canonical(it));
                flight.forecast.clone_from(&forecast);
                flight.letter = letter.filter(|letter| letter.window == window);
                used.extend(forecast.map(|forecast| (key, forecast)));
            }
            self.flights.insert(key, flight);
            keys.push(key);
        }
        self.release(&keys).await;
        self.dissolve(&keys);
        for (WindowKey { topic, nonce }, forecast) in used {
            let forecast = forecast.as_ref().clone();
            self.tell(Event::ForecastUsed {
                topic,
                nonce,
                forecast,
            });
        }
        // What was not released is due still.
        keys.retain(|key| self.flights.get(key).is_some_and(Flight::is_due));
        keys.extend(resumed);
        self.launch(keys).await;
    }

    /// Withdraws what was signed ahead for these windows and was not released: another of its windows
    /// did not open, or its sequence number went elsewhere.
    fn dissolve(&mut self, opened: &[WindowKey]) {
        let parcels = std::mem::take(&mut self.stage.parcels);
        let (gone, kept) = parcels
            .into_iter()
            .partition(|it| it.parcel.keys().any(|key| opened.contains(&key)));
        self.stage.parcels = kept;
        let gone: Vec<Staged> = gone;
        let superseded = |it: &Staged| self.steps(&it.parcel, |_| State::Superseded);
        let steps = gone.iter().flat_map(superseded).collect();
        self.parts.scribe.write(steps);
    }

    /// Sends the transactions that were signed ahead for just these windows, as they are.
    async fn release(&mut self, opened: &[WindowKey]) {
        let mut index = 0;
        while let Some(staged) = self.stage.parcels.get(index) {
            let parcel = &staged.parcel;
            let fits = parcel.terms.sequence == self.ledger.account().sequence
                && parcel.is_current(&self.parts.chain)
                && parcel.keys().all(|key| opened.contains(&key));
            let fee = parcel.terms.fee;
            if !fits || self.may_pay(fee).is_err() {
                index += 1;
                continue;
            }
            let Staged { parcel, written } = self.stage.parcels.remove(index);
            let life = self.parts.life.clone();
            life.during(written.settled()).await;
            failpoint("after-journal");
            let tx = parcel.tx.clone();
            self.adopt(parcel, true);
            self.broadcast(tx).await;
        }
    }
}
