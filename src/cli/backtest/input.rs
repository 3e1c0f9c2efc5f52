//! What a backtest is made from.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    thread,
    time::Duration,
};

use humantime_serde::re::humantime;
use time::{Date, macros::format_description};

use super::BacktestArgs;
use crate::{
    backtest::Plan,
    config::{Offline, Overrides},
    forecast::Candle,
    market::read_csv,
    store::{CandleRepository as _, Store},
};

/// The plan and its prices.
pub(super) struct Input {
    pub plan: Plan,
    /// Known, but not scored.
    pub history: Vec<Candle>,
    pub prices: Vec<Candle>,
    /// What is told of the files.
    pub notes: Vec<String>,
}

impl Input {
    /// Reads the flags, the configuration and the prices. An error names its cause and the remedy.
    pub(super) fn read(args: &BacktestArgs) -> Result<Self, String> {
        let overrides = Overrides {
            config: args.config.clone(),
            data_dir: args.data_dir.clone(),
            ..Overrides::default()
        };
        let offline = Offline::load(&overrides).map_err(|refused| refused.to_string())?;
        let plan = plan(args, &offline)?;
        let mut notes = Vec::new();
        let prices = match &args.prices {
            Some(path) => from_file(&offline.root, path, &mut notes)?,
            None => from_store(&offline, &args.ticker)?,
        };
        let history = match &args.history {
            Some(path) => from_file(&offline.root, path, &mut notes)?,
            None => Vec::new(),
        };
        Ok(Self {
            plan,
            history,
            prices,
            notes,
        })
    }
}

fn plan(args: &BacktestArgs, offline: &Offline) -> Result<Plan, String> {
    let mut config = offline.forecast.clone();
    if let Some(name) = &args.source {
        config.source = read("--source", name)?;
    }
    let threads = args.threads.filter(|threads| *threads > 0);
    let cores = || thread::available_parallelism().map_or(1, Into::into);
    Ok(Plan {
        config,
        horizon: span("--horizon", &args.horizon)?,
        every: span("--every", &args.every)?,
        visible: args
            .visible
            .as_deref()
            .map(|it| span("--visible", it))
            .transpose()?,
        from: args
            .from
            .as_deref()
            .map(|it| date("--from", it))
            .transpose()?,
        to: args.to.as_deref().map(|it| date("--to", it)).transpose()?,
        unforecast: read("--unforecast", &args.unforecast)?,
        draws: args.draws,
        seed: args.seed,
        threads: threads.unwrap_or_else(cores),
    })
}

fn read<T: FromStr>(flag: &str, text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|refused| format!("{flag}: {refused}"))
}

fn span(flag: &str, text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|refused| {
        format!("{flag}: {text:?} is no span of time ({refused}); write one such as 7d or 24h")
    })
}

fn date(flag: &str, text: &str) -> Result<Date, String> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|refused| {
        format!("{flag}: {text:?} is no day ({refused}); write one such as 2024-01-31")
    })
}

/// The candles of a file, given from the present folder or from the project's root.
fn from_file(root: &Path, path: &Path, notes: &mut Vec<String>) -> Result<Vec<Candle>, String> {
    let path = if path.is_file() {
        path.to_owned()
    } else {
        root.join(path)
    };
    let file = read_csv(&path).map_err(|refused| refused.to_string())?;
    if let Some(example) = file.report.example() {
        let count = file.report.set_aside.len();
        let path = path.display();
        notes.push(format!("{path}: {count} lines are set aside, {example}"));
    }
    if file.report.is_uneven() {
        notes.push(format!("{}: {}", path.display(), file.report));
    }
    Ok(file.candles)
}

/// The candles that a worker has stored.
fn from_store(offline: &Offline, ticker: &str) -> Result<Vec<Candle>, String> {
    let database = offline.artifacts.database();
    let none = |database: PathBuf| {
        format!(
            "there are no stored prices of {ticker} in {}; give a file with --prices CSV, or run the \
             worker until it has fetched some",
            database.display()
        )
    };
    if !database.is_file() {
        return Err(none(database));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| format!("no runtime: {cause}; try again"))?;
    let loaded = runtime.block_on(async {
        let store = Store::open(&database).await?;
        store.load(ticker, i64::MIN).await
    });
    let candles = loaded.map_err(|refused| refused.to_string())?;
    if candles.is_empty() {
        return Err(none(database));
    }
    Ok(candles)
}
