//! One real model server: a process with a submission of its own.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use allora_worker::models::stub::StubItem;
use tempfile::TempDir;

/// A submission whose class does what its role says.
const SUBMISSION: &str = r#"
import os, time
from condorgame.tracker import TrackerBase

ROLE = os.environ["MODEL_ROLE"]

class Model(TrackerBase):
    def __init__(self):
        super().__init__()
        self.told = 0

    def tick(self, data):
        super().tick(data)
        self.told += sum(len(prices) for prices in data.values())

    def predict(self, asset, horizon, step):
        if ROLE == "raises":
            raise RuntimeError("boom")
        if ROLE == "hangs":
            time.sleep(3600)
        if ROLE == "garbled":
            odd = {"SET": {1}, "NAN": [float("nan"), float("inf"), -float("inf"), 1.5], "TRUE": True,
                   "FLOAT": 0.5, "NONE": None}
            return odd.get(asset, "hello")
        loc, scale = self.told, 1.0
        if ROLE.startswith("expects_"):
            weeks = horizon > 3600
            loc, scale = float(ROLE[8:]) / (1 if weeks else 20), 100.0 if weeks else 25.0
        density = {"type": "builtin", "name": "norm", "params": {"loc": loc, "scale": scale}}
        return [{"step": k * step, "type": "mixture", "components": [{"density": density, "weight": 1}]}
                for k in range(1, horizon // step + 1)]
"#;

/// A process that is ended when this is dropped.
pub(crate) struct Server {
    runner: PathBuf,
    role: String,
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Server {
    /// Starts a server on a free port. It answers a few seconds later.
    pub(crate) fn start(runner: &Path, role: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("main.py"), SUBMISSION).expect("it can be written");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = free.local_addr().expect("it has an address");
        drop(free);
        let child = spawn(runner, role, address, folder.path());
        Self {
            runner: runner.to_owned(),
            role: role.to_owned(),
            address,
            folder,
            child,
        }
    }

    /// The model as an orchestrator announces it.
    pub(crate) fn item(&self, deployment: u32) -> StubItem {
        StubItem::new(
            &self.role,
            &format!("{}_{deployment}", self.role),
            self.address,
        )
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// Ends the process and starts another at the same address.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.child = spawn(&self.runner, &self.role, self.address, self.folder.path());
    }

    /// Stops the process in its tracks, or lets it go on.
    pub(crate) fn freeze(&mut self, is_frozen: bool) {
        self.signal(if is_frozen { "-STOP" } else { "-CONT" });
    }

    /// What the server has written so far.
    pub(crate) fn last_words(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status();
        assert!(status.expect("kill is there").success(), "pid {pid} lives");
    }

    fn end(&mut self) {
        // A frozen process ends, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(runner: &Path, role: &str, address: SocketAddr, folder: &Path) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"));
    let log = log.expect("the log can be written");
    let stdout = log.try_clone().expect("the log can be shared");
    Command::new(runner)
        .args(["--address", &address.to_string(), "--code-directory"])
        .arg(folder)
        .arg("--resource-directory")
        .arg(folder)
        .env("MODEL_ROLE", role)
        .env("OMP_NUM_THREADS", "1")
        .env("OPENBLAS_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(log)
        .spawn()
        .expect("the server starts")
}
