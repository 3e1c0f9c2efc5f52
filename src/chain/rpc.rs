//! Requests to the chain's nodes: a pool of endpoints, of which a sound one answers.
//!
//! Endpoints stand in an order of preference. One that fails, or is behind the others, is asked last
//! until it does better, and rests when that lasts; one that takes longer than usual is not waited for:
//! the next is asked beside it. One that did not name its chain yet is asked for it before anything
//! else, and one of another chain for nothing else until it names the right one.

mod blocks;
mod breaker;
mod broadcast;
mod choice;
mod codec;
mod endpoint;
mod failure;
#[cfg(test)]
pub(super) mod fuzz;
mod grpc;
mod health;
mod http;
mod latency;
mod notice;
mod pool;
mod race;
mod resting;
mod translate;
mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use prost::Message;
use reqwest::{Certificate, tls::Version};

use self::{
    breaker::Rest,
    endpoint::{Endpoint, QueryAnswer, Transport},
    grpc::Grpc,
    health::Shared,
    http::Http,
    latency::{Hedge, Kind},
};
use super::{ChainError, jsonrpc::Status};
use crate::{leash::Leash, tls::Trust, types::Height};

pub use breaker::BreakerState;
pub use broadcast::Sent;
pub(crate) use health::TOLERATED_LAG;
pub use health::{EndpointHealth, EndpointKind, Hedging};
pub use notice::Notice;

/// What a node says of a transaction that it has already.
pub(super) const IN_CACHE: &str = "tx already exists in cache";
/// Redirects that are followed, on the same host.
const MOST_REDIRECTS: usize = 3;
/// How a URL of the application's gRPC begins, before `http` or `https`.
const GRPC: &str = "grpc+";
/// How long an endpoint may take at most before the next is asked beside it, unless told otherwise.
pub(super) const HEDGE_AFTER: Duration = Duration::from_millis(500);
/// How long it may take in any case.
pub(super) const HEDGE_LEAST: Duration = Duration::from_millis(20);

/// A pool of endpoints, CometBFT's RPC and the application's gRPC.
#[derive(Debug)]
pub struct Rpc {
    endpoints: Vec<Arc<Endpoint>>,
    /// Which is asked first.
    preferred: AtomicUsize,
    /// Which is given transactions first.
    pinned: AtomicUsize,
    hedge: Hedge,
    shared: Arc<Shared>,
}

impl Rpc {
    /// A pool of the given URLs (`http(s)://…`, `grpc+http(s)://…`), in order of preference. A
    /// request to one endpoint fails after `timeout`.
    ///
    /// # Errors
    /// When a URL can't be used or TLS can't be set up.
    pub fn new(urls: &[String], timeout: Duration) -> Result<Self, ChainError> {
        Self::trusting(urls, timeout, &Trust::default())
    }

    /// As [`Rpc::new`], with authorities beside the system's.
    ///
    /// # Errors
    /// As [`Rpc::new`].
    pub fn trusting(urls: &[String], timeout: Duration, trust: &Trust) -> Result<Self, ChainError> {
        crate::tls::install();
        if urls.is_empty() {
            let cause = "the list is empty: name at least one".into();
            return Err(bad("rpc", cause));
        }
        let own = trust.own().iter().map(|it| Certificate::from_der(it));
        let own: Vec<_> = own
            .collect::<Result<_, _>>()
            .map_err(|error| bad("rpc", error.to_string()))?;
        let client = reqwest::Client::builder()
            .tls_version_min(Version::TLS_1_2)
            .tls_certs_merge(own)
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::custom(follow))
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            // A connection stays warm between windows, which may be an hour apart.
            .pool_idle_timeout(None)
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| bad("rpc", error.to_string()))?;
        let shared = Arc::new(Shared::new(urls.len()));
        let endpoints = urls.iter().map(|url| {
            let name = redacted(url);
            let transport = transport(url, &name, &client, timeout, trust)?;
            let shared = Arc::clone(&shared);
            Ok(Endpoint::new(name, transport, shared))
        });
        Ok(Self {
            endpoints: endpoints.collect::<Result<_, ChainError>>()?,
            preferred: AtomicUsize::new(0),
            pinned: AtomicUsize::new(0),
            hedge: Hedge {
                least: HEDGE_LEAST,
                most: HEDGE_AFTER,
            },
            shared,
        })
    }

    /// The same pool, with other bounds on the time after which the next endpoint is asked beside one
    /// that has not answered. Between them it is three times what the fastest sound endpoint usually
    /// takes.
    #[must_use]
    pub const fn hedged(mut self, least: Duration, most: Duration) -> Self {
        self.hedge = Hedge { least, most };
        self
    }

    /// The same pool, with other bounds on the pauses in which an endpoint that keeps failing rests.
    #[must_use]
    pub fn resting(self, least: Duration, most: Duration) -> Self {
        // Nobody has asked yet.
        let _first = self.shared.rest.set(Rest { least, most });
        self
    }

    /// The same pool, which sends transactions as long as `leash` allows it: that is looked at when their
    /// bytes are written, for each endpoint and each try. To be called once, before anything is sent.
    #[must_use]
    pub fn leashed(self, leash: Leash) -> Self {
        let _first = self.shared.leash.set(leash);
        self
    }

    /// Whether transactions may be sent now.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.shared.leash().check().is_ok()
    }

    /// Takes note of a block, so that nodes that are well behind it are passed over.
    pub fn saw(&self, height: Height) {
        self.shared.saw(height);
    }

    /// The newest block that anyone told of, as it grows.
    #[must_use]
    pub fn heads(&self) -> tokio::sync::watch::Receiver<Height> {
        self.shared.heads()
    }

    /// Asks another endpoint first from here on: the present one answers and leads nowhere. It is given
    /// transactions last, until [`Self::landed`].
    pub fn prefer_next(&self) {
        self.preferred.fetch_add(1, Ordering::Relaxed);
        let pinned = self.pinned.fetch_add(1, Ordering::Relaxed);
        self.endpoints[pinned % self.endpoints.len()].doubt(true);
    }

    /// A transaction is in a block: whichever endpoint is asked next, none is doubted for what was.
    pub fn landed(&self) {
        for endpoint in &self.endpoints {
            endpoint.doubt(false);
        }
    }

    /// Whether the endpoint at this host and port rests after failures, for those who reach it by another
    /// way: its WebSocket. One that is not in the pool does not.
    #[must_use]
    pub fn rests(&self, url: &str) -> bool {
        let Some(place) = authority(url) else {
            return false;
        };
        let of_place = |it: &&Arc<Endpoint>| authority(&it.name).as_ref() == Some(&place);
        let found = self.endpoints.iter().find(of_place);
        found.is_some_and(|it| it.standing().is_open)
    }

    /// The identity and height of a node that is not behind.
    ///
    /// # Errors
    /// When no such node answers.
    pub async fn status(&self) -> Result<Status, ChainError> {
        let call = |endpoint: Arc<Endpoint>| async move { endpoint.status().await };
        let behind = |_: &Endpoint, status: &Status| {
            let height = status.sync_info.latest_block_height;
            (height < self.least().0).then(|| self.shared.lag_of(Height(height)))
        };
        self.ask((Kind::Query, "status"), self.preferred(), call, behind)
            .await
    }

    /// Asks the application of a node that is not behind. The answer is of its newest height.
    ///
    /// # Errors
    /// When no such node answers, or the application refuses.
    pub async fn query<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
    ) -> Result<A, ChainError> {
        self.query_at(path, question, Height::default()).await
    }

    /// Asks the application of a node that is not behind and has reached the height `least`.
    ///
    /// # Errors
    /// When no such node answers, or the application refuses.
    pub async fn query_at<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        question: &Q,
        least: Height,
    ) -> Result<A, ChainError> {
        let (to, data): (Arc<str>, Arc<[u8]>) = (path.into(), question.encode_to_vec().into());
        let call = |endpoint: Arc<Endpoint>| {
            let (to, data) = (Arc::clone(&to), Arc::clone(&data));
            async move { endpoint.query(&to, &data).await }
        };
        let least = least.max(self.least());
        let behind = |endpoint: &Endpoint, answer: &QueryAnswer| match answer.height {
            Some(height) if height < least => {
                Some(format!("it is at height {height}, behind {least}"))
            }
            Some(_) => None,
            // A refusal bears no height.
            None => endpoint.objection(),
        };
        let answer = self
            .ask((Kind::Query, path), self.preferred(), call, behind)
            .await?;
        decode(path, answer)
    }
}

fn decode<A: Message + Default>(path: &str, answer: QueryAnswer) -> Result<A, ChainError> {
    let path = path.to_owned();
    let QueryAnswer {
        code,
        codespace,
        log,
        value,
        ..
    } = answer;
    if code != 0 {
        return Err(ChainError::Query {
            path,
            codespace,
            code,
            log,
        });
    }
    A::decode(value.as_slice()).map_err(|error| ChainError::Unreadable {
        what: path,
        cause: error.to_string(),
    })
}

/// The way to speak to a URL.
fn transport(
    url: &str,
    name: &str,
    client: &reqwest::Client,
    timeout: Duration,
    trust: &Trust,
) -> Result<Transport, ChainError> {
    let (plain, is_grpc) = match url.strip_prefix(GRPC) {
        Some(plain) => (plain, true),
        None => (url, false),
    };
    let parsed = reqwest::Url::parse(plain).map_err(|error| bad(url, error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        let cause = "it must begin with http://, https://, grpc+http:// or grpc+https://";
        return Err(bad(url, cause.into()));
    }
    if is_grpc {
        let grpc = Grpc::new(plain, name.to_owned(), timeout, trust);
        let grpc = grpc.map_err(|cause| bad(url, cause))?;
        Ok(Transport::Grpc(Box::new(grpc)))
    } else {
        let http = Http::new(client.clone(), url.to_owned(), name.to_owned());
        Ok(Transport::Http(http))
    }
}

/// Follows redirects on the same host alone: a node does not choose whom else this machine asks.
fn follow(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let host = |url: &reqwest::Url| url.host_str().map(str::to_owned);
    let first = attempt.previous().first();
    let same = first.is_some_and(|first| host(first) == host(attempt.url()));
    let is_safe =
        first.is_some_and(|first| first.scheme() != "https") || attempt.url().scheme() == "https";
    if same && is_safe && attempt.previous().len() <= MOST_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

fn bad(url: &str, cause: String) -> ChainError {
    ChainError::BadUrl {
        url: shown(url),
        cause,
    }
}

/// A URL as it may be shown, or the key of the list that holds it.
pub(super) fn shown(url: &str) -> String {
    match url {
        "rpc" | "ws" => url.to_owned(),
        _ => redacted(url),
    }
}

/// A URL's host and port, by which one node is known in several URLs.
fn authority(url: &str) -> Option<(String, u16)> {
    let parsed = reqwest::Url::parse(url).ok()?;
    let port = parsed.port_or_known_default()?;
    Some((parsed.host_str()?.to_owned(), port))
}

/// An endpoint as it may be shown: without user, password, path and query, which may hold a key.
#[must_use]
pub fn redacted(url: &str) -> String {
    let Ok(parsed) = reqwest::Url::parse(url) else {
        return "an unreadable URL".into();
    };
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{host}{port}", parsed.scheme())
}

#[cfg(test)]
mod tests;
