//! The WebSocket: subscriptions, and all other methods as well.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::{
    chain::Block,
    control::Answer,
    faults::Delivery,
    http::{self, envelope, parse_error},
    matcher::{self, Query, Tags},
    render,
    rpc::LONGEST_QUERY,
    shared::Shared,
};
use crate::chain::jsonrpc::{Request, RpcError};

/// Subscriptions that one client may have.
const SUBSCRIPTIONS: usize = 5;
/// A client that takes a frame no sooner is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a WebSocket.
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let instead = shared.effects().answer;
    if let Some(instead) = instead.as_ref().and_then(http::bare) {
        return instead;
    }
    upgrade.on_upgrade(move |socket| Client::new(socket, shared).run())
}

struct Subscription {
    id: Value,
    text: String,
    query: Query,
}

struct Client {
    socket: WebSocket,
    shared: Arc<Shared>,
    subscriptions: Vec<Subscription>,
    /// Blocks whose events are held back, each with the height that lets them go.
    held: VecDeque<(i64, Arc<Block>)>,
}

/// Which part of what a block brings is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Header,
    Events,
}

/// The socket is to be closed.
struct Closed;

impl Client {
    const fn new(socket: WebSocket, shared: Arc<Shared>) -> Self {
        Self {
            socket,
            shared,
            subscriptions: Vec::new(),
            held: VecDeque::new(),
        }
    }

    async fn run(mut self) {
        let mut blocks = self.shared.hub.blocks.subscribe();
        let mut cut = self.shared.cut.subscribe();
        cut.mark_unchanged();
        loop {
            let step = tokio::select! {
                _ = cut.changed() => Err(Closed),
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.receive(message).await,
                    Some(Err(_)) | None => Err(Closed),
                },
                block = blocks.recv() => match block {
                    Ok(block) => self.publish(&block).await,
                    Err(RecvError::Lagged(_)) => self.cancel_all().await,
                    Err(RecvError::Closed) => Err(Closed),
                },
            };
            if step.is_err() {
                return;
            }
        }
    }

    async fn send(&mut self, value: &Value) -> Result<(), Closed> {
        let frame = self.socket.send(Message::text(value.to_string()));
        match tokio::time::timeout(WRITE_TIMEOUT, frame).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Closed),
        }
    }

    /// Ends the subscriptions of a client that took its events too slowly; the socket stays open.
    async fn cancel_all(&mut self) -> Result<(), Closed> {
        for subscription in std::mem::take(&mut self.subscriptions) {
            let error = RpcError {
                code: -32_000,
                message: "Server error".into(),
                data:
                    "subscription was canceled (reason: client is not pulling messages fast enough)"
                        .into(),
            };
            self.send(&envelope(&subscription.id, Err(error))).await?;
        }
        Ok(())
    }

    async fn receive(&mut self, message: Message) -> Result<(), Closed> {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(Closed),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        let request: Request = match serde_json::from_str(&text) {
            Ok(request) => request,
            Err(error) => return self.send(&parse_error(&error)).await,
        };
        if request.id.is_null() {
            return Ok(());
        }
        let late = self.shared.effects().subscribe_delay;
        if let Some(by) = late.filter(|_| request.method == "subscribe") {
            tokio::time::sleep(by).await;
        }
        let result = match self.shared.false_answer(&request.method) {
            Some(Answer::Swallow) => return Ok(()),
            Some(Answer::Http { .. } | Answer::Busy { .. }) => return Err(Closed),
            Some(Answer::Truncate) => {
                let result = self.perform(&request).await;
                let whole = envelope(&request.id, result).to_string();
                let part = whole.chars().take(whole.len() / 2).collect::<String>();
                // The socket is closed either way.
                let _sent = self.socket.send(Message::text(part)).await;
                return Err(Closed);
            }
            Some(Answer::Error {
                code,
                message,
                data,
            }) => Err(RpcError {
                code,
                message,
                data,
            }),
            Some(Answer::Delay(by)) => {
                tokio::time::sleep(by).await;
                self.perform(&request).await
            }
            None => self.perform(&request).await,
        };
        self.send(&envelope(&request.id, result)).await
    }

    async fn perform(&mut self, request: &Request) -> Result<Value, RpcError> {
        let query = request.params.get("query").and_then(Value::as_str);
        let query = query.or_else(|| request.params.get(0).and_then(Value::as_str));
        let query = query.unwrap_or_default();
        match request.method.as_str() {
            "subscribe" => self.subscribe(&request.id, query),
            "unsubscribe" => self.unsubscribe(query),
            "unsubscribe_all" => self.unsubscribe_all(),
            method => self.shared.call(method, request.params.clone()).await,
        }
    }

    fn subscribe(&mut self, id: &Value, text: &str) -> Result<Value, RpcError> {
        if self.shared.refuses_subscribe() {
            return Err(render::internal("max_subscription_clients 100 reached"));
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS {
            return Err(render::internal(format!(
                "max_subscriptions_per_client {SUBSCRIPTIONS} reached"
            )));
        }
        if text.len() > LONGEST_QUERY {
            return Err(render::internal("maximum query length exceeded"));
        }
        let query = Query::parse(text)
            .map_err(|why| render::internal(format!("failed to parse query: {why}")))?;
        if self.subscriptions.iter().any(|known| known.query == query) {
            return Err(render::internal("already subscribed"));
        }
        self.subscriptions.push(Subscription {
            id: id.clone(),
            text: text.into(),
            query,
        });
        Ok(json!({}))
    }

    fn unsubscribe(&mut self, text: &str) -> Result<Value, RpcError> {
        let query = Query::parse(text)
            .map_err(|why| render::internal(format!("failed to parse query: {why}")))?;
        let before = self.subscriptions.len();
        self.subscriptions.retain(|known| known.query != query);
        if self.subscriptions.len() == before {
            return Err(render::internal("subscription not found"));
        }
        Ok(json!({}))
    }

    fn unsubscribe_all(&mut self) -> Result<Value, RpcError> {
        if self.subscriptions.is_empty() {
            return Err(render::internal("subscription not found"));
        }
        self.subscriptions.clear();
        Ok(json!({}))
    }

    /// Sends what a block brings to the subscriptions that ask for it.
    async fn publish(&mut self, block: &Arc<Block>) -> Result<(), Closed> {
        if self.shared.is_silent() || self.subscriptions.is_empty() {
            return Ok(());
        }
        match self.shared.effects().delivery {
            Delivery::Live => self.tell(block, Part::All).await?,
            Delivery::Twice => {
                self.tell(block, Part::All).await?;
                self.tell(block, Part::All).await?;
            }
            Delivery::Never => self.tell(block, Part::Header).await?,
            Delivery::Late(by) => {
                self.held.push_back((block.height + by, Arc::clone(block)));
                self.tell(block, Part::Header).await?;
            }
        }
        while let Some((_, held)) = self.held.pop_front_if(|(at, _)| *at <= block.height) {
            self.tell(&held, Part::Events).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, block: &Block, part: Part) -> Result<(), Closed> {
        for (data, tags) in happenings(&self.shared.shown_id(), block) {
            let is_header = data["type"] == "tendermint/event/NewBlockHeader";
            if part
                == (if is_header {
                    Part::Events
                } else {
                    Part::Header
                })
            {
                continue;
            }
            let frames: Vec<_> = self
                .subscriptions
                .iter()
                .filter(|subscription| subscription.query.matches(&tags))
                .map(|subscription| {
                    let result = json!({"query": subscription.text, "data": data, "events": tags});
                    envelope(&subscription.id, Ok(result))
                })
                .collect();
            for frame in &frames {
                self.send(frame).await?;
            }
        }
        Ok(())
    }
}

/// What a block tells: itself, its header, its events, its transactions. The node serves each
/// subscription by itself, so that none of them comes surely before another: here the header comes
/// first in every other block.
fn happenings(chain_id: &str, block: &Block) -> Vec<(Value, Tags)> {
    let named = |name: &str, mut tags: Tags| {
        tags.insert("tm.event".into(), vec![name.into()]);
        tags
    };
    let header = render::header(chain_id, block.height, block.time);
    let of_block = matcher::tags(&block.events);
    let height = block.height.to_string();
    let rendered = render::block(chain_id, block);
    let mut all = vec![
        (
            json!({"type": "tendermint/event/NewBlock", "value": rendered}),
            named("NewBlock", of_block.clone()),
        ),
        (
            json!({"type": "tendermint/event/NewBlockHeader", "value": {"header": header}}),
            named("NewBlockHeader", Tags::new()),
        ),
        (
            json!({"type": "tendermint/event/NewBlockEvents", "value": {
                "height": height, "events": block.events, "num_txs": block.txs.len().to_string(),
            }}),
            named("NewBlockEvents", of_block),
        ),
    ];
    if block.height % 2 == 1 {
        all.swap(1, 2);
    }
    for tx in &block.txs {
        let mut value = json!({
            "height": height,
            "tx": BASE64.encode(&tx.tx),
            "result": render::tx_result_in_event(tx),
        });
        if tx.index > 0 {
            value["index"] = tx.index.into();
        }
        let mut tags = matcher::tags(&tx.result.events);
        tags.insert("tx.hash".into(), vec![tx.hash.clone()]);
        tags.insert("tx.height".into(), vec![height.clone()]);
        let data = json!({"type": "tendermint/event/Tx", "value": {"TxResult": value}});
        all.push((data, named("Tx", tags)));
    }
    all
}
