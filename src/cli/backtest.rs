//! `backtest`: how the forecasts would have done.

mod input;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Row, Table, TableComponent, presets};

use self::input::Input;
use super::{failure::WRONG, progress::Progress};
use crate::{
    backtest::{HEADS, Summary, headline, lines, remarks},
    ops::complaint,
};

/// Flags of `backtest`.
#[derive(Args, Clone, Debug)]
pub(super) struct BacktestArgs {
    /// Hourly prices from this CSV file (timestamp,open,high,low,close,volume) [default: the store's]
    #[arg(long, value_name = "CSV")]
    prices: Option<PathBuf>,
    /// Earlier prices: they are known, but not scored
    #[arg(long, value_name = "CSV")]
    history: Option<PathBuf>,
    /// Whose stored prices, when no file is given
    #[arg(long, value_name = "PAIR", default_value = "btcusd")]
    ticker: String,
    /// First day that is scored (UTC), such as 2024-01-01 [default: the first of the prices]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The day after the last that is scored [default: the end of the prices]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// How far ahead is forecast, in whole hours or days
    #[arg(long, value_name = "TIME", default_value = "7d")]
    horizon: String,
    /// Distance between two forecasts that are scored
    #[arg(long, value_name = "TIME", default_value = "1h")]
    every: String,
    /// The forecast: gated, prior, linfa, ridge, elastic-net, svr or zero [default: the configured]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Show each forecast only so much of the past, such as 28d, and score those alone that have it
    /// [default: all]
    #[arg(long, value_name = "TIME")]
    visible: Option<String>,
    /// How rows count whose history is too short for a forecast: up (as +0.00001), zero or skip
    #[arg(long, value_name = "HOW", default_value = "up")]
    unforecast: String,
    /// Series that are drawn for each interval
    #[arg(long, value_name = "N", default_value_t = 1000)]
    draws: usize,
    /// What the draws start from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads that share the work [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write report.html and forecasts.csv into this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the store is, in its subfolder artifacts [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Makes a backtest and prints it. Exits 0 when it was made, 78 when something has to be corrected
/// first.
#[allow(clippy::print_stderr, reason = "this is the command line")]
pub(super) fn backtest(args: &BacktestArgs) -> ExitCode {
    match make(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            let now = time::OffsetDateTime::now_utc();
            eprintln!("{}", complaint(now, &cause));
            ExitCode::from(WRONG)
        }
    }
}

fn make(args: &BacktestArgs) -> Result<(), String> {
    let Input {
        plan,
        history,
        prices,
        notes,
    } = Input::read(args)?;
    let progress = Progress::new("backtest", "rows");
    for note in notes {
        progress.note(&note);
    }
    let made = plan.run(&history, &prices, &|done, all| {
        progress.told(done as u64, all as u64);
    });
    progress.end();
    let made = made.map_err(|refused| refused.to_string())?;
    if let Some(folder) = &args.report {
        let files = crate::backtest::write_report(folder, &made).map_err(|it| it.to_string())?;
        for file in files {
            progress.note(&format!("{} is written", file.display()));
        }
    }
    print(&made.summary, args.json).map_err(|cause| cause.to_string())
}

fn print(summary: &Summary, json: bool) -> Result<(), io::Error> {
    let mut out = io::stdout().lock();
    let written = if json {
        serde_json::to_writer_pretty(&mut out, summary)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        write!(out, "{}", text(summary))
    };
    match written {
        // Whoever reads has seen enough.
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The table and what has to be said with it.
fn text(summary: &Summary) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .remove_style(TableComponent::HorizontalLines)
        .remove_style(TableComponent::MiddleIntersections)
        .remove_style(TableComponent::LeftBorderIntersections)
        .remove_style(TableComponent::RightBorderIntersections)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(HEADS);
    for column in table.column_iter_mut().skip(1).take(HEADS.len() - 3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let all = lines(summary);
    let last = all.len();
    for (index, line) in all.into_iter().enumerate() {
        let ends = line.ends_group && index + 1 < last;
        table.add_row(Row::from(line.cells));
        if ends {
            table.add_row(Row::from([""]));
        }
    }
    let said: Vec<String> = remarks(summary).iter().map(|it| wrapped(it)).collect();
    format!("{}\n{table}\n{}\n", headline(summary), said.join("\n"))
}

/// A remark in lines that fit beneath the table.
fn wrapped(remark: &str) -> String {
    const WIDTH: usize = 96;
    let mut lines = vec![String::from("·")];
    for word in remark.split(' ') {
        let line = lines
            .last_mut()
            .filter(|it| it.chars().count() + word.chars().count() < WIDTH);
        match line {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
}
