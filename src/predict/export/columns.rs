//! The columns of both formats.

use time::OffsetDateTime;

use super::ExportRow;
use crate::store::Prediction;

/// How a column's values are had from a row.
pub(super) enum Value {
    Text(fn(&ExportRow) -> &str),
    TextOrNone(fn(&ExportRow) -> Option<&str>),
    /// A number that is no less than 0, or a row's number.
    Whole(fn(&ExportRow) -> i64),
    RealOrNone(fn(&ExportRow) -> Option<f64>),
    Time(fn(&Prediction) -> OffsetDateTime),
}

/// The columns by name, in their order.
pub(super) const COLUMNS: [(&str, Value); 16] = [
    ("id", Value::Whole(|row| row.stored.id)),
    ("crunch_id", Value::Text(|row| &row.of().crunch_id)),
    ("config", Value::Text(|row| &row.of().config.0)),
    ("slot", Value::Time(slot)),
    ("model_id", Value::Text(|row| &row.of().model_id)),
    ("deployment_id", Value::Text(|row| &row.of().deployment_id)),
    ("status", Value::Text(|row| row.of().status.name())),
    ("asset", Value::Text(|row| &row.of().asset)),
    ("horizon", Value::Whole(|row| row.of().horizon.into())),
    ("step", Value::Whole(|row| row.of().step.into())),
    ("exec_time_us", Value::Whole(exec_time)),
    ("base", Value::RealOrNone(|row| row.of().base)),
    ("performed_at", Value::Time(|it| it.performed_at)),
    ("resolvable_at", Value::Time(|it| it.resolvable_at)),
    (
        "detail",
        Value::TextOrNone(|row| row.of().detail.as_deref()),
    ),
    ("payload", Value::TextOrNone(|row| row.payload.as_deref())),
];

impl ExportRow {
    const fn of(&self) -> &Prediction {
        &self.stored.prediction
    }
}

fn slot(it: &Prediction) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(it.slot).unwrap_or(it.performed_at)
}

fn exec_time(row: &ExportRow) -> i64 {
    i64::try_from(row.of().exec_time_us).unwrap_or(i64::MAX)
}
