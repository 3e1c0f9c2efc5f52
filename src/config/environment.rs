//! The environment and the `.env` file: overrides of keys, and the only home of secrets.

use std::{collections::BTreeMap, io, path::Path};

use secrecy::SecretString;
use toml::{Table, Value};
use zeroize::Zeroizing;

use super::{
    ConfigError, Finding,
    document::{Document, KEYS},
    guard::{self, Guarded, Keeper},
    hint,
    layer::{Layer, merge, nested},
};
use crate::{ops, types::TopicId};

/// Parts of a variable's name: no key lies deeper.
const DEEPEST: usize = 8;
/// The sections of a configuration file.
const SECTIONS: [&str; 11] = [
    "alerts", "chain", "fees", "worker", "market", "forecast", "learning", "models", "predict",
    "standby", "ops",
];

/// Variables of ours that are no keys of the configuration.
const RESERVED: [&str; 9] = [
    ops::BEGUN_ANEW,
    "ALLORA_CONFIG",
    ops::CORE_DUMPS,
    "ALLORA_FAILPOINT",
    "ALLORA_REAL",
    "ALLORA_START_TIMEOUT",
    "ALLORA_STOP_TIMEOUT",
    "ALLORA_WORKER_BIN",
    "ALLORA_WORKER_HOME",
];
const SECRETS: [&str; 11] = [
    "ALERT_WEBHOOK_URL",
    "OPS_HTTP_TOKEN",
    "MNEMONIC",
    "MNEMONIC_FILE",
    "PRIVATE_KEY",
    "PRIVATE_KEY_FILE",
    "WALLET_PASSPHRASE",
    "WALLET_PASSPHRASE_FILE",
    "TIINGO_API_KEY",
    "DATABASE_URL",
    "STANDBY_DATABASE_URL",
];
/// The token for topics' forecasters; with an underscore and a topic's number, that topic's.
const FORECASTER_TOKEN: &str = "FORECASTER_TOKEN";

/// Whether a name is a secret's that can be handed over as a file. The variables that name files can't.
pub(super) fn is_credential(name: &str) -> bool {
    (SECRETS.contains(&name) && !name.ends_with("_FILE")) || name.starts_with(FORECASTER_TOKEN)
}

/// The variables of one source: the process's environment or the `.env` file. An empty one counts
/// as not set.
pub(super) struct Environment {
    /// How the source is named before a variable in messages.
    name: String,
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, SecretString>,
}

impl Environment {
    /// Sorts variables into overrides and secrets; all others are left alone.
    pub(super) fn new(name: &str, all: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut read = Self {
            name: name.to_owned(),
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        for (variable, value) in all {
            if value.trim().is_empty() {
                continue;
            }
            if SECRETS.contains(&variable.as_str()) || variable.starts_with(FORECASTER_TOKEN) {
                let value = Zeroizing::new(value);
                read.secrets.insert(variable, value.as_str().into());
            } else if variable.starts_with("ALLORA_") {
                read.variables.insert(variable, value);
            }
        }
        read
    }

    /// Reads a `.env` file, without touching the process's environment. Without a file it is empty.
    /// If it holds secrets and others have access to it, `found` tells.
    pub(super) fn from_file(
        path: &Path,
        found: &mut Vec<Finding>,
        notices: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let unreadable = |cause| ConfigError::Unreadable {
            path: path.to_owned(),
            root: path.parent().unwrap_or(path).to_owned(),
            cause,
        };
        let Guarded {
            bytes,
            found: open,
            notices: told,
        } = match guard::read(path, Keeper::Operator) {
            Ok(read) => read,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::new(&name, []));
            }
            Err(cause) => return Err(unreadable(cause)),
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is no text")))?;
        let mut all = Vec::new();
        for item in dotenvy::from_read_iter(text.as_bytes()) {
            all.push(item.map_err(|cause| unreadable_line(&name, text, &cause))?);
        }
        let read = Self::new(&name, all);
        if !read.secrets.is_empty() {
            found.extend(open);
            notices.extend(told);
        }
        Ok(read)
    }

    /// A variable that is no secret.
    pub(super) fn get(&self, variable: &str) -> Option<&str> {
        self.variables.get(variable).map(String::as_str)
    }

    /// A secret and the name of the variable with its source.
    pub(super) fn secret(&self, variable: &str) -> Option<(&SecretString, String)> {
        let secret = self.secrets.get(variable)?;
        Some((secret, self.place(variable)))
    }

    /// The token for a topic's forecaster: its own, else the one for all.
    pub(super) fn forecaster_token(&self, topic: TopicId) -> Option<&SecretString> {
        let own = self.secrets.get(&format!("{FORECASTER_TOKEN}_{topic}"));
        own.or_else(|| self.secrets.get(FORECASTER_TOKEN))
    }

    /// The overrides of configuration keys, laid over what the layers below say.
    pub(super) fn layer(&self, below: &Table) -> Result<Layer, ConfigError> {
        let mut layer = Layer::named();
        let mut all = below.clone();
        for (variable, value) in &self.variables {
            let Some(path) = self.path(variable)? else {
                continue;
            };
            let path: Vec<_> = path.iter().map(String::as_str).collect();
            let value = reading(&all, &path, value).map_err(|message| {
                let (wrong, right) = hint::explain(&message);
                ConfigError::refused(self.place(variable), wrong, right)
            })?;
            merge(&mut all, nested(&path, value.clone()));
            layer.set(&path, value, &self.place(variable));
        }
        Ok(layer)
    }

    fn place(&self, variable: &str) -> String {
        if self.name.is_empty() {
            return format!("variable {variable}");
        }
        format!("{}, {variable}", self.name)
    }

    /// The key's path, when the variable is meant for us. Other programs have variables that begin
    /// alike, so one without a section is ours only if it is a key, or nearly one.
    fn path(&self, variable: &str) -> Result<Option<Vec<String>>, ConfigError> {
        if RESERVED.contains(&variable) {
            return Ok(None);
        }
        let key = variable.trim_start_matches("ALLORA_").to_lowercase();
        let path: Vec<_> = key.split("__").map(str::to_owned).collect();
        let first = path[0].as_str();
        if path.len() > DEEPEST {
            let right = "the sections are those of config/worker.toml".to_owned();
            let wrong = "there is no such key";
            return Err(ConfigError::refused(self.place(variable), wrong, right));
        }
        if KEYS.contains(&first) {
            return Ok(Some(path));
        }
        // A section and its key, parted by one underscore only.
        let split = SECTIONS.into_iter().find_map(|section| {
            let key = first.strip_prefix(section)?.strip_prefix('_')?;
            Some((section, key))
        });
        if let Some((section, key)) = split.filter(|_| path.len() == 1) {
            let (section, key) = (section.to_uppercase(), key.to_uppercase());
            let right = format!("did you mean ALLORA_{section}__{key}, with two underscores?");
            let wrong = "there is no such key";
            return Err(ConfigError::refused(self.place(variable), wrong, right));
        }
        let near = hint::nearest(first, KEYS);
        if path.len() == 1 && near.is_none() {
            return Ok(None);
        }
        let right = match near {
            Some(near) => format!("did you mean ALLORA_{}?", variable_part(near, &path)),
            None => "the sections are those of config/worker.toml".to_owned(),
        };
        let wrong = "there is no such key";
        Err(ConfigError::refused(self.place(variable), wrong, right))
    }
}

fn variable_part(first: &str, path: &[String]) -> String {
    let mut path = path.to_vec();
    first.clone_into(&mut path[0]);
    path.join("__").to_uppercase()
}

/// Reads a variable's value as what its key takes: a TOML value, a text, or a list of texts
/// separated by commas.
fn reading(below: &Table, path: &[&str], text: &str) -> Result<Value, String> {
    let text = text.trim();
    let toml = toml::from_str::<Table>(&format!("it = {text}")).ok();
    let list = text.split(',').map(|it| Value::from(it.trim())).collect();
    let candidates = [
        toml.and_then(|mut table| table.remove("it")),
        Some(Value::Array(list)),
        Some(Value::from(text)),
    ];
    let mut refused = String::new();
    for value in candidates.into_iter().flatten() {
        let mut all = below.clone();
        merge(&mut all, nested(path, value.clone()));
        match all.try_into::<Document>() {
            Ok(_) => return Ok(value),
            // What is missing may come from another variable; at the end it is asked for again.
            Err(cause) if cause.message().starts_with("missing field") => return Ok(value),
            Err(cause) => cause.message().clone_into(&mut refused),
        }
    }
    Err(refused)
}

fn unreadable_line(name: &str, text: &str, cause: &dotenvy::Error) -> ConfigError {
    // The error holds the line, which may hold a secret: only its number is told.
    let number = match cause {
        dotenvy::Error::LineParse(line, _) => {
            // It may be the line's value alone.
            let mut lines = text.lines();
            lines
                .position(|it| it.contains(line.trim()))
                .map(|at| at + 1)
        }
        _ => None,
    };
    let place = number.map_or_else(|| name.to_owned(), |at| format!("{name}, line {at}"));
    let right = "write NAME=\"value\", with quotes around a value that holds spaces";
    ConfigError::refused(place, "the line can't be read", right)
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
