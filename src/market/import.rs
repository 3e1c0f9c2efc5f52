//! Taking a file's candles into the store, and writing the store's into one.

use std::{collections::HashSet, io::Write, time::Duration};

use time::format_description::well_known::Rfc3339;
use tokio::time::sleep;

use super::{CsvPrices, csv::COLUMNS, jump, jump::Verdict, shelf::moment, sound};
use crate::{
    forecast::Candle,
    store::{CandleRepository, Origin, Series, SetAside, StoreError, StoredCandle},
};

/// Rows that are written at once. The database has one writer at a time, and a running worker's journal
/// is not to wait for a whole file.
const AT_ONCE: usize = 2_000;
/// Pause between two writes, in which others get their turn.
const BREATH: Duration = Duration::from_millis(5);

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Candles of intervals of which nothing was known.
    pub new: usize,
    /// Candles that stand in place of others now.
    pub replaced: usize,
    /// Candles that were known, by an import, with the same numbers.
    pub unchanged: usize,
    /// Candles that are not used, with their reasons.
    pub set_aside: Vec<SetAside>,
}

/// Writes a file's candles to the store, where they stand above those of any other source. Candles that
/// contradict themselves, and jumps beyond `max_jump` that the next candle takes back, are set aside.
/// `at` is the present in unix seconds.
///
/// # Errors
/// When the store fails. What was written until then stays, and importing the file again completes it.
pub async fn import(
    store: &dyn CandleRepository,
    series: &Series,
    prices: &CsvPrices,
    max_jump: f64,
    at: i64,
) -> Result<Imported, StoreError> {
    let (candles, set_aside) = sort_out(series, prices, max_jump, at);
    let known = match (candles.first(), candles.last()) {
        (Some(first), Some(last)) => store.candles(series, first.start..last.start + 1).await?,
        _ => Vec::new(),
    };
    let mut done = Imported {
        set_aside,
        ..Imported::default()
    };
    for candle in &candles {
        let place = known.binary_search_by_key(&candle.start, |it| it.candle.start);
        let same = StoredCandle {
            candle: *candle,
            origin: Origin::Csv,
        };
        match place.ok().and_then(|index| known.get(index)) {
            None => done.new += 1,
            Some(it) if *it == same => done.unchanged += 1,
            Some(_) => done.replaced += 1,
        }
    }
    for part in candles.chunks(AT_ONCE) {
        store.keep(series, Origin::Csv, part).await?;
        sleep(BREATH).await;
    }
    for part in done.set_aside.chunks(AT_ONCE) {
        store.set_aside(series, part).await?;
        sleep(BREATH).await;
    }
    Ok(done)
}

fn sort_out(
    series: &Series,
    prices: &CsvPrices,
    max_jump: f64,
    at: i64,
) -> (Vec<Candle>, Vec<SetAside>) {
    let aside = |candle: &Candle, reason| SetAside {
        start: candle.start,
        source: Origin::Csv,
        at,
        reason,
    };
    let mut set_aside = Vec::new();
    let mut candles = Vec::new();
    for candle in &prices.candles {
        match sound::check(candle, series.interval) {
            Ok(()) => candles.push(*candle),
            Err(fault) => set_aside.push(aside(candle, fault)),
        }
    }
    for (candle, verdict) in jump::find(candles.iter(), max_jump, |_, _| false) {
        if let Verdict::TakenBack { before, after } = verdict {
            set_aside.push(aside(&candle, jump::reason(before, candle.close, after)));
        }
    }
    let left_out: HashSet<i64> = set_aside.iter().map(|row| row.start).collect();
    candles.retain(|candle| !left_out.contains(&candle.start));
    (candles, set_aside)
}

/// Writes candles as a file that an import, a backtest and `--prices` read.
///
/// # Errors
/// When the file can't be written.
pub fn write_csv(to: impl Write, candles: &[StoredCandle]) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(to);
    writer.write_record(COLUMNS)?;
    for StoredCandle { candle, .. } in candles {
        let start = moment(candle.start).and_then(|at| at.format(&Rfc3339).ok());
        let start = start.unwrap_or_else(|| candle.start.to_string());
        let numbers = [
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
        ];
        // The shortest text that reads as the same number.
        let numbers = numbers.map(|number| number.to_string());
        writer.write_record(std::iter::once(&start).chain(&numbers))?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;
