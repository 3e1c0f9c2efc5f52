//! Transactions to a node's mempool: one endpoint is pinned, and another helps out.

use std::sync::{Arc, atomic::Ordering};

use tokio::time::timeout;

use super::{IN_CACHE, Rpc, endpoint::Endpoint, failure::Failure, health::TOLERATED_LAG};
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
}

/// How far a refusal is to be believed.
enum Trust {
    Full,
    /// The node is a block or two behind: another one may know better.
    Some,
    None(String),
}

impl Rpc {
    /// Hands a transaction to a node's mempool and returns its answer. The endpoint that took the
    /// last one is asked first, since sequence numbers follow each other in its mempool. One that
    /// can't be reached, has no room or takes too long is followed by the next, with the same bytes.
    ///
    /// # Errors
    /// When no node answers, or all that do are behind; the bytes may have left all the same.
    pub async fn broadcast(&self, bytes: &[u8]) -> Result<Sent, ChainError> {
        let bytes: Arc<[u8]> = bytes.into();
        let order = self.order(self.pinned.load(Ordering::Relaxed));
        let mut race = self.race(order, move |endpoint: Arc<Endpoint>| {
            let bytes = Arc::clone(&bytes);
            async move { endpoint.broadcast(&bytes).await }
        });
        let (mut tried, mut behind) = (Vec::new(), Vec::new());
        let mut swallowed = false;
        let mut refused: Option<Sent> = None;
        while let Some((endpoint, answer)) = race.next().await {
            failpoint("before-reply");
            let name = endpoint.name.clone();
            let sent = |answer, maybe_elsewhere| Sent {
                endpoint: name.clone(),
                answer,
                maybe_elsewhere,
            };
            match answer {
                Ok(answer) => match self.trust(&endpoint, &answer).await {
                    Trust::None(cause) => behind.push(format!("{name}: {cause}")),
                    Trust::Some if race.has_more() => {
                        refused.get_or_insert(sent(Ok(answer), false));
                    }
                    Trust::Full | Trust::Some => {
                        self.pin(&endpoint);
                        return Ok(sent(Ok(answer), swallowed || race.is_out()));
                    }
                },
                Err(Failure {
                    error: Some(error), ..
                }) => {
                    if error.data.contains(IN_CACHE) {
                        self.pin(&endpoint);
                        return Ok(sent(Err(error), swallowed || race.is_out()));
                    }
                    // A full mempool or a gateway's limit is this node's alone.
                    refused.get_or_insert(sent(Err(error), false));
                }
                Err(failure) => {
                    swallowed |= failure.was_sent;
                    tried.push(failure.to_string());
                }
            }
        }
        match refused {
            Some(sent) => Ok(Sent {
                maybe_elsewhere: swallowed,
                ..sent
            }),
            None => Err(self.nobody(tried, behind)),
        }
    }

    /// A refusal by a node that is behind says nothing. Where it is about a window, the node is
    /// asked how far it is: it may have fallen behind since it told last.
    async fn trust(&self, endpoint: &Endpoint, answer: &BroadcastSync) -> Trust {
        if answer.code == 0 {
            return Trust::Full;
        }
        if let Some(cause) = endpoint.objection() {
            return Trust::None(cause);
        }
        if !is_about_a_window(answer) {
            return Trust::Full;
        }
        match timeout(self.hedge_after, endpoint.status()).await {
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

/// `window not available` and `unfulfilled nonce not found`.
fn is_about_a_window(answer: &BroadcastSync) -> bool {
    answer.codespace == "emissions" && matches!(answer.code, 67 | 75)
}
