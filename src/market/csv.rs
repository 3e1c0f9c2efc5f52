//! Prices from a CSV file.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::CsvReport;
use crate::{forecast::Candle, limits, store::Interval};

/// Largest file that is read, bytes: minutes of 15 years.
const LARGEST: usize = 512 << 20;
pub(super) const COLUMNS: [&str; 6] = ["timestamp", "open", "high", "low", "close", "volume"];

/// Why a file of prices can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    /// It can't be opened or read.
    #[error("the prices in {path} can't be read: {cause}; check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// Its first line is not the header.
    #[error(
        "{path} begins with {found:?} instead of the header {expected:?}; add or correct the header",
        expected = COLUMNS.join(",")
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// Its first line.
        found: String,
    },
    /// A line has too few or too many columns, or is no text.
    #[error("{path} line {line}: {cause}; give each line the six columns of the header")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        cause: String,
    },
    /// A value can't be read.
    #[error(
        "{path} line {line}, column {column}: {value:?} is no {expected}; correct or delete the line"
    )]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
    /// No row can be used.
    #[error(
        "{path} holds no price that can be used ({report}); give it at least one candle of the interval"
    )]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was found.
        report: Box<CsvReport>,
    },
}

/// A file's candles: ascending, one an hour, all of use.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvPrices {
    /// The candles; at least one.
    pub candles: Vec<Candle>,
    /// What was found beside them.
    pub report: CsvReport,
}

/// Reads hourly candles from a file with the header `timestamp,open,high,low,close,volume`.
/// Timestamps are the start of the hour, as RFC 3339 or unix seconds. Gaps, duplicates, rows out of
/// order and prices that are none are no obstacle: the report tells them.
///
/// # Errors
/// When the file can't be read, is no such table, or holds nothing of use.
pub fn read_csv(path: &Path) -> Result<CsvPrices, CsvError> {
    read_csv_of(path, Interval::Hour)
}

/// As [`read_csv`], of candles of any interval.
///
/// # Errors
/// As [`read_csv`].
pub fn read_csv_of(path: &Path, interval: Interval) -> Result<CsvPrices, CsvError> {
    let io = |cause| CsvError::Io {
        path: path.to_owned(),
        cause,
    };
    let bytes = limits::read(path, LARGEST).map_err(io)?;
    parse(path, &bytes, interval)
}

pub(super) fn parse(path: &Path, bytes: &[u8], interval: Interval) -> Result<CsvPrices, CsvError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let header = reader.headers().cloned().unwrap_or_default();
    if header.iter().ne(COLUMNS) {
        let found: Vec<_> = header.iter().collect();
        return Err(CsvError::Header {
            path: path.to_owned(),
            found: found.join(",").chars().take(80).collect(),
        });
    }
    let mut lines = Lines::new(bytes);
    let mut report = CsvReport::default();
    let mut rows: Vec<(u64, Candle)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|cause| {
            let line = lines.line_of(cause.position());
            unreadable_row(path, line, &cause)
        })?;
        let line = lines.line_of(record.position());
        let candle = candle(path, line, &record)?;
        match check(&candle, interval) {
            Ok(()) => rows.push((line, candle)),
            Err(fault) => report.set_aside.push((line, fault)),
        }
    }
    let candles = put_in_order(rows, &mut report);
    if candles.is_empty() {
        let (path, report) = (path.to_owned(), Box::new(report));
        return Err(CsvError::Empty { path, report });
    }
    note_gaps(&candles, interval, &mut report);
    Ok(CsvPrices { candles, report })
}

/// Counts lines as an editor does. The parser's own count falls behind where lines end with CRLF or
/// are empty.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    /// The line of a record that lies after those asked for before.
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.and_then(|place| usize::try_from(place.byte()).ok());
        let rest = begin
            .and_then(|begin| self.bytes.get(begin..))
            .unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let to = self.bytes.len() - rest.len() + ends.count();
        let passed = self.bytes.get(self.at..to).unwrap_or_default();
        self.line += passed
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        self.at = to;
        self.line
    }
}

fn unreadable_row(path: &Path, line: u64, cause: &csv::Error) -> CsvError {
    let cause = match cause.kind() {
        csv::ErrorKind::UnequalLengths { len, .. } => format!("it has {len} columns"),
        csv::ErrorKind::Utf8 { .. } => "it is no UTF-8 text".into(),
        _ => cause.to_string(),
    };
    let path = path.to_owned();
    CsvError::Row { path, line, cause }
}

fn candle(path: &Path, line: u64, record: &StringRecord) -> Result<Candle, CsvError> {
    let cell = |column: usize| record.get(column).unwrap_or_default();
    let refuse = |column: usize, expected| CsvError::Value {
        path: path.to_owned(),
        line,
        column: COLUMNS[column],
        value: cell(column).to_owned(),
        expected,
    };
    let number = |column: usize| match cell(column) {
        // The way in which many tools write a missing value.
        "" => Ok(f64::NAN),
        text => text.parse::<f64>().map_err(|_| refuse(column, "number")),
    };
    let start = timestamp(cell(0))
        .ok_or_else(|| refuse(0, "time such as 2025-01-31T13:00:00Z, nor unix seconds"))?;
    Ok(Candle {
        start,
        open: number(1)?,
        high: number(2)?,
        low: number(3)?,
        close: number(4)?,
        volume: number(5)?,
    })
}

/// Unix seconds within the years that `time` knows.
fn timestamp(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return OffsetDateTime::from_unix_timestamp(seconds)
            .ok()
            .map(|_| seconds);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    // A fraction of a second is no full hour: moved off it, the row is set aside.
    Some(time.unix_timestamp() + i64::from(time.nanosecond() != 0))
}

/// Sorts the rows and lets the later line of an hour win.
fn put_in_order(mut rows: Vec<(u64, Candle)>, report: &mut CsvReport) -> Vec<Candle> {
    let backwards = rows
        .windows(2)
        .filter(|pair| pair[1].1.start < pair[0].1.start);
    report.out_of_order = backwards.map(|pair| pair[1].0).collect();
    // Stable: lines of one hour stay in their order.
    rows.sort_by_key(|(_, candle)| candle.start);
    rows.dedup_by(|later, earlier| {
        let same = later.1.start == earlier.1.start;
        if same {
            report.duplicates.push(earlier.0);
            *earlier = *later;
        }
        same
    });
    rows.into_iter().map(|(_, candle)| candle).collect()
}

fn check(candle: &Candle, interval: Interval) -> Result<(), String> {
    candle.check_prices().map_err(|fault| fault.to_string())?;
    if candle.start.rem_euclid(interval.seconds()) != 0 {
        return Err(format!("its start is no multiple of {interval}"));
    }
    Ok(())
}

fn note_gaps(candles: &[Candle], interval: Interval, report: &mut CsvReport) {
    let span = interval.seconds();
    for pair in candles.windows(2) {
        let end = pair[0].start + span;
        let missing = (pair[1].start - end) / span;
        if missing > 0 {
            report.gaps += 1;
            report.missing += missing.unsigned_abs();
            let begin = OffsetDateTime::from_unix_timestamp(end).ok();
            report.first_gap = report.first_gap.or(begin);
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
