//! What the worker is doing, in one small file for scripts, and for systemd.

use std::{io, path::PathBuf};

use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};

use super::{Event, PredictEvent, StandbyEvent, WatchEvent, files, systemd::notify};

/// What the worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has begun and can't answer a window yet.
    Starting,
    /// It waits for the competition to begin.
    Waiting,
    /// Another worker leads its wallet; it takes over when that one fails.
    Standby,
    /// It can answer a window.
    Ready,
    /// It could not go on and begins anew, as the same process, after a pause.
    Restarting,
    /// It could not go on.
    Failed,
    /// It was asked to stop and finishes what is in flight.
    Stopping,
    /// It has stopped in good order.
    Stopped,
}

impl Phase {
    /// The phase that an event begins, if it begins one.
    #[must_use]
    pub fn after(before: Option<Self>, event: &Event) -> Option<Self> {
        match event {
            Event::Starting { .. }
            | Event::Predict(PredictEvent::PredictStarting { .. })
            | Event::Standby(StandbyEvent::StandbyTookOver { .. }) => Some(Self::Starting),
            Event::CompetitionWaiting { .. } => Some(Self::Waiting),
            Event::Standby(StandbyEvent::StandbyWaiting { .. }) => Some(Self::Standby),
            Event::Ready { .. } | Event::Predict(PredictEvent::PredictReady { .. }) => {
                Some(Self::Ready)
            }
            Event::Watch(WatchEvent::BeginningAnew { .. })
            | Event::Standby(StandbyEvent::StandbyLost { .. }) => Some(Self::Restarting),
            Event::Fatal { .. } => Some(Self::Failed),
            Event::Stopping { .. } => Some(Self::Stopping),
            // What ended it matters more than that it ended.
            Event::Stopped { .. } => (before != Some(Self::Failed)).then_some(Self::Stopped),
            _ => None,
        }
    }
}

/// The content of `worker.state`: one line of JSON, replaced as a whole. Scripts without a JSON
/// parser rely on the order of the keys and on `state` being one word.
#[derive(Clone, Debug, Serialize)]
struct Content {
    pid: u32,
    state: Phase,
    since: String,
    address: String,
    balance: String,
    message: String,
    /// Why the logs can't be written at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<String>,
}

/// The file and what it shall say.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    content: Content,
    dirty: bool,
}

impl StateFile {
    pub(super) fn new(path: PathBuf) -> Self {
        let content = Content {
            pid: std::process::id(),
            state: Phase::Starting,
            since: String::new(),
            address: String::new(),
            balance: String::new(),
            message: String::new(),
            logs: None,
        };
        Self {
            path,
            content,
            dirty: false,
        }
    }

    /// Whether the file is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.dirty
    }

    /// Takes from an event what the state file says of it. `timestamp` is the event's.
    pub(super) fn observe(&mut self, event: &Event, timestamp: &str) {
        match event {
            Event::EnvironmentLoaded { address, .. } => {
                self.content.address.clone_from(address);
                self.dirty = true;
            }
            Event::WorkerInitialized {
                address, balance, ..
            } => {
                self.content.address.clone_from(address);
                self.content.balance = balance.to_string();
                self.dirty = true;
            }
            Event::Balance { balance } | Event::BalanceLow { balance, .. } => {
                self.content.balance = balance.to_string();
                self.dirty = true;
            }
            Event::Counted { .. } | Event::Outranked { .. } => tell_status(&event.message()),
            _ => {}
        }
        if let Some(phase) = Phase::after(Some(self.content.state), event) {
            self.enter(phase, event, timestamp);
        }
    }

    /// Takes note of what stands in the way of the logs, or that nothing does.
    pub(super) fn hindered(&mut self, cause: Option<&io::Error>) {
        let logs = cause.map(|cause| format!("can't be written: {cause}"));
        if logs != self.content.logs {
            self.content.logs = logs;
            // Before the first event there is nothing to say.
            self.dirty |= !self.content.since.is_empty();
        }
    }

    fn enter(&mut self, phase: Phase, event: &Event, timestamp: &str) {
        self.content.state = phase;
        timestamp.clone_into(&mut self.content.since);
        self.content.message = match event {
            Event::Stopped { reason } => reason.clone(),
            other => other.message(),
        };
        self.dirty = true;
        tell_systemd(phase, &self.content.message);
    }

    /// Brings the file up to date.
    ///
    /// # Errors
    /// When the disk refuses; the next call tries again.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.dirty {
            let line = serde_json::to_string(&self.content)?;
            files::replace(&self.path, format!("{line}\n").as_bytes())?;
            self.dirty = false;
        }
        Ok(())
    }
}

/// What `systemctl status` shows.
fn tell_status(message: &str) {
    notify(&[NotifyState::Status(message)]);
}

/// Whether a process that tells of this has started, as systemd understands it.
pub(super) fn ends_the_start(event: &Event) -> bool {
    matches!(
        event,
        Event::Ready { .. }
            | Event::CompetitionWaiting { .. }
            | Event::Standby(StandbyEvent::StandbyWaiting { .. })
            | Event::Predict(PredictEvent::PredictReady { .. })
    )
}

/// Tells systemd, when it started the worker. Before the competition the unit counts as started.
fn tell_systemd(phase: Phase, message: &str) {
    let status = NotifyState::Status(message);
    match phase {
        Phase::Ready | Phase::Waiting | Phase::Standby => notify(&[NotifyState::Ready, status]),
        Phase::Stopping => notify(&[NotifyState::Stopping, status]),
        _ => notify(&[status]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::Uallo,
        types::{Height, TopicId},
    };

    const AT: &str = "2025-09-16T13:00:00.000Z";

    fn content(file: &mut StateFile, event: &Event) -> String {
        file.observe(event, AT);
        file.settle().unwrap();
        std::fs::read_to_string(&file.path).unwrap()
    }

    #[test]
    fn follows_a_run_from_start_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(folder.path().join("artifacts/worker.state"));
        let pid = std::process::id();
        let started = content(
            &mut file,
            &Event::Starting {
                version: "0.1.0",
                network: "devnet".into(),
                chain_id: "allora-devnet-1".into(),
                pid,
            },
        );
        let head = format!("{{\"pid\":{pid},\"state\":\"starting\",\"since\":\"{AT}\"");
        assert!(started.starts_with(&head), "{started}");
        let initialized = Event::WorkerInitialized {
            address: "allo1abc".into(),
            balance: Uallo(25),
            topics: vec![TopicId(67)],
            height: Height(5),
            emissions: "v10".into(),
        };
        content(&mut file, &initialized);
        let ready = content(
            &mut file,
            &Event::Ready {
                topics: vec![TopicId(67)],
                start_ms: 12,
            },
        );
        assert!(ready.contains("\"state\":\"ready\""), "{ready}");
        assert!(ready.contains("\"address\":\"allo1abc\",\"balance\":\"25 uallo\""));
        let stopped = content(
            &mut file,
            &Event::Stopped {
                reason: "SIGTERM".into(),
            },
        );
        assert!(stopped.contains("\"state\":\"stopped\""));
        assert!(stopped.contains("\"message\":\"SIGTERM\""));
    }

    #[test]
    fn a_standby_is_one_word_until_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(folder.path().join("worker.state"));
        let waiting = StandbyEvent::StandbyWaiting {
            name: "one".into(),
            leader: Some("two".into()),
            token: 3,
        };
        let told = content(&mut file, &waiting.into());
        assert!(told.contains("\"state\":\"standby\""), "{told}");
        let took_over = StandbyEvent::StandbyTookOver {
            name: "one".into(),
            from: Some("two".into()),
            token: 4,
            silent_ms: 3_000,
        };
        let told = content(&mut file, &took_over.into());
        assert!(told.contains("\"state\":\"starting\""), "{told}");
    }

    #[test]
    fn a_failure_stays_the_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = StateFile::new(folder.path().join("worker.state"));
        let fatal = Event::Fatal {
            cause: "the chain id is another".into(),
            remedy: "check --network".into(),
        };
        content(&mut file, &fatal);
        let after = content(
            &mut file,
            &Event::Stopped {
                reason: "failure".into(),
            },
        );
        assert!(after.contains("\"state\":\"failed\""), "{after}");
        assert!(after.contains("check --network"), "{after}");
    }

    #[test]
    fn systemd_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let server = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ops::readiness::tests::follows_a_run_from_start_to_stop",
            ])
            .env("NOTIFY_SOCKET", &socket)
            .output()
            .unwrap();
        assert!(child.status.success());
        server.set_nonblocking(true).unwrap();
        let mut told = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(read) = server.recv(&mut buffer) {
            told.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
        }
        let ready = told.iter().filter(|it| it.contains("READY=1")).count();
        assert_eq!(ready, 1, "{told:?}");
    }
}
