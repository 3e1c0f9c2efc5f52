//! A client of a node's RPC and WebSocket that hides nothing.

use std::time::Duration;

use allora_worker::chain::jsonrpc::Request;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message as Frame};

/// How long a frame may take, on a machine that has other work as well.
const WAIT: Duration = Duration::from_secs(20);

/// A client of a node's RPC.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        allora_worker::tls::install();
        Self {
            http: reqwest::Client::new(),
            url,
        }
    }

    /// The whole answer to a request.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let request = Request::new(7, method, params);
        let sent = self.http.post(&self.url).json(&request).send().await;
        sent.expect("an answer").json().await.expect("json")
    }

    /// The result of a request that must have one; a node shows a height before it can tell all of
    /// it, so it is asked again for a while.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        for _ in 0..50 {
            let answer = self.ask(method, params.clone()).await;
            if let Some(result) = answer.get("result") {
                return result.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{method} {params} has no result")
    }

    pub(crate) async fn height(&self) -> i64 {
        let status = self.result("status", json!({})).await;
        number(&status["sync_info"]["latest_block_height"])
    }

    /// The application's whole answer to a query.
    pub(crate) async fn query(&self, path: &str, request: &impl prost::Message) -> Value {
        let data = hex::encode(request.encode_to_vec());
        let params = json!({"path": path, "data": data});
        self.result("abci_query", params).await["response"].take()
    }

    /// The answer to a query that must succeed.
    pub(crate) async fn read<M: prost::Message + Default>(
        &self,
        path: &str,
        request: &impl prost::Message,
    ) -> M {
        let answer = self.query(path, request).await;
        assert_eq!(answer["code"], 0, "{path}: {answer}");
        let value = answer["value"].as_str().unwrap_or_default();
        M::decode(BASE64.decode(value).expect("base64").as_slice()).expect("protobuf")
    }

    /// Sends a transaction; gives the whole answer.
    pub(crate) async fn broadcast(&self, tx: &[u8]) -> Value {
        let params = json!({"tx": BASE64.encode(tx)});
        self.ask("broadcast_tx_sync", params).await
    }

    /// A transaction in its block, once it is in one.
    pub(crate) async fn tx(&self, hash: &str) -> Option<Value> {
        let hash = BASE64.encode(hex::decode(hash).expect("hex"));
        let answer = self.ask("tx", json!({"hash": hash, "prove": false})).await;
        answer.get("result").cloned()
    }
}

/// A number that travels as a string.
pub(crate) fn number(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_default().trim_matches('"');
    text.parse()
        .unwrap_or_else(|_| panic!("{value} is no number in a string"))
}

/// What a transaction's check or result says in one line: codespace, code and text.
pub(crate) fn verdict(answer: &Value) -> String {
    if let Some(error) = answer.get("error") {
        return format!(
            "{} {}: {}",
            error["code"],
            text(&error["message"]),
            text(&error["data"])
        );
    }
    let result = answer.get("result").unwrap_or(answer);
    let result = result.get("tx_result").unwrap_or(result);
    let (space, log) = (text(&result["codespace"]), text(&result["log"]));
    format!("{space} {} {log}", result["code"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A WebSocket to a node.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(url: &str) -> Self {
        let opened = tokio_tungstenite::connect_async(url).await;
        Self(opened.expect("a socket").0)
    }

    pub(crate) async fn send(&mut self, id: u64, method: &str, params: Value) {
        let request = serde_json::to_string(&Request::new(id, method, params)).expect("json");
        self.0.send(Frame::text(request)).await.expect("sent");
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let frame = timeout(WAIT, self.0.next()).await.expect("a frame in time");
            let frame = frame.expect("an open socket").expect("a frame");
            if let Frame::Text(text) = frame {
                return serde_json::from_str(&text).expect("json");
            }
        }
    }

    /// The next frame, if there is one at once or nearly so.
    pub(crate) async fn soon(&mut self) -> Option<Value> {
        let frame = timeout(Duration::from_millis(300), self.0.next())
            .await
            .ok()?;
        match frame.expect("an open socket").expect("a frame") {
            Frame::Text(text) => Some(serde_json::from_str(&text).expect("json")),
            _ => None,
        }
    }

    /// Sends a request and gives its answer; events that come before it are passed over.
    pub(crate) async fn call(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(id, method, params).await;
        loop {
            let frame = self.next().await;
            if frame["id"] == id && frame["result"]["data"].is_null() {
                return frame;
            }
        }
    }

    pub(crate) async fn subscribe(&mut self, id: u64, query: &str) -> Value {
        self.call(id, "subscribe", json!({"query": query})).await
    }
}
