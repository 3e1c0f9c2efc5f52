//! Who keeps a worker's vitals: the file, the pages and the alerts.

use std::{io, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use tokio::{
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
    Attendant, BeginWatch, Deliveries, Limits, PageParts, Vitals,
    attendant::{self, Office},
    file,
    heart::Heart,
    http::{self, Seen},
};
use crate::{
    clock::SharedClock,
    ops::{Mask, Reporter, Shutdown, Stamped, TaskGroup},
    pulse::Pulses,
};

/// How often the file is written at most, while something changes.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether something has to be told.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The vitals, as all who read them share them.
pub(crate) type Shared = attendant::Shared<Vitals>;

const OFFICE: Office = Office {
    thread: "vitals",
    key: "ops.http.listen",
    goes_on: "windows are answered all the same",
};

/// What an attendant needs.
pub struct AttendantParts {
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
    pub alarm: Option<BeginWatch>,
}

impl Attendant {
    /// Begins to keep a worker's vitals. An address that is taken is told of, and done without.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn start(parts: AttendantParts) -> io::Result<Self> {
        let page = parts.page.as_ref().map(|it| it.listen);
        let reporter = parts.reporter.clone();
        let vitals = Shared::default();
        let kept = vitals.clone();
        let mut attendant = Self::begin(OFFICE, page, &reporter, |listener, left| {
            attend(parts, kept, listener, left)
        })?;
        attendant.vitals = vitals;
        Ok(attendant)
    }
}

async fn attend(
    parts: AttendantParts,
    vitals: Shared,
    listener: Option<TcpListener>,
    mut left: oneshot::Receiver<()>,
) {
    let AttendantParts {
        mut heard,
        path,
        secrets,
        reporter,
        clock,
        limits,
        pulses,
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
    let mut alarm = alarm.map(|begin| {
        let left = file::read(&sheet.path).ok();
        begin(left.as_ref(), Arc::clone(&mask), reporter.clone())
    });
    let deliveries = alarm.as_ref().map(|it| it.deliveries());
    let deliveries = deliveries.unwrap_or_else(|| Arc::new(Vec::new) as Deliveries);
    let heart = Heart::default();
    if let Some(listener) = listener {
        let seen = Seen {
            vitals: vitals.clone(),
            heart: heart.clone(),
            clock: Arc::clone(&clock),
            mask,
            deliveries,
        };
        let token = page.as_ref().and_then(|it| it.token.as_ref());
        let router = http::router(seen, token);
        attendant::serve(&mut group, listener, router, heart, pulses);
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
