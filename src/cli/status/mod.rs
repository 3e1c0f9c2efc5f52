//! `status`: how the worker fares and has fared, as a table, as JSON, or followed live.

mod dashboard;
mod fit;
mod sections;
mod text;
mod watch;
mod words;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use tokio::runtime::Builder;

use super::{failure::Failure, process};
use crate::{
    clock::{Clock as _, SystemClock},
    config::Overrides,
    status::{Desk, Plan, Status},
};

/// Flags of `status`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Reads the worker's files and its database alone, and writes nothing: it works while \
the worker runs and while it does not, and asks no node.\n\n\
Exit codes: 0 running, and a window would be answered; 1 running, and something stands in the way; \
3 not running; 78 the configuration or the flags can't be used."
)]
pub(super) struct StatusArgs {
    /// Print it as JSON
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Follow it live, until q
    #[arg(long)]
    watch: bool,
    /// The data folder of the worker [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The network that the worker is configured for, if it was given as a flag
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
}

impl StatusArgs {
    fn overrides(&self) -> Overrides {
        Overrides {
            network: self.network.clone(),
            config: self.config.clone(),
            data_dir: self.data_dir.clone(),
            ..Overrides::default()
        }
    }
}

/// Shows how the worker fares.
pub(super) fn status(args: &StatusArgs) -> ExitCode {
    match show(args) {
        Ok(status) => ExitCode::from(status.state.exit_code()),
        Err(refused) => process::refuse(&refused),
    }
}

fn show(args: &StatusArgs) -> Result<Status, Failure> {
    if args.watch && !io::stdout().is_terminal() {
        return Err(Failure::lasting(
            "--watch draws in a terminal, and standard output is none: leave --watch out, or use --json"
                .into(),
        ));
    }
    let mut desk = Desk::new(Plan::load(&args.overrides())?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if args.watch {
        return Ok(watch::watch(&runtime, &mut desk)?);
    }
    let status = runtime.block_on(desk.status(SystemClock.now()));
    print(args, &status)?;
    Ok(status)
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn print(args: &StatusArgs, status: &Status) -> Result<(), Failure> {
    if args.json {
        println!("{}", serde_json::to_string_pretty(status)?);
    } else {
        print!("{}", text::text(status));
    }
    Ok(())
}

#[cfg(test)]
mod samples;
