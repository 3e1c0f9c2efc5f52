//! `prices import`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, SeriesArgs, failed, shown};
use crate::{
    clock::{Clock, SystemClock},
    config::Settings,
    market,
    store::{Interval, Store},
};

/// Set-aside candles that are shown.
const SHOWN: usize = 10;

/// Flags of `prices import`.
#[derive(Args, Clone, Debug)]
pub(super) struct ImportArgs {
    /// The file: timestamp,open,high,low,close,volume; times are the starts of the intervals
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    series: SeriesArgs,
}

/// Who uses what was imported.
const fn used(interval: Interval) -> &'static str {
    match interval {
        Interval::Hour => {
            "ℹ️ A running worker uses them after the next full hour at the latest. One that reads a file \
             (--prices FILE, or the bundled prices on the embedded chain) goes by that file alone"
        }
        _ => "ℹ️ Forecasts are made from hourly candles alone: these are kept, and can be exported",
    }
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) async fn import(
    args: &ImportArgs,
    settings: &Settings,
    store: &Store,
) -> Result<(), Failure> {
    let series = args.series.series(settings);
    let read = market::read_csv_of(&args.file, series.interval);
    let prices = read.map_err(|cause| Failure::Refused(cause.to_string()))?;
    let at = SystemClock.now().unix_timestamp();
    let done = market::import(store, &series, &prices, settings.market.max_jump, at);
    let done = done.await.map_err(failed)?;
    let (new, replaced, unchanged) = (done.new, done.replaced, done.unchanged);
    println!("📥 {series}: {new} candles are new, {replaced} replaced, {unchanged} unchanged");
    if !prices.report.is_clean() {
        println!("⚠️ the file: {}", prices.report);
    }
    if !done.set_aside.is_empty() {
        println!("⚠️ {} candles are set aside:", done.set_aside.len());
    }
    for row in done.set_aside.iter().take(SHOWN) {
        let start = time::OffsetDateTime::from_unix_timestamp(row.start).ok();
        println!("   {}  {}", shown(start), row.reason);
    }
    println!("{}", used(series.interval));
    Ok(())
}
