//! Transactions to a node's mempool: one endpoint is pinned, and another helps out.

use std::sync::{Arc, atomic::Ordering};

use tokio::time::{Instant, timeout, timeout_at};

use super::{
    IN_CACHE, Rpc, endpoint::Endpoint, failure::Failure, health::TOLERATED_LAG, latency::Kind,
    race::Race, translate::IN_MEMPOOL,
};
use crate::{
    chain::{
        ChainError,
        jsonrpc::{BroadcastSync, RpcError},
    },
    failpoint::failpoint,
    types::Height,
};

/// What became of a broadcast.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The node that answered.
    pub endpoint: String,
    /// Its mempool's answer.
    pub answer: Result<BroadcastSync, RpcError>,
    /// Whether another node may hold the bytes too: they went to it, and it did not answer.
    pub maybe_elsewhere: bool,
    /// Whether such a node may still answer: it was not waited for.
    pub is_out: bool,
}

/// How far a refusal is to be believed.
enum Trust {
    Full,
    /// The node is a block or two behind: another one may know better.
    Some,
    None(String),
}

/// A refusal that is held back.
struct Refused {
    endpoint: Arc<Endpoint>,
    answer: Result<BroadcastSync, RpcError>,
    /// Whether nobody else is asked because of it.
    is_settled: bool,
    /// Until when another answer is waited for.
    until: Instant,
}

impl Rpc {
    /// Hands a transaction to a node's mempool and returns its answer. The endpoint that took the
    /// last one is asked first, since sequence numbers follow each other in its mempool. One that
    /// can't be reached, has no room or takes longer than usual is followed by the next, with the same
    /// bytes.
    ///
    /// Of several answers one that says that a mempool has the transaction counts before any refusal,
    /// which may be due to our own copy: a refusal is held back for [`Self::hedged`]'s longest time while
    /// another node may still answer. One that has not by then is given transactions last, until
    /// [`Self::landed`].
    ///
    /// # Errors
    /// When no node answers, or all that do are behind; the bytes may have left all the same.
    pub async fn broadcast(&self, bytes: &[u8]) -> Result<Sent, ChainError> {
        let bytes: Arc<[u8]> = bytes.into();
        let call = move |endpoint: Arc<Endpoint>| {
            let bytes = Arc::clone(&bytes);
            async move { endpoint.broadcast(&bytes).await }
        };
        let mut race = self.race(Kind::Broadcast, self.for_transactions(), call);
        let outcome = self.settle(&mut race).await;
        self.shared.count(Kind::Broadcast, race.is_hedged());
        outcome
    }

    async fn settle<C, F>(&self, race: &mut Race<BroadcastSync, C>) -> Result<Sent, ChainError>
    where
        C: Fn(Arc<Endpoint>) -> F,
        F: Future<Output = Result<BroadcastSync, Failure>> + Send + 'static,
    {
        let (mut tried, mut behind) = (Vec::new(), Vec::new());
        let mut swallowed = false;
        let mut refused: Option<Refused> = None;
        loop {
            let told = match &refused {
                None => race.next().await,
                Some(it) if it.is_settled => timeout_at(it.until, race.late()).await.ok().flatten(),
                Some(it) => timeout_at(it.until, race.next()).await.ok().flatten(),
            };
            let Some((endpoint, answer)) = told else {
                break;
            };
            failpoint("before-reply");
            let (answer, is_settled) = match answer {
                Ok(answer) if answer.code == 0 => (Ok(answer), true),
                Ok(answer) => match self.trust(&endpoint, &answer).await {
                    Trust::None(cause) => {
                        behind.push(format!("{}: {cause}", endpoint.name));
                        continue;
                    }
                    Trust::Some => (Ok(answer), !race.has_more()),
                    Trust::Full => (Ok(answer), true),
                },
                // A full mempool or a gateway's limit is this node's alone.
                Err(Failure {
                    error: Some(error), ..
                }) => (Err(error), false),
                Err(failure) => {
                    swallowed |= failure.was_sent;
                    tried.push(failure.to_string());
                    continue;
                }
            };
            if takes(&answer) {
                self.pin(&endpoint);
                return Ok(Sent {
                    endpoint: endpoint.name.clone(),
                    answer,
                    maybe_elsewhere: swallowed || race.is_out(),
                    is_out: race.is_out(),
                });
            }
            // The first that is sure counts.
            if refused
                .as_ref()
                .is_none_or(|it| is_settled && !it.is_settled)
            {
                refused = Some(Refused {
                    endpoint,
                    answer,
                    is_settled,
                    until: Instant::now() + self.hedge.most,
                });
            }
        }
        let Some(refused) = refused else {
            return Err(self.nobody(tried, behind));
        };
        // Whoever still lets wait is given the next transaction after the one that has answered.
        for endpoint in race.silent() {
            endpoint.doubt(true);
        }
        if refused.is_settled {
            self.pin(&refused.endpoint);
        }
        Ok(Sent {
            endpoint: refused.endpoint.name.clone(),
            answer: refused.answer,
            maybe_elsewhere: swallowed || race.is_out(),
            is_out: race.is_out(),
        })
    }

    /// A refusal by a node that is behind says nothing. Where it is about a window, the node is
    /// asked how far it is: it may have fallen behind since it told last.
    async fn trust(&self, endpoint: &Endpoint, answer: &BroadcastSync) -> Trust {
        if let Some(cause) = endpoint.objection() {
            return Trust::None(cause);
        }
        if !is_about_a_window(answer) {
            return Trust::Full;
        }
        match timeout(self.hedge.most, endpoint.status()).await {
            Ok(Ok(status)) => {
                let height = status.sync_info.latest_block_height;
                let lag = self.shared.head().0 - height;
                match lag {
                    ..=0 => Trust::Full,
                    1..=TOLERATED_LAG => Trust::Some,
                    _ => Trust::None(self.shared.lag_of(Height(height))),
                }
            }
            Ok(Err(failure)) => Trust::None(failure.cause()),
            Err(_) => Trust::None("it does not tell how far it is".into()),
        }
    }

    /// From here on broadcasts go to this endpoint first.
    pub(super) fn pin(&self, endpoint: &Arc<Endpoint>) {
        if let Some(index) = self.index(endpoint) {
            self.pinned.store(index, Ordering::Relaxed);
        }
    }
}

/// Whether the mempool has the transaction.
fn takes(answer: &Result<BroadcastSync, RpcError>) -> bool {
    match answer {
        Ok(answer) => answer.code == 0 || (answer.codespace == "sdk" && answer.code == IN_MEMPOOL),
        Err(error) => error.data.contains(IN_CACHE),
    }
}

/// `window not available` and `unfulfilled nonce not found`.
fn is_about_a_window(answer: &BroadcastSync) -> bool {
    answer.codespace == "emissions" && matches!(answer.code, 67 | 75)
}
