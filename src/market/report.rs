//! What is told of a file that is not quite in order.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What was found in a file, and what was made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvReport {
    /// Candles that are missing between the first and the last.
    pub missing: u64,
    /// Stretches that they make.
    pub gaps: usize,
    /// Start of the first gap.
    pub first_gap: Option<OffsetDateTime>,
    /// Lines that a later line of the same hour replaced.
    pub duplicates: Vec<u64>,
    /// Lines that are earlier than the line before them.
    pub out_of_order: Vec<u64>,
    /// Lines that can't be used, with their fault.
    pub set_aside: Vec<(u64, String)>,
}

impl CsvReport {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there are gaps, duplicates or lines out of order.
    #[must_use]
    pub fn is_uneven(&self) -> bool {
        self.gaps > 0 || !self.duplicates.is_empty() || !self.out_of_order.is_empty()
    }

    /// The first line that was set aside, and its fault.
    #[must_use]
    pub fn example(&self) -> Option<String> {
        let (line, fault) = self.set_aside.first()?;
        Some(format!("line {line}: {fault}"))
    }
}

impl fmt::Display for CsvReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(first) = self.first_gap {
            let (missing, gaps) = (self.missing, self.gaps);
            let first = first.format(&Rfc3339).map_err(|_| fmt::Error)?;
            parts.push(format!(
                "{missing} candles missing in {gaps} gaps, the first at {first}"
            ));
        }
        if let Some(line) = self.duplicates.first() {
            let count = self.duplicates.len();
            parts.push(format!(
                "{count} duplicates, the later line is used (first: line {line})"
            ));
        }
        if let Some(line) = self.out_of_order.first() {
            let count = self.out_of_order.len();
            parts.push(format!(
                "{count} lines out of order, sorted (first: line {line})"
            ));
        }
        if let Some(example) = self.example() {
            parts.push(format!(
                "{} lines set aside ({example})",
                self.set_aside.len()
            ));
        }
        if parts.is_empty() {
            return f.write_str("nothing wrong");
        }
        f.write_str(&parts.join("; "))
    }
}
