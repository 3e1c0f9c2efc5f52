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
mod faults;
#[cfg(test)]
pub(crate) mod fuzz;
mod http;
mod judging;
mod matcher;
mod mempool;
mod node;
mod port;
mod prices;
mod query;
mod query_emissions;
mod query_network;
mod record;
mod refusal;
mod render;
mod reputers;
mod rpc;
mod schedule;
mod shared;
mod state;
mod transaction;
mod view;
mod ws;

#[cfg(test)]
mod tests;

pub use config::{DevnetConfig, DevnetError, DevnetTopic, EmissionsVersion, OutputArity, Rival};
pub use control::{Answer, Control, Indexer, Stage};
pub use faults::{
    Fault, Hit, News, Order, OrderError, RandomFaults, Scope, When, all_kinds, check_endpoints,
    read_script,
};
pub use prices::PriceHits;
pub use record::{AnswerRecord, BlockRecord, UpgradeRecord, WindowRecord};

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpListener,
    sync::{broadcast, mpsc},
    task::JoinSet,
};

use self::{
    chain::Chain,
    node::Node,
    prices::PriceFaults,
    shared::{Hub, Shared},
};
use crate::{clock::Clock as _, types::Height};

/// A running devnet. It ends when this is dropped.
pub struct Devnet {
    addresses: Vec<SocketAddr>,
    control: Option<SocketAddr>,
    prices: Option<SocketAddr>,
    handle: DevnetHandle,
    tasks: JoinSet<()>,
}

/// A way to order a devnet about, to be given to whoever needs it.
#[derive(Clone)]
pub struct DevnetHandle {
    endpoints: Arc<[Arc<Shared>]>,
    prices: PriceFaults,
    hub: Hub,
}

impl Devnet {
    /// Starts a chain and its node. When this returns, the node listens and has a first block.
    ///
    /// # Errors
    /// When the configuration makes no chain or an address can't be listened on.
    pub async fn start(config: DevnetConfig) -> Result<Self, DevnetError> {
        /// Requests that may wait for the chain's task.
        const BACKLOG: usize = 256;
        config.check()?;
        let (jobs, orders) = mpsc::channel(BACKLOG);
        let hub = Hub::new(jobs);
        let mut tasks = JoinSet::new();
        let (mut addresses, mut endpoints) = (Vec::new(), Vec::new());
        for listen in std::iter::once(&config.listen).chain(&config.more_endpoints) {
            let (listener, address) = bind(*listen).await?;
            let (index, id) = (endpoints.len(), config.chain_id.clone());
            let shared = Shared::new(index, id, address.to_string(), hub.clone());
            let shared = Arc::new(shared);
            let router = http::router(Arc::clone(&shared));
            serve(
                &mut tasks,
                listener,
                crate::token::asked(router, config.token.as_ref()),
            );
            addresses.push(address);
            endpoints.push(shared);
        }
        let faults = PriceFaults::default();
        let handle = DevnetHandle {
            endpoints: endpoints.clone().into(),
            prices: faults.clone(),
            hub: hub.clone(),
        };
        let mut control = None;
        if let Some(listen) = config.control {
            let (listener, address) = bind(listen).await?;
            serve(&mut tasks, listener, port::router(handle.clone()));
            control = Some(address);
        }
        let mut prices = None;
        if let Some(listen) = config.prices {
            let (listener, address) = bind(listen).await?;
            serve(
                &mut tasks,
                listener,
                prices::router(faults.clone(), config.clock),
            );
            prices = Some(address);
        }
        let now = config.clock.now();
        let chain = Chain::new(config, now);
        tasks.spawn(Node::new(chain, endpoints, hub, faults).run(orders));
        Ok(Self {
            addresses,
            control,
            prices,
            handle,
            tasks,
        })
    }

    /// Where the first endpoint's RPC is: `http://…`.
    #[must_use]
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where the first endpoint's WebSocket is: `ws://…/websocket`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}/websocket", self.address())
    }

    /// The address that the first endpoint listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The addresses of all endpoints.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where faults are ordered over HTTP: `http://…/faults`.
    #[must_use]
    pub fn faults_url(&self) -> Option<String> {
        self.control
            .map(|address| format!("http://{address}/faults"))
    }

    /// Where the stand-in for Tiingo is: `http://…`.
    #[must_use]
    pub fn prices_url(&self) -> Option<String> {
        self.prices.map(|address| format!("http://{address}"))
    }

    /// A handle that can be cloned and sent to other tasks.
    #[must_use]
    pub fn handle(&self) -> DevnetHandle {
        self.handle.clone()
    }

    /// Gives an order and waits until it is carried out; gives the height after it. What is an
    /// endpoint's is for the first one.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn control(&self, control: Control) -> Result<Height, DevnetError> {
        self.handle.control(control).await
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
        self.handle.endpoints.iter().for_each(|it| it.cut_sockets());
        self.tasks.shutdown().await;
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), DevnetError> {
    let failed = |cause| DevnetError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn serve(tasks: &mut JoinSet<()>, listener: TcpListener, router: axum::Router) {
    tasks.spawn(async move {
        // It serves until the task is ended; a failing accept is tried again inside.
        let _served = axum::serve(listener, router).await;
    });
}

impl DevnetHandle {
    /// See [`Devnet::control`].
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn control(&self, control: Control) -> Result<Height, DevnetError> {
        self.endpoints[0].order(control).await
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

    /// How many endpoints there are.
    #[must_use]
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// The faults that were played with what each met, and those that wait.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn faults(&self) -> Result<(Vec<Hit>, Vec<Order>), DevnetError> {
        self.hub.faults().await
    }

    /// Plays random faults from the next window on, or no longer.
    ///
    /// # Errors
    /// When the devnet has ended.
    pub async fn play_random(&self, random: Option<RandomFaults>) -> Result<(), DevnetError> {
        self.hub.play_random(random).await
    }

    /// The requests to the stand-in for Tiingo.
    #[must_use]
    pub fn price_requests(&self) -> PriceHits {
        self.prices.all()
    }

    /// What each fault of the stand-in for Tiingo met.
    #[must_use]
    pub fn price_hits(&self) -> BTreeMap<String, PriceHits> {
        self.prices.met()
    }

    /// What begins and ends from now on.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.hub.news.subscribe()
    }

    /// How many windows were opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.hub.ledger.opened()
    }

    /// The upgrades from emissions v9 to v10 since the start.
    #[must_use]
    pub fn upgrades(&self) -> Vec<UpgradeRecord> {
        self.hub.ledger.upgrades()
    }

    /// The windows since the start, as the chain knows them.
    #[must_use]
    pub fn windows(&self) -> Vec<WindowRecord> {
        self.hub.ledger.windows()
    }
}
