//! `predict`: the Predict worker, and what it has stored.

mod args;
pub(super) mod database;
mod export;
mod prices;
mod seat;
mod sharing;
mod storing;
mod work;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::args::WorkArgs;
pub(super) use self::work::end_when_asked;

/// Flags of `predict`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct PredictArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    work: WorkArgs,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Write stored predictions to a CSV or Parquet file, or to standard output
    Export(export::ExportArgs),
}

/// Runs the Predict worker, or writes out what it has stored.
pub(super) fn predict(args: &PredictArgs) -> ExitCode {
    match &args.command {
        None => work::work(&args.work),
        Some(Command::Export(args)) => export::export(args),
    }
}
