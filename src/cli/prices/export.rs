//! `prices export`.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

use clap::Args;
use time::OffsetDateTime;

use super::{Failure, SeriesArgs, failed, time_of};
use crate::{
    config::Settings,
    market,
    store::{CandleRepository as _, Store},
};

/// Flags of `prices export`.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArgs {
    /// The file [default: standard output]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    series: SeriesArgs,
    /// First day or time, in UTC
    #[arg(long, value_name = "DATE", value_parser = time_of)]
    from: Option<OffsetDateTime>,
    /// Day or time before which it ends, in UTC
    #[arg(long, value_name = "DATE", value_parser = time_of)]
    to: Option<OffsetDateTime>,
}

#[allow(clippy::print_stderr, reason = "this is the command line")]
pub(super) async fn export(
    args: &ExportArgs,
    settings: &Settings,
    store: &Store,
) -> Result<(), Failure> {
    let series = args.series.series(settings);
    let from = args.from.map_or(i64::MIN, OffsetDateTime::unix_timestamp);
    let to = args.to.map_or(i64::MAX, OffsetDateTime::unix_timestamp);
    let candles = store.candles(&series, from..to).await.map_err(failed)?;
    if candles.is_empty() {
        return Err(Failure::Failed(format!(
            "there is no candle of {series} in that time; see `prices status`"
        )));
    }
    let to: Box<dyn Write> = match &args.file {
        Some(path) => Box::new(File::create(path).map_err(|cause| {
            let path = path.display();
            failed(format!(
                "{path} can't be written: {cause}; check its folder"
            ))
        })?),
        None => Box::new(io::stdout().lock()),
    };
    market::write_csv(to, &candles).map_err(|cause| {
        failed(format!(
            "the file can't be written: {cause}; check that the disk has space"
        ))
    })?;
    // Standard output may hold the candles.
    eprintln!("📤 {series}: {} candles", candles.len());
    Ok(())
}
