//! The way to stop: the first signal asks, the second ends the process at once.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::OpsError;

/// Tells all tasks that the worker shall stop, and why.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
    again: Arc<AtomicBool>,
    yields: Arc<AtomicBool>,
    signalled: Arc<AtomicBool>,
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::request`] starts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Catches SIGTERM and SIGINT. The second signal, of either kind, ends the process with
    /// 128 + its number, even when the runtime hangs. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn install() -> Result<Self, OpsError> {
        let failed = |cause| OpsError::Signals { cause };
        let shutdown = Self::new();
        let asked = Arc::clone(&shutdown.signalled);
        // First the handler that ends the process when the flag is up, then the one that raises it:
        // they run in this order, so the first signal only raises the flag.
        for number in [SIGTERM, SIGINT] {
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&asked))
                .map_err(failed)?;
            flag::register(number, Arc::clone(&asked)).map_err(failed)?;
        }
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let told = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            told.request(name);
        });
        Ok(shutdown)
    }

    /// Asks to stop; the first reason is kept.
    pub fn request(&self, reason: &str) {
        let _ = self.reason.set(reason.to_owned());
        self.token.cancel();
    }

    /// Asks to stop, and to begin anew afterwards. Without effect on a stop that was asked for before.
    pub fn request_restart(&self, reason: &str) {
        if self.reason.set(reason.to_owned()).is_ok() {
            self.again.store(true, Ordering::Release);
        }
        self.token.cancel();
    }

    /// As [`Shutdown::request_restart`], of a process that is sound: another one does its work now.
    pub fn request_return(&self, reason: &str) {
        if self.reason.set(reason.to_owned()).is_ok() {
            self.yields.store(true, Ordering::Release);
            self.again.store(true, Ordering::Release);
        }
        self.token.cancel();
    }

    /// Whether it begins anew though nothing has failed.
    #[must_use]
    pub fn yields(&self) -> bool {
        self.yields.load(Ordering::Acquire)
    }

    /// Whether the process shall begin anew once it has stopped.
    #[must_use]
    pub fn wants_restart(&self) -> bool {
        self.again.load(Ordering::Acquire)
    }

    /// Whether a signal to stop has come, known even while the runtime hangs.
    #[must_use]
    pub fn is_signalled(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
    }

    /// Whether a stop was asked for from which nothing begins anew.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_signalled() || (self.token.is_cancelled() && !self.wants_restart())
    }

    /// The token that all tasks watch.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// The signal's name or the reason given, once the worker shall stop.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// Waits until the worker shall stop, and says why.
    pub async fn requested(&self) -> String {
        self.token.cancelled().await;
        self.reason().unwrap_or("cancelled").to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn keeps_the_first_reason() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.reason(), None);
        shutdown.request("first");
        shutdown.request("second");
        assert_eq!(shutdown.requested().await, "first");
        assert!(shutdown.token().is_cancelled());
    }

    #[test]
    fn a_restart_does_not_undo_a_stop() {
        let shutdown = Shutdown::new();
        shutdown.request("SIGTERM");
        shutdown.request_restart("the disk is back");
        assert!(!shutdown.wants_restart());
        assert_eq!(shutdown.reason(), Some("SIGTERM"));
        let shutdown = Shutdown::new();
        shutdown.request_restart("the disk is back");
        assert!(shutdown.wants_restart() && shutdown.token().is_cancelled());
        assert!(!shutdown.is_final() && !shutdown.is_signalled());
        shutdown.request_return("another one leads");
        assert!(!shutdown.yields(), "something has failed before");
        let shutdown = Shutdown::new();
        shutdown.request_return("another one leads");
        shutdown.request_restart("a task has ended");
        assert!(shutdown.yields() && shutdown.wants_restart() && !shutdown.is_final());
    }

    /// Runs as the child of the next test: catches one signal, then hangs as a stuck worker would.
    #[tokio::test]
    async fn hangs_after_the_first_signal() {
        if std::env::var_os("TEST_SHUTDOWN_CHILD").is_none() {
            return;
        }
        let shutdown = Shutdown::install().unwrap();
        let mut to_parent = std::io::stderr();
        writeln!(to_parent, "installed").unwrap();
        writeln!(to_parent, "asked by {}", shutdown.requested().await).unwrap();
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }

    #[test]
    fn the_first_signal_asks_and_the_second_ends() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ops::shutdown::tests::hangs_after_the_first_signal",
            ])
            .arg("--nocapture")
            .env("TEST_SHUTDOWN_CHILD", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut wait_for = |wanted: &str| {
            let found = lines.by_ref().any(|line| line.unwrap() == wanted);
            assert!(found, "the child never said {wanted:?}");
        };
        let kill = |signal: &str| {
            let sent = Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()
                .unwrap();
            assert!(sent.success());
        };
        wait_for("installed");
        kill("-TERM");
        wait_for("asked by SIGTERM");
        kill("-INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}
