//! `predict`: the Predict worker, and what it has stored.

mod args;
mod prices;
mod work;

use std::process::ExitCode;

use clap::Args;

use self::args::WorkArgs;

/// Flags of `predict`.
#[derive(Args, Clone, Debug)]
pub(super) struct PredictArgs {
    #[command(flatten)]
    work: WorkArgs,
}

/// Runs the Predict worker.
pub(super) fn predict(args: &PredictArgs) -> ExitCode {
    work::work(&args.work)
}
