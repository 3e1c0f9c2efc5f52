//! An embedded Allora chain: a CometBFT node's RPC and WebSocket over a socket, with the emissions
//! module's windows and its checks behind them.
//!
//! It takes the worker's real bytes and checks them as a real node does: protobuf, signatures,
//! sequence numbers, fees, windows, duplicates, each with the node's own codes and texts. Through
//! [`Control`] it can be made to misbehave. It is for demonstrations and tests, and no proof: a real
//! node is.

mod ante;
mod bundle;
mod chain;
mod config;
mod control;
mod decimal;
mod emissions;
mod events;
mod execute;
mod http;
mod matcher;
mod mempool;
mod node;
mod query;
mod query_emissions;
mod query_network;
mod refusal;
mod render;
mod reputers;
mod rpc;
mod schedule;
mod state;
mod transaction;
mod ws;

#[cfg(test)]
mod tests;

pub use config::{DevnetConfig, DevnetError, DevnetTopic, EmissionsVersion, OutputArity, Rival};
pub use control::{Answer, Control, Indexer, Stage};

use std::{net::SocketAddr, sync::Arc};

use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use self::{
    chain::Chain,
    node::{Node, Shared},
};
use crate::types::Height;

/// A running devnet. It ends when this is dropped.
pub struct Devnet {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

/// A way to order a devnet about, to be given to whoever needs it.
#[derive(Clone)]
pub struct DevnetHandle {
    shared: Arc<Shared>,
}

impl Devnet {
    /// Starts a chain and its node. When this returns, the node listens and has a first block.
    ///
    /// # Errors
    /// When the configuration makes no chain or the address can't be listened on.
    pub async fn start(config: DevnetConfig) -> Result<Self, DevnetError> {
        /// Requests that may wait for the chain's task.
        const BACKLOG: usize = 256;
        config.check()?;
        let failed = |cause| DevnetError::Listen {
            address: config.listen,
            cause,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (jobs, orders) = mpsc::channel(BACKLOG);
        let shared = Arc::new(Shared::new(
            config.chain_id.clone(),
            address.to_string(),
            jobs,
        ));
        let chain = Chain::new(config, OffsetDateTime::now_utc());
        let mut tasks = JoinSet::new();
        tasks.spawn(Node::new(chain, Arc::clone(&shared)).run(orders));
        let router = http::router(Arc::clone(&shared));
        tasks.spawn(async move {
            // It serves until the task is ended; a failing accept is tried again inside.
            let _served = axum::serve(listener, router).await;
        });
        Ok(Self {
            address,
            shared,
            tasks,
        })
    }

    /// Where the RPC is: `http://…`.
    #[must_use]
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the WebSocket is: `ws://…/websocket`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}/websocket", self.address)
    }

    /// The address that the node listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that can be cloned and sent to other tasks.
    #[must_use]
    pub fn handle(&self) -> DevnetHandle {
        DevnetHandle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Gives an order and waits until it is carried out; gives the height after it.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn control(&self, control: Control) -> Result<Height, DevnetError> {
        self.shared.order(control).await
    }

    /// Makes one block at once and gives its height.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn produce_block(&self) -> Result<Height, DevnetError> {
        self.control(Control::ProduceBlocks(1)).await
    }

    /// Makes blocks until this height is reached; gives the height, which may be higher.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn produce_until(&self, height: Height) -> Result<Height, DevnetError> {
        self.handle().produce_until(height).await
    }

    /// Cuts all sockets and ends the chain.
    pub async fn shutdown(mut self) {
        self.shared.cut.send_modify(|cut| *cut += 1);
        self.tasks.shutdown().await;
    }
}

impl DevnetHandle {
    /// See [`Devnet::control`].
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn control(&self, control: Control) -> Result<Height, DevnetError> {
        self.shared.order(control).await
    }

    /// See [`Devnet::produce_until`].
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn produce_until(&self, height: Height) -> Result<Height, DevnetError> {
        let mut now = self.control(Control::ProduceBlocks(0)).await?;
        while now < height {
            now = self.control(Control::ProduceBlocks(1)).await?;
        }
        Ok(now)
    }
}
