//! Predictions as Apache Parquet.

use std::{io::Write, sync::Arc};

use parquet::{
    basic::{Compression, ZstdLevel},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};

use super::{
    ExportError, ExportRow, Table,
    columns::{COLUMNS, Value},
};

/// Rows of a group at most, and bytes of their texts: so much is in memory.
const ROWS: usize = 20_000;
const BYTES: usize = 16 << 20;

pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<ExportRow>,
    bytes: usize,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(to: W) -> Result<Self, ExportError> {
        let schema = Arc::new(parse_message_type(&schema())?);
        // Answers hardly repeat, and nobody looks for the least of them.
        let payload = || ColumnPath::from("payload");
        let properties = WriterProperties::builder()
            .set_created_by(concat!("allora-worker ", env!("CARGO_PKG_VERSION")).into())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_column_dictionary_enabled(payload(), false)
            .set_column_statistics_enabled(payload(), EnabledStatistics::None)
            .build();
        Ok(Self {
            writer: SerializedFileWriter::new(to, schema, Arc::new(properties))?,
            rows: Vec::new(),
            bytes: 0,
        })
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for (_, value) in &COLUMNS {
            let column = group.next_column()?;
            let mut column = column.ok_or_else(|| too_few("columns"))?;
            write(value, &self.rows, &mut column)?;
            column.close()?;
        }
        group.close()?;
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

impl<W: Write + Send> Table for Parquet<W> {
    fn add(&mut self, row: ExportRow) -> Result<(), ExportError> {
        self.bytes += row.payload.as_ref().map_or(0, String::len);
        self.rows.push(row);
        if self.rows.len() >= ROWS || self.bytes >= BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

fn schema() -> String {
    let columns = COLUMNS.iter().map(|(name, value)| match value {
        Value::Text(_) => format!("REQUIRED BYTE_ARRAY {name} (STRING);"),
        Value::TextOrNone(_) => format!("OPTIONAL BYTE_ARRAY {name} (STRING);"),
        Value::Whole(_) => format!("REQUIRED INT64 {name};"),
        Value::RealOrNone(_) => format!("OPTIONAL DOUBLE {name};"),
        Value::Time(_) => format!("REQUIRED INT64 {name} (TIMESTAMP(MILLIS,true));"),
    });
    let columns: Vec<_> = columns.collect();
    format!("message predictions {{ {} }}", columns.join(" "))
}

fn write(
    value: &Value,
    rows: &[ExportRow],
    column: &mut SerializedColumnWriter<'_>,
) -> Result<(), ParquetError> {
    match (value, column.untyped()) {
        (Value::Whole(of), ColumnWriter::Int64ColumnWriter(column)) => {
            let values: Vec<_> = rows.iter().map(of).collect();
            column.write_batch(&values, None, None)?;
        }
        (Value::Time(of), ColumnWriter::Int64ColumnWriter(column)) => {
            let values: Vec<_> = rows
                .iter()
                .map(|row| millis(of(&row.stored.prediction)))
                .collect();
            column.write_batch(&values, None, None)?;
        }
        (Value::Text(of), ColumnWriter::ByteArrayColumnWriter(column)) => {
            let values: Vec<ByteArray> = rows.iter().map(|row| of(row).into()).collect();
            column.write_batch(&values, None, None)?;
        }
        (Value::TextOrNone(of), ColumnWriter::ByteArrayColumnWriter(column)) => {
            let values: Vec<ByteArray> = rows.iter().filter_map(of).map(Into::into).collect();
            let levels = levels(rows, |row| of(row).is_some());
            column.write_batch(&values, Some(&levels), None)?;
        }
        (Value::RealOrNone(of), ColumnWriter::DoubleColumnWriter(column)) => {
            let values: Vec<_> = rows.iter().filter_map(of).collect();
            let levels = levels(rows, |row| of(row).is_some());
            column.write_batch(&values, Some(&levels), None)?;
        }
        _ => return Err(too_few("columns of that type")),
    }
    Ok(())
}

/// 1 where there is a value, 0 where there is none.
fn levels(rows: &[ExportRow], is_there: impl Fn(&ExportRow) -> bool) -> Vec<i16> {
    rows.iter().map(|row| i16::from(is_there(row))).collect()
}

fn millis(at: time::OffsetDateTime) -> i64 {
    let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn too_few(what: &str) -> ParquetError {
    ParquetError::General(format!("the schema has too few {what}"))
}
