//! Registering the wallet in topics. The submitter signs and sends, since it owns the sequence; it
//! asks and waits in the background, so that no other topic's window waits for a registration.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    Chain,
    parcel::{Terms, sign},
    submitter::Submitter,
    verdict::{Verdict, refusal},
    windows::Told,
};
use crate::{
    chain::{Answer, ChainError, Next, Uallo, jsonrpc::Tx},
    ops::Event,
    types::{Height, TopicId},
};

/// Signatures for one request.
const ATTEMPTS: u32 = 3;
/// How often, and how many times, it is looked whether a registration is in a block.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 120;
/// Pauses after a request that failed.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The registrations under way.
#[derive(Default)]
pub(super) struct Enrolments {
    topics: BTreeMap<TopicId, Request>,
    news: JoinSet<(TopicId, Enrolment)>,
}

/// A topic's registration, or the pause after one that failed.
struct Request {
    is_running: bool,
    attempts: u32,
    gas: u64,
    not_before: Instant,
    pause: Duration,
    /// The sequence of the transaction that is out.
    sequence: Option<u64>,
    /// Why a node refused that transaction, while another may hold it.
    refused: Option<String>,
}

/// News of a registration.
#[derive(Debug)]
pub(super) enum Enrolment {
    /// What the chain says before anything is sent.
    Asked(Result<(bool, Uallo), ChainError>),
    /// What became of the transaction with this hash.
    Landed {
        hash: String,
        registered: bool,
        tx: Option<Tx>,
    },
}

impl Enrolments {
    /// The sequences of the registrations that nodes hold. One that is only in doubt has to make way for
    /// an answer.
    pub(super) fn sequences(&self) -> impl Iterator<Item = u64> + '_ {
        let held = self.topics.values().filter(|it| it.refused.is_none());
        held.filter_map(|request| request.sequence)
    }

    /// The next news; none, for good, while nothing is under way.
    pub(super) async fn next(&mut self) -> Option<(TopicId, Enrolment)> {
        let news = self.news.join_next().await?.ok();
        if news.is_none() {
            // A question that panicked: whose is not told, so all may be asked for again.
            self.topics.clear();
        }
        news
    }
}

impl Submitter {
    /// Begins to register the wallet in a topic, unless that is under way or failed a moment ago.
    pub(super) fn register(&mut self, topic: TopicId) {
        let gas = self.ledger.gas();
        let now = Instant::now();
        let request = self.enrolments.topics.entry(topic).or_insert(Request {
            is_running: false,
            attempts: 0,
            gas,
            not_before: now,
            pause: FIRST_PAUSE,
            sequence: None,
            refused: None,
        });
        if request.is_running || now < request.not_before {
            return;
        }
        (request.is_running, request.attempts, request.gas) = (true, 0, gas);
        let chain = Arc::clone(&self.parts.chain);
        self.enrolments
            .news
            .spawn(async move { (topic, Enrolment::Asked(standing(&chain, topic).await)) });
    }

    /// Takes a registration one step further; gives what is to be told when it is at its end.
    pub(super) async fn proceed(&mut self, topic: TopicId, news: Enrolment) -> Option<Told> {
        if let Enrolment::Landed { registered, tx, .. } = &news {
            let request = self.enrolments.topics.get_mut(&topic);
            let sequence = request.and_then(|request| request.sequence.take());
            let is_spent = tx.as_ref().map_or(*registered, |tx| {
                let result = &tx.tx_result;
                !Answer::of(&result.codespace, result.code, &result.log).is_free()
            });
            if let Some(sequence) = sequence.filter(|_| is_spent) {
                self.ledger.spent(sequence);
            }
        }
        let sent = match news {
            Enrolment::Asked(Ok((true, _)))
            | Enrolment::Landed {
                registered: true,
                tx: None,
                ..
            } => {
                self.enrolments.topics.remove(&topic);
                return Some(Told::Registered(topic));
            }
            Enrolment::Asked(Ok((false, fee))) => {
                if self.parts.dry_run {
                    let cause = "the wallet is not registered in the topic, and a dry run registers nothing";
                    Err((cause.to_owned(), "run once without --dry-run"))
                } else {
                    self.tell(Event::Registering { topic, fee });
                    self.send_registration(topic).await
                }
            }
            Enrolment::Asked(Err(error)) => Err((error.to_string(), "trying again by itself")),
            Enrolment::Landed { tx: None, .. } => {
                let request = self.enrolments.topics.get_mut(&topic);
                let refused = request.and_then(|request| request.refused.take());
                let cause = "the registration is in no block".to_owned();
                Err((refused.unwrap_or(cause), "trying again by itself"))
            }
            Enrolment::Landed {
                hash, tx: Some(tx), ..
            } => {
                let result = &tx.tx_result;
                let answer = Answer::of(&result.codespace, result.code, &result.log);
                if answer == Answer::Accepted {
                    self.enrolments.topics.remove(&topic);
                    self.tell(Event::Registered {
                        topic,
                        hash,
                        height: Height(tx.height),
                    });
                    return Some(Told::Registered(topic));
                }
                let cause = format!("a block refused the registration: {}", result.log);
                self.mend_registration(topic, &answer, cause).await
            }
        };
        if let Err((cause, remedy)) = sent {
            if let Some(request) = self.enrolments.topics.get_mut(&topic) {
                request.is_running = false;
                request.not_before = Instant::now() + request.pause;
                request.pause = LONGEST_PAUSE.min(request.pause * 2);
            }
            self.tell(Event::TopicUnavailable {
                topic,
                cause,
                remedy: remedy.into(),
            });
        }
        None
    }

    /// Signs and sends; waits in the background.
    async fn send_registration(&mut self, topic: TopicId) -> Result<(), (String, &'static str)> {
        let request = self.enrolments.topics.get_mut(&topic);
        let Some(request) = request.filter(|request| request.attempts < ATTEMPTS) else {
            let cause = "the chain refused the registration several times".to_owned();
            return Err((cause, "trying again later by itself"));
        };
        request.attempts += 1;
        let gas = request.gas;
        self.reprice();
        let Some(fee) = self.ledger.fee(gas, 1) else {
            let (fee, cap) = (self.ledger.uncapped(gas), self.ledger.fees().max_fee);
            let cause = format!("the registration's gas costs {fee}, above the cap of {cap}");
            return Err((cause, "raise fees.max_fee or lower fees.tier"));
        };
        let chain = Arc::clone(&self.parts.chain);
        let failed = |error: ChainError| (error.to_string(), "trying again by itself");
        let message = chain.emissions.registration(chain.signer.address(), topic);
        let account = self.ledger.account();
        let terms = Terms {
            account_number: account.number,
            sequence: account.sequence,
            gas,
            fee,
        };
        let tx = sign(&chain, vec![message], terms, None).map_err(failed)?;
        let sent = chain.rpc.broadcast(&tx.bytes).await.map_err(failed)?;
        let answer = Answer::to_broadcast(&sent.answer);
        let cause = format!(
            "the chain refused the registration: {}",
            refusal(sent.answer).log
        );
        let is_taken = answer.next() == Next::AwaitInclusion;
        // Another node may hold it though this one refused it: signed anew it might be paid for twice.
        if is_taken || sent.is_out {
            self.ledger.take(tx.sequence);
            if let Some(request) = self.enrolments.topics.get_mut(&topic) {
                request.sequence = Some(tx.sequence);
                request.refused = (!is_taken).then_some(cause);
            }
            self.enrolments
                .news
                .spawn(async move { (topic, landed(&chain, topic, tx.hash).await) });
            return Ok(());
        }
        if let Answer::Sequence {
            expected: Some(expected),
        } = answer
        {
            // A node that lacks a submission of ours must not have it displaced.
            let Verdict::Obey(sequence) = self.judge(&tx, &[], expected) else {
                let cause = format!("a node waits for sequence {expected}");
                return Err((cause, "trying again by itself"));
            };
            self.ledger.obey(sequence);
        }
        self.mend_registration(topic, &answer, cause).await
    }

    async fn mend_registration(
        &mut self,
        topic: TopicId,
        answer: &Answer,
        cause: String,
    ) -> Result<(), (String, &'static str)> {
        if answer.next() != Next::Rebuild {
            return Err((cause, answer.advice()));
        }
        self.mend(answer)
            .await
            .map_err(|error| (error.to_string(), "trying again by itself"))?;
        let request = self.enrolments.topics.get_mut(&topic);
        if let Some(request) = request.filter(|_| *answer == Answer::OutOfGas) {
            request.gas = request.gas.saturating_add(request.gas / 2);
        }
        Box::pin(self.send_registration(topic)).await
    }
}

async fn standing(chain: &Chain, topic: TopicId) -> Result<(bool, Uallo), ChainError> {
    let status = chain
        .emissions
        .window_status(topic, chain.signer.address())
        .await?;
    Ok((
        status.is_registered,
        chain.emissions.params().await?.registration_fee,
    ))
}

/// Waits for a registration's block; the chain's own word counts where no index has it.
async fn landed(chain: &Chain, topic: TopicId, hash: String) -> Enrolment {
    for _ in 0..LOOKS {
        if let Ok(Some(tx)) = chain.rpc.tx(&hash).await {
            return Enrolment::Landed {
                hash,
                registered: false,
                tx: Some(tx),
            };
        }
        let status = chain
            .emissions
            .window_status(topic, chain.signer.address())
            .await;
        if status.is_ok_and(|status| status.is_registered) {
            // The index may lag behind the state by a moment.
            let tx = chain.rpc.tx(&hash).await.ok().flatten();
            return Enrolment::Landed {
                hash,
                registered: true,
                tx,
            };
        }
        sleep(LOOK_EVERY).await;
    }
    Enrolment::Landed {
        hash,
        registered: false,
        tx: None,
    }
}
