//! The thread that writes what was reported.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use time::OffsetDateTime;

use super::{
    Event, Level, ReporterOptions, Stamped, Words,
    descriptors::Spare,
    log_file::{Limits, LogFile},
    mask::Mask,
    phrase::{iso_milliseconds, iso_seconds},
    predictions::Predictions,
    readiness::StateFile,
    rotate,
};
use crate::clock::SharedClock;

/// Pause before what a disk refused is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Lines that may wait for a slow standard output.
const SCREEN: usize = 1_024;
/// How long a flush waits for standard output.
const SCREEN_FLUSH: Duration = Duration::from_millis(200);

/// What the writer is told.
pub(super) enum Note {
    /// Something happened at a time.
    Event(Arc<Stamped>),
    /// A line for the output log.
    Diagnostic(OffsetDateTime, String),
    /// Say whether everything before this is written.
    Flush(SyncSender<bool>),
}

/// Owner of all files that the reporter writes.
pub(super) struct Writer {
    events: LogFile,
    output: LogFile,
    predictions: Predictions,
    state: StateFile,
    /// For the files that are replaced as a whole.
    spare: Spare,
    screen: Option<SyncSender<Shown>>,
    mask: Mask,
    dropped: Arc<AtomicU64>,
    clock: SharedClock,
    /// Failures since the disk last took everything.
    failures: u64,
}

impl Writer {
    pub(super) fn new(options: ReporterOptions, dropped: Arc<AtomicU64>) -> Self {
        let limits = Limits {
            max_bytes: options.config.log_max_mib.saturating_mul(1 << 20),
            keep: options.config.log_keep,
            archives: options.config.log_archives,
        };
        let files = &options.artifacts;
        Self {
            events: LogFile::new(files.event_log(), limits, rotate::stamped),
            output: LogFile::new(files.output_log(), limits, rotate::bracketed),
            predictions: Predictions::new(files.predictions()),
            state: StateFile::new(files.state()),
            spare: Spare::new(),
            screen: options.stdout.then(screen).flatten(),
            mask: Mask::new(options.secrets),
            dropped,
            clock: options.clock,
            failures: 0,
        }
    }

    /// Runs until the last reporter is gone.
    pub(super) fn run(mut self, notes: &Receiver<Note>) {
        loop {
            // Without anything to retry the thread sleeps until it is told something.
            let first = if self.is_behind() {
                notes.recv_timeout(RETRY)
            } else {
                notes.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match first {
                Ok(note) => {
                    self.take(note);
                    for note in notes.try_iter() {
                        self.take(note);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.settle();
        }
        self.settle();
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Event(stamped) => self.event(stamped.at, &stamped.event),
            Note::Diagnostic(at, line) => self.line(at, &line),
            Note::Flush(done) => {
                self.settle();
                self.flush_screen();
                // Who asked may have given up waiting.
                let _ = done.try_send(!self.is_behind());
            }
        }
    }

    fn event(&mut self, at: OffsetDateTime, event: &Event) {
        let timestamp = iso_milliseconds(at);
        let words = event.words();
        self.predictions.observe(event, &timestamp);
        self.state.observe(event, &timestamp);
        let line = json_line(&timestamp, event, &words);
        self.events.push(self.mask.clean(line));
        for line in words.lines {
            self.line(at, &line);
        }
    }

    fn line(&mut self, at: OffsetDateTime, text: &str) {
        // One event is one line, whatever a node's text holds.
        let text = text.replace(['\n', '\r'], " ");
        let line = self.mask.clean(format!("[{}] {text}", iso_seconds(at)));
        if let Some(screen) = &self.screen {
            // A terminal that hangs loses lines; the file has them.
            let _ = screen.try_send(Shown::Line(line.clone()));
        }
        self.output.push(line);
    }

    /// Brings all files up to date, as far as the disk lets it.
    fn settle(&mut self) {
        let now = self.clock.now();
        self.own_up(now);
        let aside = self.spare.lend(|| self.predictions.settle());
        if let Ok(Some(aside)) = &aside {
            let trouble = Event::Trouble {
                cause: format!(
                    "predictions.json could not be read and was set aside as {}",
                    aside.display()
                ),
                remedy: "a new one was begun; nothing has to be done".into(),
            };
            self.event(now, &trouble);
        }
        let logs = [
            self.events.settle(now),
            self.output.settle(now),
            aside.map(|_| ()),
        ];
        let hindrance = logs.into_iter().find_map(Result::err);
        // Whoever looks at the state file is told why the logs stand still.
        self.state.hindered(hindrance.as_ref());
        let stated = self.spare.lend(|| self.state.settle());
        match hindrance.or(stated.err()) {
            Some(cause) => self.failed(&cause),
            None => self.recovered(now),
        }
    }

    /// Tells of lines that the queue had no room for.
    fn own_up(&mut self, now: OffsetDateTime) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let trouble = Event::Trouble {
                cause: format!("{dropped} log lines were dropped because the disk was too slow"),
                remedy: "check the disk's load".into(),
            };
            self.event(now, &trouble);
        }
    }

    fn failed(&mut self, cause: &io::Error) {
        self.failures += 1;
        if self.failures == 1 {
            // The one place left to tell; once, or the same full disk may hold this text too.
            let _ = writeln!(
                io::stderr(),
                "[{}] ❌ ERROR the logs can't be written: {cause}; free some space or make the data folder writable. The worker goes on and tries again.",
                iso_seconds(self.clock.now())
            );
        }
    }

    fn recovered(&mut self, now: OffsetDateTime) {
        let failures = std::mem::take(&mut self.failures);
        if failures == 0 {
            return;
        }
        let lost = self.events.backlog().1 + self.output.backlog().1;
        let trouble = Event::Trouble {
            cause: format!("the logs could not be written {failures} times; {lost} lines are lost"),
            remedy: "they are written again; watch the disk's space".into(),
        };
        self.event(now, &trouble);
        // When this fails, the next round tells of it.
        let _ = self.events.settle(now).and(self.output.settle(now));
    }

    /// Gives the last lines a moment to be seen before the process ends.
    fn flush_screen(&self) {
        let (done, shown) = sync_channel(1);
        if let Some(screen) = &self.screen
            && screen.try_send(Shown::Flush(done)).is_ok()
        {
            let _ = shown.recv_timeout(SCREEN_FLUSH);
        }
    }

    fn is_behind(&self) -> bool {
        self.events.is_behind()
            || self.output.is_behind()
            || self.predictions.is_behind()
            || self.state.is_behind()
    }
}

/// What goes to standard output.
enum Shown {
    Line(String),
    Flush(SyncSender<()>),
}

/// Standard output behind a thread of its own: a stopped terminal must not hold up the logs.
fn screen() -> Option<SyncSender<Shown>> {
    let (sender, all) = sync_channel::<Shown>(SCREEN);
    let show = move || {
        for shown in all {
            match shown {
                Shown::Line(line) => {
                    if writeln!(io::stdout(), "{line}").is_err() {
                        break;
                    }
                }
                Shown::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
    };
    let started = thread::Builder::new().name("screen".into()).spawn(show);
    started.ok().map(|_| sender)
}

/// An event as a line of the event log: `timestamp`, `event`, `message`, `level`, then its fields.
fn json_line(timestamp: &str, event: &Event, words: &Words) -> String {
    #[derive(serde::Serialize)]
    struct Head<'a> {
        timestamp: &'a str,
        event: &'a serde_json::Value,
        message: &'a str,
        level: Level,
    }
    let mut fields = match serde_json::to_value(event) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let name = fields.remove("event").unwrap_or_default();
    let head = Head {
        timestamp,
        event: &name,
        message: &words.message,
        level: words.level,
    };
    let mut line = serde_json::to_string(&head).unwrap_or_default();
    if !fields.is_empty() {
        let fields = serde_json::to_string(&fields).unwrap_or_default();
        line.pop();
        line.push(',');
        line.push_str(&fields[1..]);
    }
    line
}
