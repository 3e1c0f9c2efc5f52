//! Predictions written out as a table: CSV, or Parquet.
//!
//! Both have the same columns. Predictions come from the store in pages, so that memory stays flat
//! however many there are.

mod columns;
mod csv;
mod parquet;

use std::io::Write;

use crate::store::{Packed, PredictionFilter, PredictionRepository, StoreError, StoredPrediction};

/// Predictions that are read at once.
const PAGE: u32 = 500;

/// How predictions are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Text with a header, times by RFC 3339.
    Csv,
    /// Apache Parquet, compressed with zstd, times in milliseconds.
    Parquet,
}

/// Why predictions could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store can't be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// What is written can't be taken.
    #[error("the predictions can't be written: {0}; check that the disk has space")]
    Write(#[from] std::io::Error),
    /// A table in Parquet can't be made.
    #[error("the Parquet file can't be made: {0}; check that the disk has space, or choose csv")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl ExportError {
    /// Whether the reader of what is written has left.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// How much was written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Predictions.
    pub rows: u64,
    /// Those among them whose answers can't be read: they have none here, and their `detail` says why.
    pub unreadable: u64,
}

/// One prediction, its answer unpacked.
struct ExportRow {
    stored: StoredPrediction,
    payload: Option<String>,
}

/// Takes rows, and completes the table.
trait Table: Send {
    fn add(&mut self, row: ExportRow) -> Result<(), ExportError>;
    fn finish(&mut self) -> Result<(), ExportError>;
}

/// Writes the predictions that a filter names, by their numbers. A table without any is complete, too.
/// An answer that can't be read keeps no other back.
///
/// # Errors
/// When the store can't be read, or `to` can't be written: then the table is not complete.
pub async fn export(
    store: &dyn PredictionRepository,
    filter: &PredictionFilter,
    format: ExportFormat,
    to: impl Write + Send,
) -> Result<Exported, ExportError> {
    let mut table: Box<dyn Table + '_> = match format {
        ExportFormat::Csv => Box::new(csv::Csv::new(to)?),
        ExportFormat::Parquet => Box::new(parquet::Parquet::new(to)?),
    };
    let (mut after, mut done) = (0, Exported::default());
    loop {
        let page = store.predictions(filter, after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.id;
        done.rows += page.len() as u64;
        for stored in page {
            let (row, is_readable) = unpacked(stored);
            done.unreadable += u64::from(!is_readable);
            table.add(row)?;
        }
    }
    table.finish()?;
    Ok(done)
}

/// The prediction, and whether its answer can be read.
fn unpacked(mut stored: StoredPrediction) -> (ExportRow, bool) {
    let packed = stored.prediction.payload.as_ref();
    let (payload, is_readable) = match packed.map(Packed::text).transpose() {
        Ok(payload) => (payload, true),
        Err(cause) => {
            stored.prediction.detail = Some(format!("the stored answer can't be read: {cause}"));
            (None, false)
        }
    };
    (ExportRow { stored, payload }, is_readable)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
