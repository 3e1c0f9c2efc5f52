//! What could not be carried over from a damaged database, in words.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::types::WindowKey;

/// How many windows are named one by one.
const NAMED: usize = 12;

/// What became of a damaged database's rows.
#[derive(Clone, Debug, Default)]
pub struct Salvage {
    /// What became of each table's rows.
    pub tables: BTreeMap<String, Loss>,
    /// Windows of which the journal has lost steps.
    pub windows: BTreeSet<WindowKey>,
    /// Steps of the journal whose windows nothing names any more.
    pub unnamed: u64,
}

/// What became of a table's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Rows that were carried over.
    pub kept: u64,
    /// Pages that can't be read, and rows that make no sense.
    pub damage: usize,
    /// Rows that are known to be missing: those that an index still names. Where the index is damaged as
    /// well, there may be more.
    pub lost: u64,
}

/// A damaged database that was replaced by one that holds all that could be read of it.
#[derive(Clone, Debug)]
pub struct Mended {
    /// How the damage was found.
    pub cause: String,
    /// Where the damaged file is now, whole.
    pub aside: PathBuf,
    /// What became of its rows.
    pub salvage: Salvage,
}

impl Salvage {
    /// Rows that were carried over.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.tables.values().map(|it| it.kept).sum()
    }

    /// Rows that are known to be missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.tables.values().map(|it| it.lost).sum()
    }

    /// What is lost, by table, and of which windows.
    #[must_use]
    pub fn told(&self) -> String {
        let of = |(table, loss): (&String, &Loss)| match (loss.lost, loss.damage) {
            (0, 0) => None,
            (0, damage) => Some(format!(
                "{table}: {damage} places can't be read, {} rows kept",
                loss.kept
            )),
            (lost, _) => Some(format!("{table}: {lost} rows lost, {} kept", loss.kept)),
        };
        let tables: Vec<_> = self.tables.iter().filter_map(of).collect();
        if tables.is_empty() {
            return format!("no row is known to be lost, {} are kept", self.kept());
        }
        let mut told = tables;
        if !self.windows.is_empty() {
            let named = self.windows.iter().rev().take(NAMED);
            let named: Vec<_> = named.map(ToString::to_string).collect();
            let more = match self.windows.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} older ones"),
            };
            let named = named.join(", ");
            told.push(format!(
                "the journal has lost steps of the windows {named}{more}"
            ));
        }
        if self.unnamed > 0 {
            told.push(format!(
                "the windows of {} steps are not known",
                self.unnamed
            ));
        }
        told.join("; ")
    }
}
