//! The chain's events over one WebSocket, kept alive for months.
//!
//! Three subscriptions: the openings of all topics' windows, block headers as the heartbeat that
//! proves that the socket lives, and our own transactions. A filtered subscription may rightly be
//! silent for an hour, so only the heartbeat tells a dead socket from a quiet one.

mod frame;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tokio_util::sync::CancellationToken;

use self::frame::{Frame, Loss, SETUP_LIMIT};
use super::{
    ChainConfig, ChainError, OpenWindow, Version,
    jsonrpc::{EventData, Request, TxResult},
    rpc::redacted,
};
use crate::types::Height;

/// What the feed tells.
#[derive(Clone, Debug)]
pub enum FeedEvent {
    /// The WebSocket is open and its three subscriptions are granted. Events may have been lost
    /// before: ask the chain what is open.
    Connected {
        /// The node's URL.
        endpoint: String,
    },
    /// The WebSocket is lost and will be opened again.
    Lost {
        /// The node's URL.
        endpoint: String,
        /// Why.
        cause: String,
        /// When.
        retry_in: Duration,
    },
    /// A new block.
    Block {
        /// Its height.
        height: Height,
        /// Its time.
        time: OffsetDateTime,
    },
    /// A block has opened submission windows.
    Opened {
        /// Which.
        windows: Vec<OpenWindow>,
        /// When their frame arrived.
        seen: Instant,
    },
    /// A transaction of ours is in a block.
    Included {
        /// Its hash in upper-case hex.
        hash: String,
        /// The block.
        height: Height,
        /// How it went.
        result: TxResult,
    },
}

/// Numbers of the three subscriptions; each frame bears the one it belongs to.
const WINDOWS: u64 = 1;
const HEADERS: u64 = 2;
const OURS: u64 = 3;

/// A connection that held this long is sound: the next loss starts with the shortest pause.
const SOUND_AFTER: Duration = Duration::from_mins(1);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The task that holds the WebSocket.
#[derive(Debug)]
pub struct Feed {
    config: ChainConfig,
    urls: Vec<String>,
    chain_id: String,
    address: String,
    versions: watch::Receiver<Version>,
    events: mpsc::Sender<FeedEvent>,
    /// The newest block of all connections, and its time.
    best: Option<(Height, OffsetDateTime)>,
}

impl Feed {
    /// A feed of the windows of all topics and of the transactions of `address`.
    ///
    /// # Errors
    /// When a URL is no WebSocket URL or there is none.
    pub fn new(
        config: ChainConfig,
        urls: Vec<String>,
        chain_id: String,
        address: String,
        versions: watch::Receiver<Version>,
        events: mpsc::Sender<FeedEvent>,
    ) -> Result<Self, ChainError> {
        crate::tls::install();
        let bad = |url: &str, cause: &str| ChainError::BadUrl {
            url: url.to_owned(),
            cause: cause.to_owned(),
        };
        if urls.is_empty() {
            return Err(bad("ws", "the list is empty: name at least one"));
        }
        if let Some(url) = urls
            .iter()
            .find(|u| !u.starts_with("ws://") && !u.starts_with("wss://"))
        {
            return Err(bad(url, "it must begin with ws:// or wss://"));
        }
        Ok(Self {
            config,
            urls,
            chain_id,
            address,
            versions,
            events,
            best: None,
        })
    }

    /// Follows the chain until it is cancelled, nobody listens, or the chain begins anew. A lost connection is opened again,
    /// at the next URL, after a pause that grows with each failure.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut failures = 0;
        for turn in 0.. {
            let endpoint = self.urls[turn % self.urls.len()].clone();
            let opened = Instant::now();
            let loss = tokio::select! {
                () = cancel.cancelled() => return,
                loss = self.follow(&endpoint) => loss,
            };
            failures = if opened.elapsed() > SOUND_AFTER {
                0
            } else {
                failures
            };
            let retry_in = match loss {
                Loss::Unheard => return,
                Loss::Upgraded => Duration::ZERO,
                _ => self.pause(failures),
            };
            failures += 1;
            let is_final = matches!(loss, Loss::Anew(..));
            let report = FeedEvent::Lost {
                endpoint: redacted(&endpoint),
                cause: loss.to_string(),
                retry_in,
            };
            if self.events.send(report).await.is_err() || is_final {
                return;
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(retry_in) => {}
            }
        }
    }

    /// Doubles with each failure, within a fifth of jitter, so that workers don't return in step.
    fn pause(&self, failures: u32) -> Duration {
        let base = self
            .config
            .reconnect_min
            .saturating_mul(1_u32 << failures.min(16));
        base.mul_f64(rand::random_range(0.8..1.2))
            .min(self.config.reconnect_max)
    }

    /// One connection, from opening to loss.
    async fn follow(&mut self, endpoint: &str) -> Loss {
        let version = *self.versions.borrow_and_update();
        let mut socket = match timeout(SETUP_LIMIT, self.open(endpoint, version)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(loss)) => return loss,
            Err(_) => return Loss::NoAnswer,
        };
        let mut heard = Instant::now();
        loop {
            let silence = tokio::time::sleep_until(heard + self.config.silence);
            let frame = tokio::select! {
                frame = socket.next() => frame,
                () = silence => return Loss::Silent(self.config.silence),
                Ok(()) = self.versions.changed() => return Loss::Upgraded,
            };
            let seen = Instant::now();
            let text = match frame {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(reason))) => {
                    return Loss::Closed(reason.map_or_else(String::new, |r| r.to_string()));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Loss::Closed(error.to_string()),
                None => return Loss::Closed("end of stream".into()),
            };
            match self.read(&text, version, seen) {
                Ok(events) => {
                    for event in events {
                        if let FeedEvent::Block { height, time } = event {
                            match self.judge(height, time) {
                                Ok(true) => heard = seen,
                                // The node is behind: no sign of life of the chain.
                                Ok(false) => continue,
                                Err(loss) => return loss,
                            }
                        }
                        if self.events.send(event).await.is_err() {
                            return Loss::Unheard;
                        }
                    }
                }
                Err(loss) => return loss,
            }
        }
    }

    /// Whether a block is news. A lower height at a later time is another chain under the old name.
    fn judge(&mut self, height: Height, time: OffsetDateTime) -> Result<bool, Loss> {
        match self.best {
            Some((best, at)) if height <= best => {
                let is_anew = height < best && time > at;
                if is_anew {
                    Err(Loss::Anew(height, best))
                } else {
                    Ok(false)
                }
            }
            _ => {
                self.best = Some((height, time));
                Ok(true)
            }
        }
    }

    /// Opens the socket and waits until each subscription is granted.
    async fn open(&self, endpoint: &str, version: Version) -> Result<Socket, Loss> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(64 << 20))
            .max_frame_size(Some(64 << 20));
        let (mut socket, _) = connect_async_with_config(endpoint, Some(limits), true)
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
    fn read(&self, text: &str, version: Version, seen: Instant) -> Result<Vec<FeedEvent>, Loss> {
        let frame = Frame::read(text)?;
        let Some(event) = frame.event() else {
            return Ok(Vec::new());
        };
        Ok(match event.data {
            EventData::NewBlockEvents { events, .. } => {
                let events = events.unwrap_or_default();
                let opened = events
                    .iter()
                    .filter_map(|event| version.window_opened(event));
                let windows: Vec<_> = opened.collect();
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

#[cfg(test)]
mod tests;
