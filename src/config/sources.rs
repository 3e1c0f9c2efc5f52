//! Where values come from, in order.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use toml::{Table, Value};

use super::{
    ConfigError, Overrides, Surroundings, WalletSecret,
    document::Document,
    environment::Environment,
    hint,
    layer::{self, Layer},
    secrets,
};
use crate::chain::NetworkConfig;

/// The layers in order, the strongest last.
pub(super) struct Sources {
    root: PathBuf,
    stack: Vec<Layer>,
    merged: Table,
    dotenv: Environment,
    process: Environment,
    credentials: Environment,
    /// What the operator should know of.
    pub notices: Vec<String>,
}

impl Sources {
    pub(super) fn read(overrides: &Overrides, around: &Surroundings) -> Result<Self, ConfigError> {
        let mut notices = Vec::new();
        let mut layers = Self {
            root: around.root.clone(),
            stack: Vec::new(),
            merged: Table::new(),
            dotenv: Environment::from_file(&around.root.join(".env"), &mut notices)?,
            process: Environment::new("", around.variables.clone()),
            credentials: credentials(&around.variables),
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
        match fs::read_to_string(&place) {
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

    /// The sources of secrets, the strongest first.
    pub(super) fn environments(&self) -> [&Environment; 3] {
        [&self.process, &self.credentials, &self.dotenv]
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
        notices: &mut Vec<String>,
    ) -> Result<Option<WalletSecret>, ConfigError> {
        let Some((wallet, place)) = secrets::wallet(&self.environments(), &self.root, notices)?
        else {
            let devnet = network_name == "devnet";
            return Ok(devnet.then(WalletSecret::devnet));
        };
        let public = |it: &str| it.contains("testnet") || it.contains("mainnet");
        let public = public(network_name) || public(&network.chain_id);
        if public && wallet.is_public_knowledge() {
            let wrong = "this mnemonic is published as a test vector: anybody can take its coins";
            let right = "make one of your own; test vectors are for devnet and localnet";
            return Err(ConfigError::refused(place, wrong, right));
        }
        Ok(Some(wallet))
    }
}

/// Secrets that systemd hands over as files: `mnemonic`, `private_key`, `tiingo_api_key`,
/// `forecaster_token`, `database_url` and `standby_database_url`.
fn credentials(variables: &[(String, String)]) -> Environment {
    let folder = variables.iter().find(|it| it.0 == "CREDENTIALS_DIRECTORY");
    let read = |(_, folder): &(String, String)| {
        let names = [
            "MNEMONIC",
            "PRIVATE_KEY",
            "TIINGO_API_KEY",
            "FORECASTER_TOKEN",
            "DATABASE_URL",
            "STANDBY_DATABASE_URL",
        ];
        let found = names.into_iter().filter_map(|name| {
            let path = Path::new(folder).join(name.to_lowercase());
            let text = fs::read_to_string(path).ok()?;
            Some((name.to_owned(), text.trim().to_owned()))
        });
        found.collect::<Vec<_>>()
    };
    Environment::new(
        "systemd's credentials",
        folder.map(read).unwrap_or_default(),
    )
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
    if overrides.no_register {
        let path = ["worker", "auto_register"];
        layer.set(&path, Value::Boolean(false), "--no-register");
    }
    layer
}
