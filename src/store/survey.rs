//! What lies on which page of a SQLite file, as far as it can be told.

use std::collections::{BTreeMap, HashSet};

use super::{
    cells::{Cell, Kind, Row, read},
    pages::Pages,
};

/// A table as this version makes it.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) table: String,
    pub(super) columns: Vec<Column>,
}

/// A table's column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type in upper case, as declared.
    pub(super) kind: String,
    pub(super) is_needed: bool,
    /// Whether it is another name of the row's number.
    pub(super) is_number: bool,
}

/// A table's pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// Its rows' pages in their order, each with its number of rows.
    pub(super) leaves: Vec<(u32, usize)>,
    /// Pages that can't be read, and rows that make no sense.
    pub(super) damage: usize,
    /// Pages of its indexes.
    pub(super) indexes: Vec<Vec<u32>>,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) tables: BTreeMap<String, Place>,
    /// Pages that nothing names, and that hold rows of a table that is damaged.
    pub(super) orphans: Vec<(u32, String)>,
}

impl Shape {
    /// Whether a row can be one of this table.
    pub(super) fn fits(&self, row: &Row) -> bool {
        let fits = |(column, cell): (&Column, &Cell)| match cell {
            Cell::Null => column.is_number || !column.is_needed,
            Cell::Int(_) => ["INTEGER", "BIGINT", "DOUBLE PRECISION"].contains(&&*column.kind),
            Cell::Real(_) => column.kind == "DOUBLE PRECISION",
            Cell::Text(_) => column.kind == "TEXT",
            Cell::Blob(_) => column.kind == "BLOB",
        };
        row.cells.len() == self.columns.len() && self.columns.iter().zip(&row.cells).all(fits)
    }
}

/// Looks at all pages that the file's own schema leads to, and, if some of them are damaged, at the rest.
pub(super) fn survey(pages: &Pages, shapes: &[Shape]) -> Survey {
    let mut claimed: HashSet<u32> = pages.free().into_iter().collect();
    let mut tables: BTreeMap<String, Place> = BTreeMap::new();
    let schema = walk(pages, 1, &mut claimed);
    let entries: Vec<_> = schema
        .leaves
        .iter()
        .flat_map(|(page, _)| rows(pages, *page))
        .filter_map(|row| entry(&row))
        .collect();
    for (kind, table, root) in &entries {
        if kind == "table" {
            let place = walk(pages, *root, &mut claimed);
            tables.insert(table.clone(), place);
        }
    }
    for (_, table, root) in entries.iter().filter(|(kind, ..)| kind == "index") {
        let index = walk_index(pages, *root, &mut claimed);
        if let Some(place) = tables.get_mut(table) {
            place.indexes.push(index);
        }
    }
    // A table that the schema does not name has lost its name, unless the file is of an older version.
    for shape in shapes {
        let lost = || Place {
            damage: usize::from(schema.damage > 0),
            ..Place::default()
        };
        tables.entry(shape.table.clone()).or_insert_with(lost);
    }
    let orphans = orphans(pages, shapes, &tables, &claimed);
    Survey { tables, orphans }
}

/// The rows of a table's page.
pub(super) fn rows(pages: &Pages, page: u32) -> Vec<Row> {
    match read(pages, page) {
        Kind::Leaf(rows, _) => rows,
        _ => Vec::new(),
    }
}

/// The entries of an index's page.
pub(super) fn entries(pages: &Pages, page: u32) -> Vec<Row> {
    match read(pages, page) {
        Kind::Index(rows, ..) => rows,
        _ => Vec::new(),
    }
}

/// A line of the schema: what it names, of which table, and its first page.
fn entry(row: &Row) -> Option<(String, String, u32)> {
    let [Cell::Text(kind), _, Cell::Text(table), Cell::Int(root), _] = &row.cells[..] else {
        return None;
    };
    Some((kind.clone(), table.clone(), u32::try_from(*root).ok()?))
}

fn walk(pages: &Pages, root: u32, claimed: &mut HashSet<u32>) -> Place {
    let mut place = Place::default();
    let mut next = vec![root];
    while let Some(page) = next.pop() {
        if !claimed.insert(page) {
            // Two lead here: one of them is wrong.
            place.damage += 1;
            continue;
        }
        match read(pages, page) {
            Kind::Leaf(rows, bad) => {
                place.damage += bad + usize::from(rows.is_empty() && page != root);
                place.leaves.push((page, rows.len()));
            }
            Kind::Inner(below) => next.extend(below.into_iter().rev()),
            Kind::Index(..) | Kind::Damaged => {
                // What is left of it may be rows all the same.
                claimed.remove(&page);
                place.damage += 1;
            }
        }
    }
    place
}

fn walk_index(pages: &Pages, root: u32, claimed: &mut HashSet<u32>) -> Vec<u32> {
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(page) = next.pop() {
        if !claimed.insert(page) {
            continue;
        }
        match read(pages, page) {
            Kind::Index(_, below) => {
                found.push(page);
                next.extend(below.into_iter().rev());
            }
            _ => {
                claimed.remove(&page);
            }
        }
    }
    found
}

/// Pages of rows to which no whole page leads, of tables that miss some.
fn orphans(
    pages: &Pages,
    shapes: &[Shape],
    tables: &BTreeMap<String, Place>,
    claimed: &HashSet<u32>,
) -> Vec<(u32, String)> {
    let is_damaged = |shape: &&Shape| {
        let place = tables.get(&shape.table);
        place.is_some_and(|place| place.damage > 0)
    };
    let missing: Vec<_> = shapes.iter().filter(is_damaged).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let owner = |page: u32| {
        let found = rows(pages, page);
        let fits = |shape: &&&Shape| !found.is_empty() && found.iter().all(|row| shape.fits(row));
        let owner = missing.iter().find(fits)?;
        Some((page, owner.table.clone()))
    };
    let present = pages.present().filter(|page| *page > 1);
    let unnamed = present.filter(|page| !claimed.contains(page));
    unnamed.filter_map(owner).collect()
}
