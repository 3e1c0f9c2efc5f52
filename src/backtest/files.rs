//! The files of a report.

use std::{
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Backtest, BacktestError, Row, report};
use crate::forecast::Source;

/// The name of the page.
const PAGE: &str = "report.html";
/// The name of the table of all forecasts.
const TABLE: &str = "forecasts.csv";

/// Writes `report.html`, one page that needs nothing else, and `forecasts.csv` with every forecast into
/// a folder, which is made; gives their paths.
///
/// The table has a line for each forecast: `time` (start of the hour whose close is the newest that was
/// known), `close`, `forecast` and `outcome` (log-returns over the horizon; no outcome where it is not
/// known), `source`, `prior`, `prior_weight`, `prior_t`, and for each challenger NAME `NAME`,
/// `NAME_weight` and `NAME_t`. What is not known is empty.
///
/// # Errors
/// When a file can't be written or a picture can't be drawn.
pub fn write_report(folder: &Path, made: &Backtest) -> Result<[PathBuf; 2], BacktestError> {
    let refuse = |path: &Path| {
        let path = path.to_owned();
        move |cause| BacktestError::Write { path, cause }
    };
    fs::create_dir_all(folder).map_err(refuse(folder))?;
    let (page, table) = (folder.join(PAGE), folder.join(TABLE));
    fs::write(&page, report::page(made)?).map_err(refuse(&page))?;
    write_table(&table, &made.rows).map_err(|cause| refuse(&table)(cause.into()))?;
    Ok([page, table])
}

fn write_table(path: &Path, rows: &[Row]) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(BufWriter::new(File::create(path)?));
    let names = challengers(rows);
    let mut head: Vec<String> = [
        "time",
        "close",
        "forecast",
        "outcome",
        "source",
        "prior",
        "prior_weight",
        "prior_t",
    ]
    .map(str::to_owned)
    .to_vec();
    for name in &names {
        head.extend([name.clone(), format!("{name}_weight"), format!("{name}_t")]);
    }
    writer.write_record(&head)?;
    for row in rows {
        writer.write_record(record(row, &names))?;
    }
    writer.flush()?;
    Ok(())
}

/// The challengers' names, in their order.
pub(super) fn challengers(rows: &[Row]) -> Vec<String> {
    let mut reports = rows.iter().filter_map(|row| row.report.as_ref());
    let first = reports.find(|report| !report.challengers.is_empty());
    let seats = first.map_or(&[][..], |report| &report.challengers);
    seats.iter().map(|seat| seat.name.clone()).collect()
}

fn record(row: &Row, names: &[String]) -> Vec<String> {
    let known = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let report = row.report.as_ref();
    let mut cells = vec![
        time(row.start),
        row.close.to_string(),
        row.forecast.to_string(),
        known(row.outcome),
        source(row.source),
        known(report.map(|it| it.prior)),
        known(report.map(|it| it.prior_weight)),
        known(report.and_then(|it| it.prior_t)),
    ];
    for name in names {
        let seat = report.and_then(|it| it.challengers.iter().find(|seat| seat.name == *name));
        cells.extend([
            known(seat.and_then(|it| it.value)),
            known(seat.map(|it| it.weight)),
            known(seat.and_then(|it| it.t)),
        ]);
    }
    cells
}

/// A time as `2025-01-31T13:00:00Z`.
fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// The source's name, as JSON writes it.
fn source(source: Source) -> String {
    let written = serde_json::to_value(source).ok();
    let text = written.as_ref().and_then(serde_json::Value::as_str);
    text.unwrap_or_default().to_owned()
}
