//! Where values come from, in order.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use toml::{Table, Value};

use super::{
    ConfigError, Finding, Overrides, Surroundings, WalletSecret,
    document::Document,
    environment::{self, Environment},
    guard::{self, Keeper},
    hint,
    layer::{self, Layer},
    secrets::{self, Ask, Search},
};
use crate::{chain::NetworkConfig, limits};

/// The layers in order, the strongest last.
pub(super) struct Sources {
    root: PathBuf,
    stack: Vec<Layer>,
    merged: Table,
    dotenv: Environment,
    process: Environment,
    credentials: Environment,
    /// Files with secrets that others have access to.
    open: Vec<Finding>,
    /// What the operator should know of.
    pub notices: Vec<String>,
}

impl Sources {
    pub(super) fn read(overrides: &Overrides, around: &Surroundings) -> Result<Self, ConfigError> {
        let (mut open, mut notices) = (Vec::new(), Vec::new());
        let mut layers = Self {
            root: around.root.clone(),
            stack: Vec::new(),
            merged: Table::new(),
            dotenv: Environment::from_file(&around.root.join(".env"), &mut open, &mut notices)?,
            process: Environment::new("", around.variables.clone()),
            credentials: credentials(&around.variables, &mut open)?,
            open,
            notices,
        };
        layers.file(Path::new("config/worker.toml"), true)?;
        let (process, dotenv) = (&layers.process, &layers.dotenv);
        let named = process.get("ALLORA_CONFIG").or(dotenv.get("ALLORA_CONFIG"));
        let named = overrides.config.clone().or(named.map(PathBuf::from));
        if let Some(path) = named {
            layers.file(&path, false)?;
        }
        layers.push(layers.dotenv.layer(&layers.merged)?);
        layers.push(layers.process.layer(&layers.merged)?);
        layers.push(flags(overrides));
        Ok(layers)
    }

    fn file(&mut self, path: &Path, may_be_missing: bool) -> Result<(), ConfigError> {
        let place = self.root.join(path);
        match limits::read_text(&place, limits::WRITTEN) {
            Ok(text) => {
                let name = path.display().to_string();
                let (layer, _) = Layer::file::<Document>(&name, &text)?;
                self.push(layer);
            }
            Err(cause) if may_be_missing && cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => {
                return Err(ConfigError::Unreadable {
                    path: place,
                    root: self.root.clone(),
                    cause,
                });
            }
        }
        Ok(())
    }

    fn push(&mut self, layer: Layer) {
        layer::merge(&mut self.merged, layer.table.clone());
        self.stack.push(layer);
    }

    pub(super) fn document(&self) -> Result<Document, ConfigError> {
        let refuse = |cause: toml::de::Error| {
            let (wrong, right) = hint::explain(cause.message());
            ConfigError::refused("the configuration as a whole", wrong, right)
        };
        self.merged.clone().try_into().map_err(refuse)
    }

    /// Where the value at a path stands: in the strongest layer that sets it.
    pub(super) fn place(&self, path: &[&str]) -> Option<String> {
        self.stack.iter().rev().find_map(|it| it.place(path))
    }

    /// Tells where values stand, as checks want it.
    pub(super) fn placing(&self) -> impl Fn(&[&str]) -> String + '_ {
        |path| {
            let found = self.place(path);
            found.unwrap_or_else(|| "configuration".to_owned())
        }
    }

    /// Refuses files with secrets that others have access to. Commands that use no secret don't ask:
    /// a worker must be stopped whatever its files look like.
    pub(super) fn guarded(&self) -> Result<(), ConfigError> {
        ConfigError::unless_none(self.open.clone())
    }

    /// The sources of secrets, the strongest first.
    pub(super) fn environments(&self) -> [&Environment; 3] {
        [&self.process, &self.credentials, &self.dotenv]
    }

    /// Whether any source names a wallet, readable or not.
    pub(super) fn names_wallet(&self) -> bool {
        let names = |it: &&Environment| secrets::NAMES.iter().any(|name| it.secret(name).is_some());
        self.environments().iter().any(names)
    }

    /// A secret, from the strongest source that has it.
    pub(super) fn secret(&self, variable: &str) -> Option<SecretString> {
        let mut environments = self.environments().into_iter();
        let found = environments.find_map(|it| it.secret(variable));
        found.map(|(secret, _)| secret.clone())
    }

    pub(super) fn wallet(
        &self,
        network_name: &str,
        network: &NetworkConfig,
        ask: Option<Ask>,
        notices: &mut Vec<String>,
    ) -> Result<Option<WalletSecret>, ConfigError> {
        let search = Search {
            sources: &self.environments(),
            root: &self.root,
            ask,
        };
        let Some((wallet, place)) = search.wallet(notices)? else {
            let devnet = network_name == "devnet";
            return Ok(devnet.then(WalletSecret::devnet));
        };
        let public = [network_name, &network.chain_id]
            .iter()
            .any(|it| it.contains("testnet") || it.contains("mainnet"));
        if public && let Some(name) = wallet.published_as() {
            let wrong = format!("this key is published ({name}): anybody can take its coins");
            let right = "make one of your own; published keys are for devnet and localnet";
            return Err(ConfigError::refused(place, wrong, right));
        }
        Ok(Some(wallet))
    }
}

/// Secrets that systemd hands over as files, named as their variables in lower case: `mnemonic`,
/// `private_key`, `wallet_passphrase`, `tiingo_api_key`, `database_url`, `standby_database_url`,
/// `forecaster_token`, and with an underscore and its number a topic's own.
fn credentials(
    variables: &[(String, String)],
    open: &mut Vec<Finding>,
) -> Result<Environment, ConfigError> {
    let mut all = Vec::new();
    let folder = variables.iter().find(|it| it.0 == "CREDENTIALS_DIRECTORY");
    let files = folder.map(|(_, folder)| fs::read_dir(folder));
    for file in files.into_iter().flatten().flatten().flatten() {
        let Some(name) = file.file_name().to_str().map(str::to_uppercase) else {
            continue;
        };
        if !environment::is_credential(&name) {
            continue;
        }
        let path = file.path();
        let unreadable = |cause| ConfigError::Unreadable {
            root: path.clone(),
            path: path.clone(),
            cause,
        };
        let read = guard::read(&path, Keeper::System).map_err(unreadable)?;
        open.extend(read.found);
        let text = std::str::from_utf8(&read.bytes)
            .map_err(|_| unreadable(io::Error::new(io::ErrorKind::InvalidData, "it is no text")))?;
        all.push((name, text.trim().to_owned()));
    }
    Ok(Environment::new("systemd's credentials", all))
}

fn flags(overrides: &Overrides) -> Layer {
    let mut layer = Layer::named();
    let path = |it: &PathBuf| it.to_string_lossy().into_owned();
    let texts = [
        ("network", "--network", overrides.network.clone()),
        ("chain_id", "--chain-id", overrides.chain_id.clone()),
        (
            "data_dir",
            "--data-dir",
            overrides.data_dir.as_ref().map(path),
        ),
        ("prices", "--prices", overrides.prices.as_ref().map(path)),
    ];
    for (key, flag, value) in texts {
        if let Some(value) = value {
            layer.set(&[key], value.into(), flag);
        }
    }
    let texts = [
        ("host", "--host", overrides.host.clone().map(Value::from)),
        (
            "port",
            "--port",
            overrides.port.map(i64::from).map(Value::from),
        ),
        (
            "crunch_id",
            "--crunch-id",
            overrides.crunch_id.clone().map(Value::from),
        ),
    ];
    for (key, flag, value) in texts {
        if let Some(value) = value {
            layer.set(&["models", key], value, flag);
        }
    }
    for (key, flag, urls) in [
        ("rpc", "--rpc", &overrides.rpc),
        ("ws", "--ws", &overrides.ws),
    ] {
        if !urls.is_empty() {
            layer.set(&[key], urls.clone().into(), flag);
        }
    }
    if overrides.real_coins {
        layer.set(&["real_coins"], Value::Boolean(true), "--real-coins");
    }
    if overrides.no_register {
        let path = ["worker", "auto_register"];
        layer.set(&path, Value::Boolean(false), "--no-register");
    }
    if overrides.no_page {
        let path = ["ops", "page"];
        layer.set(&path, Value::Boolean(false), "--no-page");
    }
    layer
}
