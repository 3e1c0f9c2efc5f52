//! Layers of configuration, each of which knows where its values stand.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{ConfigError, hint};

/// Values from one source.
#[derive(Debug)]
pub(super) struct Layer {
    pub table: Table,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// A file: its name and text.
    File(String, String),
    /// Variables or flags: which one set the value at a path.
    Named(BTreeMap<String, String>),
}

impl Layer {
    /// Reads a file's text, and makes sure that it fits `T` on its own, so that what is wrong is
    /// told with its line.
    pub(super) fn file<T: DeserializeOwned>(
        name: &str,
        text: &str,
    ) -> Result<(Self, T), ConfigError> {
        // The rendered error would show the line itself, which may hold what nobody should see.
        let refuse = |cause: &toml::de::Error| {
            let place = match cause.span() {
                Some(span) => format!("{name}, {}", position(text, span.start)),
                None => name.to_owned(),
            };
            let (wrong, right) = hint::explain(cause.message());
            ConfigError::refused(place, wrong, right)
        };
        let typed = toml::from_str(text).map_err(|cause| refuse(&cause))?;
        let table = toml::from_str(text).map_err(|cause| refuse(&cause))?;
        let origin = Origin::File(name.to_owned(), text.to_owned());
        Ok((Self { table, origin }, typed))
    }

    /// An empty layer of variables or flags.
    pub(super) fn named() -> Self {
        Self {
            table: Table::new(),
            origin: Origin::Named(BTreeMap::new()),
        }
    }

    /// Sets a value of a named layer.
    pub(super) fn set(&mut self, path: &[&str], value: Value, name: &str) {
        merge(&mut self.table, nested(path, value));
        if let Origin::Named(names) = &mut self.origin {
            names.insert(path.join("."), name.to_owned());
        }
    }

    /// Where the value at a path stands, when this layer sets it. A number in a path is an index.
    pub(super) fn place(&self, path: &[&str]) -> Option<String> {
        match &self.origin {
            Origin::Named(names) => names.get(&path.join(".")).cloned(),
            Origin::File(name, text) => {
                let start = find(text, path)?;
                Some(format!("{name}, {}", position(text, start)))
            }
        }
    }
}

/// The table in which only the value at a path is set.
pub(super) fn nested(path: &[&str], value: Value) -> Table {
    let mut table = Table::new();
    if let Some((first, rest)) = path.split_first() {
        let value = if rest.is_empty() {
            value
        } else {
            Value::Table(nested(rest, value))
        };
        table.insert((*first).to_owned(), value);
    }
    table
}

/// Lays one table over another: sections are joined, everything else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn find(text: &str, path: &[&str]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (first, rest) = path.split_first()?;
    let mut found = document.get_ref().get(*first)?;
    for step in rest {
        found = match found.get_ref() {
            DeValue::Table(table) => table.get(*step)?,
            DeValue::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(found.span().start)
}

fn position(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    format!("line {line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    const TEXT: &str = "network = \"devnet\"\n[worker]\npoll_interval = \"5s\"\n\
                        [[topics]]\nid = 1\nticker = \"a\"\nhorizon = \"1h\"\ntarget = \"price\"\n";

    #[test]
    fn a_file_knows_the_lines_of_its_values() {
        let (layer, _) = Layer::file::<Document>("a.toml", TEXT).unwrap();
        let place = |path: &[&str]| layer.place(path);
        assert_eq!(place(&["network"]).unwrap(), "a.toml, line 1");
        assert_eq!(
            place(&["worker", "poll_interval"]).unwrap(),
            "a.toml, line 3"
        );
        assert_eq!(place(&["topics", "0", "ticker"]).unwrap(), "a.toml, line 6");
        assert_eq!(place(&["fees", "tier"]), None);
    }

    #[test]
    fn a_refused_file_names_its_line_and_not_its_text() {
        let refuse = |text| {
            Layer::file::<Document>("a.toml", text)
                .unwrap_err()
                .to_string()
        };
        let unknown = refuse("[worker]\npol_interval = \"5s\"\n");
        assert!(
            unknown.starts_with("a.toml, line 2: unknown key `pol_interval`"),
            "{unknown}"
        );
        assert!(
            unknown.contains("did you mean `poll_interval`?"),
            "{unknown}"
        );
        let syntax = refuse("x = 1\nmnemonic = legal winner thank year\n");
        assert!(syntax.starts_with("a.toml, line 2"), "{syntax}");
        assert!(!syntax.contains("winner"), "{syntax}");
        let secret = refuse("mnemonic = \"legal winner thank year\"\n");
        assert!(
            secret.contains(".env") && !secret.contains("winner"),
            "{secret}"
        );
    }

    #[test]
    fn sections_are_joined_and_lists_replaced() {
        let mut base: Table = toml::from_str("list = [1, 2]\n[a]\nx = 1\ny = 2").unwrap();
        merge(&mut base, toml::from_str("list = [3]\n[a]\ny = 5").unwrap());
        let joined = toml::from_str::<Table>("list = [3]\n[a]\nx = 1\ny = 5").unwrap();
        assert_eq!(base, joined);
    }
}
