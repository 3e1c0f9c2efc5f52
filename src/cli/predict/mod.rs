//! `predict`: the Predict worker, and what it has stored.

mod args;
mod export;
mod prices;
mod storing;
mod work;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Flags of `predict`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct PredictArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    work: args::WorkArgs,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Write stored predictions to a CSV or Parquet file, or to standard output
    Export(export::ExportArgs),
}

/// Does what the arguments ask for.
pub(super) fn predict(args: &PredictArgs) -> ExitCode {
    match &args.command {
        Some(Command::Export(args)) => export::export(args),
        None => work::work(&args.work),
    }
}
