//! The worker's real binary as a child process, and what it wrote.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use allora_worker::store::{self, Journal, StateName, Store};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    chain::Chain,
    gate,
    ledger::Window,
    node::{Endpoint, Node},
    wallet::Wallet,
};

const PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";
/// From the start to ready, with a registration in between and a debug build on a busy machine.
pub(crate) const READY: Duration = Duration::from_secs(60);
/// From a window's close to the worker's word on it.
const VERDICT: Duration = Duration::from_secs(20);
/// From SIGTERM to the exit.
pub(crate) const STOP: Duration = Duration::from_secs(20);

/// What one worker keeps between its runs: its folder, its wallet, its chain.
pub(crate) struct Site<'a> {
    folder: TempDir,
    node: &'a Node,
    wallet: &'a Wallet,
    arguments: Vec<String>,
    endpoints: Vec<Endpoint>,
}

impl<'a> Site<'a> {
    /// An empty folder for a worker with this wallet on this node.
    pub(crate) fn new(node: &'a Node, wallet: &'a Wallet) -> Self {
        let mut folder = tempfile::tempdir().expect("a temporary folder");
        if gate::setting("ALLORA_REAL_KEEP").is_some() {
            folder.disable_cleanup(true);
            gate::say(&format!(
                "{} keeps {}",
                wallet.address,
                folder.path().display()
            ));
        }
        Self {
            folder,
            node,
            wallet,
            arguments: Vec::new(),
            endpoints: vec![Endpoint {
                rpc: node.rpc.clone(),
                ws: node.ws.clone(),
            }],
        }
    }

    /// Adds arguments to the usual ones; the last of a kind holds.
    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Names these endpoints to the worker, in this order, instead of the node's own.
    pub(crate) fn reached_by(mut self, endpoints: &[Endpoint]) -> Self {
        self.endpoints = endpoints.to_vec();
        self
    }

    /// Has all topics of the chain answered, and not the first alone.
    pub(crate) fn all_topics(self) -> Self {
        let topics = self.node.topics.clone().map(|id| {
            format!(
                "[[topics]]\nid = {id}\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\n"
            )
        });
        let file = self.path().join("topics.toml");
        fs::write(&file, topics.collect::<String>()).expect("a writable folder");
        let file = file.display().to_string();
        self.with(&["--config", &file])
    }

    /// Everything that the worker wrote lies here.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The wallet's words.
    pub(crate) fn mnemonic(&self) -> &str {
        &self.wallet.mnemonic
    }

    /// How the journal says that each topic's nonces ended, with the worker stopped.
    pub(crate) fn journal(&self, chain: &Chain) -> BTreeMap<(u64, i64), StateName> {
        let wallet = store::Wallet {
            chain_id: self.node.chain_id.clone(),
            address: self.wallet.address.clone(),
        };
        let path = self.data().join("artifacts/worker.db");
        chain.block_on(async {
            let store = Store::open(&path).await.expect("the worker's database");
            let submissions = store.recent(&wallet, 10_000).await.expect("the journal");
            submissions
                .into_iter()
                .map(|submission| {
                    let key = submission.key;
                    ((key.topic.0, key.nonce.0), submission.state.name())
                })
                .collect()
        })
    }

    /// Asserts that the journal ended with what the chain knows: these windows count. The worker must
    /// be stopped.
    pub(crate) fn assert_counted(&self, chain: &Chain, windows: &[Window]) {
        let journal = self.journal(chain);
        for Window { topic, nonce, .. } in windows {
            assert_eq!(
                journal.get(&(*topic, *nonce)),
                Some(&StateName::Counted),
                "the journal on topic {topic}, window {nonce}"
            );
        }
    }

    /// Starts the worker.
    pub(crate) fn start(&self) -> Worker {
        self.start_with(&[])
    }

    /// Starts the worker so that it kills itself when it passes a fail point for the first time.
    pub(crate) fn start_failing_at(&self, point: &str) -> Worker {
        self.start_with(&[("ALLORA_FAILPOINT", point)])
    }

    /// Starts the worker with more in its environment.
    pub(crate) fn start_with(&self, environment: &[(&str, &str)]) -> Worker {
        let log = self.data().join("artifacts/logs/worker_continuous.log");
        let offset = fs::metadata(&log).map_or(0, |file| file.len());
        let mut command = Command::new(binary());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["run", "--network", "localnet"])
            .arg("--data-dir")
            .arg(self.data())
            .args(["--prices", PRICES]);
        for Endpoint { rpc, ws } in &self.endpoints {
            command.args(["--rpc", rpc, "--ws", ws]);
        }
        if !self
            .arguments
            .iter()
            .any(|argument| argument == "--chain-id")
        {
            command.args(["--chain-id", &self.node.chain_id]);
        }
        for secret in [
            "MNEMONIC_FILE",
            "PRIVATE_KEY",
            "TIINGO_API_KEY",
            "ALLORA_FAILPOINT",
        ] {
            command.env_remove(secret);
        }
        let child = command
            .args(&self.arguments)
            .env("MNEMONIC", &self.wallet.mnemonic)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(self.appended("stdout"))
            .stderr(self.appended("stderr"))
            .spawn()
            .expect("the worker's binary runs");
        Worker {
            child,
            log,
            offset: usize::try_from(offset).expect("a file's length"),
            folder: self.path().to_owned(),
        }
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn appended(&self, name: &str) -> File {
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.path().join(name));
        file.expect("the temporary folder can be written")
    }
}

/// A run of the worker. It is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
    /// Where this run's lines begin in the event log.
    offset: usize,
    folder: PathBuf,
}

impl Worker {
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

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    gate::setting("ALLORA_WORKER_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_allora-worker")),
        PathBuf::from,
    )
}
