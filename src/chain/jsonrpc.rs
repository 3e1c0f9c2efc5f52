//! The shapes of CometBFT's JSON-RPC that the worker reads and the devnet writes.
//!
//! Numbers of 64 bits travel as strings and bytes as base64 or hex, as the real node does it.
//! Unknown fields are ignored, so that a newer node is no obstacle.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use time::OffsetDateTime;

use crate::limits;

/// Bytes of a node's own words that are kept: they go into logs and the journal.
const LONGEST_WORDS: usize = 4 << 10;

/// A node's own words, cut to what is kept of them.
pub(in crate::chain) fn in_short(text: String) -> String {
    limits::cut(text, LONGEST_WORDS)
}

fn short<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(in_short)
}

/// A request as sent to a node, over HTTP or a WebSocket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// The caller's number for the request; every answer, and each event of a subscription, bears it.
    pub id: Value,
    /// The method's name, such as `abci_query`.
    pub method: String,
    /// Named parameters.
    #[serde(default)]
    pub params: Value,
}

impl Request {
    /// A request with a number and named parameters.
    #[must_use]
    pub fn new(id: u64, method: &str, params: Value) -> Self {
        Self {
            jsonrpc: "2.0".into(),
            id: id.into(),
            method: method.into(),
            params,
        }
    }
}

/// An answer: either a result or an error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// Always `2.0`.
    #[serde(default)]
    pub jsonrpc: String,
    /// The request's number.
    #[serde(default)]
    pub id: Value,
    /// The result, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The error, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

impl Response {
    /// The result in its own type.
    ///
    /// # Errors
    /// The node's error, or that the result has another shape than expected.
    pub fn into_result<T: DeserializeOwned>(self) -> Result<T, RpcError> {
        match (self.result, self.error) {
            (_, Some(error)) => Err(error),
            (Some(result), None) => serde_json::from_value(result).map_err(|error| RpcError {
                code: RpcError::UNREADABLE,
                message: "unexpected shape of a result".into(),
                data: error.to_string(),
            }),
            (None, None) => Err(RpcError {
                code: RpcError::UNREADABLE,
                message: "neither a result nor an error".into(),
                data: String::new(),
            }),
        }
    }
}

/// An error as a node words it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code}): {data}")]
pub struct RpcError {
    /// JSON-RPC's error code.
    pub code: i64,
    /// The error's class, such as `Internal error`.
    #[serde(default, deserialize_with = "short")]
    pub message: String,
    /// The text that matters, such as `tx already exists in cache`.
    #[serde(default, deserialize_with = "short")]
    pub data: String,
}

impl RpcError {
    /// Our own code for an answer that could not be read.
    pub const UNREADABLE: i64 = -32_700;
}

/// Result of `status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Who the node is.
    pub node_info: NodeInfo,
    /// How far it is.
    pub sync_info: SyncInfo,
}

/// Who a node is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The chain's id.
    pub network: String,
    /// CometBFT's version.
    #[serde(default)]
    pub version: String,
}

/// How far a node is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncInfo {
    /// The newest block's height.
    #[serde(with = "string_number")]
    pub latest_block_height: i64,
    /// The newest block's time.
    #[serde(with = "time::serde::rfc3339")]
    pub latest_block_time: OffsetDateTime,
    /// Whether the node is behind and knows it.
    pub catching_up: bool,
}

/// Result of `abci_query`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AbciQuery {
    /// The application's answer.
    pub response: AbciResponse,
}

/// The application's answer to a query.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AbciResponse {
    /// 0 for success.
    #[serde(default)]
    pub code: u32,
    /// Why not.
    #[serde(default, deserialize_with = "short")]
    pub log: String,
    /// The module whose code it is.
    #[serde(default)]
    pub codespace: String,
    /// Protobuf, base64; absent when empty.
    #[serde(default)]
    pub value: Option<String>,
    /// The height that was asked.
    #[serde(default, with = "string_number")]
    pub height: i64,
}

/// Result of `broadcast_tx_sync`: the mempool's answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BroadcastSync {
    /// 0: the transaction entered the mempool.
    pub code: u32,
    /// Why not.
    #[serde(default, deserialize_with = "short")]
    pub log: String,
    /// The module whose code it is.
    #[serde(default)]
    pub codespace: String,
    /// The transaction's hash in upper-case hex.
    pub hash: String,
}

/// Result of `tx`: a transaction that stands in a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tx {
    /// The transaction's hash in upper-case hex.
    pub hash: String,
    /// The block that holds it.
    #[serde(with = "string_number")]
    pub height: i64,
    /// How it went.
    pub tx_result: TxResult,
}

/// How a transaction went in its block.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TxResult {
    /// 0 for success.
    #[serde(default)]
    pub code: u32,
    /// Why not.
    #[serde(default, deserialize_with = "short")]
    pub log: String,
    /// The module whose code it is.
    #[serde(default)]
    pub codespace: String,
    /// Gas that was allowed.
    #[serde(default, with = "string_number")]
    pub gas_wanted: i64,
    /// Gas that was used.
    #[serde(default, with = "string_number")]
    pub gas_used: i64,
    /// The transaction's events.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// Result of `block_results`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockResults {
    /// The block.
    #[serde(with = "string_number")]
    pub height: i64,
    /// The transactions' results, in their order.
    #[serde(default)]
    pub txs_results: Option<Vec<TxResult>>,
    /// What the block's begin and end emitted.
    #[serde(default)]
    pub finalize_block_events: Option<Vec<Event>>,
}

/// Result of `block`: the part that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockOf {
    /// The block.
    pub block: Block,
}

/// Result of `header`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeaderOf {
    /// The header.
    pub header: Header,
}

/// A block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// What it holds.
    pub data: BlockData,
}

/// What a block holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BlockData {
    /// Its transactions, base64; null when there are none.
    #[serde(default)]
    pub txs: Option<Vec<String>>,
}

/// An event of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's name, such as `emissions.v10.EventWorkerSubmissionWindowOpened`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

impl Event {
    /// The attribute's text. Typed events carry JSON in it: `"67"` with its quotes.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.key == key)?;
        found.value.as_deref()
    }
}

/// One attribute of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: Option<String>,
    /// Whether the node indexes it.
    #[serde(default)]
    pub index: bool,
}

/// Result frame of a subscription: `{"query": …, "data": {"type": …, "value": …}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionEvent {
    /// The query that matched.
    pub query: String,
    /// What happened.
    pub data: EventData,
}

/// What happened, by CometBFT's type names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "value")]
pub enum EventData {
    /// What a block's begin and end emitted.
    #[serde(rename = "tendermint/event/NewBlockEvents")]
    NewBlockEvents {
        /// The block.
        #[serde(with = "string_number")]
        height: i64,
        /// All its events.
        #[serde(default)]
        events: Option<Vec<Event>>,
    },
    /// A new block's header.
    #[serde(rename = "tendermint/event/NewBlockHeader")]
    NewBlockHeader {
        /// The header.
        header: Header,
    },
    /// A transaction in a block.
    #[serde(rename = "tendermint/event/Tx")]
    Tx {
        /// The transaction and its result.
        #[serde(rename = "TxResult")]
        tx_result: EventTx,
    },
}

/// The part of a header that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The chain's id.
    pub chain_id: String,
    /// The block's height.
    #[serde(with = "string_number")]
    pub height: i64,
    /// The block's time.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

/// A transaction in a block, as the `Tx` event tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventTx {
    /// The block.
    #[serde(with = "string_number")]
    pub height: i64,
    /// The transaction's bytes, base64; its hash is their SHA-256.
    pub tx: String,
    /// How it went.
    pub result: TxResult,
}

/// Whole numbers that travel as strings (and, from some proxies, as numbers).
pub mod string_number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(i64),
    }

    /// Writes the number as a string.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(number: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    /// Reads a number from a string or a number.
    ///
    /// # Errors
    /// When it is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        match Either::deserialize(from)? {
            Either::Number(number) => Ok(number),
            Either::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}
