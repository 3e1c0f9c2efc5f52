//! Relays between a worker and a node: one that can be shut, and one that says events twice.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A relay to a node. While it is shut, it takes connections and cuts them at once.
pub(crate) struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    pub(crate) async fn before(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = watch::Sender::new(true);
        let state = open.subscribe();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, node, state.clone()));
            }
        });
        Self {
            address,
            open,
            task,
        }
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(crate) fn rpc_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn ws_url(&self) -> String {
        format!("ws://{}/websocket", self.address)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(mut client: TcpStream, node: SocketAddr, mut open: watch::Receiver<bool>) {
    if !*open.borrow() {
        return;
    }
    let Ok(mut node) = TcpStream::connect(node).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut node) => {}
        _ = open.wait_for(|open| !*open) => {}
    }
}

/// A WebSocket relay that hands each event on twice.
pub(crate) struct Doubling {
    address: SocketAddr,
    doubled: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Doubling {
    pub(crate) async fn before(node: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let doubled = Arc::new(AtomicUsize::new(0));
        let (node, count) = (node.to_owned(), Arc::clone(&doubled));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let client = tokio_tungstenite::accept_async(client).await.unwrap();
                let (node, _) = tokio_tungstenite::connect_async(&node).await.unwrap();
                tokio::spawn(double(client, node, Arc::clone(&count)));
            }
        });
        Self {
            address,
            doubled,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/websocket", self.address)
    }

    /// Openings of windows that were handed on twice.
    pub(crate) fn doubled(&self) -> usize {
        self.doubled.load(Ordering::Relaxed)
    }
}

impl Drop for Doubling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn double(
    mut client: WebSocketStream<TcpStream>,
    mut node: WebSocketStream<MaybeTlsStream<TcpStream>>,
    count: Arc<AtomicUsize>,
) {
    loop {
        let sent = tokio::select! {
            Some(Ok(message)) = client.next() => node.send(message).await,
            Some(Ok(message)) = node.next() => {
                let is_event = message.to_text().is_ok_and(|text| text.contains("tm.event"));
                let opens = message.to_text().is_ok_and(|text| text.contains("NewBlockEvents"));
                count.fetch_add(usize::from(opens), Ordering::Relaxed);
                if is_event && client.send(message.clone()).await.is_err() {
                    return;
                }
                client.send(message).await
            }
            else => return,
        };
        if sent.is_err() {
            return;
        }
    }
}
