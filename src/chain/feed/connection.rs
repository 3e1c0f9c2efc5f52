//! One connection, from opening to loss.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{
    Feed, FeedEvent,
    frame::{Frame, Loss, SETUP_LIMIT, SHORT_LIMIT},
};
use crate::{
    chain::{
        Version,
        jsonrpc::{EventData, Request},
        rpc::redacted,
    },
    types::Height,
};

/// Numbers of the three subscriptions; each frame bears the one it belongs to.
const WINDOWS: u64 = 1;
const HEADERS: u64 = 2;
const OURS: u64 = 3;
/// How long a connection may be behind the chain before it is left: answers overtake events.
const BEHIND_LIMIT: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How a connection fares.
struct Pulse {
    /// When it was heard of a new block, or opened.
    heard: Instant,
    /// When any frame came.
    alive: Instant,
    /// When it was asked whether it lives, since a block was heard of.
    pinged: Option<Instant>,
    /// The newest block that it told of.
    newest: Option<Height>,
    /// Since when it is behind the chain.
    behind: Option<Instant>,
}

/// What to do when nothing comes.
enum Turn {
    /// Ask whether it lives.
    Ping,
    /// Give it up.
    Leave(Loss),
}

impl Pulse {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            heard: now,
            alive: now,
            pinged: None,
            newest: None,
            behind: None,
        }
    }

    /// A new block was heard of.
    fn beat(&mut self, at: Instant) {
        self.heard = at;
        self.pinged = None;
    }
}

impl Feed {
    /// Holds a connection until it is lost.
    pub(super) async fn follow(&mut self, endpoint: &str) -> Loss {
        let version = *self.versions.borrow_and_update();
        let limit = self.setup_limit();
        let mut socket = match timeout(limit, self.open(endpoint, version)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(loss)) => return loss,
            Err(_) => return Loss::NoAnswer(limit),
        };
        let mut pulse = Pulse::new();
        loop {
            let (at, turn) = self.next_turn(&mut pulse);
            let frame = tokio::select! {
                frame = socket.next() => frame,
                () = sleep_until(at) => match turn {
                    Turn::Leave(loss) => return loss,
                    Turn::Ping => {
                        pulse.pinged = Some(Instant::now());
                        match socket.send(Message::Ping(Vec::new().into())).await {
                            Ok(()) => continue,
                            Err(error) => return Loss::Closed(error.to_string()),
                        }
                    }
                },
                Ok(()) = self.versions.changed() => return Loss::Upgraded,
                Ok(()) = self.heads.changed() => continue,
            };
            let seen = Instant::now();
            pulse.alive = seen;
            let text = match frame {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(reason))) => {
                    return Loss::Closed(reason.map_or_else(String::new, |r| r.to_string()));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Loss::Closed(error.to_string()),
                None => return Loss::Closed("end of stream".into()),
            };
            let told = match self.read(&text, version, seen) {
                Ok(events) => self.tell(events, &mut pulse, seen).await,
                Err(loss) => Err(loss),
            };
            if let Err(loss) = told {
                return loss;
            }
        }
    }

    /// With another URL at hand a node is not waited for long.
    fn setup_limit(&self) -> Duration {
        if self.urls.len() > 1 {
            self.pace.patience(SHORT_LIMIT.min(self.config.silence))
        } else {
            SETUP_LIMIT
        }
    }

    /// When something is to be done if no frame comes before, and what.
    fn next_turn(&mut self, pulse: &mut Pulse) -> (Instant, Turn) {
        let head = *self.heads.borrow_and_update();
        let behind = self.pace.behind(pulse.newest, head);
        match behind {
            // Another node may be better; one alone is left only when it says nothing.
            Some((newest, head)) if self.urls.len() > 1 && pulse.newest.is_some() => {
                let since = *pulse.behind.get_or_insert_with(Instant::now);
                let loss = Loss::Behind(newest, head);
                return (since + BEHIND_LIMIT, Turn::Leave(loss));
            }
            _ => pulse.behind = None,
        }
        let cap = self.config.silence;
        let patience = self.pace.patience(cap);
        let doubted = pulse.heard + patience * 2 / 3;
        match pulse.pinged {
            None if patience < cap => (doubted, Turn::Ping),
            // It answers, and nobody knows of newer blocks: the chain itself may stand still.
            Some(pinged) if pulse.alive > pinged && behind.is_none() => {
                (pulse.heard + cap, Turn::Leave(Loss::Silent(cap)))
            }
            _ => (pulse.heard + patience, Turn::Leave(Loss::Silent(patience))),
        }
    }

    /// Hands on what a frame told.
    async fn tell(
        &mut self,
        events: Vec<FeedEvent>,
        pulse: &mut Pulse,
        seen: Instant,
    ) -> Result<(), Loss> {
        for event in events {
            if let FeedEvent::Block { height, time } = event {
                pulse.newest = pulse.newest.max(Some(height));
                if !self.pace.judge(height, time)? {
                    // The node is behind: no sign of life of the chain.
                    continue;
                }
                pulse.beat(seen);
            }
            self.events.send(event).await.map_err(|_| Loss::Unheard)?;
        }
        Ok(())
    }

    /// Opens the socket and waits until each subscription is granted.
    async fn open(&self, endpoint: &str, version: Version) -> Result<Socket, Loss> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(64 << 20))
            .max_frame_size(Some(64 << 20));
        let tls = Connector::Rustls(Arc::clone(&self.tls));
        let (mut socket, _) =
            connect_async_tls_with_config(endpoint, Some(limits), true, Some(tls))
                .await
                .map_err(|error| Loss::Open(error.to_string()))?;
        let queries = [
            (
                WINDOWS,
                format!(
                    "tm.event='NewBlockEvents' AND {}.topic_id EXISTS",
                    version.window_opened_event()
                ),
            ),
            (HEADERS, "tm.event='NewBlockHeader'".to_owned()),
            (
                OURS,
                format!("tm.event='Tx' AND message.sender='{}'", self.address),
            ),
        ];
        for (id, query) in &queries {
            let request = Request::new(*id, "subscribe", json!({ "query": query }));
            let text = json!(request).to_string();
            let sent = socket.send(Message::text(text)).await;
            sent.map_err(|error| Loss::Closed(error.to_string()))?;
        }
        let mut granted = Vec::new();
        let connected = FeedEvent::Connected {
            endpoint: redacted(endpoint),
        };
        while granted.len() < queries.len() {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = Frame::read(&text)?;
                    if frame.is_grant() && !granted.contains(&frame.id) {
                        granted.push(frame.id);
                        continue;
                    }
                    // An event may overtake the grant of a later subscription.
                    for event in self.read(&text, version, Instant::now())? {
                        self.events.send(event).await.map_err(|_| Loss::Unheard)?;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Loss::Closed(error.to_string())),
                None => return Err(Loss::Closed("end of stream".into())),
            }
        }
        self.events
            .send(connected)
            .await
            .map_err(|_| Loss::Unheard)?;
        Ok(socket)
    }

    /// What a frame tells, for the benchmarks: nothing when it ends the connection.
    #[doc(hidden)]
    #[must_use]
    pub fn decode(&self, text: &str, version: Version) -> Vec<FeedEvent> {
        self.read(text, version, Instant::now()).unwrap_or_default()
    }

    /// What a frame tells. A frame that makes no sense tells nothing.
    pub(super) fn read(
        &self,
        text: &str,
        version: Version,
        seen: Instant,
    ) -> Result<Vec<FeedEvent>, Loss> {
        let frame = Frame::read(text)?;
        let Some(event) = frame.event() else {
            return Ok(Vec::new());
        };
        Ok(match event.data {
            EventData::NewBlockEvents { events, .. } => {
                let events = events.unwrap_or_default();
                let windows = events.iter().filter_map(|it| version.window_opened(it));
                let windows: Vec<_> = windows.collect();
                if windows.is_empty() {
                    return Ok(Vec::new());
                }
                vec![FeedEvent::Opened { windows, seen }]
            }
            EventData::NewBlockHeader { header } => {
                if header.chain_id != self.chain_id {
                    return Err(Loss::WrongChain(header.chain_id));
                }
                vec![FeedEvent::Block {
                    height: Height(header.height),
                    time: header.time,
                }]
            }
            EventData::Tx { tx_result } => {
                let Ok(bytes) = BASE64.decode(&tx_result.tx) else {
                    return Ok(Vec::new());
                };
                vec![FeedEvent::Included {
                    hash: hex::encode_upper(Sha256::digest(bytes)),
                    height: Height(tx_result.height),
                    result: tx_result.result,
                }]
            }
        })
    }
}
