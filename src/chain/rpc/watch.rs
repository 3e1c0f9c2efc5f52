//! Looking after the endpoints: who they are, how far they are, and whether their connections live.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{EndpointHealth, Hedging, Notice, Rpc, endpoint::Endpoint, failure::Failure};
use crate::chain::{ChainError, jsonrpc::Status};

/// An endpoint that was not asked for so long is asked how it fares.
const PROBE_AFTER: Duration = Duration::from_secs(15);

impl Rpc {
    /// Asks every endpoint who it is. Nodes of another chain are shut out from here on; those that
    /// don't answer stay in, and are asked again before they are used. Once a sound one has
    /// answered, the others are not waited for long. Gives the endpoints that are no good at
    /// present, and why.
    ///
    /// # Errors
    /// When no endpoint answers, or all that do belong to another chain.
    pub async fn verify_chain(&self, chain_id: &str) -> Result<Vec<(String, String)>, ChainError> {
        let _known = self.shared.chain_id.set(chain_id.to_owned());
        let answers = self.roll_call().await;
        let mut troubles = Vec::new();
        let (mut sound, mut wrong, mut silent) = (None, None, Vec::new());
        for (index, (endpoint, answer)) in self.endpoints.iter().zip(answers).enumerate() {
            let failure = match answer {
                Some(Ok(_)) => {
                    sound.get_or_insert(index);
                    continue;
                }
                Some(Err(failure)) => failure,
                None => Failure::silent(&endpoint.name, "it has not answered yet".into(), true),
            };
            if let Some(found) = &failure.foreign {
                wrong.get_or_insert(ChainError::WrongChain {
                    endpoint: endpoint.name.clone(),
                    expected: chain_id.to_owned(),
                    found: found.clone(),
                });
            } else {
                silent.push(failure.to_string());
            }
            endpoint.was_told();
            troubles.push((endpoint.name.clone(), failure.cause()));
        }
        // They are told by what is returned.
        self.shared.take_notices();
        match (sound, wrong) {
            (Some(index), _) => {
                self.preferred.store(index, Ordering::Relaxed);
                self.pinned.store(index, Ordering::Relaxed);
                Ok(troubles)
            }
            // A node that does not answer may turn out to be of the right chain.
            (None, Some(wrong)) if silent.is_empty() => Err(wrong),
            _ => Err(ChainError::Unreachable { tried: silent }),
        }
    }

    /// Everybody's status, in the endpoints' order; none of those that let the others wait.
    async fn roll_call(&self) -> Vec<Option<Result<Status, Failure>>> {
        let mut asked = JoinSet::new();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let endpoint = Arc::clone(endpoint);
            asked.spawn(async move { (index, endpoint.status().await) });
        }
        let mut answers: Vec<_> = self.endpoints.iter().map(|_| None).collect();
        let mut end: Option<Instant> = None;
        loop {
            let limit = sleep_until(end.unwrap_or_else(Instant::now));
            tokio::select! {
                biased;
                done = asked.join_next() => match done {
                    Some(Ok((index, answer))) => {
                        if answer.is_ok() && end.is_none() {
                            end = Some(Instant::now() + self.hedge.most);
                        }
                        answers[index] = Some(answer);
                    }
                    Some(Err(_)) => {}
                    None => return answers,
                },
                () = limit, if end.is_some() => {
                    asked.detach_all();
                    return answers;
                }
            }
        }
    }

    /// Makes sure that the connection for the next broadcast is open and its node sound: asks the
    /// pinned endpoint and the one after it for their status. A node closes an idle connection
    /// after seconds, so this is due shortly before a transaction leaves. A pinned endpoint that
    /// fails, lags or is slow loses the pin to the other.
    ///
    /// Endpoints that rest are probed now rather than when their pause is over: all may be needed soon.
    pub async fn warm(&self) {
        for endpoint in &self.endpoints {
            endpoint.hurry();
        }
        let order = self.for_transactions().asked;
        let mut asked = order.iter().take(2).map(ask);
        let (first, second) = (asked.next(), asked.next());
        let Some(first) = first else { return };
        let is_sound = |index: usize, answer: Option<Result<Status, Failure>>| {
            answer.is_some_and(|it| it.is_ok()) && !order[index].known().is_last_resort()
        };
        let limit = Instant::now() + self.hedge.most;
        if is_sound(0, until(limit, first).await) {
            self.pin(&order[0]);
        } else if let Some(second) = second
            && is_sound(1, until(limit + self.hedge.most, second).await)
        {
            self.pin(&order[1]);
        }
    }

    /// Asks the endpoints that nobody has asked for a while how they fare, so that one that falls behind
    /// is known before it is needed. Those that rest are probed by themselves.
    pub async fn probe(&self) {
        let idle = self.endpoints.iter().filter(|it| it.is_idle(PROBE_AFTER));
        let asked: Vec<_> = idle.map(ask).collect();
        for answer in asked {
            // How it went is in its health.
            let _joined = answer.await;
        }
    }

    /// How each endpoint fares, in the order of the configuration.
    #[must_use]
    pub fn health(&self) -> Vec<EndpointHealth> {
        let pinned = self.pinned.load(Ordering::Relaxed) % self.endpoints.len().max(1);
        let endpoints = self.endpoints.iter().enumerate();
        endpoints
            .map(|(index, endpoint)| endpoint.report(index == pinned))
            .collect()
    }

    /// What the operator has to know of endpoints since it was asked last.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.shared.take_notices()
    }

    /// How often a second endpoint was asked because the first took too long.
    #[must_use]
    pub fn hedging(&self) -> Hedging {
        self.shared.hedging()
    }
}

type Asked = tokio::task::JoinHandle<Result<Status, Failure>>;

/// Asks for the status as a task of its own: it goes on though nobody waits.
fn ask(endpoint: &Arc<Endpoint>) -> Asked {
    let endpoint = Arc::clone(endpoint);
    tokio::spawn(async move { endpoint.status().await })
}

/// The answer, if there is one in time.
async fn until(limit: Instant, asked: Asked) -> Option<Result<Status, Failure>> {
    tokio::time::timeout_at(limit, asked).await.ok()?.ok()
}
