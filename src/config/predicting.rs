//! The part of the configuration that the Predict worker needs: no network and no wallet.

use std::path::PathBuf;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, Overrides, Surroundings, check::Check, outward, sources::Sources};
use crate::{
    market::MarketConfig,
    models::ModelsConfig,
    ops::{Artifacts, OpsConfig},
    predict::PredictConfig,
    score::ScoreConfig,
};

/// What the Predict worker is made of.
#[derive(Clone, Debug)]
pub struct Predicting {
    /// Where relative paths start.
    pub root: PathBuf,
    /// Where it writes.
    pub artifacts: Artifacts,
    /// `[models]`, with paths that start at the root.
    pub models: ModelsConfig,
    /// `[predict]`
    pub predict: PredictConfig,
    /// `[score]`
    pub score: ScoreConfig,
    /// `[market]`
    pub market: MarketConfig,
    /// `[ops]`
    pub ops: OpsConfig,
    /// The key for Tiingo.
    pub tiingo_api_key: Option<SecretString>,
    /// `OPS_HTTP_TOKEN`; without one the server of metrics and health is this machine's alone.
    pub http_token: Option<SecretString>,
    /// `DATABASE_URL`; without one a file among the artifacts serves.
    pub database_url: Option<SecretString>,
    /// What the operator should know of, though nothing is refused for it.
    pub notices: Vec<String>,
}

impl Predicting {
    /// Reads the configuration of this process. Only what is used is checked.
    ///
    /// # Errors
    /// When a file, a variable or a key can't be read, or a value makes no sense.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::load_from(overrides, &Surroundings::of_process())
    }

    /// As [`Predicting::load`], in surroundings of the caller's choice.
    ///
    /// # Errors
    /// As [`Predicting::load`].
    pub fn load_from(overrides: &Overrides, around: &Surroundings) -> Result<Self, ConfigError> {
        let sources = Sources::read(overrides, around)?;
        sources.guarded()?;
        let document = sources.document()?;
        let place = sources.placing();
        ConfigError::unless_none(Check::new(&place).predicting(&document))?;
        let http_token = sources.secret("OPS_HTTP_TOKEN");
        let page = document.predict.http.address().ok().flatten();
        let path = ["predict", "http", "listen"];
        outward::page(&path, page, http_token.as_ref(), &place)?;
        let mut models = document.models;
        for path in [
            &mut models.secure_credentials,
            &mut models.gateway_credentials,
        ] {
            *path = path.take().map(|path| around.root.join(path));
        }
        Ok(Self {
            root: around.root.clone(),
            artifacts: Artifacts::predict(around.root.join(document.data_dir)),
            models,
            predict: document.predict,
            score: document.score,
            market: document.market,
            ops: document.ops,
            tiingo_api_key: sources.secret("TIINGO_API_KEY"),
            http_token,
            database_url: sources.secret("DATABASE_URL"),
            notices: sources.notices.clone(),
        })
    }

    /// All secrets, for the mask of the logs; with those of a database that a flag names.
    #[must_use]
    pub fn secrets(&self, flag: Option<&str>) -> Vec<SecretString> {
        let named = flag.map(SecretString::from);
        let urls = self.database_url.iter().chain(&named);
        let urls = urls.filter(|url| holds_password(url.expose_secret()));
        let keys = self.tiingo_api_key.iter().chain(&self.http_token);
        keys.chain(urls).cloned().collect()
    }
}

/// What of a URL may be a key to it: a password, a user without one, values of its query, and parts of
/// its path that are too long for words; but for the names that everybody knows.
pub(super) fn secrets_of(url: &str, known: &[&str]) -> Vec<SecretString> {
    const LONGEST_WORD: usize = 15;
    let Ok(url) = Url::parse(url.strip_prefix("grpc+").unwrap_or(url)) else {
        return Vec::new();
    };
    let user = (!url.username().is_empty()).then(|| url.username().to_owned());
    let password = url.password().map(str::to_owned);
    // A key alone looks like a name without a value.
    let query = url.query_pairs().map(|(name, value)| {
        let key = if value.is_empty() { name } else { value };
        key.into_owned()
    });
    let path = url.path().split('/').map(str::to_owned);
    let path = path.filter(|part| part.len() > LONGEST_WORD);
    let all = user.into_iter().chain(password).chain(query).chain(path);
    all.filter(|it| !known.contains(&it.as_str()))
        .map(SecretString::from)
        .collect()
}

/// Whether a database's address may hold a password. A file's path is no secret, and stands in logs.
#[must_use]
pub(super) fn holds_password(url: &str) -> bool {
    url.contains('@') || url.contains("password")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(text: &str, overrides: &Overrides) -> Result<Predicting, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/worker.toml"), text).unwrap();
        let around = Surroundings {
            root: folder.path().to_owned(),
            variables: vec![
                ("DATABASE_URL".into(), "postgres://me:secret@db/p".into()),
                ("ALLORA_MODELS__TIMEOUT".into(), "20s".into()),
            ],
            ask: None,
        };
        Predicting::load_from(overrides, &around)
    }

    #[test]
    fn flags_and_variables_win_over_the_file() {
        let text = "network = \"nowhere\"\n[models]\nport = 1\nhost = \"a\"\nsecure_credentials = \"certs\"";
        let overrides = Overrides {
            port: Some(9_999),
            crunch_id: Some("synth".into()),
            ..Overrides::default()
        };
        let read = load(text, &overrides).unwrap();
        let models = &read.models;
        assert_eq!((models.host.as_str(), models.port), ("a", 9_999));
        assert_eq!(models.crunch_id, "synth");
        assert_eq!(models.timeout.as_secs(), 20);
        let credentials = models.secure_credentials.as_ref().unwrap();
        assert!(credentials.is_absolute(), "{}", credentials.display());
        let url = read.database_url.as_ref().unwrap();
        assert_eq!(url.expose_secret(), "postgres://me:secret@db/p");
        assert!(!format!("{read:?}").contains("secret@"));
        assert_eq!(read.secrets(None).len(), 1);
        let masked = |flag| read.secrets(Some(flag)).len();
        assert_eq!(masked("postgres://me:other@db/p"), 2);
        assert_eq!(masked("data/p.db"), 1);
    }

    #[test]
    fn keys_in_urls_are_secrets_and_the_chains_name_is_none() {
        let of = |url: &str| -> Vec<String> {
            let found = secrets_of(url, &["allora-testnet-1", "testnet"]);
            found
                .iter()
                .map(|it| it.expose_secret().to_owned())
                .collect()
        };
        let key = "0123456789abcdef0123";
        let url = format!("https://me:pass@node/allora-testnet-1/{key}?network=testnet&{key}x");
        assert_eq!(of(&url), ["me", "pass", &format!("{key}x"), key]);
        assert_eq!(of(&format!("grpc+https://node?key={key}")), [key]);
        assert!(of("http://node/allora-testnet-1/status").is_empty());
    }

    #[test]
    fn a_server_that_others_reach_asks_for_a_token() {
        let text = "[predict.http]\nlisten = \"0.0.0.0:9468\"";
        let refused = load(text, &Overrides::default()).unwrap_err().to_string();
        for wanted in [
            "line 2: predict.http.listen is 0.0.0.0:9468",
            "OPS_HTTP_TOKEN",
        ] {
            assert!(
                refused.contains(wanted),
                "{wanted} is missing in\n{refused}"
            );
        }
    }

    #[test]
    fn wrong_values_are_told_with_their_place() {
        let text = "[models]\nreplays = 0\n[[predict.schedules]]\nasset = \"BTC\"\n\
                    horizon = \"1h\"\nstep = \"7m\"\ninterval = \"1h\"\n";
        let refused = load(text, &Overrides::default()).unwrap_err().to_string();
        for wanted in [
            "config/worker.toml, line 2: models.replays is 0",
            "config/worker.toml, line 6: predict.schedules.0.step is 420s",
        ] {
            assert!(
                refused.contains(wanted),
                "{wanted} is missing in\n{refused}"
            );
        }
    }
}
