//! A door before a node, in a mood that changes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
    time::timeout,
};

use super::{
    mood::{Mood, SHARE},
    pipe::carry,
    track::Track,
};
use crate::node::Endpoint;

/// Connections that wait to be taken; a burst of a worker's is smaller.
const BACKLOG: u32 = 16;
/// How long a connection that fills the backlog may take: on loopback none takes that long but one
/// that finds it full.
const FULL: Duration = Duration::from_millis(50);

/// The door. It closes when this is dropped.
pub(crate) struct Door {
    port: u16,
    inside: Arc<Inside>,
    /// When it was well.
    track: Track,
    /// Which trouble holds.
    trouble: Option<usize>,
    #[expect(dead_code, reason = "the door's tasks end with it")]
    runtime: Runtime,
}

/// What its connections share.
pub(super) struct Inside {
    mood: watch::Sender<Mood>,
    random: Mutex<StdRng>,
    tally: Mutex<BTreeMap<Mood, usize>>,
}

impl Door {
    /// Opens a door on a free port of loopback to whoever listens at `127.0.0.1:PORT`; a seed for what
    /// it does by chance.
    pub(crate) fn open(to: u16, seed: u64) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let inside = Arc::new(Inside {
            mood: watch::Sender::new(Mood::Well),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            tally: Mutex::default(),
        });
        let listener = runtime.block_on(async {
            let socket = TcpSocket::new_v4().expect("a socket");
            let any = "127.0.0.1:0".parse().expect("an address");
            socket.bind(any).expect("a free port on loopback");
            socket.listen(BACKLOG).expect("a listener")
        });
        let port = listener.local_addr().expect("a bound port").port();
        runtime.spawn(serve(Arc::clone(&inside), listener, to));
        Self {
            port,
            inside,
            track: Track::good(),
            trouble: None,
            runtime,
        }
    }

    /// Where a client knocks.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::at(self.port)
    }

    /// Comes into a mood, by a trouble of this number.
    pub(crate) fn begin(&mut self, trouble: usize, mood: Mood) {
        self.track.turn(false);
        self.trouble = Some(trouble);
        self.inside.mood.send_replace(mood);
    }

    /// Is well again, unless another trouble has come since.
    pub(crate) fn end(&mut self, trouble: usize) {
        if self.trouble == Some(trouble) {
            self.trouble = None;
            self.inside.mood.send_replace(Mood::Well);
            self.track.turn(true);
        }
    }

    /// When it was well.
    pub(crate) fn track(&self) -> &Track {
        &self.track
    }

    /// How often each mood hit a message or a connection.
    pub(crate) fn tally(&self) -> BTreeMap<Mood, usize> {
        hold(&self.inside.tally).clone()
    }
}

impl Inside {
    /// The mood, and its changes from now on.
    pub(super) fn moods(&self) -> watch::Receiver<Mood> {
        self.mood.subscribe()
    }

    /// Whether chance has it that a trouble hits.
    pub(super) fn hits(&self) -> bool {
        self.with(|random| random.random_bool(SHARE))
    }

    /// Something by chance.
    pub(super) fn with<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut hold(&self.random))
    }

    /// A message or a connection was hit.
    pub(super) fn tally(&self, mood: Mood) {
        *hold(&self.tally).entry(mood).or_default() += 1;
    }
}

fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(inside: Arc<Inside>, listener: TcpListener, to: u16) {
    let mut moods = inside.moods();
    loop {
        let mood = *moods.borrow_and_update();
        if mood == Mood::Backlog {
            let held = fill(&listener).await;
            inside.tally(mood);
            let _ = moods.changed().await;
            drop(held);
            continue;
        }
        let client = tokio::select! {
            taken = listener.accept() => match taken {
                Ok((client, _)) => client,
                Err(_) => continue,
            },
            changed = moods.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        if mood == Mood::BlackHole {
            inside.tally(mood);
            tokio::spawn(swallow(client));
        } else {
            tokio::spawn(carry(Arc::clone(&inside), client, to));
        }
    }
}

/// Fills the backlog: whoever comes next waits.
async fn fill(listener: &TcpListener) -> Vec<TcpStream> {
    let Ok(own) = listener.local_addr() else {
        return Vec::new();
    };
    let mut held = Vec::new();
    while let Ok(Ok(stream)) = timeout(FULL, TcpStream::connect(own)).await {
        held.push(stream);
    }
    held
}

/// Takes all and says nothing, until the other side has had enough.
async fn swallow(mut client: TcpStream) {
    let mut buffer = [0; 4096];
    while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

/// The port of an endpoint on loopback.
pub(crate) fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("an endpoint of the tests ends with its port")
}
