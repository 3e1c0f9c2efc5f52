//! What the chain itself says, over the node's RPC: the tests' source of truth.

use std::{
    thread,
    time::{Duration, Instant},
};

use allora_worker::chain::{
    jsonrpc::{BlockResults, Request, Response, RpcError, Status, TxResult, string_number},
    proto::{
        cosmos::tx::v1beta1::{TxBody, TxRaw},
        emissions::{InputInferenceForecastBundle, InsertWorkerPayloadRequest},
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::runtime::{Builder, Runtime};

/// The node's RPC.
pub(crate) struct Chain {
    rpc: String,
    client: reqwest::Client,
    runtime: Runtime,
}

/// How long the node may take for an answer, and for a search among thousands of transactions.
const ANSWER: Duration = Duration::from_secs(5);
const SEARCH: Duration = Duration::from_secs(60);

/// A submission that stands in a block, whatever became of it.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    /// The topic that it answers.
    pub(crate) topic: u64,
    /// The window that it answers.
    pub(crate) nonce: i64,
    /// The transaction that holds it, and perhaps others.
    pub(crate) hash: String,
    /// How many submissions the transaction holds.
    pub(crate) shared_by: usize,
    /// Gas that the whole transaction used.
    pub(crate) gas: i64,
    /// The block that holds it.
    pub(crate) height: i64,
    /// 0: accepted.
    pub(crate) code: u32,
    /// What it says, as `label=value` with commas.
    pub(crate) values: String,
    /// Why not.
    #[expect(dead_code, reason = "failures show it through Debug")]
    pub(crate) log: String,
}

#[derive(Deserialize)]
struct TxSearch {
    txs: Vec<FoundTx>,
    #[serde(with = "string_number")]
    total_count: i64,
}

#[derive(Deserialize)]
struct FoundTx {
    hash: String,
    #[serde(with = "string_number")]
    height: i64,
    tx_result: TxResult,
    tx: String,
}

#[derive(Deserialize)]
struct FoundHeader {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
}

impl Chain {
    /// Speaks to the node at `rpc`.
    pub(crate) fn new(rpc: &str) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().build().expect("an HTTP client");
        let runtime = Builder::new_current_thread().enable_all().build();
        Self {
            rpc: rpc.to_owned(),
            client,
            runtime: runtime.expect("a runtime"),
        }
    }

    /// Runs a future of the worker's own library to its end.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The newest block's height.
    pub(crate) fn height(&self) -> i64 {
        let status: Status = self.ask("status", &json!({}));
        status.sync_info.latest_block_height
    }

    /// Waits until the chain has reached `height`; blocks come every second.
    pub(crate) fn wait_for(&self, height: i64) {
        let blocks = u64::try_from(height - self.height()).unwrap_or(0);
        let deadline = Instant::now() + Duration::from_secs(30 + 3 * blocks);
        while self.height() < height {
            assert!(
                Instant::now() < deadline,
                "the chain did not reach block {height} in time; it stands at {}",
                self.height()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What a block's transactions and its end gave.
    pub(crate) fn block_results(&self, height: i64) -> BlockResults {
        self.ask("block_results", &json!({ "height": height.to_string() }))
    }

    /// The time that a block bears.
    pub(crate) fn time(&self, height: i64) -> OffsetDateTime {
        let found: FoundHeader = self.ask("header", &json!({ "height": height.to_string() }));
        found.header.time
    }

    /// All submissions of an address to a topic that ever came into a block, refused ones included,
    /// oldest first.
    pub(crate) fn submissions(&self, sender: &str, topic: u64) -> Vec<Submission> {
        let mut all = self.all_submissions(sender);
        all.retain(|submission| submission.topic == topic);
        all
    }

    /// As [`Chain::submissions`], to all topics.
    pub(crate) fn all_submissions(&self, sender: &str) -> Vec<Submission> {
        let mut found = Vec::new();
        for page in 1.. {
            let wanted = json!({
                "query": format!("message.sender='{sender}'"),
                "page": page.to_string(),
                "per_page": "20",
                "order_by": "asc",
            });
            let result: TxSearch = self.ask_within("tx_search", &wanted, SEARCH);
            found.extend(result.txs);
            if i64::try_from(found.len()).expect("a count") >= result.total_count {
                break;
            }
        }
        found.iter().flat_map(|tx| answers(tx, sender)).collect()
    }

    /// Asks the node, again for up to two seconds: it shows a height before it can tell its results.
    fn ask<T: DeserializeOwned>(&self, method: &str, params: &Value) -> T {
        self.ask_within(method, params, ANSWER)
    }

    /// As [`Chain::ask`], with so long for an answer.
    fn ask_within<T: DeserializeOwned>(&self, method: &str, params: &Value, limit: Duration) -> T {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            match self.ask_once(method, params, limit) {
                Ok(result) => return result,
                Err(cause) if Instant::now() > deadline => panic!("{method} {params}: {cause}"),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn ask_once<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &Value,
        limit: Duration,
    ) -> Result<T, String> {
        let request = Request::new(1, method, params.clone());
        let response: Response = self
            .runtime
            .block_on(async {
                let asked = self.client.post(&self.rpc).timeout(limit);
                asked.json(&request).send().await?.json().await
            })
            .map_err(|cause: reqwest::Error| format!("{cause:?}"))?;
        response
            .into_result()
            .map_err(|error: RpcError| error.to_string())
    }
}

/// The submissions in a transaction, one a message, whatever the message's version.
fn answers(tx: &FoundTx, sender: &str) -> Vec<Submission> {
    let bytes = BASE64_STANDARD.decode(&tx.tx).expect("base64");
    let raw = TxRaw::decode(bytes.as_slice()).expect("a transaction");
    let body = TxBody::decode(raw.body_bytes.as_slice()).expect("a transaction's body");
    let payloads = body
        .messages
        .iter()
        .filter(|any| any.type_url.ends_with("InsertWorkerPayloadRequest"))
        .map(|any| InsertWorkerPayloadRequest::decode(any.value.as_slice()).expect("a payload"));
    let mut found: Vec<Submission> = payloads
        .filter(|payload| payload.sender == sender)
        .filter_map(|payload| payload.worker_data_bundle)
        .map(|bundle| Submission {
            topic: bundle.topic_id,
            nonce: bundle.nonce.expect("a nonce").block_height,
            hash: tx.hash.clone(),
            shared_by: 0,
            gas: tx.tx_result.gas_used,
            height: tx.height,
            code: tx.tx_result.code,
            values: values(bundle.inference_forecasts_bundle),
            log: tx.tx_result.log.clone(),
        })
        .collect();
    let count = found.len();
    for submission in &mut found {
        submission.shared_by = count;
    }
    found
}

fn values(inner: Option<InputInferenceForecastBundle>) -> String {
    let inference = inner.and_then(|inner| inner.inference).unwrap_or_default();
    let values = inference.values.iter();
    let values: Vec<_> = values
        .map(|it| format!("{}={}", it.label, it.value))
        .collect();
    values.join(",")
}
