//! Who keeps the vitals: on a thread of its own, so that it costs the worker's threads nothing, goes on
//! when they hang, and is there until the last word.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver as Done, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use axum::Router;
use secrecy::SecretString;
use tokio::{
    runtime::Builder,
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        oneshot,
    },
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Limits, Vitals,
    alarm::{Alarm, AlarmParts},
    file,
    heart::Heart,
    http::{self, Seen},
};
use crate::{
    clock::SharedClock,
    ops::{Event, Mask, Reporter, Shutdown, Stamped, TaskGroup},
    pulse::Pulses,
    token::Gate,
};

/// How often the file is written at most, while something changes.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether something has to be told.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The vitals, as all who read them share them.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<Mutex<Vitals>>);

impl Shared {
    /// As they are now.
    #[must_use]
    pub fn now(&self) -> Vitals {
        self.hold().clone()
    }

    pub(crate) fn hold(&self) -> MutexGuard<'_, Vitals> {
        held(&self.0)
    }
}

/// The worker's own HTTP server.
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
    /// Told after each event that the vitals have heard.
    pub changed: Box<dyn Fn() + Send>,
    /// What keeps it up to date, for ever; begun again when it fails.
    pub keep: Box<dyn FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>,
}

impl fmt::Debug for PageRoom {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("PageRoom")
    }
}

/// What an attendant needs.
pub struct AttendantParts {
    /// Where the vitals are kept, for all who read them.
    pub vitals: Shared,
    /// What is told, from its first word on.
    pub heard: Receiver<Arc<Stamped>>,
    /// Where the vitals are written.
    pub path: PathBuf,
    /// Texts that nothing may show.
    pub secrets: Vec<SecretString>,
    /// Who tells the operator.
    pub reporter: Reporter,
    /// The date.
    pub clock: SharedClock,
    /// What counts as too old and too little.
    pub limits: Limits,
    /// The tasks' signs of life, and how long they may give none.
    pub pulses: (Pulses, Duration),
    /// The server; none for none.
    pub page: Option<PageParts>,
    /// The alerts; none for none.
    pub alarm: Option<AlarmParts>,
}

/// Keeps the vitals until it is let go.
#[derive(Debug)]
pub struct Attendant {
    leave: Mutex<Option<oneshot::Sender<()>>>,
    gone: Mutex<Done<()>>,
    address: Option<SocketAddr>,
}

impl Attendant {
    /// Begins to listen. An address that is taken is told of, and done without.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(parts: AttendantParts) -> io::Result<Self> {
        let (leave, left) = oneshot::channel();
        let (ends, gone) = sync_channel(1);
        let listener = parts
            .page
            .as_ref()
            .and_then(|it| bind(it.listen, &parts.reporter));
        let address = listener.as_ref().and_then(|it| it.local_addr().ok());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("vitals".into())
            .spawn(move || {
                let reporter = parts.reporter.clone();
                let attended = catch_unwind(AssertUnwindSafe(|| {
                    runtime.block_on(attend(parts, listener, left));
                }));
                if attended.is_err() {
                    reporter.emit(Event::Trouble {
                        cause: "how the worker fares is kept no longer: a panic".into(),
                        remedy: "windows are answered all the same; report it with the log".into(),
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
        })
    }

    /// Where its server listens.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
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

fn bind(listen: SocketAddr, reporter: &Reporter) -> Option<TcpListener> {
    let bound = TcpListener::bind(listen);
    let bound = bound.and_then(|it| it.set_nonblocking(true).map(|()| it));
    match bound {
        Ok(listener) => Some(listener),
        Err(cause) => {
            reporter.emit(Event::Notice {
                cause: format!("metrics and health are not served at {listen}: {cause}"),
                remedy: "windows are answered all the same; choose another address as ops.http.listen, or \"\" for none".into(),
            });
            None
        }
    }
}

async fn attend(
    parts: AttendantParts,
    listener: Option<TcpListener>,
    mut left: oneshot::Receiver<()>,
) {
    let AttendantParts {
        vitals,
        mut heard,
        path,
        secrets,
        reporter,
        clock,
        limits,
        pulses: (pulses, stuck_after),
        page,
        alarm,
    } = parts;
    vitals.hold().limits = limits;
    let mask = Arc::new(Mask::new(secrets));
    let sheet = Sheet {
        path,
        mask: Arc::clone(&mask),
    };
    let mut group = TaskGroup::new(Shutdown::new(), reporter.clone());
    let mut alarm = alarm.map(|parts| {
        let left = file::read(&sheet.path).ok();
        Alarm::begin(parts, left.as_ref(), Arc::clone(&mask), reporter.clone())
    });
    let tally = alarm.as_ref().map(Alarm::tally).unwrap_or_default();
    let heart = Heart::default();
    let (gate, room) = page.map_or((None, None), |it| (it.gate, it.room));
    let mut changed: Box<dyn Fn() + Send> = Box::new(|| {});
    if let Some(listener) = listener.and_then(|it| tokio::net::TcpListener::from_std(it).ok()) {
        let seen = Seen {
            vitals: vitals.clone(),
            heart: heart.clone(),
            clock: Arc::clone(&clock),
            mask,
            deliveries: Arc::new(move || tally.show()),
        };
        let routes = room.map(|room| {
            group.spawn_minor("page", room.keep);
            changed = room.changed;
            room.routes
        });
        let router = http::router(seen, gate.as_ref(), routes);
        let listener = Arc::new(listener);
        group.spawn_minor("metrics and health", move || {
            http::serve(Arc::clone(&listener), router.clone())
        });
        group.spawn_minor("signs of life", move || {
            heart.clone().listen(pulses.clone(), stuck_after)
        });
    }
    let mut is_behind = false;
    let mut next = Instant::now();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            told = heard.recv() => match told {
                Ok(told) => {
                    let mut vitals = vitals.hold();
                    let before = vitals.process.phase;
                    vitals.hear(&told);
                    is_behind = true;
                    if vitals.process.phase != before {
                        // It may be the last that is heard.
                        next = Instant::now();
                    }
                    drop(vitals);
                    changed();
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            _ = &mut left => break,
            () = sleep_until(next), if is_behind => {
                is_behind = false;
                sheet.write(&vitals).await;
                next = Instant::now() + WRITE_EVERY;
            }
            _ = looks.tick(), if alarm.is_some() => {
                if let Some(alarm) = &mut alarm {
                    alarm.look(&vitals.hold(), clock.now());
                }
            }
        }
    }
    // What was told before it was let go has been sent already.
    loop {
        match heard.try_recv() {
            Ok(told) => vitals.hold().hear(&told),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    sheet.write(&vitals).await;
    if let Some(mut alarm) = alarm {
        alarm.look(&vitals.hold(), clock.now());
        alarm.end().await;
    }
}

/// The file.
struct Sheet {
    path: PathBuf,
    mask: Arc<Mask>,
}

impl Sheet {
    /// Writes it on another thread: a disk that hangs holds no answer up. What it refuses is written the
    /// next time; the logs tell that it refuses.
    async fn write(&self, vitals: &Shared) {
        let vitals = vitals.hold().clone();
        let Ok(text) = serde_json::to_string_pretty(&vitals) else {
            return;
        };
        let (path, text) = (self.path.clone(), self.mask.clean(text) + "\n");
        let _later = tokio::task::spawn_blocking(move || file::write(&path, &text)).await;
    }
}
