//! `prices`: the candles that the store holds, looked at and changed by hand.

mod export;
mod fetch;
mod import;
mod status;

use std::{fmt, fs, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    config::{ConfigError, Overrides, Settings},
    market::Series,
    store::{Interval, Store},
};

/// Flags of `prices`.
#[derive(Args, Clone, Debug)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Where the prices are.
#[derive(Args, Clone, Debug)]
struct PlaceArgs {
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The worker's data folder [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Take the candles of a CSV file in; a running worker uses them after the next full hour, unless it
    /// reads a file of its own (--prices)
    Import(import::ImportArgs),
    /// Write candles to a CSV file, or to standard output
    Export(export::ExportArgs),
    /// Show what is there: gaps, age, sources, what is set aside, and the quota
    Status(status::StatusArgs),
    /// Fetch what is missing now, with a progress bar
    Fetch(fetch::FetchArgs),
}

/// Which candles.
#[derive(Args, Clone, Debug)]
struct SeriesArgs {
    /// The pair [default: that of the first topic]
    #[arg(long, value_name = "TICKER")]
    ticker: Option<String>,
    /// How long each candle lasts: 1min, 5min, 1h or 1d
    #[arg(long, value_name = "INTERVAL", default_value = "1h")]
    interval: Interval,
}

impl SeriesArgs {
    fn series(&self, settings: &Settings) -> Series {
        let ticker = ticker_of(self.ticker.as_ref(), settings);
        Series::new(ticker, self.interval)
    }
}

/// Why a command could not do its work.
enum Failure {
    /// Something has to be corrected.
    Refused(String),
    /// It may go better another time.
    Failed(String),
}

impl From<ConfigError> for Failure {
    fn from(cause: ConfigError) -> Self {
        Self::Refused(cause.to_string())
    }
}

fn failed(cause: impl fmt::Display) -> Failure {
    Failure::Failed(cause.to_string())
}

#[allow(clippy::print_stderr, reason = "this is the command line")]
pub(super) fn prices(args: &PricesArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(failed)
        .and_then(|runtime| runtime.block_on(carry_out(args)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused(cause)) => {
            eprintln!("❌ ERROR {cause}");
            ExitCode::from(super::failure::WRONG)
        }
        Err(Failure::Failed(cause)) => {
            eprintln!("❌ ERROR {cause}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(args: &PricesArgs) -> Result<(), Failure> {
    let settings = Settings::load(&Overrides {
        config: args.place.config.clone(),
        data_dir: args.place.data_dir.clone(),
        ..Overrides::default()
    })?;
    let database = settings.artifacts.database();
    fs::create_dir_all(settings.artifacts.folder()).map_err(|cause| {
        let folder = settings.artifacts.folder();
        failed(format!(
            "{} can't be made: {cause}; check --data-dir and its permissions",
            folder.display()
        ))
    })?;
    let store = Arc::new(Store::open(&database).await.map_err(failed)?);
    match &args.command {
        Command::Import(args) => import::import(args, &settings, &store).await,
        Command::Export(args) => export::export(args, &settings, &store).await,
        Command::Status(args) => status::status(args, &settings, &store).await,
        Command::Fetch(args) => fetch::fetch(args, &settings, &store).await,
    }
}

/// The pair asked for, or that of the first topic.
fn ticker_of(asked: Option<&String>, settings: &Settings) -> String {
    let first = || settings.topics.first().map(|topic| topic.ticker.clone());
    asked.cloned().or_else(first).unwrap_or_default()
}

/// Reads a day or a time, in UTC.
pub(super) fn time_of(text: &str) -> Result<OffsetDateTime, String> {
    let day = time::macros::format_description!("[year]-[month]-[day]");
    let midnight = |date: Date| date.midnight().assume_utc();
    Date::parse(text, day)
        .map(midnight)
        .or_else(|_| OffsetDateTime::parse(text, &Rfc3339))
        .map_err(|_| "write a day, 2025-01-31, or a time, 2025-01-31T13:00:00Z".into())
}

/// A time as people read it.
fn shown(at: Option<OffsetDateTime>) -> String {
    let text = at.and_then(|at| at.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "none".into())
}
