//! A worker on a disk of its own, in a mount namespace of its own: one that can be filled or made
//! read-only without harm to the machine.

use std::{
    fs,
    path::PathBuf,
    process::{Command as Sync, Stdio},
    time::Duration,
};

use allora_worker::store::{Journal as _, Store, Submission};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use crate::{
    harness::{Stage, eventually},
    operator::{Home, PATIENCE},
    the_program_on_the_embedded_chain::paced,
};

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";

/// Why no disk can be mounted here, if none can.
pub(crate) fn hindrance() -> Option<String> {
    let tried = Sync::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    match tried {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => Some(String::from_utf8_lossy(&tried.stderr).into_owned()),
        Err(cause) => Some(cause.to_string()),
    }
}

/// Says that a scenario is left out, and why; where all must run it fails instead.
#[allow(
    clippy::print_stderr,
    reason = "who reads the tests' output shall know"
)]
pub(crate) fn skipped(scenario: &str) -> bool {
    let Some(why) = hindrance() else {
        return false;
    };
    let must = std::env::var("ALLORA_REAL").is_ok_and(|it| it == "require");
    assert!(!must, "{scenario} can't run: {why}");
    eprintln!("SKIPPED {scenario}: no disk can be mounted here: {why}");
    true
}

/// A chain with quick blocks, and a home whose artifacts lie on a disk of their own.
pub(crate) struct Machine {
    pub(crate) stage: Stage,
    pub(crate) home: Home,
    args: Vec<String>,
}

/// A worker on its disk; what it sees is seen through its process.
pub(crate) struct Placed {
    pub(crate) child: Child,
    /// Keeps the disk when the worker has ended.
    holder: u32,
}

impl Drop for Placed {
    fn drop(&mut self) {
        let _ended = Sync::new("kill").arg(self.holder.to_string()).status();
    }
}

impl Machine {
    pub(crate) async fn new(chain_id: &str) -> Self {
        let (stage, args) = paced(chain_id, 25, 18).await;
        let mut home = Home::new();
        home.key = KEY.into();
        fs::create_dir_all(home.artifact("")).unwrap();
        Self { stage, home, args }
    }

    pub(crate) fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// Starts a worker on a disk of 2 MB, after `before` was done to it (`$disk`).
    pub(crate) async fn start(&self, before: &str) -> Placed {
        let plain = self.home.command(&self.args());
        let plain = plain.as_std();
        let disk = self.home.artifact("");
        let script = format!(
            "mount -t tmpfs -o size=2m none \"$disk\" && cd \"$home\" && {{ {before}; }} && \
             {{ sleep 300 </dev/null >/dev/null 2>&1 & }} && echo $! > holder && exec \"$@\""
        );
        let mut command = Command::new("unshare");
        command
            .args(["-m", "--propagation", "private", "sh", "-c", &script, "sh"])
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .env("disk", &disk)
            .env("home", self.home.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let noted = self.home.folder.path().join("holder");
        let _missing = fs::remove_file(&noted);
        let child = command.spawn().unwrap();
        let holder = eventually(async || {
            let noted = fs::read_to_string(&noted).ok()?;
            noted.strip_suffix('\n')?.parse().ok()
        });
        let holder = holder.await.expect("no disk was mounted");
        Placed { child, holder }
    }

    /// What stands in the journal on the disk of a worker: read from a copy of it.
    pub(crate) async fn journal(&self, placed: &Placed) -> Vec<Submission> {
        let copy = self.home.folder.path().join("copy.db");
        fs::copy(placed.artifact(&self.home, "worker.db"), &copy).unwrap();
        // The log is there only while somebody writes.
        let log = placed.artifact(&self.home, "worker.db-wal");
        let _missing = fs::copy(log, copy.with_extension("db-wal"));
        let store = Store::open(&copy).await.unwrap();
        store.recent(&self.stage.wallet(), 1_000).await.unwrap()
    }

    /// Waits until so many windows that opened after now are closed and answered once.
    pub(crate) async fn answers(&self, windows: usize) {
        let first = self.stage.height().await + 1;
        let end = Instant::now() + PATIENCE;
        loop {
            let truth = self.stage.truth().await;
            let open = truth.opened.iter();
            let closed = open.filter(|(key, end)| key.nonce.0 >= first && *end < truth.height);
            if closed.count() >= windows {
                assert!(truth.each_answered_once(first) >= windows);
                return;
            }
            assert!(Instant::now() < end, "no {windows} windows since {first}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Placed {
    /// A file on the worker's disk.
    pub(crate) fn artifact(&self, home: &Home, name: &str) -> PathBuf {
        let path = home.artifact(name);
        let root = PathBuf::from(format!("/proc/{}/root", self.holder));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// A second worker would be refused, though the disk takes no number of the first one.
    pub(crate) fn assert_locked(&self, home: &Home) {
        let pidfile = self.artifact(home, "worker.pid");
        let free = Sync::new("flock")
            .arg("--nonblock")
            .arg(&pidfile)
            .arg("true")
            .status();
        let name = pidfile.display();
        assert!(!free.unwrap().success(), "nobody holds {name}");
    }

    /// Asks it to stop.
    pub(crate) fn stop(&self) {
        let pid = self.child.id().unwrap().to_string();
        let told = Sync::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
    }

    /// Takes all that is free of the disk.
    pub(crate) fn fill(&self, home: &Home) {
        let ballast = self.artifact(home, "ballast");
        let mut size = 1 << 16;
        let mut file = fs::File::create(ballast).unwrap();
        while size > 0 {
            let chunk = vec![1_u8; size];
            if std::io::Write::write_all(&mut file, &chunk).is_err() {
                size /= 2;
            }
        }
    }

    /// Gives it back.
    pub(crate) fn free(&self, home: &Home) {
        fs::remove_file(self.artifact(home, "ballast")).unwrap();
    }

    /// The lines of its event log.
    pub(crate) fn events(&self, home: &Home) -> Vec<Value> {
        let log = self.artifact(home, "logs/worker_continuous.log");
        let text = fs::read_to_string(log).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits for an event of this name whose message holds a text.
    pub(crate) async fn told(&self, home: &Home, name: &str, text: &str) -> Value {
        let found = eventually(async || {
            self.events(home).into_iter().find(|event| {
                let message = event["message"].as_str().unwrap_or_default();
                event["event"] == name && message.contains(text)
            })
        });
        match found.await {
            Some(found) => found,
            None => panic!("no {name} with {text:?} in {:#?}", self.events(home)),
        }
    }
}
