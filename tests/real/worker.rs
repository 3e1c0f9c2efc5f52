//! The worker's real binary as a child process, and what it wrote.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::ledger::Window;

/// From the start to ready, with a registration in between and a debug build on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(60);
/// From a window's close to the worker's word on it.
const VERDICT: Duration = Duration::from_secs(20);
/// From SIGTERM to the exit.
pub(crate) const STOP: Duration = Duration::from_secs(20);

/// A run of the worker. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
    /// Where this run's lines begin in the event log.
    offset: usize,
    folder: PathBuf,
}

impl Worker {
    /// Starts a program that appends to this event log; what it prints is appended to files in the folder.
    pub(crate) fn spawn(command: &mut Command, log: PathBuf, folder: &Path) -> Self {
        let appended = |name: &str| {
            let file = File::options()
                .create(true)
                .append(true)
                .open(folder.join(name));
            file.expect("the temporary folder can be written")
        };
        let offset = fs::metadata(&log).map_or(0, |file| file.len());
        let child = command
            .stdin(Stdio::null())
            .stdout(appended("stdout"))
            .stderr(appended("stderr"))
            .spawn()
            .expect("the worker's binary runs");
        let offset = usize::try_from(offset).expect("a file's length");
        Self::watch(child, log, offset, folder)
    }

    /// A process that appends to this event log, from `offset` on, and prints to files in the folder.
    pub(crate) fn watch(child: Child, log: PathBuf, offset: usize, folder: &Path) -> Self {
        Self {
            child,
            log,
            offset,
            folder: folder.to_owned(),
        }
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// This run's complete lines of the event log.
    pub(crate) fn events(&self) -> Vec<Value> {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let own = bytes.get(self.offset..).unwrap_or_default();
        let complete = own.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        own[..complete]
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| {
                serde_json::from_slice(line).unwrap_or_else(|cause| {
                    panic!(
                        "no JSON in the event log ({cause}): {}",
                        String::from_utf8_lossy(line)
                    )
                })
            })
            .collect()
    }

    /// Waits until the worker has told how each of these windows ended for it, or no longer.
    pub(crate) fn wait_for_verdicts(&mut self, windows: &[Window]) {
        let deadline = Instant::now() + VERDICT;
        let mut left: HashSet<(u64, i64)> = windows
            .iter()
            .map(|window| (window.topic, window.nonce))
            .collect();
        while !left.is_empty() && Instant::now() < deadline {
            for event in self.events().iter().filter(|event| is_verdict(event)) {
                let key = (event["topic"].as_u64(), event["nonce"].as_i64());
                if let (Some(topic), Some(nonce)) = key {
                    left.remove(&(topic, nonce));
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits for an event of this run that fits, and fails when the worker ends before.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        timeout: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + timeout;
        loop {
            // Asked before the log is read, so that the last words of an ending worker count.
            let ended = self.child.try_wait().expect("a child can be asked");
            if let Some(found) = self.events().into_iter().find(&fits) {
                return found;
            }
            if let Some(status) = ended {
                panic!(
                    "the worker ended ({status}) before {what}{}",
                    self.last_words()
                );
            }
            assert!(
                Instant::now() < deadline,
                "no {what} within {timeout:?}{}",
                self.last_words()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the worker could answer a window.
    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_for("ready", READY, |event| event["event"] == "ready");
    }

    /// Waits until the worker is ready and holds a forecast for each of so many topics: a debug build
    /// trains for seconds.
    pub(crate) fn wait_until_prepared(&mut self, topics: usize) {
        self.wait_until_ready();
        let deadline = Instant::now() + READY;
        loop {
            let events = self.events();
            let prepared = events
                .iter()
                .filter(|event| event["event"] == "forecast_prepared");
            if prepared.count() >= topics {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "not all of {topics} forecasts are prepared within {READY:?}{}",
                self.last_words()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait().expect("a child can be asked");
        ended.is_some()
    }

    /// Waits until the worker has ended by itself.
    pub(crate) fn wait_for_exit(&mut self, timeout: Duration) -> ExitStatus {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the worker still runs after {timeout:?}{}",
                self.last_words()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a fail point has killed the worker.
    pub(crate) fn wait_for_own_death(&mut self, point: &str, timeout: Duration) {
        let status = self.wait_for_exit(timeout);
        assert_eq!(
            status.signal(),
            Some(9),
            "at fail point {point} the worker ended with {status}{}",
            self.last_words()
        );
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the worker runs");
        self.child.wait().expect("the worker ends");
    }

    /// Stops the worker gracefully; it must end with success.
    pub(crate) fn stop(mut self) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill runs").success(), "the worker was gone");
        let status = self.wait_for_exit(STOP);
        assert!(
            status.success(),
            "after SIGTERM the worker ended with {status}{}",
            self.last_words()
        );
    }

    /// All that was printed to standard output and standard error.
    pub(crate) fn printed(&self) -> String {
        let read = |name| fs::read(self.folder.join(name)).unwrap_or_default();
        let (out, err) = (read("stdout"), read("stderr"));
        String::from_utf8_lossy(&out).into_owned() + &String::from_utf8_lossy(&err)
    }

    /// The end of what the worker wrote, for a failure's message.
    pub(crate) fn last_words(&self) -> String {
        let tail = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(15)..].join("\n")
        };
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        format!(
            "\n--- event log ---\n{}\n--- printed ---\n{}",
            tail(&log),
            tail(&self.printed())
        )
    }
}

fn is_verdict(event: &Value) -> bool {
    let kind = event["event"].as_str();
    kind.is_some_and(|kind| ["counted", "outranked", "window_missed"].contains(&kind))
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
