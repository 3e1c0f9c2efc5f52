//! A model's server.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::HeaderMap;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Behaviour, Load, Maker,
    server::{Shared, locked},
};

/// Who calls a stub.
#[derive(Debug)]
pub struct Caller<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The client's certificate (DER), over mutual TLS.
    pub certificate: Option<&'a [u8]>,
}

/// Refuses callers as unauthenticated, with a reason.
pub type Guard = dyn Fn(&Caller<'_>) -> Result<(), String> + Send + Sync;

/// What a stub is started with.
#[derive(Clone, Default)]
pub struct StubOptions {
    /// Speaks TLS with this.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Headers of each answer.
    pub headers: HeaderMap,
    /// Asked before each request but those for its health.
    pub guard: Option<Arc<Guard>>,
    /// Makes what thinks for each instance; without it all methods behave as the stub is told, or soundly.
    pub mind: Option<Arc<Maker>>,
    /// How long making an instance takes.
    pub setup_takes: Duration,
    /// What making an instance fails with: a status and a text.
    pub setup_fails: Option<(String, String)>,
    /// The largest request that is read, bytes; 64 MiB unless given.
    pub reads: Option<usize>,
    /// Counts how many large calls are in hand at once, those of other stubs with it.
    pub load: Option<Arc<Load>>,
}

impl fmt::Debug for StubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StubOptions").finish_non_exhaustive()
    }
}

/// A model's server on a port of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct StubModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    _ends_with_this: DropGuard,
}

impl StubModel {
    /// Starts a server in plaintext that behaves soundly.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn start() -> io::Result<Self> {
        Self::with(StubOptions::default(), ([127, 0, 0, 1], 0).into()).await
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn with(options: StubOptions, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let cancel = CancellationToken::new();
        let shared = Arc::new(Shared::new(options));
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

    /// From now on all methods behave like this.
    pub fn behave(&self, behaviour: Behaviour) {
        let mut behaviours = locked(&self.shared.behaviours);
        behaviours.clear();
        behaviours.insert(String::new(), behaviour);
    }

    /// From now on one method behaves like this.
    pub fn behave_in(&self, method: &str, behaviour: Behaviour) {
        locked(&self.shared.behaviours).insert(method.to_owned(), behaviour);
    }

    /// Restarts in place: the instance is lost and all connections are cut.
    pub fn restart(&self) {
        self.empty();
        self.shared.life.fetch_add(1, Ordering::Relaxed);
        self.shared.is_busy.store(false, Ordering::Relaxed);
        self.cut();
    }

    /// Loses the instance while the connections hold.
    pub fn empty(&self) {
        *locked(&self.shared.instance) = None;
    }

    /// Cuts all connections; the instance stays.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cut| *cut += 1);
    }

    /// Answers nothing any more, not even after its health, until it is thawed.
    pub fn freeze(&self, is_frozen: bool) {
        self.shared.is_frozen.send_replace(is_frozen);
    }

    /// How many instances were made.
    #[must_use]
    pub fn setups(&self) -> usize {
        self.shared.setups.load(Ordering::Relaxed)
    }

    /// The methods that were called last, each with the size of its call in bytes.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, usize)> {
        locked(&self.shared.calls).clone()
    }
}
