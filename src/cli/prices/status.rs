//! `prices status`.

use clap::Args;
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};

use super::{Failure, failed, shown};
use crate::{
    clock::{Clock, SystemClock},
    config::Settings,
    market::{self, SeriesStatus, Status},
    store::Store,
};

/// Flags of `prices status`.
#[derive(Args, Clone, Debug)]
pub(super) struct StatusArgs {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) async fn status(
    args: &StatusArgs,
    settings: &Settings,
    store: &Store,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let status = market::status(store, &settings.market, now).await;
    let status = status.map_err(failed)?;
    if args.json {
        let text = serde_json::to_string_pretty(&status).map_err(failed)?;
        println!("{text}");
    } else {
        print(&status);
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn print(status: &Status) {
    if status.series.is_empty() {
        println!("No candles are there yet: `prices fetch` or `prices import FILE` brings some");
    } else {
        println!("{}", table(&status.series));
    }
    for series in &status.series {
        details(series);
    }
    let quota = &status.quota;
    println!(
        "Tiingo's plan: {} of {} requests in the last hour, {} of {} in the last day",
        quota.hour_used, quota.hour_granted, quota.day_used, quota.day_granted
    );
}

fn table(series: &[SeriesStatus]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header([
        "ticker",
        "interval",
        "closes",
        "from",
        "until",
        "age",
        "missing",
        "set aside",
        "sources",
    ]);
    for it in series {
        let sources = it.sources.iter().map(|(name, n)| format!("{name} {n}"));
        table.add_row([
            it.ticker.clone(),
            it.interval.to_string(),
            it.closes.to_string(),
            shown(it.from),
            shown(it.until),
            it.age_seconds.map(age).unwrap_or_default(),
            match it.gaps {
                0 => "none".into(),
                gaps => format!("{} in {gaps} gaps", it.missing),
            },
            it.set_aside.to_string(),
            sources.collect::<Vec<_>>().join(", "),
        ]);
    }
    table
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
fn details(series: &SeriesStatus) {
    let name = format!("{} {}", series.ticker, series.interval);
    for gap in &series.first_gaps {
        println!(
            "{name}: {} missing from {} to {}",
            gap.missing,
            shown(gap.from),
            shown(gap.to)
        );
    }
    for row in &series.newest_set_aside {
        let start = time::OffsetDateTime::from_unix_timestamp(row.start).ok();
        println!(
            "{name}: set aside, from {}: {} {}",
            row.source,
            shown(start),
            row.reason
        );
    }
    if let Some(basis) = &series.basis {
        println!("{name}: Tiingo and Coinbase differ by {basis}");
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}
