//! `locate`: tells the scripts where a worker writes, and where it shows itself.

use std::process::ExitCode;

use clap::Args;

use super::RunArgs;
use crate::config::Settings;

/// Flags of `locate`.
#[derive(Args, Clone, Debug)]
pub(super) struct LocateArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Print the page's address instead, if there is one
    #[arg(long)]
    page: bool,
}

/// Prints the data folder, or the page's address, as the scripts read it.
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn locate(args: &LocateArgs) -> ExitCode {
    let overrides = args.run.overrides();
    let told = if args.page {
        Settings::load(&overrides).map(|it| page(&it).unwrap_or_default())
    } else {
        let artifacts = Settings::locate(&overrides);
        artifacts.map(|it| it.data_dir().display().to_string())
    };
    match told {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("❌ ERROR {refused}");
            ExitCode::FAILURE
        }
    }
}

fn page(settings: &Settings) -> Option<String> {
    let ops = &settings.ops;
    let address = ops.http.address().ok().flatten().filter(|_| ops.page)?;
    Some(format!("http://{address}/"))
}
