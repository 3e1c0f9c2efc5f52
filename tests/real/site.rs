//! What a worker keeps between its runs: its folder, its wallet, its chain; and how it is started.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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
    worker::Worker,
};

const PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";

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

    /// No worker of this site began anew in place, which nobody sees from outside.
    pub(crate) fn assert_never_anew(&self) {
        let log = self.data().join("artifacts/logs/worker_continuous.log");
        let log = std::fs::read_to_string(log).expect("the worker's event log");
        let anew = log
            .lines()
            .filter(|line| line.contains(r#""event":"begun_anew""#))
            .collect::<Vec<_>>();
        assert!(anew.is_empty(), "it began anew: {anew:?}");
    }

    /// How the journal says that each topic's nonces ended, with the worker stopped.
    pub(crate) fn journal(&self, chain: &Chain) -> BTreeMap<(u64, i64), StateName> {
        let wallet = store::Wallet {
            chain_id: self.node.chain_id.clone(),
            address: self.wallet.address.clone(),
        };
        let path = self.database();
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
        let mut command = self.command("run");
        command.envs(environment.iter().copied());
        Worker::spawn(&mut command, log, self.path())
    }

    /// What `check` says before a start with the same arguments, and its exit code.
    pub(crate) fn check(&self) -> (Option<i32>, Value) {
        let mut command = self.command("check");
        let output = command.arg("--json").stdin(Stdio::null()).output();
        let output = output.expect("the worker's binary runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = serde_json::from_str(&said).unwrap_or_else(|cause| {
            let error = String::from_utf8_lossy(&output.stderr);
            panic!("no report ({cause}): {said}{error}")
        });
        (output.status.code(), report)
    }

    /// What `status` tells of the worker, whether it runs or not.
    pub(crate) fn status(&self) -> Value {
        let mut command = Command::new(binary());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["status", "--json", "--network", "localnet", "--data-dir"])
            .arg(self.data())
            .stdin(Stdio::null());
        let output = command.output().expect("the worker's binary runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&said).unwrap_or_else(|cause| {
            let error = String::from_utf8_lossy(&output.stderr);
            panic!("no status ({cause}): {said}{error}")
        })
    }

    /// The worker's database.
    pub(crate) fn database(&self) -> PathBuf {
        self.data().join("artifacts/worker.db")
    }

    /// A subcommand with the worker's arguments and key.
    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(binary());
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args([subcommand, "--network", "localnet"])
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
            "PRIVATE_KEY_FILE",
            "TIINGO_API_KEY",
            "DATABASE_URL",
            "STANDBY_DATABASE_URL",
            "CREDENTIALS_DIRECTORY",
            "ALLORA_FAILPOINT",
        ] {
            command.env_remove(secret);
        }
        command
            .args(&self.arguments)
            .env("MNEMONIC", &self.wallet.mnemonic);
        command
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    gate::setting("ALLORA_WORKER_BIN").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_allora-worker")),
        PathBuf::from,
    )
}
