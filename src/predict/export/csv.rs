//! Predictions as CSV.

use std::{borrow::Cow, io::Write};

use time::format_description::well_known::Rfc3339;

use super::{
    ExportError, ExportRow, Table,
    columns::{COLUMNS, Value},
};

pub(super) struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(to: W) -> Result<Self, ExportError> {
        let mut writer = csv::Writer::from_writer(to);
        let names = COLUMNS.iter().map(|(name, _)| name);
        writer.write_record(names).map_err(write)?;
        Ok(Self { writer })
    }
}

impl<W: Write + Send> Table for Csv<W> {
    fn add(&mut self, row: ExportRow) -> Result<(), ExportError> {
        let fields = COLUMNS.iter().map(|(_, value)| field(value, &row));
        for field in fields {
            self.writer.write_field(field.as_bytes()).map_err(write)?;
        }
        let end: [&str; 0] = [];
        self.writer.write_record(end).map_err(write)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        Ok(self.writer.flush()?)
    }
}

/// What is not there is an empty field.
fn field<'a>(value: &Value, row: &'a ExportRow) -> Cow<'a, str> {
    match value {
        Value::Text(of) => of(row).into(),
        Value::TextOrNone(of) => of(row).unwrap_or_default().into(),
        Value::Whole(of) => of(row).to_string().into(),
        // The shortest text that reads as the same number.
        Value::RealOrNone(of) => of(row).map_or(Cow::default(), |it| it.to_string().into()),
        Value::Time(of) => {
            let at = of(&row.stored.prediction);
            at.format(&Rfc3339).unwrap_or_default().into()
        }
    }
}

fn write(cause: csv::Error) -> ExportError {
    match cause.into_kind() {
        csv::ErrorKind::Io(cause) => ExportError::Write(cause),
        other => ExportError::Write(std::io::Error::other(format!("{other:?}"))),
    }
}
