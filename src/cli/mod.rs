//! The command line.

mod args;
mod attend;
mod backtest;
mod books;
mod check;
mod devnet;
mod devnet_models;
mod disk;
mod failure;
mod forecast;
mod learning;
mod life;
mod locate;
mod manual;
mod network;
mod notices;
mod origin;
mod page;
mod page_room;
mod past;
mod period;
mod predict;
mod prices;
mod process;
mod progress;
mod rooms;
mod run;
mod score;
mod season;
mod standby;
mod status;
mod terminal;
mod wallet;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use args::RunArgs;

use crate::ops;

/// A worker for the Allora network.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer every submission window of the topics, until stopped
    Run(RunArgs),
    /// Look whether a worker with these flags could do its work here, and what is to be done where not
    Check(check::CheckArgs),
    /// Walk the forecast over past prices and tell how it did
    Backtest(backtest::BacktestArgs),
    /// Print the present forecast of each topic, and how it comes about
    Forecast(forecast::ForecastArgs),
    /// Run the embedded chain alone, or a network of models, for demos and for workers of other processes
    Devnet(devnet::DevnetArgs),
    /// Tell a network of models what the market does, ask them what comes, and store what they answer
    Predict(predict::PredictArgs),
    /// Score what models predicted once prices have come past it, and keep their leaderboard
    Score(score::ScoreArgs),
    /// The candles at hand: import, export, status, fetch
    Prices(prices::PricesArgs),
    /// How the worker fares and has fared; works while it is down, too
    Status(status::StatusArgs),
    /// The status page, while the worker is down, or beside it
    Page(page::PageArgs),
    /// The wallet: new, address, balance, faucet, encrypt
    Wallet(wallet::WalletArgs),
    /// Print a shell's completions
    Completions(manual::CompletionsArgs),
    /// Print the manual page, or write one for each command
    Man(manual::ManArgs),
    /// Play a whole competition on the embedded chain, with faults and kills
    #[command(hide = true)]
    Season(season::SeasonArgs),
    /// Print where a worker with these flags writes, for the scripts
    #[command(hide = true)]
    Locate(locate::LocateArgs),
}

/// Runs the command that the arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    harden(&command);
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Backtest(args) => backtest::backtest(&args),
        Command::Forecast(args) => forecast::forecast(&args),
        Command::Devnet(args) => devnet::devnet(&args),
        Command::Predict(args) => predict::predict(&args),
        Command::Score(args) => score::score(&args),
        Command::Prices(args) => prices::prices(&args),
        Command::Status(args) => status::status(&args),
        Command::Page(args) => page::page(&args),
        Command::Wallet(args) => wallet::wallet(&args),
        Command::Completions(args) => manual::completions(&args, &Cli::command()),
        Command::Man(args) => manual::man(&args, &Cli::command()),
        Command::Season(args) => season::season(&args),
        Command::Locate(args) => locate::locate(&args),
    }
}

/// Closes the process to others before it reads a secret; all commands read `.env`. What is made for others
/// to read, a report or a demo's chain, is left to the operator's own umask.
#[allow(clippy::print_stderr, reason = "before there is a log")]
fn harden(command: &Command) {
    let is_open = matches!(
        command,
        Command::Backtest(_)
            | Command::Devnet(_)
            | Command::Season(_)
            | Command::Locate(_)
            | Command::Completions(_)
            | Command::Man(_)
    );
    if !is_open {
        ops::keep_private();
    }
    for notice in ops::harden() {
        eprintln!("⚠️ {notice}");
    }
}
