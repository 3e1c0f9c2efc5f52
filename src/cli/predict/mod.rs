//! `predict`: the Predict worker, and what it has stored.

mod export;

use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Flags of `predict`.
#[derive(Args, Clone, Debug)]
pub(super) struct PredictArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Write stored predictions to a CSV or Parquet file, or to standard output
    Export(export::ExportArgs),
}

/// Does what the arguments ask for.
pub(super) fn predict(args: &PredictArgs) -> ExitCode {
    match &args.command {
        Command::Export(args) => export::export(args),
    }
}
