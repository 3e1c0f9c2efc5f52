//! Requests to the chain's nodes: several endpoints, tried in order until one answers.

mod pool;

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost::Message;
use serde_json::json;
use sha2::{Digest, Sha256};

use self::pool::Failure;
use super::{
    ChainError,
    jsonrpc::{
        AbciQuery, AbciResponse, BlockOf, BlockResults, BroadcastSync, RpcError, Status, Tx,
    },
};
use crate::{failpoint::failpoint, types::Height};

/// A pool of CometBFT RPC endpoints. The one that answered last is asked first.
#[derive(Debug)]
pub struct Rpc {
    http: reqwest::Client,
    endpoints: Vec<Endpoint>,
    preferred: AtomicUsize,
    next_id: AtomicU64,
    /// The newest block that anyone told of: a node that is well behind it is passed over.
    head: AtomicI64,
}

#[derive(Debug)]
struct Endpoint {
    url: String,
    /// The URL without what may be secret.
    name: String,
    /// Set when the node turned out to belong to another chain.
    shut_out: AtomicBool,
}

/// A node that is so many blocks behind is still believed.
const TOLERATED_LAG: i64 = 2;
/// What a node says of a transaction that it has already.
pub(super) const IN_CACHE: &str = "tx already exists in cache";

/// What became of a broadcast.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The node that answered.
    pub endpoint: String,
    /// Its mempool's answer.
    pub answer: Result<BroadcastSync, RpcError>,
    /// Whether a node before it may hold the bytes too: it took them and did not answer.
    pub maybe_elsewhere: bool,
}

impl Rpc {
    /// A pool of the given URLs (`http://…` or `https://…`), in order of preference.
    ///
    /// # Errors
    /// When a URL can't be used or TLS can't be set up.
    pub fn new(urls: &[String], timeout: Duration) -> Result<Self, ChainError> {
        crate::tls::install();
        let bad = |url: &str, cause: String| ChainError::BadUrl {
            url: url.into(),
            cause,
        };
        for url in urls {
            let parsed = reqwest::Url::parse(url).map_err(|error| bad(url, error.to_string()))?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return Err(bad(url, "it must begin with http:// or https://".into()));
            }
        }
        if urls.is_empty() {
            return Err(bad("rpc", "the list is empty: name at least one".into()));
        }
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            // A connection stays warm between windows, which may be an hour apart.
            .pool_idle_timeout(None)
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad("rpc", error.to_string()))?;
        let endpoints = urls
            .iter()
            .map(|url| Endpoint {
                url: url.clone(),
                name: redacted(url),
                shut_out: AtomicBool::new(false),
            })
            .collect();
        Ok(Self {
            http,
            endpoints,
            preferred: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            head: AtomicI64::new(0),
        })
    }

    /// Takes note of a block, so that nodes that are well behind it are passed over.
    pub fn saw(&self, height: Height) {
        self.head.fetch_max(height.0, Ordering::Relaxed);
    }

    /// Asks another endpoint first from here on: the present one answers and leads nowhere.
    pub fn prefer_next(&self) {
        self.preferred.fetch_add(1, Ordering::Relaxed);
    }

    /// The height that a node must have reached to be believed.
    fn least(&self) -> Height {
        Height(self.head.load(Ordering::Relaxed) - TOLERATED_LAG)
    }

    /// The identity and height of a node that is not behind.
    ///
    /// # Errors
    /// When no such node answers.
    pub async fn status(&self) -> Result<Status, ChainError> {
        let least = self.least();
        let behind = |status: &Status| objection(status.sync_info.latest_block_height, least);
        self.call_until("status", json!({}), behind).await
    }

    /// Asks every endpoint who it is. Nodes of another chain are shut out from here on; those that
    /// don't answer stay in, for later. Gives the endpoints that are no good at present, and why.
    ///
    /// # Errors
    /// When no endpoint answers, or all that do belong to another chain.
    pub async fn verify_chain(&self, chain_id: &str) -> Result<Vec<(String, String)>, ChainError> {
        let mut troubles = Vec::new();
        let mut wrong = None;
        let (mut sound, mut silent) = (false, Vec::new());
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let name = endpoint.name.clone();
            match self.call_one::<Status>(index, "status", &json!({})).await {
                Ok(status) if status.node_info.network == chain_id => {
                    if !sound {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    sound = true;
                }
                Ok(status) => {
                    endpoint.shut_out.store(true, Ordering::Relaxed);
                    let error = ChainError::WrongChain {
                        endpoint: name.clone(),
                        expected: chain_id.to_owned(),
                        found: status.node_info.network,
                    };
                    troubles.push((name, error.to_string()));
                    wrong.get_or_insert(error);
                }
                Err(failure) => {
                    silent.push(failure.to_string());
                    troubles.push((name, failure.cause()));
                }
            }
        }
        match wrong {
            _ if sound => Ok(troubles),
            // A node that does not answer may turn out to be of the right chain.
            Some(wrong) if silent.is_empty() => Err(wrong),
            _ => Err(ChainError::Unreachable { tried: silent }),
        }
    }

    /// Asks the application of a node that is not behind. The answer is of its newest height.
    ///
    /// # Errors
    /// When no such node answers, or the application refuses.
    pub async fn query<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<A, ChainError> {
        self.query_at(path, question, self.least()).await
    }

    /// Asks the application of a node that has reached the height `least`.
    ///
    /// # Errors
    /// When no such node answers, or the application refuses.
    pub async fn query_at<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
        least: Height,
    ) -> Result<A, ChainError> {
        let data = hex::encode(question.encode_to_vec());
        let params = json!({ "path": path, "data": data });
        let behind = |AbciQuery { response }: &AbciQuery| match response.code {
            0 => objection(response.height, least),
            // A refusal bears no height.
            _ => None,
        };
        let AbciQuery { response } = self.call_until("abci_query", params, behind).await?;
        decode(path, response)
    }

    /// Hands a transaction to a node's mempool and returns its answer. An endpoint that can't be
    /// reached, or has no room, is followed by the next, with the same bytes.
    ///
    /// # Errors
    /// When no node answers; the bytes may have left all the same.
    pub async fn broadcast(&self, bytes: &[u8]) -> Result<Sent, ChainError> {
        let params = json!({ "tx": BASE64.encode(bytes) });
        let mut tried = Vec::new();
        let mut maybe_elsewhere = false;
        let mut refused = None;
        for index in self.order() {
            let answer = self.call_one(index, "broadcast_tx_sync", &params).await;
            failpoint("before-reply");
            let endpoint = self.endpoints[index].name.clone();
            match answer {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    let answer = Ok(answer);
                    return Ok(Sent {
                        endpoint,
                        answer,
                        maybe_elsewhere,
                    });
                }
                Err(Failure {
                    error: Some(error), ..
                }) => {
                    let is_pending = error.data.contains(IN_CACHE);
                    let sent = Sent {
                        endpoint,
                        answer: Err(error),
                        maybe_elsewhere,
                    };
                    if is_pending {
                        return Ok(sent);
                    }
                    // A full mempool or a gateway's limit is this node's alone.
                    refused.get_or_insert(sent);
                }
                Err(failure) => {
                    maybe_elsewhere |= failure.was_sent;
                    tried.push(failure.to_string());
                }
            }
        }
        refused.ok_or(ChainError::Unreachable { tried })
    }

    /// Looks a transaction up by its hash (upper-case hex); none when no node's index has it.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn tx(&self, hash: &str) -> Result<Option<Tx>, ChainError> {
        let bytes = hex::decode(hash).unwrap_or_default();
        let params = json!({ "hash": BASE64.encode(bytes) });
        match self.call("tx", params).await {
            Ok(tx) => Ok(Some(tx)),
            // Not found, or the index is off: either way nothing is known.
            Err(ChainError::Rpc { error, .. })
                if error.data.contains("not found")
                    || error.data.contains("indexing is disabled") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Looks for a transaction in a block itself, for when no index tells.
    ///
    /// # Errors
    /// When no node answers or has the block.
    pub async fn tx_in_block(
        &self,
        hashes: &[String],
        height: Height,
    ) -> Result<Option<Tx>, ChainError> {
        let at = json!({ "height": height.to_string() });
        let BlockOf { block } = self.call("block", at.clone()).await?;
        let hash_of = |tx: &String| {
            let bytes = BASE64.decode(tx).unwrap_or_default();
            hex::encode_upper(Sha256::digest(bytes))
        };
        let txs = block.data.txs.unwrap_or_default();
        let found = txs
            .iter()
            .map(hash_of)
            .enumerate()
            .find(|(_, hash)| hashes.contains(hash));
        let Some((index, hash)) = found else {
            return Ok(None);
        };
        let results: BlockResults = self.call("block_results", at).await?;
        let result = results
            .txs_results
            .unwrap_or_default()
            .into_iter()
            .nth(index);
        Ok(result.map(|tx_result| Tx {
            hash,
            height: height.0,
            tx_result,
        }))
    }
}

fn decode<A: Message + Default>(path: &str, response: AbciResponse) -> Result<A, ChainError> {
    let AbciResponse {
        code,
        log,
        codespace,
        value,
        ..
    } = response;
    if code != 0 {
        return Err(ChainError::Query {
            path: path.to_owned(),
            codespace,
            code,
            log,
        });
    }
    let unreadable = |cause: String| ChainError::Unreadable {
        what: path.to_owned(),
        cause,
    };
    let bytes = BASE64
        .decode(value.unwrap_or_default())
        .map_err(|error| unreadable(error.to_string()))?;
    A::decode(bytes.as_slice()).map_err(|error| unreadable(error.to_string()))
}

/// What speaks against a node at `height`.
fn objection(height: i64, least: Height) -> Option<String> {
    (height < least.0).then(|| format!("it is at height {height}, behind {least}"))
}

/// An endpoint as it may be shown: without user, password, path and query, which may hold a key.
pub(super) fn redacted(url: &str) -> String {
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return "an unreadable URL".into();
    };
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{host}{port}", parsed.scheme())
}
