//! How an endpoint fares, and what all endpoints share.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::failure::Failure;
use crate::{leash::Leash, types::Height};

/// A node that is so many blocks behind is still believed.
pub(in crate::chain) const TOLERATED_LAG: i64 = 2;
/// Failures in a row after which the operator is told.
const TOLD_AFTER: u32 = 3;
/// How often the operator is told of the same endpoint at most.
const TOLD_EVERY: Duration = Duration::from_mins(10);
/// The weight of the newest latency in the average.
const NEWEST: f64 = 0.2;

/// How an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// CometBFT's JSON-RPC over HTTP.
    Rpc,
    /// The application's gRPC.
    Grpc,
}

/// How an endpoint fares, for people and metrics.
#[derive(Clone, Debug)]
pub struct EndpointHealth {
    /// The URL without what may be secret.
    pub name: String,
    /// How it speaks.
    pub kind: EndpointKind,
    /// The height of its newest answer.
    pub height: Option<Height>,
    /// How many blocks that answer was behind the newest known block; 0 while no height is known.
    pub lag: i64,
    /// The moving average of the time that its answers take.
    pub latency: Option<Duration>,
    /// Failures since it answered last.
    pub failures: u32,
    /// Its last failure, which may be long ago.
    pub last_error: Option<String>,
    /// Whether it named the right chain.
    pub is_verified: bool,
    /// Whether it named another chain, and is not used.
    pub is_shut_out: bool,
    /// Whether transactions go to it first.
    pub is_pinned: bool,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) height: Option<Height>,
    pub(super) lag: i64,
    pub(super) latency: Option<Duration>,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) is_verified: bool,
    pub(super) is_shut_out: bool,
    /// When it was asked last.
    pub(super) asked: Option<Instant>,
    told: Option<Instant>,
}

impl Health {
    /// Whether it is tried only after the others.
    pub(super) const fn is_last_resort(&self) -> bool {
        self.failures > 0 || self.lag > TOLERATED_LAG
    }

    pub(super) fn answered(&mut self, took: Duration) {
        self.failures = 0;
        self.latency = Some(self.latency.map_or(took, |mean| {
            mean.mul_f64(1.0 - NEWEST) + took.mul_f64(NEWEST)
        }));
    }

    /// Takes note of a failure. True when the operator is to be told.
    pub(super) fn failed(&mut self, failure: &Failure) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(failure.cause());
        let is_due =
            self.failures == TOLD_AFTER && self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY);
        if is_due {
            self.told = Some(Instant::now());
        }
        is_due
    }
}

/// What all endpoints of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The newest block that anyone told of.
    head: watch::Sender<Height>,
    /// The chain that nodes have to belong to, once it is known.
    pub(super) chain_id: OnceLock<String>,
    notices: Mutex<Vec<(String, String)>>,
    /// Whether there is more than one endpoint.
    pub(super) has_others: bool,
    /// How long transactions may be sent, where that is limited.
    pub(super) leash: OnceLock<Leash>,
}

impl Shared {
    pub(super) fn new(endpoints: usize) -> Self {
        Self {
            head: watch::Sender::new(Height::default()),
            chain_id: OnceLock::new(),
            notices: Mutex::default(),
            has_others: endpoints > 1,
            leash: OnceLock::new(),
        }
    }

    /// How long transactions may be sent.
    pub(super) fn leash(&self) -> &Leash {
        self.leash.get_or_init(Leash::unlimited)
    }

    pub(super) fn saw(&self, height: Height) {
        self.head
            .send_if_modified(|head| std::mem::replace(head, height.max(*head)) < height);
    }

    pub(super) fn head(&self) -> Height {
        *self.head.borrow()
    }

    /// What speaks against a node at this height.
    pub(super) fn lag_of(&self, height: Height) -> String {
        format!("it is at height {height}, behind {}", self.head())
    }

    pub(super) fn heads(&self) -> watch::Receiver<Height> {
        self.head.subscribe()
    }

    /// Keeps something that the operator has to know of an endpoint.
    pub(super) fn tell(&self, endpoint: &str, cause: String) {
        hold(&self.notices).push((endpoint.to_owned(), cause));
    }

    pub(super) fn take_notices(&self) -> Vec<(String, String)> {
        std::mem::take(&mut hold(&self.notices))
    }
}

/// The lock's content; a panic elsewhere leaves it usable.
pub(super) fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
