//! A model that is a command of this machine: started for each question, and ended with everything that
//! it started.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::Semaphore,
    time::timeout,
};

use super::{answer, failed, question};
use crate::forecast::{Answer, Fallback, Forecaster, Question, Source};

/// What a command does not inherit: our secrets, where they lie, and our supervisor's socket.
const WITHHELD: [&str; 12] = [
    "MNEMONIC",
    "MNEMONIC_FILE",
    "PRIVATE_KEY",
    "PRIVATE_KEY_FILE",
    "WALLET_PASSPHRASE",
    "WALLET_PASSPHRASE_FILE",
    "TIINGO_API_KEY",
    "DATABASE_URL",
    "STANDBY_DATABASE_URL",
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
];
/// Nor variables that begin so: tokens, our configuration, whose endpoints may hold keys, and what
/// PostgreSQL's clients read, such as its password.
const WITHHELD_PREFIXES: [&str; 3] = ["FORECASTER_TOKEN", "ALLORA_", "PG"];
/// Bytes of standard error that are kept for the log: the last ones.
const TAIL: usize = 4 << 10;
/// Lines of it that are logged.
const LAST_LINES: usize = 10;

/// Runs a command for each forecast, one at a time.
#[derive(Debug)]
pub struct CommandForecaster {
    command: Vec<String>,
    limit: Duration,
    root: PathBuf,
    turn: Semaphore,
}

impl CommandForecaster {
    /// A program with its arguments, in which placeholders are filled in. It runs in `root` and is
    /// killed after `limit`.
    #[must_use]
    pub fn new(command: Vec<String>, limit: Duration, root: &Path) -> Self {
        Self {
            command,
            limit,
            root: root.to_owned(),
            turn: Semaphore::new(1),
        }
    }

    async fn run(&self, question: &Question) -> Result<Answer, String> {
        // Fails only when it is closed, which nobody does.
        let _turn = self.turn.acquire().await;
        let mut child = self.start(question).map_err(|cause| {
            let program = self.command.first().map_or("", String::as_str);
            format!("{program:?} can't be started: {}", cause.kind())
        })?;
        let _group = Group::of(&child);
        let input = question::as_json(question).to_string();
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A model need not read what it is asked.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            Ok(())
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ((), output, words) = tokio::try_join!(feed, bounded(stdout), tail(stderr))?;
        let status = child.wait().await;
        let status = status.map_err(|cause| format!("its end can't be told: {}", cause.kind()))?;
        if !words.is_empty() {
            let topic = question.topic;
            tracing::warn!(%topic, %status, "the forecaster's last words: {words}");
        }
        if !status.success() {
            return Err(format!("the command ended with {status}"));
        }
        answer::read(&output, question, Source::Command)
    }

    fn start(&self, question: &Question) -> io::Result<Child> {
        let arguments = self.command.iter().map(|it| question::fill(it, question));
        let arguments: Vec<_> = arguments.collect();
        let (program, arguments) = arguments
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut command = Command::new(program);
        for name in env::vars_os().map(|(name, _)| name).filter(is_withheld) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .envs(question::variables(question))
            .current_dir(&self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ended together with all that it starts, and not by the operator's Ctrl-C to us.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

#[async_trait]
impl Forecaster for CommandForecaster {
    async fn forecast(&self, question: &Question) -> Result<Answer, Fallback> {
        match timeout(self.limit, self.run(question)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(format!(
                "the command was not done within {:?} and is ended",
                self.limit
            ))),
        }
    }
}

/// A command's process group. It is killed when this is dropped: at the limit, and also what a command
/// that is done has left behind.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Fails when nobody of it is left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[allow(clippy::ptr_arg, reason = "the shape that `filter` asks for")]
fn is_withheld(name: &OsString) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let mut prefixes = WITHHELD_PREFIXES.iter();
    WITHHELD.contains(&name) || prefixes.any(|prefix| name.starts_with(prefix))
}

/// Reads to the end, if that comes soon enough.
async fn bounded(from: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    let Some(from) = from else { return Ok(all) };
    let most = answer::LONGEST as u64;
    let read = from.take(most + 1).read_to_end(&mut all).await;
    read.map_err(|cause| format!("its answer can't be read: {}", cause.kind()))?;
    if all.len() > answer::LONGEST {
        let most = answer::LONGEST >> 10;
        return Err(format!("its answer is longer than {most} KiB"));
    }
    Ok(all)
}

/// Reads to the end and keeps the last lines.
async fn tail(from: Option<impl AsyncRead + Unpin>) -> Result<String, String> {
    let mut kept = Vec::new();
    let Some(mut from) = from else {
        return Ok(String::new());
    };
    let mut part = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut part).await {
        kept.extend_from_slice(part.get(..count).unwrap_or_default());
        let surplus = kept.len().saturating_sub(TAIL);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let lines: Vec<_> = text.lines().filter(|it| !it.trim().is_empty()).collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    Ok(lines.get(last..).unwrap_or_default().join(" | "))
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
