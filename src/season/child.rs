//! The worker as a process of its own, in a folder of its own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use super::{Plan, SeasonError};
use crate::clock::FastClock;

/// How often it is looked whether the worker is ready.
const LOOK: Duration = Duration::from_millis(5);

/// Where a worker lives, and what it is told.
pub(super) struct Home {
    /// Everything that it writes.
    pub(super) folder: PathBuf,
    binary: PathBuf,
    key: String,
    args: Vec<String>,
    prices: String,
}

/// The chain as the worker is told of it.
pub(super) struct Site<'a> {
    pub(super) chain_id: &'a str,
    pub(super) addresses: &'a [std::net::SocketAddr],
    pub(super) prices: String,
    /// What the worker takes for the date.
    pub(super) clock: FastClock,
}

/// What waits for the chain, a disk or a socket is cut as the blocks are: 100 ms instead of 5 s. What one
/// machine with other work on it needs at least is left, and what waits for a date goes by the season's
/// clock.
const CONFIG: &str = r#"
[chain]
request_timeout = "250ms"
hedge_after = "30ms"
rest_min = "20ms"
rest_max = "1200ms"
reconnect_min = "20ms"
reconnect_max = "200ms"
silence = "400ms"
[worker]
poll_interval = "2400ms"
[forecast]
train_deadline = "200ms"
[market]
stand_in = "none"
request_timeout = "2s"
"#;

impl Home {
    pub(super) fn new(plan: &Plan, key: String, site: &Site<'_>) -> Result<Self, SeasonError> {
        let folder = plan.folder.clone();
        let file = |path: &Path| {
            let path = path.to_owned();
            move |cause| SeasonError::File { path, cause }
        };
        fs::create_dir_all(&folder).map_err(file(&folder))?;
        // A checkout that changes under a long season must not change the worker.
        copy(&plan.root.join("config"), &folder.join("config"))?;
        let config = if let Some(given) = &plan.config {
            given.clone()
        } else {
            let own = folder.join("season.toml");
            fs::write(&own, CONFIG).map_err(file(&own))?;
            own
        };
        let text = |path: &Path| path.display().to_string();
        let mut args = vec![
            "run".to_owned(),
            "--network=testnet".into(),
            format!("--chain-id={}", site.chain_id),
            format!("--config={}", text(&config)),
            format!("--data-dir={}", text(&folder)),
            format!("--clock={}", site.clock),
        ];
        for address in site.addresses {
            args.push(format!("--rpc=http://{address}"));
            args.push(format!("--ws=ws://{address}/websocket"));
        }
        Ok(Self {
            folder,
            binary: plan.binary.clone(),
            key,
            args,
            prices: site.prices.clone(),
        })
    }

    /// Starts the worker.
    pub(super) fn start(&self) -> Result<Worker, SeasonError> {
        let path = self.folder.join("stderr.log");
        let said = File::options().create(true).append(true).open(&path);
        let said = said.map_err(|cause| SeasonError::File { path, cause })?;
        let child = Command::new(&self.binary)
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TZ", "UTC")
            .env("TMPDIR", &self.folder)
            .env("ALLORA_WORKER_HOME", &self.folder)
            .env("PRIVATE_KEY", &self.key)
            .env("TIINGO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
            .env("ALLORA_MARKET__BASE_URL", &self.prices)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .kill_on_drop(true)
            .spawn();
        let child = child.map_err(|cause| SeasonError::Start {
            binary: self.binary.clone(),
            cause,
        })?;
        Ok(Worker {
            pid: child.id().unwrap_or_default(),
            started: Instant::now(),
            child,
        })
    }

    /// Whether the worker says that it can answer.
    pub(super) fn is_ready(&self, worker: &Worker) -> bool {
        let state = fs::read_to_string(self.folder.join("artifacts/worker.state"));
        let state = state.unwrap_or_default();
        let own = format!("{{\"pid\":{},\"state\":\"ready\"", worker.pid);
        state.starts_with(&own)
    }

    /// Waits until the worker is ready, has ended or time is up; gives whether it is ready.
    pub(super) async fn ready_within(&self, worker: &mut Worker, most: Duration) -> bool {
        while worker.started.elapsed() < most && worker.ended().is_none() {
            if self.is_ready(worker) {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<(), SeasonError> {
    let failed = |cause| SeasonError::File {
        path: from.to_owned(),
        cause,
    };
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}

/// A worker that was started.
pub(super) struct Worker {
    pub(super) pid: u32,
    pub(super) started: Instant,
    child: Child,
}

impl Worker {
    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// kill -9.
    pub(super) async fn kill(mut self) {
        // One that is gone already is as good as killed.
        let _gone = self.child.kill().await;
    }

    /// Asks it to stop, and waits; gives how it ended, if it did.
    pub(super) async fn stop(mut self, most: Duration) -> Option<ExitStatus> {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let ended = tokio::time::timeout(most, self.child.wait()).await;
        ended.ok().and_then(Result::ok)
    }
}
