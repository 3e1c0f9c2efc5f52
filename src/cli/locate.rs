//! `locate`: tells the scripts where a worker writes.

use std::process::ExitCode;

use super::RunArgs;
use crate::config::Settings;

/// Prints the data folder, as the scripts read it.
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn locate(args: &RunArgs) -> ExitCode {
    match Settings::locate(&args.overrides()) {
        Ok(artifacts) => {
            println!("{}", artifacts.data_dir().display());
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("❌ ERROR {refused}");
            ExitCode::FAILURE
        }
    }
}
