//! `page`: the status page, from the worker's files alone.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use tokio::runtime::Builder;

use super::{failure::Failure, page_room, process};
use crate::{
    clock::{Clock as _, SystemClock},
    config::{Overrides, Surroundings},
    page::{BoardPlan, Reader, sample::Season},
};

/// How long the models' database is waited for where nothing else is done meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
/// The prices that come with the project, of which a made-up season is.
const PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";

/// Flags of `page`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Reads the worker's files and its database alone, and writes nothing: it works while \
the worker runs and while it does not, and asks no node. A worker that runs serves the same page \
itself (ops.http.listen)."
)]
pub(super) struct PageArgs {
    /// Where the page is served, on this machine alone
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9469")]
    listen: SocketAddr,
    /// Print what the page shows as JSON, and leave
    #[arg(long)]
    once_json: bool,
    /// The data folder of the worker [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The network that the worker is configured for, if it was given as a flag
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// Make up a season in an empty data folder, for measurements, and leave
    #[arg(long, value_name = "DIR", hide = true, conflicts_with_all = ["once_json", "data_dir"])]
    fill_sample: Option<PathBuf>,
    /// Windows of the made-up season
    #[arg(long, value_name = "COUNT", hide = true, default_value_t = 2_160)]
    sample_windows: usize,
}

impl PageArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            network: self.network.clone(),
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            ..Overrides::default()
        }
    }
}

/// Serves the page, or prints what it shows.
pub(super) fn page(args: &PageArgs) -> ExitCode {
    match carry_out(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused) => process::refuse(&refused),
    }
}

fn carry_out(args: &PageArgs) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if let Some(folder) = &args.fill_sample {
        return runtime.block_on(fill(folder, args.sample_windows));
    }
    let plan = BoardPlan::load(&args.overrides())?;
    if args.once_json {
        return runtime.block_on(print(plan));
    }
    runtime.block_on(page_room::serve_files(plan, args.listen))
}

/// Prints all that the page shows.
async fn print(plan: BoardPlan) -> Result<(), Failure> {
    let patience = PATIENCE;
    let mut reader = Reader::new(BoardPlan { patience, ..plan });
    let board = reader.board(None, SystemClock.now()).await;
    let text = serde_json::to_string_pretty(&board)?;
    match writeln!(io::stdout().lock(), "{text}") {
        // Who has left before the end has seen enough.
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

async fn fill(folder: &Path, windows: usize) -> Result<(), Failure> {
    let prices = Surroundings::of_process().root.join(PRICES);
    let season = Season::of_prices(&prices, windows, SystemClock.now())?;
    Ok(season.fill(folder).await?)
}
