//! An operator's view: the built program in a home of its own.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, timeout},
};

/// How long the program may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A project's root with the shipped configuration, and nothing of this host's.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    /// The wallet's private key.
    pub(crate) key: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
        symlink(shipped.join("config"), folder.path().join("config")).unwrap();
        let prices = "data/btcusd_1h_2023-01_2025-12.csv";
        fs::create_dir(folder.path().join("data")).unwrap();
        symlink(shipped.join(prices), folder.path().join(prices)).unwrap();
        // Another wallet for each home: a host runs one worker for each.
        let key = hex::encode(rand::random::<[u8; 32]>());
        Self { folder, key }
    }

    /// The program with these arguments, in an environment that holds no more than a key.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_allora-worker"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("TZ", "UTC")
            .env("TMPDIR", self.folder.path())
            .env("ALLORA_WORKER_HOME", self.folder.path())
            .env("PRIVATE_KEY", &self.key)
            // Many run at once, and one alone would have the address.
            .env("ALLORA_OPS__HTTP__LISTEN", "off")
            .env("ALLORA_PREDICT__HTTP__LISTEN", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs the program to its end; gives its exit and all that it said.
    pub(crate) async fn run(&self, args: &[&str]) -> (Output, String) {
        ended(self.command(args)).await
    }

    /// Starts the program and lets it run.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).spawn().unwrap()
    }

    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/artifacts").join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.artifact(name)).unwrap_or_default()
    }

    /// The lines of the worker's event log.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events_of("worker")
    }

    /// The lines of a process's event log: `worker`, `predict` or `score`.
    pub(crate) fn events_of(&self, process: &str) -> Vec<Value> {
        let log = self.text(&format!("logs/{process}_continuous.log"));
        // The last line may be half written.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        let lines = whole.lines().map(serde_json::from_str);
        lines.map(Result::unwrap).collect()
    }

    /// Waits until so many events of this name are in the worker's log.
    pub(crate) async fn told(&self, name: &str, times: usize) -> Vec<Value> {
        self.told_by("worker", name, times).await
    }

    /// Waits until so many events of this name are in a process's log.
    pub(crate) async fn told_by(&self, process: &str, name: &str, times: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut found = self.events_of(process);
            found.retain(|event| event["event"] == name);
            if found.len() >= times {
                return found;
            }
            let log = || self.text(&format!("logs/{process}_output.log"));
            assert!(
                Instant::now() < end,
                "{name} {times} times, not in:\n{}",
                log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a line of a shell prints in the home.
    pub(crate) async fn shell(&self, line: &str) -> String {
        let ran = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .output();
        let output = timeout(PATIENCE, ran).await.unwrap().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Waits for a command's end.
pub(crate) async fn ended(mut command: Command) -> (Output, String) {
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("it did not end").unwrap();
    let said = [&output.stdout[..], &output.stderr].concat();
    (output, String::from_utf8(said).unwrap())
}

/// Sends a program a signal.
pub(crate) async fn signal(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status();
    assert!(sent.await.unwrap().success());
}

/// Asks a program to end, and waits until it has; gives its exit code.
pub(crate) async fn terminate(mut child: Child) -> Option<i32> {
    signal(&child, "-TERM").await;
    let ended = timeout(PATIENCE, child.wait()).await;
    ended.expect("it did not stop").unwrap().code()
}
