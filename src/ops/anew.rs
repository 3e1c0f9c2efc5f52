//! A process that can't go on begins anew in place of itself: the same program, arguments,
//! environment and process id. Locks and sockets are closed with the old one and taken by the new.

use std::{
    env, fs, io,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use super::{Event, Reporter, Shutdown, WatchEvent};

/// Hands the count of new beginnings and the date of the first, in unix seconds, to the next: `3@1760000000`.
pub(crate) const BEGUN_ANEW: &str = "ALLORA_BEGUN_ANEW";
/// The first pause; it doubles with each new beginning.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// One that lasted this long was sound: the next pause is the first again.
const SOUND_AFTER: Duration = Duration::from_hours(1);
/// How often a pause looks whether a signal has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the log may take to be written before the pause.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// New beginnings in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    count: u32,
    /// Unix seconds of the first.
    since: i64,
}

/// Why a process did not begin anew.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    /// It is not to.
    #[error("{0}")]
    Never(&'static str),
    /// It was asked to stop meanwhile.
    #[error("it was asked to stop")]
    Asked,
    /// The system refused.
    #[error("the program can't be run again ({0}): start it by hand")]
    Refused(io::Error),
}

/// The way to a new beginning.
#[derive(Debug)]
pub struct Anew {
    never: Option<&'static str>,
    row: Row,
    begun: Instant,
    shutdown: Shutdown,
    is_taken: AtomicBool,
}

impl Anew {
    /// For this process, which is to be made early in its life. `never` says why it is not to begin anew.
    #[must_use]
    pub fn new(never: Option<&'static str>, shutdown: Shutdown) -> Self {
        Self {
            never,
            row: Row::read(env::var(BEGUN_ANEW).ok().as_deref()),
            begun: Instant::now(),
            shutdown,
            is_taken: AtomicBool::new(false),
        }
    }

    /// What asks the process to stop.
    #[must_use]
    pub const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Tells the operator of the new beginnings that led here.
    pub fn tell(&self, reporter: &Reporter) {
        let Row { count, since } = self.row;
        if count > 0 {
            let seconds = OffsetDateTime::now_utc().unix_timestamp() - since;
            let seconds = u64::try_from(seconds).unwrap_or_default();
            reporter.emit(WatchEvent::BegunAnew { count, seconds }.into());
        }
    }

    /// Takes the process's end into one's hands. Only the first who asks is to end it: the main thread, or
    /// the watchdog in its place.
    #[must_use]
    pub fn take(&self) -> bool {
        !self.is_taken.swap(true, Ordering::AcqRel)
    }

    /// Begins anew after a pause that grows from one to the next; a signal to stop ends the pause. Comes
    /// back only when it can't.
    #[must_use]
    pub fn begin(&self, cause: String, reporter: &Reporter) -> NotBegun {
        if let Some(never) = self.never {
            return NotBegun::Never(never);
        }
        if self.shutdown.is_final() {
            return NotBegun::Asked;
        }
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let row = self.row.next(self.begun.elapsed(), now);
        let told = WatchEvent::BeginningAnew {
            cause,
            pause_seconds: row.pause().as_secs(),
            count: row.count,
        };
        reporter.emit(Event::from(told));
        self.replace(row, row.pause(), reporter)
    }

    /// Begins anew, after the shortest pause, though nothing has failed: it is not counted, and no supervisor
    /// has to start it again. Comes back only when it can't.
    #[must_use]
    pub fn come_back(&self, reporter: &Reporter) -> NotBegun {
        if self.shutdown.is_final() {
            return NotBegun::Asked;
        }
        let row = self.row.kept(self.begun.elapsed());
        self.replace(row, FIRST_PAUSE, reporter)
    }

    fn replace(&self, row: Row, pause: Duration, reporter: &Reporter) -> NotBegun {
        let _ = reporter.flush(LAST_WORDS);
        let end = Instant::now() + pause;
        while Instant::now() < end {
            if self.shutdown.is_signalled() {
                return NotBegun::Asked;
            }
            thread::sleep(LOOK_EVERY);
        }
        // What was caught since the last look would be lost with this program.
        if self.shutdown.is_signalled() {
            return NotBegun::Asked;
        }
        NotBegun::Refused(run_again(row))
    }
}

/// Puts the program in this one's place. All files are closed with it: the standard library opens none
/// that outlives a program.
fn run_again(row: Row) -> io::Error {
    let program = match program() {
        Ok(program) => program,
        Err(refused) => return refused,
    };
    let mut arguments = env::args_os();
    let mut command = Command::new(&program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(BEGUN_ANEW, row.write()).exec()
}

/// This very program: by its name as long as that is it, so that it keeps the name; otherwise by what
/// the system still holds of it.
fn program() -> io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    let running = fs::metadata(&own)?;
    let named = env::current_exe()?;
    let is_same =
        fs::metadata(&named).is_ok_and(|it| (it.dev(), it.ino()) == (running.dev(), running.ino()));
    Ok(if is_same { named } else { own })
}

impl Row {
    fn read(text: Option<&str>) -> Self {
        let parts = text.and_then(|text| text.split_once('@'));
        let row = parts.and_then(|(count, since)| {
            Some(Self {
                count: count.parse().ok()?,
                since: since.parse().ok()?,
            })
        });
        row.unwrap_or_default()
    }

    fn write(self) -> String {
        format!("{}@{}", self.count, self.since)
    }

    /// The row with one more, after a life of this length.
    fn next(self, life: Duration, now: i64) -> Self {
        if self.count == 0 || life >= SOUND_AFTER {
            return Self {
                count: 1,
                since: now,
            };
        }
        Self {
            count: self.count.saturating_add(1),
            ..self
        }
    }

    /// The row as it was, after a life of this length in which nothing failed.
    fn kept(self, life: Duration) -> Self {
        if life >= SOUND_AFTER {
            return Self::default();
        }
        self
    }

    fn pause(self) -> Duration {
        let doublings = self.count.saturating_sub(1).min(16);
        LONGEST_PAUSE.min(FIRST_PAUSE * (1 << doublings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_begin_anew_after_an_hour_of_health() {
        let mut row = Row::default();
        let mut pauses = Vec::new();
        for turn in 0..9 {
            row = row.next(Duration::from_mins(5), 1_000 + turn);
            row = Row::read(Some(&row.write()));
            pauses.push(row.pause().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(row.since, 1_000);
        let row = row.next(SOUND_AFTER, 5_000);
        assert_eq!((row.pause(), row.write()), (FIRST_PAUSE, "1@5000".into()));
        assert_eq!(row.kept(FIRST_PAUSE), row);
        assert_eq!(row.kept(SOUND_AFTER), Row::default());
        let many = Row {
            count: u32::MAX,
            since: 0,
        };
        assert_eq!(many.next(Duration::ZERO, 0).pause(), LONGEST_PAUSE);
    }

    #[test]
    fn nonsense_in_the_variable_is_none() {
        for text in [None, Some(""), Some("3"), Some("x@5"), Some("-1@5")] {
            assert_eq!(Row::read(text), Row::default(), "{text:?}");
        }
    }

    #[test]
    fn only_the_first_takes_the_end_into_its_hands() {
        let anew = Anew::new(None, Shutdown::new());
        assert!(anew.take());
        assert!(!anew.take());
    }

    #[test]
    fn nothing_begins_anew_that_is_not_to_or_was_asked_to_stop() {
        let (reporter, told) = Reporter::recording();
        let never = Anew::new(Some("it is run once"), Shutdown::new());
        let outcome = never.begin("a test".into(), &reporter);
        assert!(matches!(outcome, NotBegun::Never("it is run once")));
        let shutdown = Shutdown::new();
        shutdown.request("SIGTERM");
        let asked = Anew::new(None, shutdown).begin("a test".into(), &reporter);
        assert!(matches!(asked, NotBegun::Asked));
        assert_eq!(told.events().len(), 0);
    }

    #[test]
    fn the_program_is_found_by_its_name() {
        assert_eq!(program().unwrap(), env::current_exe().unwrap());
    }
}
