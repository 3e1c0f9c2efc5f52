//! Flags of `predict`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;

use crate::config::Overrides;

/// Flags of `predict`. They win over all files and variables.
#[derive(Args, Clone, Debug)]
pub(super) struct WorkArgs {
    /// The host of the models' orchestrator [default: localhost]
    #[arg(long, value_name = "NAME")]
    pub(super) host: Option<String>,
    /// The port of the orchestrator's WebSocket [default: 9091]
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,
    /// Which crunch's models are called [default: condorgame]
    #[arg(long, value_name = "ID")]
    pub(super) crunch_id: Option<String>,
    /// Play a file of past prices as if they came in now, instead of Tiingo; ASSET= names what they are
    /// of when there are several. May be repeated
    #[arg(long, value_name = "[ASSET=]CSV")]
    pub(super) prices: Vec<PricesFile>,
    /// How many times as fast as they were the prices of a file are played
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "prices")]
    pub(super) speed: f64,
    /// Where everything is written, in its subfolder artifacts [default: data]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// The database: postgres://… or a file [default: `DATABASE_URL`, else data/artifacts/predict.db; with
    /// --prices always data/artifacts/predict.replay.db].
    /// Others on this machine can read a process's flags: a password belongs into `DATABASE_URL`
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
    /// Leave after this time: 90s, 2h, 30days
    #[arg(long, value_name = "TIME", value_parser = humantime_serde::re::humantime::parse_duration)]
    pub(super) duration: Option<Duration>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// A file of prices, and what they are of when that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PricesFile {
    pub(super) asset: Option<String>,
    pub(super) path: PathBuf,
}

impl FromStr for PricesFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (asset, path) = match text.split_once('=') {
            Some((asset, path)) if !asset.contains('/') => (Some(asset.trim().to_owned()), path),
            _ => (None, text),
        };
        if path.is_empty() || asset.as_deref() == Some("") {
            return Err("write a file's path, or ASSET=PATH such as ETH=eth.csv".into());
        }
        let path = path.into();
        Ok(Self { asset, path })
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.001..=1e6).contains(&speed) {
        Ok(speed)
    } else {
        Err("give 0.001 to 1000000: hourly prices at 3600 come one a second".into())
    }
}

impl WorkArgs {
    /// What they override in the configuration.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            host: self.host.clone(),
            port: self.port,
            crunch_id: self.crunch_id.clone(),
            ..Overrides::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_named_with_its_asset() {
        let read = |text: &str| text.parse::<PricesFile>();
        let file = |asset: Option<&str>, path: &str| PricesFile {
            asset: asset.map(Into::into),
            path: path.into(),
        };
        assert_eq!(read("data/btc.csv"), Ok(file(None, "data/btc.csv")));
        assert_eq!(read("ETH=eth.csv"), Ok(file(Some("ETH"), "eth.csv")));
        assert_eq!(read("data/a=b.csv"), Ok(file(None, "data/a=b.csv")));
        for wrong in ["", "ETH=", "=eth.csv"] {
            assert!(read(wrong).unwrap_err().contains("ASSET=PATH"));
        }
    }

    #[test]
    fn a_speed_is_a_number_within_reason() {
        assert_eq!(speed("3600"), Ok(3_600.0));
        for wrong in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }
}
