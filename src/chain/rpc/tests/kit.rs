//! Nodes that do as they are told.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::super::{Rpc, health::hold};
use crate::types::Height;

pub(super) const CHAIN: &str = "allora-localnet-1";

/// What a node does.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) chain: String,
    pub(super) height: i64,
    /// The mempool's answer: codespace, code and text.
    pub(super) mempool: (String, u32, String),
    /// A JSON-RPC error to each of the next so many requests for results of a block.
    pub(super) early: u32,
    pub(super) html: bool,
    /// Take the requests and never answer.
    pub(super) hangs: bool,
    /// How long answers take.
    pub(super) slow: Duration,
    /// Say that the transaction is in the mempool already.
    pub(super) has_it: bool,
    /// Answer 429, and ask for so many seconds of peace.
    pub(super) busy: Option<u64>,
    /// The methods that were asked for.
    pub(super) asked: Vec<String>,
}

/// A node that speaks JSON-RPC.
pub(super) struct Node {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Node {
    pub(super) async fn at(height: i64) -> Self {
        let script = Arc::new(Mutex::new(Script {
            chain: CHAIN.into(),
            height,
            mempool: (String::new(), 0, String::new()),
            early: 0,
            html: false,
            hangs: false,
            slow: Duration::ZERO,
            has_it: false,
            busy: None,
            asked: Vec::new(),
        }));
        let app = Router::new().fallback(answer).with_state(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, script }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut Script)) {
        change(&mut hold(&self.script));
    }

    /// How often a method was asked for.
    pub(super) fn count(&self, method: &str) -> usize {
        let script = hold(&self.script);
        script.asked.iter().filter(|it| *it == method).count()
    }

    /// Refuses as a node does whose nonce is not open.
    pub(super) fn is_closed(&self) {
        self.refuses("emissions", 75, "unfulfilled nonce not found");
    }

    /// Refuses every transaction.
    pub(super) fn refuses(&self, codespace: &str, code: u32, log: &str) {
        self.set(|it| it.mempool = (codespace.into(), code, log.into()));
    }

    /// Takes so long for each answer.
    pub(super) fn takes(&self, ms: u64) {
        self.set(|it| it.slow = Duration::from_millis(ms));
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, Json(request): Json<Value>) -> Response {
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    let now = {
        let mut script = hold(&script);
        script.asked.push(method.clone());
        let now = script.clone();
        if method == "block_results" {
            script.early = script.early.saturating_sub(1);
        }
        now
    };
    if now.hangs {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(now.slow).await;
    if let Some(seconds) = now.busy {
        let pause = [("retry-after", seconds.to_string())];
        return (StatusCode::TOO_MANY_REQUESTS, pause, "slow down").into_response();
    }
    if now.html {
        return Html("<html>Bad Gateway</html>").into_response();
    }
    let height = now.height.to_string();
    let (codespace, code, log) = now.mempool;
    let error = |data: String| json!({ "error": { "code": -32603, "message": "Internal error", "data": data } });
    let mut body = match method.as_str() {
        "status" => json!({ "result": {
            "node_info": { "network": now.chain, "version": "0.38" },
            "sync_info": { "latest_block_height": height,
                "latest_block_time": "2025-09-16T13:00:00Z", "catching_up": false },
        } }),
        "abci_query" => {
            json!({ "result": { "response": { "code": 0, "value": "", "height": height } } })
        }
        "broadcast_tx_sync" if now.has_it => error("tx already exists in cache".into()),
        "broadcast_tx_sync" => {
            json!({ "result": { "code": code, "codespace": codespace, "log": log,
            "hash": "AB" } })
        }
        "block_results" if now.early > 0 => error("could not find results for height #7".into()),
        "block_results" => json!({ "result": { "height": "7", "finalize_block_events": [] } }),
        _ => error("not found".into()),
    };
    body["jsonrpc"] = json!("2.0");
    body["id"] = request["id"].clone();
    Json(body).into_response()
}

/// An address at which nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A relay that counts connections and can cut them, as a node does with idle ones.
pub(super) struct Relay {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    cuts: watch::Sender<usize>,
}

impl Relay {
    pub(super) async fn before(node: &Node) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, cuts) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(0));
        let (count, cut, to) = (accepted.clone(), cuts.clone(), node.address);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut cut = cut.subscribe();
                tokio::spawn(async move {
                    let mut node = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut node) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            accepted,
            cuts,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Cuts all connections, and waits until the other side has heard of it.
    pub(super) async fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A pool of these URLs. A request is waited for far longer than any test lasts.
pub(super) fn pool(urls: &[String]) -> Rpc {
    let pool = Rpc::new(urls, Duration::from_secs(600)).unwrap();
    let (delay, hour) = (Duration::from_millis(100), Duration::from_secs(3_600));
    pool.hedged(delay, delay).resting(hour, hour)
}

/// The same, and one that fails is probed again and again.
pub(super) fn brisk(urls: &[String]) -> Rpc {
    let ms = Duration::from_millis;
    let pool = Rpc::new(urls, Duration::from_secs(600)).unwrap();
    pool.hedged(ms(100), ms(100)).resting(ms(100), ms(300))
}

/// The same, at a height.
pub(super) fn pool_at(height: i64, urls: &[String]) -> Rpc {
    let pool = pool(urls);
    pool.saw(Height(height));
    pool
}
