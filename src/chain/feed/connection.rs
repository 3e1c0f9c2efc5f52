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
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config, tungstenite::Message,
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
    failpoint::stall,
    limits,
    types::Height,
};

/// Numbers of the three subscriptions; each frame bears the one it belongs to.
const WINDOWS: u64 = 1;
const HEADERS: u64 = 2;
const OURS: u64 = 3;
/// The longest frame that is read, bytes.
const LARGEST: usize = 64 << 20;
/// How long a connection may be behind the chain before it is left: answers overtake events.
const BEHIND_LIMIT: Duration = Duration::from_secs(1);

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// After a jump of the clock a connection has this long to show that it lives.
const PROOF: Duration = Duration::from_secs(3);

/// How a connection fares.
struct Course {
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
    /// Until when it has to give any sign of life.
    proof: Option<Instant>,
}

/// What to do when nothing comes.
enum Turn {
    /// Ask whether it lives.
    Ping,
    /// Give it up.
    Leave(Loss),
}

impl Course {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            heard: now,
            alive: now,
            pinged: None,
            newest: None,
            behind: None,
            proof: None,
        }
    }

    /// A frame came: the socket lives.
    fn came(&mut self, at: Instant) {
        self.alive = at;
        self.proof = None;
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
        let opened = Box::pin(timeout(limit, self.open(endpoint, version)));
        let mut socket = match self.life.during(opened).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(loss)) => return loss,
            Err(_) => return Loss::NoAnswer(limit),
        };
        let mut course = Course::new();
        loop {
            self.life.beat();
            stall("feed").await;
            let (at, turn) = self.next_turn(&mut course);
            let turn = tokio::select! {
                frame = socket.next() => Ok(frame),
                () = sleep_until(at) => Err(turn),
                () = self.jumps.next() => {
                    course.proof = Some(Instant::now() + PROOF);
                    Err(Turn::Ping)
                }
                () = self.life.due() => continue,
                Ok(()) = self.versions.changed() => return Loss::Upgraded,
                Ok(()) = self.heads.changed() => continue,
            };
            let frame = match turn {
                Ok(frame) => frame,
                Err(Turn::Leave(loss)) => return loss,
                Err(Turn::Ping) => {
                    course.pinged = Some(Instant::now());
                    match socket.send(Message::Ping(Vec::new().into())).await {
                        Ok(()) => continue,
                        Err(error) => return Loss::Closed(error.to_string()),
                    }
                }
            };
            let seen = Instant::now();
            course.came(seen);
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
                Ok(events) => self.tell(events, &mut course, seen).await,
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
    fn next_turn(&mut self, course: &mut Course) -> (Instant, Turn) {
        if let Some(proof) = course.proof {
            return (proof, Turn::Leave(Loss::Silent(PROOF)));
        }
        let head = *self.heads.borrow_and_update();
        let behind = self.pace.behind(course.newest, head);
        match behind {
            // Another node may be better; one alone is left only when it says nothing.
            Some((newest, head)) if self.urls.len() > 1 && course.newest.is_some() => {
                let since = *course.behind.get_or_insert_with(Instant::now);
                let loss = Loss::Behind(newest, head);
                return (since + BEHIND_LIMIT, Turn::Leave(loss));
            }
            _ => course.behind = None,
        }
        let cap = self.config.silence;
        let patience = self.pace.patience(cap);
        let doubted = course.heard + patience * 2 / 3;
        match course.pinged {
            None if patience < cap => (doubted, Turn::Ping),
            // It answers, and nobody knows of newer blocks: the chain itself may stand still.
            Some(pinged) if course.alive > pinged && behind.is_none() => {
                (course.heard + cap, Turn::Leave(Loss::Silent(cap)))
            }
            _ => (course.heard + patience, Turn::Leave(Loss::Silent(patience))),
        }
    }

    /// Hands on what a frame told.
    async fn tell(
        &mut self,
        events: Vec<FeedEvent>,
        course: &mut Course,
        seen: Instant,
    ) -> Result<(), Loss> {
        for event in events {
            if let FeedEvent::Block { height, time } = event {
                course.newest = course.newest.max(Some(height));
                if !self.pace.judge(height, time)? {
                    // The node is behind: no sign of life of the chain.
                    continue;
                }
                course.beat(seen);
            }
            self.events.send(event).await.map_err(|_| Loss::Unheard)?;
        }
        Ok(())
    }

    /// Opens the socket and waits until each subscription is granted.
    pub(super) async fn open(&self, endpoint: &str, version: Version) -> Result<Socket, Loss> {
        let limits = limits::socket(LARGEST);
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

    /// Whether a block is news, for `crate::fuzz`: what a node tells of itself is believed no further.
    #[cfg(test)]
    pub(in crate::chain) fn judge(&mut self, height: &str, time: time::OffsetDateTime) -> bool {
        let height = Height(height.parse().unwrap_or_default());
        matches!(self.pace.judge(height, time), Ok(true))
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
