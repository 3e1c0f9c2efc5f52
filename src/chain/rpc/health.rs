//! How an endpoint fares, and what all endpoints share.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    breaker::{Blow, Breaker, BreakerState, Rest},
    choice::Standing,
    failure::Failure,
    latency::{KINDS, Kind, Latencies},
    notice::{Notice, Told},
};
use crate::{leash::Leash, types::Height};

/// A node that is so many blocks behind is still believed.
pub(crate) const TOLERATED_LAG: i64 = 2;
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known or not, by itself"
)]
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
    /// Whether it named another chain, and is not used until it names the right one.
    pub is_shut_out: bool,
    /// Whether transactions go to it first.
    pub is_pinned: bool,
    /// Whether it is asked, or rests after failures.
    pub breaker: BreakerState,
    /// For how long it has not been asked for that reason.
    pub open_for: Option<Duration>,
    /// When it is probed next, while it fails.
    pub probe_in: Option<Duration>,
    /// Whether the last transactions that it was given led nowhere: others are given them first.
    pub is_doubted: bool,
    /// The time within which 4 of 5 of its answers to queries come; none until it has answered some.
    pub usual_query: Option<Duration>,
    /// The same for broadcasts; as for queries until it has taken some.
    pub usual_broadcast: Option<Duration>,
}

/// How often a second endpoint was asked because the first took too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hedging {
    /// Broadcasts.
    pub broadcasts: u64,
    /// Those of them that went to another endpoint as well, for time alone.
    pub hedged_broadcasts: u64,
    /// Other questions.
    pub questions: u64,
    /// Those of them that went to another endpoint as well, for time alone.
    pub hedged_questions: u64,
}

/// What is known of an endpoint.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known or not, by itself"
)]
pub(super) struct Health {
    pub(super) height: Option<Height>,
    pub(super) lag: i64,
    pub(super) latency: Option<Duration>,
    pub(super) latencies: Latencies,
    /// Requests that failed since one was answered.
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) is_verified: bool,
    pub(super) is_shut_out: bool,
    pub(super) is_doubted: bool,
    /// When it was asked last.
    pub(super) asked: Option<Instant>,
    pub(super) breaker: Breaker,
    /// Whether a task looks after it until it is well.
    pub(super) is_tended: bool,
    /// What was told of its failures.
    pub(super) told: Told,
    /// What was told of its chain, when that was another.
    pub(super) foreign: Told,
}

impl Health {
    /// Whether it is tried only after the others.
    pub(super) const fn is_last_resort(&self) -> bool {
        self.failures > 0 || self.lag > TOLERATED_LAG
    }

    pub(super) const fn standing(&self) -> Standing {
        Standing {
            is_open: self.breaker.is_open(),
            is_foreign: self.is_shut_out,
            is_last_resort: self.is_last_resort(),
            is_doubted: self.is_doubted,
        }
    }

    /// Takes note of how long an answer took, whatever it is worth.
    pub(super) fn answered(&mut self, kind: Kind, took: Duration) {
        self.failures = 0;
        self.latencies.note(kind, took);
        self.latency = Some(self.latency.map_or(took, |mean| {
            mean.mul_f64(1.0 - NEWEST) + took.mul_f64(NEWEST)
        }));
    }

    /// Takes note of a request that failed.
    pub(super) fn failed(&mut self, failure: &Failure, rest: Rest) {
        self.failures = self.failures.saturating_add(1);
        let blow = Blow {
            retry_after: failure.retry_after,
            is_final: failure.foreign.is_some(),
        };
        self.blow(failure.cause(), rest, blow);
    }

    /// Takes note of an answer that does not count.
    pub(super) fn blow(&mut self, cause: String, rest: Rest, blow: Blow) {
        self.last_error = Some(cause);
        self.breaker.failed(Instant::now(), rest, jitter(), blow);
    }

    /// Takes note of an answer that counts. How long it had trouble, if that was told.
    pub(super) fn is_well(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.breaker.answered(now);
        let (of_failures, of_chain) = (self.told.well(now), self.foreign.well(now));
        of_failures.max(of_chain)
    }
}

/// Within a fifth, so that workers don't come back in step.
pub(super) fn jitter() -> f64 {
    rand::random_range(0.8..1.2)
}

/// What all endpoints of a pool share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The newest block that anyone told of.
    head: watch::Sender<Height>,
    /// The chain that nodes have to belong to, once it is known.
    pub(super) chain_id: OnceLock<String>,
    notices: Mutex<Vec<Notice>>,
    /// Whether there is more than one endpoint.
    pub(super) has_others: bool,
    /// How long transactions may be sent, where that is limited.
    pub(super) leash: OnceLock<Leash>,
    /// How long those rest that fail.
    pub(super) rest: OnceLock<Rest>,
    /// Questions by kind, and those of them that were hedged.
    asked: [AtomicU64; KINDS],
    hedged: [AtomicU64; KINDS],
}

impl Shared {
    pub(super) fn new(endpoints: usize) -> Self {
        Self {
            head: watch::Sender::new(Height::default()),
            chain_id: OnceLock::new(),
            notices: Mutex::default(),
            has_others: endpoints > 1,
            leash: OnceLock::new(),
            rest: OnceLock::new(),
            asked: Default::default(),
            hedged: Default::default(),
        }
    }

    pub(super) fn rest(&self) -> Rest {
        self.rest.get().copied().unwrap_or_default()
    }

    /// Counts a question that is over.
    pub(super) fn count(&self, kind: Kind, is_hedged: bool) {
        self.asked[kind as usize].fetch_add(1, Ordering::Relaxed);
        self.hedged[kind as usize].fetch_add(u64::from(is_hedged), Ordering::Relaxed);
    }

    pub(super) fn hedging(&self) -> Hedging {
        let of =
            |counts: &[AtomicU64; KINDS], kind: Kind| counts[kind as usize].load(Ordering::Relaxed);
        let questions = |counts| of(counts, Kind::Query) + of(counts, Kind::Block);
        Hedging {
            broadcasts: of(&self.asked, Kind::Broadcast),
            hedged_broadcasts: of(&self.hedged, Kind::Broadcast),
            questions: questions(&self.asked),
            hedged_questions: questions(&self.hedged),
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
    pub(super) fn tell(&self, notice: Notice) {
        hold(&self.notices).push(notice);
    }

    pub(super) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut hold(&self.notices))
    }
}

/// The lock's content; a panic elsewhere leaves it usable.
pub(super) fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
