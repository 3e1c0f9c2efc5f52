//! `check`: whether a worker could do its work here, and what is to be done where it could not.

mod table;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Args;
use tokio::runtime::Builder;

use super::{RunArgs, network, origin, process::THREADS, rooms, terminal};
use crate::{
    config::{Settings, Surroundings, WalletSecret},
    market::CsvAge,
    preflight::{self, Effort, Level, Plan, PricesFrom, Report},
};

/// Flags of `check`.
#[derive(Args, Clone, Debug)]
pub(super) struct CheckArgs {
    /// Those that the worker is to be started with
    #[command(flatten)]
    run: RunArgs,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Exit with 1 on warnings, too
    #[arg(long)]
    strict: bool,
    /// Look quickly, show what is not well alone, and fail only at what no waiting heals: what
    /// start_worker.sh asks before it starts anything
    #[arg(long, conflicts_with_all = ["json", "strict"])]
    start: bool,
}

/// Something has to be mended first.
const WRONG: u8 = 2;
/// There are warnings, and they count.
const STRICT: u8 = 1;

/// Looks, and exits with 0 when all is well or worth a look at most, with 2 when something is wrong, and
/// with `--strict` with 1 on warnings.
#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("❌ ERROR the check can't begin: {cause}; see what the system lacks");
            return ExitCode::FAILURE;
        }
    };
    let report = runtime.block_on(preflight::examine(plan(args)));
    // What still hangs is not waited for.
    runtime.shutdown_background();
    if args.start {
        return start(&report);
    }
    if args.json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => println!("{text}"),
            Err(cause) => {
                eprintln!("❌ ERROR the report can't be written: {cause}; try it without --json")
            }
        }
    } else {
        println!("{}", table::show(&report, table::width()));
    }
    match report.level() {
        Level::Error => ExitCode::from(WRONG),
        Level::Warning if args.strict => ExitCode::from(STRICT),
        Level::Warning | Level::Ok => ExitCode::SUCCESS,
    }
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn start(report: &Report) -> ExitCode {
    for line in table::shortly(report) {
        println!("{line}");
    }
    if report.checks.iter().any(preflight::Check::stops) {
        ExitCode::from(WRONG)
    } else {
        ExitCode::SUCCESS
    }
}

fn plan(args: &CheckArgs) -> Plan {
    let mut around = Surroundings::of_process();
    let asks = !args.start && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    around.ask = asks.then_some(terminal::ask);
    let mut surveyed = Settings::survey(&args.run.overrides(), &around);
    drop(around);
    let settings = surveyed.settings.as_mut();
    // The address is all that is needed of it.
    let secret = settings.and_then(|it| it.wallet.take());
    let address = secret.as_ref().and_then(|it| rooms::signer(it).ok());
    let address = address.map(|it| it.address().to_owned());
    let words = secret.as_ref().and_then(words);
    let settings = surveyed.settings.as_ref();
    let owned = |it: &Settings| rooms::tickers(it).into_iter().map(str::to_owned).collect();
    Plan {
        prices: settings.map(prices),
        tickers: settings.map(owned).unwrap_or_default(),
        heard: settings.map(network::heard).unwrap_or_default(),
        forecasters: settings
            .and_then(|it| rooms::outside(it).err())
            .map(|it| it.to_string()),
        surveyed,
        address,
        words,
        dry_run: args.run.dry_run,
        effort: if args.start {
            Effort::START
        } else {
            Effort::FULL
        },
    }
}

/// How many words a mnemonic has.
fn words(secret: &WalletSecret) -> Option<usize> {
    use secrecy::ExposeSecret as _;
    match secret {
        WalletSecret::Mnemonic(phrase) => Some(phrase.expose_secret().split(' ').count()),
        WalletSecret::PrivateKey(_) => None,
    }
}

fn prices(settings: &Settings) -> PricesFrom {
    match origin::price_source(settings) {
        origin::Prices::File(path, age) => PricesFrom::File {
            path,
            is_replayed: matches!(age, CsvAge::Replayed),
        },
        origin::Prices::Tiingo(key) => PricesFrom::Tiingo(key),
        origin::Prices::Coinbase => PricesFrom::Coinbase,
        origin::Prices::None => PricesFrom::Stored,
    }
}
