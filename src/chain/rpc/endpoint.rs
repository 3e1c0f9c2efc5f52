//! One endpoint: its way of speaking, and how it fares.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    failure::Failure,
    grpc::Grpc,
    health::{EndpointHealth, EndpointKind, Health, Shared, TOLERATED_LAG, hold},
    http::Http,
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
    health: std::sync::Mutex<Health>,
    shared: Arc<Shared>,
}

impl Endpoint {
    pub(super) fn new(name: String, transport: Transport, shared: Arc<Shared>) -> Self {
        Self {
            name,
            transport,
            health: std::sync::Mutex::default(),
            shared,
        }
    }

    /// What is known of it at present.
    pub(super) fn known(&self) -> Health {
        hold(&self.health).clone()
    }

    pub(super) fn speaks_rpc(&self) -> bool {
        matches!(self.transport, Transport::Http(_))
    }

    pub(super) fn report(&self, is_pinned: bool) -> EndpointHealth {
        let health = self.known();
        EndpointHealth {
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
        let status = self.measured(asked).await?;
        if let Some(expected) = self.shared.chain_id.get() {
            let found = &status.node_info.network;
            if found != expected {
                return Err(self.shut_out(found.clone(), expected));
            }
            hold(&self.health).is_verified = true;
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
        let answer = self.measured(asked).await?;
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
        self.measured(asked).await
    }

    pub(super) async fn tx(&self, hash: &[u8]) -> Result<Tx, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.tx(hash).await,
                Transport::Grpc(grpc) => grpc.tx(hash).await,
            }
        };
        self.measured(asked).await
    }

    pub(super) async fn block_txs(&self, height: Height) -> Result<Vec<Vec<u8>>, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.block_txs(height).await,
                Transport::Grpc(grpc) => grpc.block_txs(height).await,
            }
        };
        self.measured(asked).await
    }

    pub(super) async fn block_time(&self, height: Height) -> Result<OffsetDateTime, Failure> {
        self.admit().await?;
        let asked = async {
            match &self.transport {
                Transport::Http(http) => http.block_time(height).await,
                Transport::Grpc(grpc) => grpc.block_time(height).await,
            }
        };
        self.measured(asked).await
    }

    pub(super) async fn block_results(&self, height: Height) -> Result<BlockResults, Failure> {
        self.admit().await?;
        match &self.transport {
            Transport::Http(http) => self.measured(http.block_results(height)).await,
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
                if health.failed(failure) {
                    let failures = health.failures;
                    let cause = format!(
                        "{} ({failures} failures in a row); it is asked last until it answers",
                        failure.cause()
                    );
                    self.shared.tell(&self.name, cause);
                }
            }
            _ => health.answered(began.elapsed()),
        }
        drop(health);
        answer
    }

    /// Whether a height is so far ahead of all that was heard that it may be another chain's: a kept
    /// connection can come to lead elsewhere without a failure.
    fn is_leap(&self, height: Height) -> bool {
        let head = self.shared.head();
        self.shared.chain_id.get().is_some() && head > Height(0) && height > head.plus(LEAP)
    }

    fn is_at(&self, height: Height) {
        let lag = (self.shared.head().0 - height.0).max(0);
        let mut health = hold(&self.health);
        health.height = Some(height);
        health.lag = lag;
    }

    fn shut_out(&self, found: String, expected: &str) -> Failure {
        let failure = Failure::foreign(&self.name, found, expected);
        let mut health = hold(&self.health);
        health.last_error = Some(failure.cause());
        if !std::mem::replace(&mut health.is_shut_out, true) {
            self.shared.tell(&self.name, failure.cause());
        }
        drop(health);
        failure
    }

    /// Whether it was not asked for so long.
    pub(super) fn is_idle(&self, since: Duration) -> bool {
        let health = hold(&self.health);
        !health.is_shut_out && health.asked.is_none_or(|at| at.elapsed() >= since)
    }
}
