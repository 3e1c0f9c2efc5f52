//! Who keeps the vitals: on a thread of its own, so that it costs the worker's threads nothing, goes on
//! when they hang, and is there until the last word.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver as Done, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        oneshot,
    },
    time::{Instant, sleep_until},
};

use super::{Vitals, file};
use crate::ops::{Mask, Stamped};

/// How often the file is written at most, while something changes.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// The vitals, as all who read them share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<Vitals>>);

impl Shared {
    pub(crate) fn hold(&self) -> MutexGuard<'_, Vitals> {
        held(&self.0)
    }
}

/// What an attendant needs.
pub struct AttendantParts {
    /// What is told, from its first word on.
    pub heard: Receiver<Arc<Stamped>>,
    /// Where the vitals are written.
    pub path: PathBuf,
    /// Texts that nothing may show.
    pub secrets: Vec<secrecy::SecretString>,
}

/// Keeps the vitals until it is let go.
#[derive(Debug)]
pub struct Attendant {
    leave: Mutex<Option<oneshot::Sender<()>>>,
    gone: Mutex<Done<()>>,
}

impl Attendant {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(parts: AttendantParts) -> io::Result<Self> {
        let (leave, left) = oneshot::channel();
        let (ends, gone) = sync_channel(1);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("vitals".into())
            .spawn(move || {
                runtime.block_on(attend(parts, left));
                say(&ends);
            })?;
        Ok(Self {
            leave: Mutex::new(Some(leave)),
            gone: Mutex::new(gone),
        })
    }

    /// Lets it hear what was told so far and write it, at most for `bound`; blocks the thread. Gives
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

async fn attend(parts: AttendantParts, mut left: oneshot::Receiver<()>) {
    let AttendantParts {
        mut heard,
        path,
        secrets,
    } = parts;
    let vitals = Shared::default();
    let page = Page {
        path,
        mask: Mask::new(secrets),
    };
    let mut is_behind = false;
    let mut next = Instant::now();
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
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            },
            _ = &mut left => break,
            () = sleep_until(next), if is_behind => {
                is_behind = false;
                page.write(&vitals).await;
                next = Instant::now() + WRITE_EVERY;
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
    page.write(&vitals).await;
}

/// The file.
struct Page {
    path: PathBuf,
    mask: Mask,
}

impl Page {
    /// Writes it on another thread: a disk that hangs holds nothing up. What it refuses is written the
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
