//! An orchestrator's socket.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::StubItem;

/// An orchestrator that announces what it is told, and stops what is reported. It ends when this is
/// dropped.
#[derive(Debug)]
pub struct StubOrchestrator {
    address: SocketAddr,
    shared: Arc<Shared>,
    _ends_with_this: DropGuard,
}

#[derive(Debug)]
struct Shared {
    crunch: String,
    running: Mutex<Vec<StubItem>>,
    reports: Mutex<Vec<Value>>,
    complaints: Mutex<Vec<String>>,
    frames: broadcast::Sender<String>,
    cuts: watch::Sender<u64>,
    /// Nothing is read or written any more.
    is_mute: watch::Sender<bool>,
    connections: watch::Sender<usize>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StubOrchestrator {
    /// Starts an orchestrator of one crunch.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn start(crunch: &str, address: SocketAddr) -> io::Result<Self> {
        /// Frames that a client may be late by.
        const BACKLOG: usize = 1 << 12;
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            crunch: crunch.into(),
            running: Mutex::default(),
            reports: Mutex::default(),
            complaints: Mutex::default(),
            frames: broadcast::Sender::new(BACKLOG),
            cuts: watch::Sender::new(0),
            is_mute: watch::Sender::new(false),
            connections: watch::Sender::new(0),
        });
        let cancel = CancellationToken::new();
        let serving = Arc::clone(&shared).serve(listener, cancel.clone());
        tokio::spawn(cancel.clone().run_until_cancelled_owned(serving));
        Ok(Self {
            address,
            shared,
            _ends_with_this: cancel.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Announces a model that runs, in place of an older entry of the same deployment.
    pub fn run(&self, item: StubItem) {
        let frame = item.json("RUNNING");
        {
            let mut running = locked(&self.shared.running);
            running.retain(|other| other.deployment_id != item.deployment_id);
            running.push(item);
        }
        self.update(&frame);
    }

    /// Lists many models without announcing them: who connects later is told of them.
    pub fn list(&self, items: impl IntoIterator<Item = StubItem>) {
        locked(&self.shared.running).extend(items);
    }

    /// What it says that runs.
    #[must_use]
    pub fn running(&self) -> Vec<StubItem> {
        locked(&self.shared.running).clone()
    }

    /// Announces that a deployment stopped: twice, as real ones do.
    pub fn stop(&self, deployment_id: &str) {
        self.shared.stop(deployment_id);
    }

    /// Announces that a deployment is being restarted.
    pub fn recover(&self, deployment_id: &str) {
        let taken = self.shared.take(deployment_id);
        for item in taken {
            self.update(&item.json("RECOVERING"));
        }
    }

    /// Sends an update with this one item.
    pub fn update(&self, item: &Value) {
        self.send(json!({ "event": "update", "data": [item] }).to_string());
    }

    /// Sends a frame as it stands.
    pub fn send(&self, frame: String) {
        // Nobody may be connected.
        let _ = self.shared.frames.send(frame);
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cut| *cut += 1);
    }

    /// Says nothing any more, not even to pings, while the connections hold.
    pub fn mute(&self, is_mute: bool) {
        self.shared.is_mute.send_replace(is_mute);
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> watch::Receiver<usize> {
        self.shared.connections.subscribe()
    }

    /// The reports so far: well-formed ones of models that run.
    #[must_use]
    pub fn reports(&self) -> Vec<Value> {
        locked(&self.shared.reports).clone()
    }

    /// What clients did wrong so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.shared.complaints).clone()
    }
}

type Socket = WebSocketStream<TcpStream>;

impl Shared {
    async fn serve(self: Arc<Self>, listener: TcpListener, cancel: CancellationToken) {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                let connection = Arc::clone(&self).connection(stream);
                tokio::spawn(cancel.clone().run_until_cancelled_owned(connection));
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let mut path = String::new();
        #[allow(clippy::result_large_err, reason = "the handshake's own type")]
        let take_path = |request: &Request, response: Response| {
            request
                .uri()
                .path_and_query()
                .map_or("", |it| it.as_str())
                .clone_into(&mut path);
            Ok(response)
        };
        let Ok(socket) = accept_hdr_async(stream, take_path).await else {
            return;
        };
        self.connections.send_modify(|count| *count += 1);
        let mut cuts = self.cuts.subscribe();
        tokio::select! {
            // However it ended, the client sees it.
            _ = self.follow(socket, path.trim_matches('/')) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn follow(
        &self,
        mut socket: Socket,
        crunch: &str,
    ) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        if crunch.is_empty() {
            let error = "crunch_id is required and is expected in the path as /<crunch_id>";
            socket
                .send(Message::text(json!({ "error": error }).to_string()))
                .await?;
            return socket.close(None).await;
        }
        let mut frames = self.frames.subscribe();
        let mut mute = self.is_mute.subscribe();
        let is_ours = crunch == self.crunch;
        let items: Vec<_> = if is_ours {
            locked(&self.running)
                .iter()
                .map(|item| item.json("RUNNING"))
                .collect()
        } else {
            Vec::new()
        };
        let init = json!({ "event": "init", "data": items }).to_string();
        socket.send(Message::text(init)).await?;
        loop {
            if *mute.borrow_and_update() {
                // The sender lives in self.
                let _ = mute.changed().await;
                continue;
            }
            tokio::select! {
                _ = mute.changed() => {}
                frame = frames.recv(), if is_ours => match frame {
                    Ok(frame) => socket.send(Message::text(frame)).await?,
                    Err(_) => return Ok(()),
                },
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if let Err(complaint) = self.read(&text) {
                            locked(&self.complaints).push(complaint);
                            let close = CloseFrame { code: CloseCode::Error, reason: "".into() };
                            return socket.close(Some(close)).await;
                        }
                    }
                    Some(Ok(_)) => {}
                    _ => return Ok(()),
                },
            }
        }
    }

    /// Reads a client's frame; an error closes the socket, as it does with real orchestrators.
    fn read(&self, text: &str) -> Result<(), String> {
        let frame: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if frame["event"] != "report_failure" {
            return Ok(());
        }
        let reports = frame["data"].as_array().ok_or("data is no list")?;
        for report in reports {
            let field = |key: &str| {
                report[key]
                    .as_str()
                    .ok_or_else(|| format!("{key} is missing in {report}"))
            };
            let (model, ip) = (field("model_id")?, field("ip")?);
            field("failure_code")?;
            // The first match is taken, whatever its deployment.
            let matching = |item: &&StubItem| item.model_id == model;
            let found = locked(&self.running).iter().find(matching).cloned();
            match found {
                None => {}
                Some(item) if item.host != ip => {
                    locked(&self.complaints).push(format!("{model} is not at {ip}"));
                    return Ok(());
                }
                Some(item) => {
                    locked(&self.reports).push(report.clone());
                    self.stop(&item.deployment_id);
                }
            }
        }
        Ok(())
    }

    fn take(&self, deployment_id: &str) -> Vec<StubItem> {
        let mut running = locked(&self.running);
        running
            .extract_if(.., |item| item.deployment_id == deployment_id)
            .collect()
    }

    fn stop(&self, deployment_id: &str) {
        for item in self.take(deployment_id) {
            let mut stopped = item.json("STOPPED");
            for _ in 0..2 {
                let frame = json!({ "event": "update", "data": [stopped] });
                // Nobody may be connected.
                let _ = self.frames.send(frame.to_string());
                stopped["ip"] = json!("localhost");
                stopped["port"] = json!(0);
            }
        }
    }
}
