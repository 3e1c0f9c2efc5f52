//! One endpoint: its way of speaking, and how it fares.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{sync::Notify, time::Instant};

use super::{
    breaker::Blow,
    choice::Standing,
    failure::Failure,
    grpc::Grpc,
    health::{EndpointHealth, EndpointKind, Health, Shared, TOLERATED_LAG, hold},
    http::Http,
    latency::Kind,
    notice::Notice,
};
use crate::{
    chain::jsonrpc::{BlockResults, BroadcastSync, Status, Tx},
    types::Height,
};

/// Blocks ahead of the head from which on an answer's chain is asked for.
const LEAP: i64 = 20;

/// Blocks ahead of the head that no node can be while others are asked.
const ABSURD: i64 = 10_000;

/// How an endpoint is spoken to.
#[derive(Debug)]
pub(super) enum Transport {
    Http(Http),
    Grpc(Box<Grpc>),
}

/// The application's answer to a query, over whichever transport.
#[derive(Clone, Debug, Default)]
pub(super) struct QueryAnswer {
    /// 0 for success; gRPC's code in the codespace `grpc`.
    pub(super) code: u32,
    pub(super) codespace: String,
    pub(super) log: String,
    /// Protobuf.
    pub(super) value: Vec<u8>,
    /// The height that was asked, when the answer names it.
    pub(super) height: Option<Height>,
}

/// An endpoint of the pool.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The URL without what may be secret.
    pub(super) name: String,
    transport: Transport,
    pub(super) health: Mutex<Health>,
    pub(super) shared: Arc<Shared>,
    /// Itself, for the task that looks after it while it rests.
    pub(super) me: Weak<Self>,
    /// Ends that task's pause.
    pub(super) hurried: Arc<Notify>,
}

impl Endpoint {
    pub(super) fn new(name: String, transport: Transport, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            name,
            transport,
            health: Mutex::default(),
            shared,
            me: Weak::clone(me),
            hurried: Arc::default(),
        })
    }

    /// What is known of it at present.
    pub(super) fn known(&self) -> Health {
        hold(&self.health).clone()
    }

    /// What an order depends on.
    pub(super) fn standing(&self) -> Standing {
        hold(&self.health).standing()
    }

    /// The time within which its answers usually come, while it is well.
    pub(super) fn usual(&self, kind: Kind) -> Option<Duration> {
        let health = hold(&self.health);
        let is_well = !health.breaker.is_open() && !health.is_last_resort();
        health.latencies.usual(kind).filter(|_| is_well)
    }

    /// Takes note of whether transactions that it is given lead nowhere.
    pub(super) fn doubt(&self, is_doubted: bool) {
        hold(&self.health).is_doubted = is_doubted;
    }

    pub(super) fn speaks_rpc(&self) -> bool {
        matches!(self.transport, Transport::Http(_))
    }

    pub(super) fn report(&self, is_pinned: bool) -> EndpointHealth {
        let (health, now) = (self.known(), Instant::now());
        EndpointHealth {
            breaker: health.breaker.state(),
            open_for: health.breaker.open_for(now),
            probe_in: health
                .breaker
                .due()
                .map(|due| due.saturating_duration_since(now)),
            is_doubted: health.is_doubted,
            usual_query: health.latencies.usual(Kind::Query),
            usual_broadcast: health.latencies.usual(Kind::Broadcast),
            name: self.name.clone(),
            kind: if self.speaks_rpc() {
                EndpointKind::Rpc
            } else {
                EndpointKind::Grpc
            },
            height: health.height,
            lag: health.lag,
            latency: health.latency,
            failures: health.failures,
            last_error: health.last_error,
            is_verified: health.is_verified,
            is_shut_out: health.is_shut_out,
            is_pinned,
        }
    }

    /// What speaks against its answers, if it was behind when it told its height last.
    pub(super) fn objection(&self) -> Option<String> {
        let health = self.known();
        health
            .height
            .filter(|_| health.lag > TOLERATED_LAG)
            .map(|height| self.shared.lag_of(height))
    }

    /// Who and how far it is. A node of another chain is shut out from here on.
    pub(super) async fn status(&self) -> Result<Status, Failure> {
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.status().await,
                Transport::Grpc(grpc) => grpc.status().await,
            }
        };
        let status = self.measured(Kind::Query, asked).await?;
        if let Some(expected) = self.shared.chain_id.get() {
            let found = &status.node_info.network;
            if found != expected {
                return Err(self.shut_out(found.clone(), expected));
            }
            let mut health = hold(&self.health);
            health.is_verified = true;
            health.is_shut_out = false;
        }
        let height = Height(status.sync_info.latest_block_height);
        // One that is absurdly far ahead of all others tells nonsense. Blocks that are heard raise the
        // head in any case.
        let head = self.shared.head();
        let is_absurd = head > Height(0) && height > head.plus(ABSURD);
        if !(self.shared.has_others && is_absurd) {
            self.shared.saw(height);
        }
        self.is_at(height);
        Ok(status)
    }

    pub(super) async fn query(&self, path: &str, data: &[u8]) -> Result<QueryAnswer, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.query(path, data).await,
                Transport::Grpc(grpc) => grpc.query(path, data).await,
            }
        };
        let answer = self.measured(Kind::Query, asked).await?;
        if let Some(height) = answer.height {
            if self.is_leap(height) {
                self.status().await.map_err(Failure::unsent)?;
            }
            self.is_at(height);
        }
        Ok(answer)
    }

    pub(super) async fn broadcast(&self, bytes: &[u8]) -> Result<BroadcastSync, Failure> {
        self.admit().await?;
        let leash = self.shared.leash();
        // Known beforehand, it says nothing of the endpoint.
        leash
            .check()
            .map_err(|past| Failure::silent(&self.name, past.to_string(), false))?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.broadcast(bytes, leash).await,
                Transport::Grpc(grpc) => grpc.broadcast(bytes, leash).await,
            }
        };
        self.measured(Kind::Broadcast, asked).await
    }

    pub(super) async fn tx(&self, hash: &[u8]) -> Result<Tx, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.tx(hash).await,
                Transport::Grpc(grpc) => grpc.tx(hash).await,
            }
        };
        self.measured(Kind::Query, asked).await
    }

    pub(super) async fn block_txs(&self, height: Height) -> Result<Vec<Vec<u8>>, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.block_txs(height).await,
                Transport::Grpc(grpc) => grpc.block_txs(height).await,
            }
        };
        self.measured(Kind::Block, asked).await
    }

    pub(super) async fn block_time(&self, height: Height) -> Result<OffsetDateTime, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.block_time(height).await,
                Transport::Grpc(grpc) => grpc.block_time(height).await,
            }
        };
        self.measured(Kind::Query, asked).await
    }

    pub(super) async fn block_results(&self, height: Height) -> Result<BlockResults, Failure> {
        self.admit().await?;
        match &self.transport {
            Transport::Http(http) => {
                let asked = http.block_results(height);
                self.measured(Kind::Block, asked).await
            }
            Transport::Grpc(_) => {
                let cause = "gRPC has no results of blocks".into();
                Err(Failure::silent(&self.name, cause, false))
            }
        }
    }

    /// A node that did not name its chain yet is asked for it before anything else.
    async fn admit(&self) -> Result<(), Failure> {
        let is_known = self.known().is_verified || self.shared.chain_id.get().is_none();
        if is_known {
            return Ok(());
        }
        let asked = self.status().await;
        // What was asked for was not sent.
        asked.map(|_| ()).map_err(Failure::unsent)
    }

    /// Makes a request and takes note of how it went. A node's own error is an answer.
    async fn measured<T>(
        &self,
        kind: Kind,
        request: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        hold(&self.health).asked = Some(began);
        let answer = request.await;
        let mut health = hold(&self.health);
        match &answer {
            Err(failure) if failure.error.is_none() => {
                // Whoever answers there next has to say who it is.
                health.is_verified = false;
                health.failed(failure, self.shared.rest());
                drop(health);
                self.tended();
            }
            _ => {
                health.answered(kind, began.elapsed());
                // Of one that was behind its next height tells, and of one that may be elsewhere its chain.
                let is_known = health.is_verified || self.shared.chain_id.get().is_none();
                let counts = is_known && health.lag <= TOLERATED_LAG;
                drop(health);
                if counts {
                    self.is_well();
                }
            }
        }
        answer
    }

    /// Whether a height is so far ahead of all that was heard that it may be another chain's: a kept
    /// connection can come to lead elsewhere without a failure.
    fn is_leap(&self, height: Height) -> bool {
        let head = self.shared.head();
        self.shared.chain_id.get().is_some() && head > Height(0) && height > head.plus(LEAP)
    }

    /// Takes note of its height. One that is behind again and again rests until it has caught up.
    fn is_at(&self, height: Height) {
        let lag = (self.shared.head().0 - height.0).max(0);
        let mut health = hold(&self.health);
        health.height = Some(height);
        health.lag = lag;
        if lag <= TOLERATED_LAG {
            drop(health);
            self.is_well();
            return;
        }
        let cause = self.shared.lag_of(height);
        health.blow(cause, self.shared.rest(), Blow::default());
        drop(health);
        self.tended();
    }

    /// It named another chain: it is told at once, since that seldom mends itself.
    fn shut_out(&self, found: String, expected: &str) -> Failure {
        let failure = Failure::foreign(&self.name, found, expected);
        let now = Instant::now();
        let mut health = hold(&self.health);
        // Before each further request it has to name the right one.
        health.is_verified = false;
        health.is_shut_out = true;
        health.failed(&failure, self.shared.rest());
        let is_news = health.foreign.trouble(now, now);
        drop(health);
        if is_news {
            let (endpoint, cause) = (self.name.clone(), failure.cause());
            self.shared.tell(Notice::Trouble { endpoint, cause });
        }
        self.tended();
        failure
    }

    /// Whether it was not asked for so long.
    pub(super) fn is_idle(&self, since: Duration) -> bool {
        let health = hold(&self.health);
        health.breaker.due().is_none() && health.asked.is_none_or(|at| at.elapsed() >= since)
    }
}
