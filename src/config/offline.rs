//! The part of the configuration that needs no network and no wallet.

use std::path::PathBuf;

use super::{ConfigError, Overrides, Surroundings, check::Check, sources::Sources};
use crate::{forecast::ForecastConfig, ops::Artifacts};

/// What work on prices alone needs, such as a backtest.
#[derive(Clone, Debug)]
pub struct Offline {
    /// Where relative paths start.
    pub root: PathBuf,
    /// Where the worker writes.
    pub artifacts: Artifacts,
    /// `[forecast]`
    pub forecast: ForecastConfig,
}

impl Offline {
    /// Reads the configuration of this process. Only what is used is checked: a network or a wallet
    /// that is missing or wrong is no obstacle.
    ///
    /// # Errors
    /// When a file, a variable or a key can't be read, or a value of `[forecast]` makes no sense.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        Self::load_from(overrides, &Surroundings::of_process())
    }

    /// As [`Offline::load`], in surroundings of the caller's choice.
    ///
    /// # Errors
    /// As [`Offline::load`].
    pub fn load_from(overrides: &Overrides, around: &Surroundings) -> Result<Self, ConfigError> {
        let sources = Sources::read(overrides, around)?;
        let document = sources.document()?;
        let place = sources.placing();
        ConfigError::unless_none(Check::new(&place).forecasting(&document))?;
        Ok(Self {
            root: around.root.clone(),
            artifacts: Artifacts::new(around.root.join(document.data_dir)),
            forecast: document.forecast,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(config: &str) -> Result<Offline, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/worker.toml"), config).unwrap();
        let around = Surroundings {
            root: folder.path().to_owned(),
            variables: Vec::new(),
            ask: None,
        };
        Offline::load_from(&Overrides::default(), &around)
    }

    #[test]
    fn needs_neither_network_nor_wallet() {
        let loaded = load("network = \"nowhere\"\n[forecast]\nmin_days = 20\n").unwrap();
        assert_eq!(loaded.forecast.min_days, 20);
        assert_eq!(loaded.artifacts.data_dir(), loaded.root.join("data"));
    }

    #[test]
    fn refuses_a_forecast_that_makes_no_sense() {
        let refusal = load("[forecast]\nmin_days = 0\n").unwrap_err().to_string();
        for part in ["config/worker.toml", "min_days"] {
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
