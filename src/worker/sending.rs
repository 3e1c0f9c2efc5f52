//! The submitter's way out: forecast, signature, journal, broadcast, and the mempool's answer.

use super::{
    flight::{Flight, Step},
    lookup::Question,
    submitter::Submitter,
    windows::Told,
};
use crate::{
    chain::{Answer, ChainError, Decimal, Next, Sent},
    failpoint::failpoint,
    forecast::Forecast,
    ops::Event,
    store::{Refusal, SignedTx, State},
    types::WindowKey,
};

/// What to do about a sequence number that a node expects instead of ours.
enum Verdict {
    /// Send the same bytes again: the node is behind, or a transaction of ours has to come first.
    Wait,
    /// Look whether our own bytes took the number.
    Look,
    /// Sign anew with this one.
    Obey(u64),
}

impl Submitter {
    /// Sends what is prepared, or prepares it first.
    pub(super) async fn send(&mut self, key: WindowKey) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let WindowKey { topic, nonce } = key;
        if let Step::Prepared(tx) = &flight.step {
            let tx = tx.clone();
            self.broadcast(key, tx).await;
        } else if let Some(value) = flight.value.clone() {
            self.prepare(key, value).await;
        } else if let Some(forecast) = self.parts.desk.fresh(topic) {
            let forecast = forecast.as_ref().clone();
            let value = self.canonical(&forecast);
            self.tell(Event::ForecastUsed {
                topic,
                nonce,
                forecast,
            });
            self.prepare(key, value).await;
        } else {
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
        flight.value = Some(value.clone());
        if !flight.may_hurry() || !flight.is_in_time(height) {
            return;
        }
        flight.haste += 1;
        let (end, gas) = (flight.end, flight.gas);
        self.reprice();
        let Some(fee) = self.ledger.fee(gas) else {
            let (fee, cap) = (self.ledger.uncapped(gas), self.ledger.fees().max_fee);
            let cause = format!("the fee of {fee} is above the cap of {cap}");
            let next = "trying again at the next block; raise fees.max_fee or lower fees.tier";
            self.delayed(key, cause, next);
            self.ask(key, Question::Price);
            return;
        };
        let chain = &self.parts.chain;
        let signed = chain
            .emissions
            .submission(&chain.signer, key, &value)
            .and_then(|message| self.sign(message, gas, fee, Some(end)));
        let tx = match signed {
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
        self.ledger.take(tx.sequence);
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.fee = fee;
            flight.signatures.push((tx.hash.clone(), tx.sequence));
            flight.step = Step::Prepared(tx.clone());
        }
        self.broadcast(key, tx).await;
    }

    async fn broadcast(&mut self, key: WindowKey, tx: SignedTx) {
        let in_time = self
            .flights
            .get(&key)
            .is_some_and(|flight| flight.is_in_time(self.height));
        if !in_time || self.parts.dry_run || self.unreachable {
            return;
        }
        match self.parts.chain.rpc.broadcast(&tx.bytes).await {
            Ok(sent) => self.answered(key, tx, sent).await,
            Err(error) => {
                // Each further try would take as long: until the next tick nothing is sent.
                self.unreachable = true;
                if let Some(flight) = self.flights.get_mut(&key) {
                    flight.uncertain = true;
                }
                self.delayed(key, error.to_string(), "sending the same transaction again");
            }
        }
    }

    /// Acts on a mempool's answer.
    async fn answered(&mut self, key: WindowKey, tx: SignedTx, sent: Sent) {
        let height = self.height.max(key.nonce.height());
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.uncertain |= sent.maybe_elsewhere;
        let answer = Answer::to_broadcast(&sent.answer);
        match answer.next() {
            Next::AwaitInclusion => {
                self.pending(key, tx, sent.endpoint).await;
                return;
            }
            Next::Done => {
                self.admitted(key).await;
                return;
            }
            Next::Resend => {
                let refusal = refusal(sent.answer);
                if std::mem::replace(&mut flight.told, refusal.log.clone()) != refusal.log {
                    self.tell_refusal(key, &refusal, &answer);
                }
                return;
            }
            Next::Rebuild | Next::WaitAndRebuild | Next::GiveUp => {}
        }
        self.ledger.give_back(tx.sequence);
        if let Answer::Sequence {
            expected: Some(expected),
        } = answer
        {
            match self.judge(key, &tx, expected) {
                Verdict::Wait => {
                    self.ledger.take(tx.sequence);
                    self.parts.chain.rpc.prefer_next();
                    return;
                }
                Verdict::Look => {
                    self.ledger.take(expected.saturating_sub(1));
                    if let Some(flight) = self.flights.get_mut(&key) {
                        flight.step = Step::Pending { tx, since: height };
                    }
                    return;
                }
                Verdict::Obey(sequence) => self.ledger.obey(sequence),
            }
        }
        self.refused_by_mempool(key, refusal(sent.answer), answer)
            .await;
    }

    /// A mempool holds the transaction.
    async fn pending(&mut self, key: WindowKey, tx: SignedTx, endpoint: String) {
        let since = self.height.max(key.nonce.height());
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.uncertain = true;
        flight.step = Step::Pending {
            tx: tx.clone(),
            since,
        };
        let (end, fee) = (flight.end, flight.fee);
        let value = flight.value.as_ref().map(ToString::to_string);
        let again = std::mem::replace(&mut flight.announced, tx.hash.clone()) == tx.hash;
        let latency_ms = (flight.seen.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        self.ledger.take(tx.sequence);
        if again {
            self.tell(Event::SubmissionResent {
                topic: key.topic,
                nonce: key.nonce,
                hash: tx.hash.clone(),
                endpoint: endpoint.clone(),
            });
        } else {
            self.tell(Event::Submitted {
                topic: key.topic,
                nonce: key.nonce,
                value: value.clone().unwrap_or_default(),
                hash: tx.hash.clone(),
                sequence: tx.sequence,
                fee,
                endpoint: endpoint.clone(),
                latency_ms,
            });
        }
        self.record(
            key,
            end,
            value,
            State::Broadcast {
                hash: tx.hash,
                endpoint,
            },
        )
        .await;
        self.told(Told::Sent(key));
    }

    fn judge(&self, key: WindowKey, tx: &SignedTx, expected: u64) -> Verdict {
        let others = self.flights.values().filter(|flight| flight.key != key);
        let held: Vec<u64> = others
            .filter_map(Flight::tx)
            .map(|tx| tx.sequence)
            .collect();
        if expected < tx.sequence {
            let comes_first = |held: &u64| (expected..tx.sequence).contains(held);
            let wait = held.iter().any(comes_first) || expected < self.ledger.landed();
            return if wait {
                Verdict::Wait
            } else {
                Verdict::Obey(expected)
            };
        }
        let uncertain = self
            .flights
            .get(&key)
            .is_some_and(|flight| flight.uncertain);
        if uncertain {
            return Verdict::Look;
        }
        let after_held = held.into_iter().filter(|held| *held >= expected).max();
        Verdict::Obey(after_held.map_or(expected, |held| held.saturating_add(1)))
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

    /// Signs anew at once; the recursion of send and answer is bounded by the flight's haste.
    pub(super) async fn resend(&mut self, key: WindowKey) {
        Box::pin(self.send(key)).await;
    }

    /// Reads the account again, after a refusal that says that ours is wrong.
    pub(super) async fn resync(&mut self, key: WindowKey) {
        match self.parts.chain.account().await {
            Ok(account) => self.ledger.resync(account),
            Err(error) => self.delayed(key, error.to_string(), "trying again at the next block"),
        }
    }

    /// Puts right what an answer says is wrong.
    pub(super) async fn mend(&mut self, answer: &Answer) -> Result<(), ChainError> {
        let chain = self.parts.chain.clone();
        match answer {
            Answer::OtherVersion => {
                chain.emissions.redetect().await?;
            }
            Answer::Sequence { expected: None } | Answer::WrongSigner => {
                self.ledger.resync(chain.account().await?);
            }
            Answer::FeeTooLow => self.ledger.reprice(chain.gas_price().await?),
            _ => {}
        }
        Ok(())
    }
}

/// A mempool's answer as a refusal.
pub(super) fn refusal(
    answer: Result<crate::chain::jsonrpc::BroadcastSync, crate::chain::jsonrpc::RpcError>,
) -> Refusal {
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
