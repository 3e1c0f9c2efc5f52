//! What happened, as the chain's own blocks hold it.

use allora_worker::{
    chain::{
        jsonrpc::{BlockResults, Request, Response},
        proto::emissions::InsertWorkerPayloadRequest,
    },
    types::{Nonce, TopicId, WindowKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::Stage;

/// A transaction of the wallet's that stands in a block, refused ones included.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) height: i64,
    pub(crate) hash: String,
    pub(crate) code: u32,
    pub(crate) fee: u128,
    pub(crate) gas: u64,
    pub(crate) sequence: u64,
    pub(crate) timeout: u64,
    /// The windows that it answers; none for other messages.
    pub(crate) windows: Vec<WindowKey>,
    /// What it answers each of them, as `label=value` with commas.
    pub(crate) values: Vec<String>,
}

/// All blocks' windows and transactions.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Windows that the chain opened, with their last block.
    pub(crate) opened: Vec<(WindowKey, i64)>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) height: i64,
}

impl Stage {
    /// Reads all blocks.
    pub(crate) async fn truth(&self) -> Truth {
        let height = self.height().await;
        let mut truth = Truth {
            opened: Vec::new(),
            seen: Vec::new(),
            height,
        };
        let first = self.first_height().await;
        for (block, results) in self.read_blocks(first, height).await {
            truth.add(&block, &results);
        }
        truth
    }

    async fn first_height(&self) -> i64 {
        let status = &self.ask(&[("status", json!({}))]).await[0];
        let first = &status["sync_info"]["earliest_block_height"];
        first.as_str().unwrap().parse().unwrap()
    }

    async fn read_blocks(&self, first: i64, last: i64) -> Vec<(Value, BlockResults)> {
        let of = |method: &'static str| {
            (first..=last).map(move |height| (method, json!({ "height": height.to_string() })))
        };
        let calls: Vec<_> = of("block").chain(of("block_results")).collect();
        let mut blocks = self.ask(&calls).await;
        let results = blocks.split_off(blocks.len() / 2);
        let results = results
            .into_iter()
            .map(|results| serde_json::from_value(results).unwrap());
        blocks.into_iter().zip(results).collect()
    }

    /// Asks the node directly, many at once.
    pub(crate) async fn ask(&self, calls: &[(&str, Value)]) -> Vec<Value> {
        allora_worker::tls::install();
        let mut answers: Vec<Response> = Vec::new();
        // The node answers no more of them at once.
        for calls in calls.chunks(100) {
            let batch: Vec<_> = calls
                .iter()
                .map(|(method, params)| Request::new(1, method, params.clone()))
                .collect();
            let sent = reqwest::Client::new()
                .post(self.devnet.rpc_url())
                .json(&batch)
                .send();
            answers.extend(sent.await.unwrap().json::<Vec<Response>>().await.unwrap());
        }
        let results = answers
            .into_iter()
            .map(allora_worker::chain::jsonrpc::Response::into_result::<Value>);
        results.map(Result::unwrap).collect()
    }
}

impl Truth {
    fn add(&mut self, block: &Value, results: &BlockResults) {
        for event in results.finalize_block_events.iter().flatten() {
            if event.kind.ends_with(".EventWorkerSubmissionWindowOpened") {
                let number = |name| -> i64 {
                    let text = event.attribute(name).unwrap();
                    text.trim_matches('"').parse().unwrap()
                };
                let key = WindowKey {
                    topic: TopicId(number("topic_id").unsigned_abs()),
                    nonce: Nonce(number("nonce_block_height")),
                };
                self.opened.push((key, number("window_end_block")));
            }
        }
        let txs = block["block"]["data"]["txs"].as_array().cloned();
        let codes = results.txs_results.iter().flatten().map(|it| it.code);
        for (tx, code) in txs.into_iter().flatten().zip(codes) {
            let bytes = BASE64.decode(tx.as_str().unwrap()).unwrap();
            self.seen.push(read(&bytes, results.height, code));
        }
    }

    /// The wallet's transactions for a window, in order.
    pub(crate) fn of(&self, key: WindowKey) -> Vec<Seen> {
        let ours = self.seen.iter().filter(|tx| tx.windows.contains(&key));
        ours.cloned().collect()
    }

    /// The wallet's transactions for a nonce of any topic.
    pub(crate) fn at(&self, nonce: i64) -> Vec<Seen> {
        let at = |tx: &&Seen| tx.windows.iter().any(|key| key.nonce.0 == nonce);
        self.seen.iter().filter(at).cloned().collect()
    }

    /// Each window that opened from `first` on and is closed has one transaction of the wallet's, in
    /// its first block and without refusal; gives their number.
    pub(crate) fn each_answered_at_once(&self, first: i64) -> usize {
        let closed = self.closed_since(first);
        for key in &closed {
            let ours = self.of(*key);
            let ok = ours.len() == 1 && ours[0].code == 0 && ours[0].height == key.nonce.0 + 1;
            assert!(ok, "{key} was answered by {ours:#?}");
        }
        closed.len()
    }

    /// Each window that opened from `first` on and is closed holds one answer of the wallet's within
    /// its bounds; refused transactions before it are allowed.
    pub(crate) fn each_answered_once(&self, first: i64) -> usize {
        let closed = self.closed_since(first);
        for key in &closed {
            let ours = self.of(*key);
            let good = ours.iter().filter(|tx| tx.code == 0).count();
            assert!(good == 1, "{key} was answered by {ours:#?}");
        }
        closed.len()
    }

    fn closed_since(&self, first: i64) -> Vec<WindowKey> {
        let closed = self
            .opened
            .iter()
            .filter(|(key, end)| key.nonce.0 >= first && *end < self.height);
        closed.map(|(key, _)| *key).collect()
    }

    /// No transaction for a window came after its end, and none could have.
    pub(crate) fn nothing_is_late(&self) {
        for (key, end) in &self.opened {
            for tx in self.of(*key) {
                let timeout = i64::try_from(tx.timeout).unwrap();
                assert!(tx.height <= *end && timeout <= *end, "{key}: {tx:#?}");
            }
        }
    }
}

fn read(bytes: &[u8], height: i64, code: u32) -> Seen {
    let tx = cosmrs::Tx::from_bytes(bytes).unwrap();
    let answers = tx.body.messages.iter().filter_map(|message| {
        let insert = message.type_url.ends_with(".InsertWorkerPayloadRequest");
        let request = InsertWorkerPayloadRequest::decode(message.value.as_slice()).ok();
        let bundle = request.filter(|_| insert)?.worker_data_bundle?;
        let key = WindowKey {
            topic: TopicId(bundle.topic_id),
            nonce: Nonce(bundle.nonce?.block_height),
        };
        let inner = bundle.inference_forecasts_bundle.unwrap_or_default();
        let values = inner.inference.unwrap_or_default().values;
        let values: Vec<_> = values
            .iter()
            .map(|it| format!("{}={}", it.label, it.value))
            .collect();
        Some((key, values.join(",")))
    });
    let (windows, values) = answers.unzip();
    Seen {
        height,
        hash: hex::encode_upper(Sha256::digest(bytes)),
        code,
        fee: tx.auth_info.fee.amount[0].amount,
        gas: tx.auth_info.fee.gas_limit,
        sequence: tx.auth_info.signer_infos[0].sequence,
        timeout: tx.body.timeout_height.value(),
        windows,
        values,
    }
}
