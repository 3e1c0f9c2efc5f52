//! Those who listen to what a process tells: on a thread of their own, so that they cost its threads nothing,
//! go on when they hang, and are there until the last word.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver as Done, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use axum::Router;
use time::OffsetDateTime;
use tokio::{runtime::Builder, sync::oneshot};

use super::{Vitals, heart::Heart, web};
use crate::{
    ops::{Event, Reporter, TaskGroup},
    pulse::Pulses,
    token::Gate,
};

/// What an attendant keeps, as all who read it share it.
#[derive(Clone, Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// As it is now.
    #[must_use]
    pub fn now(&self) -> T
    where
        T: Clone,
    {
        self.hold().clone()
    }

    pub(crate) fn hold(&self) -> MutexGuard<'_, T> {
        held(&self.0)
    }
}

/// A process's own HTTP server.
#[derive(Debug)]
pub struct PageParts {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may look; without it, whoever is on this machine.
    pub gate: Option<Gate>,
    /// What is served beside metrics and health.
    pub room: Option<PageRoom>,
}

/// What is served beside metrics and health.
pub struct PageRoom {
    /// Its routes.
    pub routes: Router,
    /// Told after each event that was heard.
    pub changed: Box<dyn Fn() + Send>,
    /// What keeps it up to date, for ever; begun again when it fails.
    pub keep: Box<dyn FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>,
}

impl fmt::Debug for PageRoom {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("PageRoom")
    }
}

/// Who attends, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Office {
    /// The thread's name.
    pub(super) thread: &'static str,
    /// The key under which the server's address is configured.
    pub(super) key: &'static str,
    /// What goes on without it.
    pub(super) goes_on: &'static str,
}

/// Listens until it is let go.
#[derive(Debug)]
pub struct Attendant {
    leave: Mutex<Option<oneshot::Sender<()>>>,
    gone: Mutex<Done<()>>,
    address: Option<SocketAddr>,
    pub(super) vitals: Shared<Vitals>,
}

impl Attendant {
    /// Begins to attend. An address that is taken is told of, and done without.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(super) fn begin<F: Future<Output = ()>>(
        office: Office,
        page: Option<SocketAddr>,
        reporter: &Reporter,
        attend: impl FnOnce(Option<TcpListener>, oneshot::Receiver<()>) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let (leave, left) = oneshot::channel();
        let (ends, gone) = sync_channel(1);
        let listener = page.and_then(|listen| bind(listen, office, reporter));
        let address = listener.as_ref().and_then(|it| it.local_addr().ok());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let reporter = reporter.clone();
        thread::Builder::new()
            .name(office.thread.into())
            .spawn(move || {
                let attended = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(attend(listener, left));
                }));
                if attended.is_err() {
                    reporter.emit(Event::Trouble {
                        cause: "how the worker fares is kept no longer: a panic".into(),
                        remedy: format!("{}; report it with the log", office.goes_on),
                    });
                }
                // A disk that hangs is not waited for.
                runtime.shutdown_background();
                say(&ends);
            })?;
        Ok(Self {
            leave: Mutex::new(Some(leave)),
            gone: Mutex::new(gone),
            address,
            vitals: Shared::default(),
        })
    }

    /// Where its server listens.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What keeps a worker that was ready from answering a window now, in one word.
    #[must_use]
    pub fn downtime(&self, now: OffsetDateTime) -> Option<&'static str> {
        let mut hindrances = self.vitals.hold().hindrances(now).into_iter();
        let down = hindrances.find(|it| it.reason.is_downtime());
        down.map(|it| it.reason.name())
    }

    /// Lets it hear what was told so far, write and tell it, at most for `bound`; blocks the thread. Gives
    /// whether it did.
    pub fn leave(&self, bound: Duration) -> bool {
        drop(held(&self.leave).take());
        held(&self.gone).recv_timeout(bound).is_ok()
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(ends: &SyncSender<()>) {
    // Nobody may wait any more.
    let _ = ends.try_send(());
}

fn bind(listen: SocketAddr, office: Office, reporter: &Reporter) -> Option<TcpListener> {
    let bound = TcpListener::bind(listen);
    let bound = bound.and_then(|it| it.set_nonblocking(true).map(|()| it));
    match bound {
        Ok(listener) => Some(listener),
        Err(cause) => {
            let Office { key, goes_on, .. } = office;
            reporter.emit(Event::Notice {
                cause: format!(
                    "metrics and health are not served at {listen}: {}",
                    cause.kind()
                ),
                remedy: format!("{goes_on}; choose another address as {key}, or \"off\" for none"),
            });
            None
        }
    }
}

/// Serves pages, and listens to the tasks' signs of life for them.
pub(super) fn serve(
    group: &mut TaskGroup,
    listener: TcpListener,
    router: Router,
    heart: Heart,
    (pulses, stuck_after): (Pulses, Duration),
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let listener = Arc::new(listener);
    group.spawn_minor("metrics and health", move || {
        web::serve(Arc::clone(&listener), router.clone())
    });
    group.spawn_minor("signs of life", move || {
        heart.clone().listen(pulses.clone(), stuck_after)
    });
}
