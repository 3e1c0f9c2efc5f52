//! Where all rooms report to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};

use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::sync::broadcast::Receiver;

use super::{
    Artifacts, Event, OpsConfig, OpsError, Recording, Stamped, Tap, readiness,
    writer::{Note, Writer},
};
use crate::clock::{SharedClock, SystemClock};

/// Notes that may wait for the writer; above that they are dropped, counted and told of.
const QUEUE: usize = 8_192;

/// Takes events and brings them to the logs. Cheap to clone; never blocks, never fails.
#[derive(Clone)]
pub struct Reporter {
    sink: Sink,
    tap: Tap,
}

#[derive(Clone)]
enum Sink {
    Writer {
        notes: SyncSender<Note>,
        dropped: Arc<AtomicU64>,
        /// Whether it was told that the process has started.
        started: Arc<AtomicBool>,
        clock: SharedClock,
    },
    Memory(Recording),
}

/// What a reporter needs.
pub struct ReporterOptions {
    /// Where the files are.
    pub artifacts: Artifacts,
    /// How the logs are kept.
    pub config: OpsConfig,
    /// Texts that no line may hold.
    pub secrets: Vec<SecretString>,
    /// Whether the lines of the output log go to standard output as well.
    pub stdout: bool,
    /// What time it is.
    pub clock: SharedClock,
    /// Who else hears what is told.
    pub tap: Tap,
}

impl ReporterOptions {
    /// A reporter that writes under a data folder and to standard output, with the defaults.
    #[must_use]
    pub fn new(artifacts: Artifacts) -> Self {
        Self {
            artifacts,
            config: OpsConfig::default(),
            secrets: Vec::new(),
            stdout: true,
            clock: Arc::new(SystemClock),
            tap: Tap::default(),
        }
    }
}

impl Reporter {
    /// Starts the thread that writes the logs, `predictions.json` and `worker.state`. Take the
    /// pidfile first: two writers in one folder would mix their lines.
    ///
    /// # Errors
    /// When the thread can't be started. A disk that refuses is no reason to fail: what can't be
    /// written is kept for a while and tried again.
    pub fn start(options: ReporterOptions) -> Result<Self, OpsError> {
        let (sender, notes) = mpsc::sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&options.clock);
        let tap = options.tap.clone();
        let writer = Writer::new(options, Arc::clone(&dropped));
        thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || writer.run(&notes))
            .map_err(|cause| OpsError::Writer { cause })?;
        let sink = Sink::Writer {
            notes: sender,
            dropped,
            started: Arc::default(),
            clock,
        };
        Ok(Self { sink, tap })
    }

    /// A reporter that only remembers, for tests.
    #[must_use]
    pub fn recording() -> (Self, Recording) {
        let recording = Recording::new();
        let sink = Sink::Memory(recording.clone());
        let tap = Tap::default();
        (Self { sink, tap }, recording)
    }

    /// Reports an event. Readings ([`Event::Gauge`]) go to those who listen alone.
    pub fn emit(&self, event: Event) {
        let is_reading = matches!(event, Event::Gauge(_));
        if is_reading && !self.is_heard() {
            return;
        }
        let at = match &self.sink {
            Sink::Memory(_) => OffsetDateTime::now_utc(),
            Sink::Writer { clock, .. } => clock.now(),
        };
        let stamped = Arc::new(Stamped { at, event });
        self.tap.tell(&stamped);
        match &self.sink {
            _ if is_reading => {}
            Sink::Memory(recording) => recording.take(stamped.event.clone()),
            Sink::Writer { started, .. } => {
                if readiness::ends_the_start(&stamped.event) {
                    started.store(true, Ordering::Relaxed);
                }
                self.send(Note::Event(stamped));
            }
        }
    }

    /// All that is reported from now on. Nobody waits for a listener: one that is slow loses the oldest
    /// events, and is told how many.
    #[must_use]
    pub fn listen(&self) -> Receiver<Arc<Stamped>> {
        self.tap.listen()
    }

    /// Whether anybody listens: readings need not be taken for nobody.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.tap.is_heard()
    }

    /// Whether it was not told yet that the process has started.
    pub(super) fn is_starting(&self) -> bool {
        match &self.sink {
            Sink::Writer { started, .. } => !started.load(Ordering::Relaxed),
            Sink::Memory(recording) => !recording.events().iter().any(readiness::ends_the_start),
        }
    }

    /// Adds a line of diagnostics to the output log.
    pub(super) fn diagnose(&self, line: String) {
        if let Sink::Writer { clock, .. } = &self.sink {
            self.send(Note::Diagnostic(clock.now(), line));
        }
    }

    /// Waits until all that was reported so far is written, at most for `bound`; blocks the thread.
    /// Gives whether it was.
    #[must_use]
    pub fn flush(&self, bound: Duration) -> bool {
        let Sink::Writer { notes, .. } = &self.sink else {
            return true;
        };
        let deadline = Instant::now() + bound;
        let (done, written) = mpsc::sync_channel(1);
        let mut note = Note::Flush(done);
        loop {
            match notes.try_send(note) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < deadline => {
                    note = back;
                    thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return false,
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        written.recv_timeout(left).unwrap_or(false)
    }

    fn send(&self, note: Note) {
        if let Sink::Writer { notes, dropped, .. } = &self.sink
            && notes.try_send(note).is_err()
        {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "reporter_tests.rs"]
mod tests;
