//! Predictions written out as a table: CSV, or Parquet.
//!
//! Both have the same columns. Predictions come from the store in pages, so that memory stays flat
//! however many there are.

mod columns;
mod csv;
mod parquet;

use std::io::Write;

use crate::store::{PredictionFilter, PredictionRepository, StoreError, StoredPrediction};

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
    /// An answer makes no sense.
    #[error("prediction number {id}: {cause}; delete it from the table predictions")]
    Answer {
        /// The prediction's number.
        id: i64,
        /// Why.
        #[source]
        cause: StoreError,
    },
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

/// Writes the predictions that a filter names, by their numbers. Gives how many they were. A table
/// without any is complete, too.
///
/// # Errors
/// When the store can't be read, or `to` can't be written: then the table is not complete.
pub async fn export(
    store: &dyn PredictionRepository,
    filter: &PredictionFilter,
    format: ExportFormat,
    to: impl Write + Send,
) -> Result<u64, ExportError> {
    let mut table: Box<dyn Table + '_> = match format {
        ExportFormat::Csv => Box::new(csv::Csv::new(to)?),
        ExportFormat::Parquet => Box::new(parquet::Parquet::new(to)?),
    };
    let (mut after, mut rows) = (0, 0);
    loop {
        let page = store.predictions(filter, after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.id;
        rows += page.len() as u64;
        for stored in page {
            table.add(unpacked(stored)?)?;
        }
    }
    table.finish()?;
    Ok(rows)
}

fn unpacked(stored: StoredPrediction) -> Result<ExportRow, ExportError> {
    let packed = stored.prediction.payload.as_ref();
    let payload = packed.map(crate::store::Packed::text).transpose();
    let id = stored.id;
    let payload = payload.map_err(|cause| ExportError::Answer { id, cause })?;
    Ok(ExportRow { stored, payload })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
