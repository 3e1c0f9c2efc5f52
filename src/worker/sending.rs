//! The submitter's way out: forecast, signature, journal, broadcast, and the mempool's answer.

use tokio::time::Instant;

use super::{
    flight::{Flight, MAX_REFUSALS, Step},
    lookup::Question,
    submitter::Submitter,
    windows::Told,
};
use crate::{
    chain::{Answer, Decimal, Envelope, Next, Sent, Uallo},
    failpoint::failpoint,
    forecast::Forecast,
    ops::Event,
    store::{Refusal, SignedTx, State},
    types::WindowKey,
};

impl Submitter {
    /// Sends what is prepared, or prepares it first.
    pub(super) async fn send(&mut self, key: WindowKey) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        if let Step::Prepared(tx) = &flight.step {
            let tx = tx.clone();
            self.broadcast(key, tx).await;
        } else if let Some(value) = flight.value.clone() {
            self.prepare(key, value).await;
        } else if let Some(forecast) = self.parts.desk.fresh(key.topic) {
            let (topic, forecast) = (key.topic, forecast.as_ref().clone());
            let value = self.canonical(&forecast);
            self.tell(Event::ForecastUsed {
                topic,
                nonce: key.nonce,
                forecast,
            });
            self.prepare(key, value).await;
        } else {
            let WindowKey { topic, nonce } = key;
            self.tell(Event::ForecastTraining { topic, nonce });
            let desk = self.parts.desk.clone();
            self.ask(
                key,
                Question::Forecast {
                    desk,
                    topic,
                    within: Self::training_limit(),
                },
            );
        }
    }

    /// Sends a forecast that was not ready when the window opened.
    pub(super) async fn send_trained(&mut self, key: WindowKey, forecast: &Forecast) {
        let WindowKey { topic, nonce } = key;
        let value = self.canonical(forecast);
        let forecast = forecast.clone();
        self.tell(Event::ForecastTrained {
            topic,
            nonce,
            forecast,
        });
        self.prepare(key, value).await;
    }

    fn canonical(&self, forecast: &Forecast) -> Decimal {
        Decimal::try_from(forecast.value).unwrap_or_else(|error| {
            let topic = forecast.topic;
            self.tell(Event::Trouble {
                cause: format!("the forecast for topic {topic} can't be submitted: {error}"),
                remedy: "0 is submitted in its place".into(),
            });
            Decimal::zero()
        })
    }

    /// Signs, journals and broadcasts.
    async fn prepare(&mut self, key: WindowKey, value: Decimal) {
        let height = self.height;
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if !flight.may_hurry() || !flight.is_in_time(height) {
            return;
        }
        flight.haste += 1;
        flight.value = Some(value.clone());
        let (end, gas) = (flight.end, flight.gas);
        if self.parts.prices.has_changed().unwrap_or(false) {
            self.ledger.reprice(*self.parts.prices.borrow_and_update());
        }
        let Some(fee) = self.ledger.fee(gas) else {
            let (fee, cap) = (self.ledger.uncapped(gas), self.ledger.fees().max_fee);
            self.delayed(
                key,
                format!("the fee of {fee} is above the cap of {cap}"),
                "trying again at the next block; raise fees.max_fee or lower fees.tier",
            );
            self.ask(key, Question::Price);
            return;
        };
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.fee = fee;
        }
        let tx = match self.sign(key, &value, gas, fee) {
            Ok(tx) => tx,
            Err(error) => {
                self.delayed(key, error.to_string(), "trying again at the next block");
                return;
            }
        };
        if self.parts.dry_run {
            self.show(key, &value, &tx);
            return;
        }
        failpoint("before-journal");
        self.record(
            key,
            end,
            Some(value.to_string()),
            State::Prepared(tx.clone()),
        )
        .await;
        failpoint("after-journal");
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.step = Step::Prepared(tx.clone());
        }
        self.broadcast(key, tx).await;
    }

    fn sign(
        &self,
        key: WindowKey,
        value: &Decimal,
        gas: u64,
        fee: Uallo,
    ) -> Result<SignedTx, crate::chain::ChainError> {
        let chain = &self.parts.chain;
        let message = chain.emissions.submission(&chain.signer, key, value)?;
        let end = self.flights.get(&key).map(|flight| flight.end);
        let account = self.ledger.account();
        let envelope = Envelope {
            chain_id: chain.network.chain_id.clone(),
            account_number: account.number,
            sequence: account.sequence,
            gas,
            fee,
            denom: chain.network.denom.clone(),
            timeout_height: end,
        };
        chain.signer.sign_tx(vec![message], &envelope)
    }

    async fn broadcast(&mut self, key: WindowKey, tx: SignedTx) {
        if !self
            .flights
            .get(&key)
            .is_some_and(|flight| flight.is_in_time(self.height))
        {
            return;
        }
        match self.parts.chain.rpc.broadcast(&tx.bytes).await {
            Ok(sent) => self.answered(key, tx, sent).await,
            Err(error) => {
                if let Some(flight) = self.flights.get_mut(&key) {
                    flight.uncertain = true;
                }
                self.delayed(key, error.to_string(), "sending the same transaction again");
            }
        }
    }

    /// Acts on a mempool's answer.
    async fn answered(&mut self, key: WindowKey, tx: SignedTx, sent: Sent) {
        let latency = |seen: Instant| seen.elapsed().as_secs_f64() * 1e3;
        let height = self.height.max(key.nonce.height());
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.uncertain |= sent.maybe_elsewhere;
        let answer = Answer::to_broadcast(&sent.answer);
        if answer.next() == Next::AwaitInclusion {
            let (end, value) = (flight.end, flight.value.as_ref().map(ToString::to_string));
            let (latency_ms, fee) = (latency(flight.seen), flight.fee);
            flight.step = Step::Pending {
                tx: tx.clone(),
                since: height,
            };
            self.ledger.spent(tx.sequence);
            let state = State::Broadcast {
                hash: tx.hash.clone(),
                endpoint: sent.endpoint.clone(),
            };
            self.tell(Event::Submitted {
                topic: key.topic,
                nonce: key.nonce,
                value: value.clone().unwrap_or_default(),
                hash: tx.hash,
                sequence: tx.sequence,
                fee,
                endpoint: sent.endpoint,
                latency_ms,
            });
            self.record(key, end, value, state).await;
            self.told(Told::Sent(key));
            return;
        }
        let taken = matches!(answer, Answer::Sequence { expected: Some(e) } if e > tx.sequence);
        if taken && flight.uncertain {
            // Most likely our own bytes took the sequence: a block will tell.
            flight.uncertain = false;
            flight.step = Step::Pending { tx, since: height };
            return;
        }
        let refusal = match sent.answer {
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
        };
        self.refused(key, refusal, answer).await;
    }

    /// Acts on a refusal, by a mempool or by a block.
    pub(super) async fn refused(&mut self, key: WindowKey, refusal: Refusal, answer: Answer) {
        let WindowKey { topic, nonce } = key;
        self.tell(Event::SubmissionRefused {
            topic,
            nonce,
            codespace: refusal.codespace.clone(),
            code: refusal.code,
            log: refusal.log.clone(),
            next: answer.advice().into(),
        });
        let next = answer.next();
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        // Bytes that a block refused are spent: only a new signature can follow.
        let in_mempool = matches!(flight.step, Step::Prepared(_));
        if next == Next::Resend && in_mempool {
            return;
        }
        flight.uncertain = false;
        let worn_out = flight.refusals >= MAX_REFUSALS;
        let (end, value) = (flight.end, flight.value.as_ref().map(ToString::to_string));
        self.record(key, end, value, State::Rejected(refusal.clone()))
            .await;
        if worn_out || next == Next::GiveUp {
            let cause = format!("{} ({} {})", refusal.log, refusal.codespace, refusal.code);
            self.miss(key, cause).await;
            return;
        }
        self.mend(key, &answer).await;
        if next == Next::Rebuild {
            self.resend(key).await;
        }
    }

    /// Puts right what an answer says is wrong.
    async fn mend(&mut self, key: WindowKey, answer: &Answer) {
        let chain = self.parts.chain.clone();
        let (address, network) = (chain.signer.address(), &chain.network);
        let mended = match answer {
            Answer::OtherVersion => chain.emissions.redetect().await.map(|_| ()),
            _ => {
                self.ledger
                    .mend(
                        answer,
                        &chain.rpc,
                        address,
                        &network.denom,
                        network.gas_price_floor,
                    )
                    .await
            }
        };
        if let Err(error) = mended {
            self.delayed(key, error.to_string(), "trying again at the next block");
        }
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.step = Step::Due;
            match answer.next() {
                Next::WaitAndRebuild => flight.step = Step::Hindered,
                _ if *answer == Answer::OutOfGas => flight.gas = raised(flight),
                _ => {}
            }
        }
    }

    /// Signs anew at once; the recursion of send and answer is bounded by the flight's haste.
    async fn resend(&mut self, key: WindowKey) {
        Box::pin(self.send(key)).await;
    }

    fn show(&mut self, key: WindowKey, value: &Decimal, tx: &SignedTx) {
        self.tell(Event::DryRun {
            topic: key.topic,
            nonce: key.nonce,
            value: value.to_string(),
            hash: tx.hash.clone(),
            tx: hex::encode(&tx.bytes),
        });
        self.finish(key, true);
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
}

/// Half as much again.
const fn raised(flight: &Flight) -> u64 {
    flight.gas.saturating_add(flight.gas / 2)
}
