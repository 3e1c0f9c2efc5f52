//! Models that run elsewhere, by a file that lists them.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{StubItem, StubOrchestrator};
use crate::limits;

/// The largest file that is read, bytes: 200,000 models.
const LARGEST: usize = 64 << 20;

/// A file with a JSON object a line, or a JSON list of them, one for each model that runs. What changes
/// in it is announced.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    /// What was found at the last look, and what was acted on.
    seen: Option<Content>,
    done: Option<Content>,
    /// What was announced, in the file's order.
    known: Vec<Known>,
}

/// The file's text, or why it can't be had.
type Content = Result<String, String>;

#[derive(Debug)]
pub(in crate::models) struct Known {
    item: StubItem,
    state: State,
}

/// What a model is at, by the file; or stopped, because it was reported.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum State {
    #[default]
    Running,
    Recovering,
    Stopped,
}

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    model_id: String,
    deployment_id: String,
    host: String,
    port: u16,
    model_name: Option<String>,
    cruncher_id: Option<String>,
    cruncher_name: Option<String>,
    cruncher_wallet_pubkey: Option<String>,
    cruncher_hotkey: Option<String>,
    #[serde(default)]
    state: State,
}

/// What a look at the file led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A model runs: a new one, a new deployment, or an old one with news.
    Running(StubItem),
    /// A model is being restarted.
    Recovering(StubItem),
    /// A model stopped.
    Stopped(StubItem),
    /// The file can't be read, or not as a list of models: all stays as it is until it can.
    Unreadable(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, item) = match self {
            Self::Running(item) => ("runs", item),
            Self::Recovering(item) => ("is being restarted", item),
            Self::Stopped(item) => ("stopped", item),
            Self::Unreadable(cause) => return f.write_str(cause),
        };
        let StubItem {
            model_id,
            deployment_id,
            host,
            port,
            ..
        } = item;
        write!(f, "{model_id} {word} ({deployment_id} at {host}:{port})")
    }
}

impl From<Entry> for Known {
    fn from(entry: Entry) -> Self {
        Self {
            item: StubItem {
                model_id: entry.model_id,
                deployment_id: entry.deployment_id,
                model_name: entry.model_name,
                cruncher_id: entry.cruncher_id,
                cruncher_name: entry.cruncher_name,
                wallet: entry.cruncher_wallet_pubkey,
                hotkey: entry.cruncher_hotkey,
                host: entry.host,
                port: entry.port,
            },
            state: entry.state,
        }
    }
}

pub(in crate::models) fn read(text: &str) -> Result<Vec<Known>, String> {
    let entries: Vec<Entry> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        let lines = (1..).zip(text.lines());
        lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(number, line)| {
                let entry = serde_json::from_str(line);
                entry.map_err(|error| format!("line {number}: {error}"))
            })
            .collect::<Result<_, _>>()?
    };
    Ok(entries.into_iter().map(Known::from).collect())
}

impl ModelFile {
    /// A file that need not be there yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self {
            path,
            seen: None,
            done: None,
            known: Vec::new(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file and announces what changed: models that run before those that stopped, as
    /// real orchestrators do. A model that was reported stays stopped until it is deployed anew, or
    /// leaves the file for a while. What is not the same in two looks is still being written; what
    /// makes no sense, or is gone, changes nothing.
    pub fn look(&mut self, orchestrator: &StubOrchestrator) -> Vec<Change> {
        let text = limits::read_text(&self.path, LARGEST).map_err(|error| error.to_string());
        let is_steady = self.seen.as_ref() == Some(&text);
        let is_done = self.done.as_ref() == Some(&text);
        self.seen = Some(text.clone());
        if !is_steady || is_done {
            return Vec::new();
        }
        let found = text.as_deref().map_err(Clone::clone).and_then(read);
        self.done = Some(text);
        match found {
            Ok(found) => self.announce(found, orchestrator),
            Err(cause) => vec![Change::Unreadable(format!(
                "{} changes nothing ({cause}); it needs one JSON object a line, with at least model_id, deployment_id, host and port",
                self.path.display()
            ))],
        }
    }

    fn announce(&mut self, mut found: Vec<Known>, orchestrator: &StubOrchestrator) -> Vec<Change> {
        let running = orchestrator.running();
        let mut before: BTreeMap<_, _> = std::mem::take(&mut self.known)
            .into_iter()
            .map(|known| (known.item.deployment_id.clone(), known))
            .collect();
        let runs = |item: &StubItem| {
            let mut running = running.iter();
            running.any(|other| other.deployment_id == item.deployment_id)
        };
        let mut changes = Vec::new();
        for new in &mut found {
            let old = before.remove(&new.item.deployment_id);
            let was = old.as_ref().map(|old| match old.state {
                // It was reported.
                State::Running if !runs(&old.item) => State::Stopped,
                state => state,
            });
            match (was, new.state) {
                (Some(State::Stopped), _) => new.state = State::Stopped,
                (Some(State::Running), State::Running)
                    if old.is_some_and(|old| old.item == new.item) => {}
                (_, State::Running) => {
                    orchestrator.run(new.item.clone());
                    changes.push(Change::Running(new.item.clone()));
                }
                (Some(State::Running), State::Recovering) => {
                    orchestrator.recover(&new.item.deployment_id);
                    changes.push(Change::Recovering(new.item.clone()));
                }
                (Some(State::Running), State::Stopped) => {
                    orchestrator.stop(&new.item.deployment_id);
                    changes.push(Change::Stopped(new.item.clone()));
                }
                _ => {}
            }
        }
        for old in before.into_values() {
            if runs(&old.item) {
                orchestrator.stop(&old.item.deployment_id);
                changes.push(Change::Stopped(old.item));
            }
        }
        self.known = found;
        changes
    }
}

#[cfg(test)]
#[path = "model_file_tests.rs"]
mod tests;
