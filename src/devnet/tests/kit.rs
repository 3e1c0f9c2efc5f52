//! A client, a socket and a stage for the tests.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cosmrs::{
    Any,
    proto::cosmos::auth::v1beta1::{
        BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse,
    },
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::wallet::terms;
pub(super) use super::wallet::{ADDRESS, Wallet};
use crate::{
    chain::{
        jsonrpc::{AbciQuery, AbciResponse, BroadcastSync, Request, Response, RpcError, Tx},
        proto::emissions as pb,
    },
    devnet::{Control, Devnet, DevnetConfig},
    types::{Height, TopicId},
};

pub(super) const TOPIC: TopicId = TopicId(67);
const WAIT: Duration = Duration::from_secs(5);

/// A client of a node's HTTP.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
}

impl Client {
    pub(super) fn new(url: String) -> Self {
        // Another test may have installed it already.
        let _already = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::new(),
            url,
        }
    }

    pub(super) async fn raw(&self, method: &str, params: Value) -> (u16, String) {
        let request = Request::new(7, method, params);
        let body = serde_json::to_vec(&request).expect("json");
        let sent = self
            .http
            .post(&self.url)
            .body(body)
            .send()
            .await
            .expect("an answer");
        (sent.status().as_u16(), sent.text().await.expect("a body"))
    }

    pub(super) async fn call(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let (_, body) = self.raw(method, params).await;
        let response: Response = serde_json::from_str(&body).expect("a response");
        assert_eq!(response.id, json!(7));
        response.into_result()
    }

    pub(super) async fn query(&self, path: &str, request: &impl prost::Message) -> AbciResponse {
        let data = hex::encode(request.encode_to_vec());
        let answer = self
            .call("abci_query", json!({"path": path, "data": data}))
            .await;
        let answer: AbciQuery = serde_json::from_value(answer.expect("an answer")).expect("shape");
        answer.response
    }

    pub(super) async fn ask<M: prost::Message + Default>(
        &self,
        path: &str,
        request: &impl prost::Message,
    ) -> M {
        let answer = self.query(path, request).await;
        assert_eq!(answer.code, 0, "{}", answer.log);
        let value = BASE64
            .decode(answer.value.unwrap_or_default().as_bytes())
            .expect("base64");
        M::decode(value.as_slice()).expect("protobuf")
    }

    pub(super) async fn account(&self, address: &str) -> BaseAccount {
        let request = QueryAccountInfoRequest {
            address: address.into(),
        };
        let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
        let answer: QueryAccountInfoResponse = self.ask(path, &request).await;
        answer.info.expect("an account")
    }

    pub(super) async fn broadcast(&self, tx: &[u8]) -> Result<BroadcastSync, RpcError> {
        let answer = self
            .call("broadcast_tx_sync", json!({"tx": BASE64.encode(tx)}))
            .await?;
        Ok(serde_json::from_value(answer).expect("shape"))
    }

    /// The transaction in its block, if it is in one.
    pub(super) async fn tx(&self, hash: &str) -> Result<Tx, RpcError> {
        let hash = hex::decode(hash).expect("hex");
        let found = self
            .call("tx", json!({"hash": BASE64.encode(&hash), "prove": false}))
            .await?;
        Ok(serde_json::from_value(found).expect("shape"))
    }

    pub(super) async fn height(&self) -> i64 {
        let status = self.call("status", json!({})).await.expect("a status");
        let status: crate::chain::jsonrpc::Status = serde_json::from_value(status).expect("shape");
        status.sync_info.latest_block_height
    }

    pub(super) async fn window(&self) -> pb::GetWorkerSubmissionWindowStatusResponse {
        let request = pb::GetWorkerSubmissionWindowStatusRequest {
            topic_id: TOPIC.0,
            address: ADDRESS.into(),
        };
        let path = "/emissions.v10.QueryService/GetWorkerSubmissionWindowStatus";
        self.ask(path, &request).await
    }
}

/// A devnet whose blocks are ordered one by one, with the vector's wallet funded and registered.
pub(super) struct Stage {
    pub(super) devnet: Devnet,
    pub(super) client: Client,
    pub(super) wallet: Wallet,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut DevnetConfig)) -> Self {
        let mut config = DevnetConfig {
            automatic_blocks: false,
            initial_height: Some(1_000),
            funded: vec![("allo1other".into(), 1), (ADDRESS.into(), 1_000_000_000)],
            ..DevnetConfig::default()
        };
        change(&mut config);
        let devnet = Devnet::start(config).await.expect("a devnet");
        let client = Client::new(devnet.rpc_url());
        let wallet = Wallet::number(0);
        let order = Control::Register {
            topic: TOPIC,
            address: ADDRESS.into(),
            registered: true,
        };
        devnet.control(order).await.expect("registered");
        Self {
            devnet,
            client,
            wallet,
        }
    }

    pub(super) async fn control(&self, control: Control) -> Height {
        self.devnet.control(control).await.expect("obeyed")
    }

    pub(super) async fn block(&self) -> i64 {
        self.devnet.produce_block().await.expect("a block").0
    }

    /// Makes blocks until a window opens; gives its nonce.
    pub(super) async fn open_window(&self) -> i64 {
        loop {
            let height = self.block().await;
            if height % 12 == 0 {
                return height;
            }
        }
    }

    /// Signs one message, sends it, makes a block and gives its result.
    pub(super) async fn deliver(&self, message: Any, sequence: u64) -> Tx {
        let tx = self.wallet.sign(vec![message], &terms(sequence));
        let sent = self.client.broadcast(&tx).await.expect("an answer");
        assert_eq!(sent.code, 0, "{}", sent.log);
        self.block().await;
        self.client.tx(&sent.hash).await.expect("in the block")
    }
}

/// A WebSocket to a node.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn open(url: &str) -> Self {
        Self(
            tokio_tungstenite::connect_async(url)
                .await
                .expect("a socket")
                .0,
        )
    }

    pub(super) async fn send(&mut self, id: u64, method: &str, params: Value) {
        let text = serde_json::to_string(&Request::new(id, method, params)).expect("json");
        self.0.send(Message::text(text)).await.expect("sent");
    }

    /// The next frame, or none when the socket was closed.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let frame = tokio::time::timeout(WAIT, self.0.next())
                .await
                .expect("a frame in time");
            match frame {
                Some(Ok(Message::Text(text))) => {
                    return Some(serde_json::from_str(&text).expect("json"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Sends a request and takes the next frame for its answer.
    pub(super) async fn call(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(id, method, params).await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer["id"], json!(id), "{answer}");
        answer
    }

    pub(super) async fn subscribe(&mut self, id: u64, query: &str) -> Value {
        self.call(id, "subscribe", json!({"query": query})).await
    }
}
