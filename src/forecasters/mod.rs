//! Forecasters outside the process: a scientist's own model behind an HTTP endpoint or a command, asked
//! through `forecast`'s trait. None of them is trusted with time, and none knows a secret of ours.

mod answer;
mod command;
mod config;
mod error;
#[cfg(test)]
pub(crate) mod fuzz;
mod http;
pub mod network;
mod question;

use std::{path::Path, sync::Arc};

use secrecy::SecretString;

pub use command::CommandForecaster;
pub use config::{ForecasterConfig, Method};
pub use error::ForecasterError;
pub use http::HttpForecaster;

use crate::forecast::{Fallback, Outside, Source};

/// The forecaster that a topic's configuration describes. Commands run in `root`; `token` goes along
/// with each request.
///
/// # Errors
/// When the configuration makes no sense.
pub fn build(
    config: &ForecasterConfig,
    token: Option<&SecretString>,
    root: &Path,
) -> Result<Outside, ForecasterError> {
    config.check()?;
    let (forecaster, source): (Arc<dyn crate::forecast::Forecaster>, _) = match &config.command {
        Some(command) => {
            let forecaster = CommandForecaster::new(command.clone(), config.timeout, root);
            (Arc::new(forecaster), Source::Command)
        }
        None => (Arc::new(HttpForecaster::new(config, token)?), Source::Http),
    };
    Ok(Outside {
        forecaster,
        source,
        time_limit: config.timeout,
        closes: config.send_prices,
        labels: config.labels.clone(),
    })
}

/// Why there is no answer.
fn failed(detail: impl Into<String>) -> Fallback {
    Fallback::Outside {
        detail: detail.into(),
    }
}
