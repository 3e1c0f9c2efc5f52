//! The configuration: one typed tree, each section owned by its room.
//!
//! Later layers win: built-in defaults, `config/worker.toml`, the file of `--config`, `.env`, the
//! process's environment, flags. Sections are joined key by key, lists are replaced. A wrong key or
//! value is refused with its name, its place and what would be right. Relative paths start at the
//! project's root: `ALLORA_WORKER_HOME`, or the first folder that holds `config/networks` from the
//! present one upwards, or from the executable's upwards, or `/etc/allora-worker`, where a package puts it.

mod check;
mod document;
mod environment;
mod error;
#[cfg(test)]
pub(crate) mod fuzz;
mod guard;
mod hint;
mod layer;
pub(crate) mod locked;
mod network;
mod offline;
mod outward;
mod predicting;
mod published;
mod root;
mod secrets;
mod sources;
mod survey;
mod topics;

use std::{
    collections::BTreeMap,
    env, io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::{Zeroize, Zeroizing};

use self::{check::Check, document::Document, sources::Sources};
pub use self::{
    error::{ConfigError, Finding},
    offline::Offline,
    predicting::Predicting,
    secrets::{Ask, WalletSecret},
    survey::{Part, Surveyed},
};
use crate::{
    alerts::AlertsConfig,
    chain::{ChainConfig, FeeConfig, NetworkConfig, redacted},
    density::Unit,
    forecast::{BlendConfig, ForecastConfig},
    learning::LearningConfig,
    market::MarketConfig,
    ops::{Artifacts, OpsConfig},
    standby::StandbyConfig,
    store::{DatabaseUrl, StoreError},
    types::TopicId,
    worker::{CompetitionConfig, TopicConfig, WorkerConfig},
};

/// What the command line overrides.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--network`
    pub network: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--topic`, any number
    pub topics: Vec<u64>,
    /// `--rpc`, any number
    pub rpc: Vec<String>,
    /// `--ws`, any number
    pub ws: Vec<String>,
    /// `--chain-id`
    pub chain_id: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--prices`
    pub prices: Option<PathBuf>,
    /// `--no-register`
    pub no_register: bool,
    /// `--no-page`
    pub no_page: bool,
    /// `--real-coins`
    pub real_coins: bool,
    /// `--host`, of the models' orchestrator
    pub host: Option<String>,
    /// `--port`, of the models' orchestrator
    pub port: Option<u16>,
    /// `--crunch-id`
    pub crunch_id: Option<String>,
}

/// The process's surroundings, from which a configuration is made.
#[derive(Clone)]
pub struct Surroundings {
    /// The project's root.
    pub root: PathBuf,
    /// The environment's variables.
    pub variables: Vec<(String, String)>,
    /// Who may be asked for the passphrase of a locked wallet's file.
    pub ask: Option<Ask>,
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        // Any of them may be a secret.
        for (_, value) in &mut self.variables {
            value.zeroize();
        }
    }
}

/// The configuration as a whole, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where relative paths start.
    pub root: PathBuf,
    /// Where the worker writes.
    pub artifacts: Artifacts,
    /// The network's name.
    pub network_name: String,
    /// Whether fees may be paid in the real coins of mainnet.
    pub real_coins: bool,
    /// The network. On `devnet` its lists are empty unless a node was given: then the embedded
    /// chain is started.
    pub network: NetworkConfig,
    /// `[chain]`
    pub chain: ChainConfig,
    /// `[fees]`
    pub fees: FeeConfig,
    /// `[worker]`
    pub worker: WorkerConfig,
    /// `[market]`
    pub market: MarketConfig,
    /// `[forecast]`
    pub forecast: ForecastConfig,
    /// `[blend]`
    pub blend: BlendConfig,
    /// `crunch_id` of `[models]`: whose models are heard where a topic names none.
    pub crunch_id: String,
    /// `unit` of `[models]`: what their numbers are in.
    pub unit: Unit,
    /// `predict.assets`: assets' names as models know them, with their pairs.
    pub assets: BTreeMap<String, String>,
    /// `DATABASE_URL`; without one the Predict worker's own file serves.
    pub database_url: Option<SecretString>,
    /// `[standby]`
    pub standby: StandbyConfig,
    /// `STANDBY_DATABASE_URL`; without one the worker is its wallet's only one.
    pub standby_database_url: Option<SecretString>,
    /// `[learning]`
    pub learning: LearningConfig,
    /// `[ops]`
    pub ops: OpsConfig,
    /// `[alerts]`
    pub alerts: AlertsConfig,
    /// `ALERT_WEBHOOK_URL`; without one no alert is sent.
    pub alert_url: Option<SecretString>,
    /// `OPS_HTTP_TOKEN`; without one the server of metrics and health is this machine's alone.
    pub http_token: Option<SecretString>,
    /// The topics to answer; at least one, none twice.
    pub topics: Vec<TopicConfig>,
    /// The period in which windows are answered.
    pub competition: Option<CompetitionConfig>,
    /// A CSV file of prices instead of Tiingo.
    pub prices: Option<PathBuf>,
    /// The wallet's secret, valid in form. None when none is set; see [`Settings::wallet`].
    pub wallet: Option<WalletSecret>,
    /// The key for Tiingo.
    pub tiingo_api_key: Option<SecretString>,
    /// The tokens for topics' forecasters.
    pub forecaster_tokens: BTreeMap<TopicId, SecretString>,
    /// What the operator should know of, though nothing is refused for it.
    pub notices: Vec<String>,
}

impl Surroundings {
    /// Those of this process. Variables that are not UTF-8 are passed over.
    #[must_use]
    pub fn of_process() -> Self {
        let present = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let home = env::var_os("ALLORA_WORKER_HOME").filter(|it| !it.is_empty());
        let executable = env::current_exe().ok();
        let home = home.map(PathBuf::from);
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            root: root::find(
                home.as_deref(),
                &present,
                executable.as_deref(),
                Path::new(root::PACKAGED),
            ),
            variables,
            ask: None,
        }
    }
}

impl Settings {
    /// As [`Settings::load`]; for the passphrase of a locked wallet's file the operator may be asked.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_asking(overrides: &Overrides, ask: Ask) -> Result<Self, ConfigError> {
        let mut around = Surroundings::of_process();
        around.ask = Some(ask);
        Self::load_from(overrides, &around)
    }

    /// Reads and checks the configuration of this process. A wallet's file whose passphrase is not at
    /// hand counts as none.
    ///
    /// # Errors
    /// When anything is wrong; see [`ConfigError`].
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::load_from(overrides, &Surroundings::of_process())
    }

    /// As [`Settings::load`], in surroundings of the caller's choice.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn load_from(overrides: &Overrides, around: &Surroundings) -> Result<Self, ConfigError> {
        let sources = Sources::read(overrides, around)?;
        sources.guarded()?;
        let mut read = Self::without_wallet(overrides, around, &sources)?;
        let (name, network) = (&read.network_name, &read.network);
        read.wallet = sources.wallet(name, network, around.ask, &mut read.notices)?;
        Ok(read)
    }

    /// All but the wallet's secret.
    fn without_wallet(
        overrides: &Overrides,
        around: &Surroundings,
        sources: &Sources,
    ) -> Result<Self, ConfigError> {
        let mut document = sources.document()?;
        let (mut network, network_layer) = network::load(&around.root, &document.network)?;
        let mut notices = sources.notices.clone();
        apply_endpoints(&document, &mut network, &mut notices);
        let place = |path: &[&str]| {
            let found = sources.place(path).or_else(|| network_layer.place(path));
            found.unwrap_or_else(|| "configuration".to_owned())
        };
        let mut found = Check::new(&place).all(&document, &network);
        let ca_file = document.chain.ca_file.take();
        document.chain.ca_file = ca_file.map(|path| around.root.join(path));
        let prices = document.prices.take().map(|path| around.root.join(path));
        if let Some(prices) = prices.as_ref().filter(|it| !it.is_file()) {
            found.push(Finding {
                place: place(&["prices"]),
                wrong: format!("there is no file {}", prices.display()),
                right: format!("relative paths start at {}", around.root.display()),
            });
        }
        ConfigError::unless_none(found)?;
        let http_token = sources.secret("OPS_HTTP_TOKEN");
        let page = document.ops.http.address().ok().flatten();
        let path = ["ops", "http", "listen"];
        outward::page(&path, page, http_token.as_ref(), &place)?;
        let alert_url = sources.secret("ALERT_WEBHOOK_URL");
        outward::webhook(alert_url.as_ref(), &mut notices)?;
        let topics = topics::choose(&overrides.topics, &document.topics, &mut notices)?;
        topics::tell_unjudged(&topics, &document, &mut notices);
        topics::tell_networks(&topics, &document, &mut notices);
        let forecaster_tokens = topics
            .iter()
            .filter(|topic| topic.forecaster.is_some())
            .filter_map(|topic| {
                let mut environments = sources.environments().into_iter();
                let token = environments.find_map(|it| it.forecaster_token(topic.id))?;
                Some((topic.id, token.clone()))
            });
        let forecaster_tokens = forecaster_tokens.collect();
        Ok(Self {
            root: around.root.clone(),
            artifacts: Artifacts::new(around.root.join(&document.data_dir)),
            network_name: document.network,
            real_coins: document.real_coins,
            network,
            chain: document.chain,
            fees: document.fees,
            worker: document.worker,
            market: document.market,
            forecast: document.forecast,
            blend: document.blend,
            crunch_id: document.models.crunch_id,
            unit: document.models.unit,
            assets: document.predict.assets,
            database_url: sources.secret("DATABASE_URL"),
            standby: document.standby,
            standby_database_url: sources.secret("STANDBY_DATABASE_URL"),
            learning: document.learning,
            ops: document.ops,
            alerts: document.alerts,
            alert_url,
            http_token,
            topics,
            competition: document.competition,
            prices,
            wallet: None,
            tiingo_api_key: sources.secret("TIINGO_API_KEY"),
            forecaster_tokens,
            notices,
        })
    }

    /// Where the worker of this process would write. Needs no secrets and no valid values beyond
    /// the data folder's.
    ///
    /// # Errors
    /// When a file, a variable or a key can't be read.
    pub fn locate(overrides: &Overrides) -> Result<Artifacts, ConfigError> {
        let around = Surroundings::of_process();
        let document = Sources::read(overrides, &around)?.document()?;
        Ok(Artifacts::new(around.root.join(document.data_dir)))
    }

    /// The wallet's secret.
    ///
    /// # Errors
    /// [`ConfigError::NoWallet`] with what to set.
    pub fn wallet(&self) -> Result<&WalletSecret, ConfigError> {
        let env_file = self.root.join(".env");
        self.wallet
            .as_ref()
            .ok_or(ConfigError::NoWallet { env_file })
    }

    /// Whether the operator has said that fees may be paid in real coins, where they are real.
    ///
    /// # Errors
    /// [`ConfigError::RealCoins`] with what to say.
    pub fn consent(&self) -> Result<(), ConfigError> {
        let names = [&self.network_name, &self.network.chain_id];
        if self.real_coins || !names.iter().any(|it| it.contains("mainnet")) {
            return Ok(());
        }
        let chain_id = self.network.chain_id.clone();
        Err(ConfigError::RealCoins { chain_id })
    }

    /// The database that the Predict worker of the same configuration writes predictions to.
    ///
    /// # Errors
    /// When `DATABASE_URL` is no database's address.
    pub fn predictions(&self) -> Result<DatabaseUrl, StoreError> {
        if let Some(named) = &self.database_url {
            let named: DatabaseUrl = named.expose_secret().parse()?;
            return Ok(named.below(&self.root));
        }
        let artifacts = Artifacts::predict(self.artifacts.data_dir());
        Ok(DatabaseUrl::file(artifacts.database()))
    }

    /// All secrets, for the mask of the logs.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let wallet = self.wallet.iter().map(|it| it.secret().clone());
        let tokens = self.forecaster_tokens.values().cloned();
        let keys = self.tiingo_api_key.iter().cloned();
        let url = self.database_url.iter().chain(&self.standby_database_url);
        let url = url.filter(|url| predicting::holds_password(url.expose_secret()));
        let network = self.network.rpc.iter().chain(&self.network.ws);
        let known = [&*self.network.chain_id, &*self.network_name];
        let endpoints = network.flat_map(|url| predicting::secrets_of(url, &known));
        let outward = self.alert_url.iter().chain(&self.http_token).cloned();
        wallet
            .chain(outward)
            .chain(keys)
            .chain(tokens)
            .chain(url.cloned())
            .chain(endpoints)
            .collect()
    }
}

/// Puts the endpoints and the chain id that were given over the network's own. Without a WebSocket
/// of its own, a given RPC endpoint serves it as well: a node offers both at one address.
fn apply_endpoints(document: &Document, network: &mut NetworkConfig, notices: &mut Vec<String>) {
    if let Some(id) = &document.chain_id {
        network.chain_id.clone_from(id);
    }
    if let Some(ws) = &document.ws {
        network.ws.clone_from(ws);
    }
    let Some(rpc) = &document.rpc else { return };
    network.rpc.clone_from(rpc);
    if document.ws.is_none() {
        // What is no URL is refused for itself.
        let websocket = |url: &String| {
            let rest = url.strip_prefix("http")?;
            Some(format!("ws{}/websocket", rest.trim_end_matches('/')))
        };
        network.ws = rpc.iter().filter_map(websocket).collect();
        let shown: Vec<_> = network.ws.iter().map(|url| redacted(url)).collect();
        let shown = shown.join(", ");
        notices.push(format!("no --ws was given: {shown} is used"));
    }
}

/// The text of a file with a secret, if nobody else has access to it.
///
/// # Errors
/// Who else has, and the command that mends it; or that it can't be read.
pub fn secret_file(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable {
        path: path.to_owned(),
        root: env::current_dir().unwrap_or_default(),
        cause,
    };
    let read = guard::read(path, guard::Keeper::Operator).map_err(unreadable)?;
    ConfigError::unless_none(read.found)?;
    let text = std::str::from_utf8(&read.bytes)
        .map_err(|cause| unreadable(io::Error::new(io::ErrorKind::InvalidData, cause)))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
