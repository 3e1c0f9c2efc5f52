//! The orchestrator's socket: who runs, and whom we report.
//!
//! The socket's task only reads, writes and asks for signs of life; nothing that a model does can hold
//! it up.

mod frame;

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::Rng as _;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config, tungstenite::Message,
};
use tokio_util::sync::CancellationToken;

pub use self::frame::FailureCode;
pub(in crate::models) use self::frame::Frame;
pub(super) use self::frame::Report;
#[cfg(test)]
pub(in crate::models) use self::frame::Told;
use super::{ModelsConfig, item::Item};
use crate::limits;

/// The largest frame that is read, bytes: about 200,000 models.
const LARGEST: usize = 64 << 20;
/// How long the orchestrator may take to open the socket.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// A connection that held this long is sound: the next loss starts with the shortest pause.
const SOUND_AFTER: Duration = Duration::from_secs(60);
/// Reports that wait for a connection; more than there are models would be of no use.
const MOST_REPORTS: usize = 20_000;

/// What the socket tells.
#[derive(Debug)]
pub(super) enum Heard {
    /// All models that run.
    Listed(Vec<Item>),
    /// Models that changed.
    Updated(Vec<Item>),
    /// A report was sent.
    Reported(Report),
    /// The socket is lost, or could not be opened, and will be opened again.
    Lost { cause: String, retry_in: Duration },
    /// Something that can't be read; it was passed over.
    Odd(String),
}

/// The task that holds the socket.
pub(super) struct Orchestrator {
    url: String,
    pause: (Duration, Duration),
    ping_interval: Duration,
    heard: mpsc::Sender<Heard>,
    reports: mpsc::UnboundedReceiver<Report>,
    waiting: VecDeque<Report>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a connection ended.
#[derive(Debug)]
enum End {
    Lost(String),
    /// Nobody listens any more.
    Unheard,
}

impl From<tokio_tungstenite::tungstenite::Error> for End {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Orchestrator {
    /// `config` must have been checked.
    pub(super) fn new(
        config: &ModelsConfig,
        heard: mpsc::Sender<Heard>,
        reports: mpsc::UnboundedReceiver<Report>,
    ) -> Self {
        let host = &config.host;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        Self {
            url: format!("ws://{host}:{}/{}", config.port, config.crunch_id),
            pause: (config.reconnect_min, config.reconnect_max),
            ping_interval: config.ping_interval,
            heard,
            reports,
            waiting: VecDeque::new(),
        }
    }

    /// Holds the socket until it is cancelled or nobody listens any more.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        cancel.run_until_cancelled(Box::pin(self.hold())).await;
    }

    async fn hold(&mut self) {
        let mut pause = self.pause.0;
        loop {
            let begun = Instant::now();
            let End::Lost(cause) = self.follow().await else {
                return;
            };
            if begun.elapsed() >= SOUND_AFTER {
                pause = self.pause.0;
            }
            let retry_in = pause.mul_f64(rand::rng().random_range(0.75..=1.25));
            pause = (pause * 2).min(self.pause.1);
            if self
                .heard
                .send(Heard::Lost { cause, retry_in })
                .await
                .is_err()
            {
                return;
            }
            sleep(retry_in).await;
        }
    }

    /// Opens the socket and follows it until it is lost.
    async fn follow(&mut self) -> End {
        let limits = limits::socket(LARGEST);
        let opening = connect_async_with_config(self.url.as_str(), Some(limits), true);
        let socket = match timeout(OPEN_LIMIT, opening).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(error)) => return End::Lost(format!("it could not be opened: {error}")),
            Err(_) => {
                return End::Lost(format!("it did not open within {} s", OPEN_LIMIT.as_secs()));
            }
        };
        match self.read(socket).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn read(&mut self, mut socket: Socket) -> Result<std::convert::Infallible, End> {
        let mut alive = Instant::now();
        let mut ping_at = alive + self.ping_interval;
        let mut is_listed = false;
        loop {
            let message = tokio::select! {
                message = socket.next() => message,
                () = sleep_until(ping_at) => {
                    if alive.elapsed() > self.ping_interval * 2 {
                        let silent = alive.elapsed().as_secs_f64();
                        return Err(End::Lost(format!("no sign of life for {silent:.1} s")));
                    }
                    ping_at = Instant::now() + self.ping_interval;
                    self.send(&mut socket, Message::Ping(Vec::new().into())).await?;
                    continue;
                }
                Some(report) = self.reports.recv() => {
                    self.queue(report);
                    if is_listed {
                        self.send_reports(&mut socket).await?;
                    }
                    continue;
                }
            };
            alive = Instant::now();
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(reason))) => {
                    let reason =
                        reason.map_or_else(|| "without a reason".into(), |it| it.to_string());
                    return Err(End::Lost(format!("it was closed: {reason}")));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error.into()),
                None => return Err(End::Lost("it ended".into())),
            };
            is_listed |= self.take(&text).await?;
            if is_listed {
                self.send_reports(&mut socket).await?;
            }
        }
    }

    /// Hands on what a frame tells; true when it lists all models.
    async fn take(&mut self, text: &str) -> Result<bool, End> {
        let told = match Frame::read(text) {
            Ok(Frame::Refused(error)) => {
                return Err(End::Lost(format!("the orchestrator refuses us: {error}")));
            }
            Ok(Frame::Unknown(event)) => {
                self.tell(Heard::Odd(format!("an unknown event {event:?}")))
                    .await?;
                return Ok(false);
            }
            Err(error) => {
                self.tell(Heard::Odd(format!("a frame that can't be read: {error}")))
                    .await?;
                return Ok(false);
            }
            Ok(Frame::Listed(told)) => {
                // What stopped meanwhile needs no report.
                self.waiting
                    .retain(|report| told.items.iter().any(|item| report.concerns(item)));
                (told, true)
            }
            Ok(Frame::Updated(told)) => (told, false),
        };
        let (told, is_list) = told;
        for error in told.spoilt {
            self.tell(Heard::Odd(format!("a model that can't be read: {error}")))
                .await?;
        }
        let heard = if is_list {
            Heard::Listed
        } else {
            Heard::Updated
        };
        self.tell(heard(told.items)).await?;
        Ok(is_list)
    }

    /// A report is sent once a list has come over the same connection.
    fn queue(&mut self, report: Report) {
        let is_known = self.waiting.iter().any(|other| {
            other.model_id == report.model_id && other.deployment_id == report.deployment_id
        });
        if !is_known && self.waiting.len() < MOST_REPORTS {
            self.waiting.push_back(report);
        }
    }

    async fn send_reports(&mut self, socket: &mut Socket) -> Result<(), End> {
        while let Some(report) = self.waiting.front() {
            let frame = Message::text(report.frame());
            self.send(socket, frame).await?;
            if let Some(report) = self.waiting.pop_front() {
                self.tell(Heard::Reported(report)).await?;
            }
        }
        Ok(())
    }

    async fn send(&self, socket: &mut Socket, message: Message) -> Result<(), End> {
        match timeout(self.ping_interval * 2, socket.send(message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(End::Lost("it takes nothing any more".into())),
        }
    }

    async fn tell(&self, heard: Heard) -> Result<(), End> {
        self.heard.send(heard).await.map_err(|_| End::Unheard)
    }
}
