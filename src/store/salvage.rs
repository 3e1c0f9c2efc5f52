//! Carrying over all rows that can be read of a database's file, into a database that is whole.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    path::Path,
};

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, SqlitePool};
use tokio::task::spawn_blocking;

use super::{
    Store, StoreError,
    cells::{Cell, Row},
    loss::{Loss, Salvage},
    pages::Pages,
    survey::{Column, Place, Shape, Survey, entries, rows, survey},
};
use crate::types::{Nonce, TopicId, WindowKey};

/// What is carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All rows of all tables.
    All,
    /// What a worker needs until its disk is back: the newest rows of each table.
    Recent,
}

/// Rows of a table that a worker needs until its disk is back.
const RECENT: usize = 20_000;
/// Tables that it does without meanwhile: they grow with the others' answers.
const LATER: [&str; 2] = ["outcomes", "peers"];
/// Candles are few bytes each, and all of them are trained on. How far a shared journal was copied, and
/// what waits for it, is nothing in part.
const WHOLE: [&str; 4] = [
    "candles",
    "price_requests",
    "journal_copied",
    "journal_waiting",
];

/// Carries rows from the file at `from` into an empty store. The file is only read.
pub(super) async fn carry(from: &Path, into: &Store, scope: Scope) -> Result<Salvage, StoreError> {
    let carried = carry_rows(from, &into.pool, scope).await;
    carried.map_err(|cause| into.failed(cause))
}

/// Carries rows from the file at `from` into an empty database with the same tables.
///
/// # Errors
/// When the file can't be read at all, or the database can't be written.
pub(crate) async fn carry_all(from: &Path, into: &SqlitePool) -> Result<Salvage, sqlx::Error> {
    carry_rows(from, into, Scope::All).await
}

async fn carry_rows(from: &Path, into: &SqlitePool, scope: Scope) -> Result<Salvage, sqlx::Error> {
    let (from, shapes) = (from.to_owned(), shapes(into).await?);
    // The whole file is read.
    let surveyed = spawn_blocking(move || {
        let pages = Pages::open(&from)?;
        let found = survey(&pages, &shapes);
        Ok::<_, io::Error>((pages, shapes, found))
    });
    let (pages, shapes, found) = surveyed.await.map_err(io::Error::other)??;
    let mut all = into.begin().await?;
    let salvage = tables(&mut all, &pages, &shapes, &found, scope).await?;
    all.commit().await?;
    Ok(salvage)
}

async fn tables(
    all: &mut SqliteConnection,
    pages: &Pages,
    shapes: &[Shape],
    found: &Survey,
    scope: Scope,
) -> Result<Salvage, sqlx::Error> {
    let mut salvage = Salvage::default();
    for shape in shapes {
        if scope == Scope::Recent && LATER.contains(&&*shape.table) {
            continue;
        }
        let none = Place::default();
        let place = found.tables.get(&shape.table).unwrap_or(&none);
        let strays = found.orphans.iter().filter(|(_, of)| *of == shape.table);
        let strays: Vec<u32> = strays.map(|(page, _)| *page).collect();
        let skipped = match scope {
            Scope::Recent if !WHOLE.contains(&&*shape.table) => surplus(place),
            _ => 0,
        };
        let leaves = place.leaves.iter().skip(skipped).map(|(page, _)| *page);
        let insert = insert(shape);
        let (mut kept, mut ids) = (0, HashSet::new());
        for page in leaves.chain(strays) {
            for row in rows(pages, page).iter().filter(|row| shape.fits(row)) {
                kept += put(all, &insert, shape, row).await?;
                if shape.table == "journal" {
                    ids.insert(row.id);
                }
            }
        }
        if scope == Scope::Recent {
            continue;
        }
        let mut loss = Loss {
            kept,
            damage: place.damage,
            lost: missing(pages, place, kept),
        };
        if shape.table == "journal" {
            let gone = gone(pages, place, &ids);
            loss.lost = loss.lost.max(gone.steps);
            salvage.windows = gone.windows;
            salvage.unnamed = gone.unnamed;
        }
        salvage.tables.insert(shape.table.clone(), loss);
    }
    Ok(salvage)
}

/// Pages of rows before the newest [`RECENT`].
fn surplus(place: &Place) -> usize {
    let mut sum = 0;
    let newest = place.leaves.iter().rev().take_while(|(_, rows)| {
        let wanted = sum < RECENT;
        sum += rows;
        wanted
    });
    place.leaves.len() - newest.count()
}

/// Rows that an index names beyond those that were found.
fn missing(pages: &Pages, place: &Place, kept: u64) -> u64 {
    let named =
        |index: &Vec<u32>| -> usize { index.iter().map(|page| entries(pages, *page).len()).sum() };
    let most = place.indexes.iter().map(named).max().unwrap_or_default();
    (most as u64).saturating_sub(kept)
}

/// What the journal has lost.
#[derive(Default)]
struct Gone {
    steps: u64,
    /// Windows of which a step is missing, as the index names them.
    windows: BTreeSet<WindowKey>,
    /// Steps that nothing names any more.
    unnamed: u64,
}

/// The journal's steps are numbered without a gap, and its index names each one's window.
fn gone(pages: &Pages, place: &Place, ids: &HashSet<i64>) -> Gone {
    let mut named: BTreeMap<i64, WindowKey> = BTreeMap::new();
    for page in place.indexes.iter().flatten() {
        for entry in entries(pages, *page) {
            if let [_, _, Cell::Int(nonce), Cell::Int(topic), Cell::Int(id), ..] = &entry.cells[..]
            {
                let key = WindowKey {
                    topic: TopicId(topic.cast_unsigned()),
                    nonce: Nonce(*nonce),
                };
                named.insert(*id, key);
            }
        }
    }
    named.retain(|id, _| !ids.contains(id));
    let newest = ids.iter().chain(named.keys()).max().copied().unwrap_or(0);
    let known = ids.len() + named.len();
    let unnamed = newest.unsigned_abs().saturating_sub(known as u64);
    Gone {
        steps: named.len() as u64 + unnamed,
        windows: named.into_values().collect(),
        unnamed,
    }
}

async fn shapes(pool: &SqlitePool) -> Result<Vec<Shape>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' \
            AND substr(name, 1, 1) <> '_' ORDER BY name",
    )
    .fetch_all(pool)
    .await?;
    let mut shapes = Vec::new();
    for table in names {
        let rows = sqlx::query(
            "SELECT name, upper(type) AS kind, \"notnull\" AS needed, pk FROM pragma_table_info(?)",
        )
        .bind(&table)
        .fetch_all(pool)
        .await?;
        let column = |row: &sqlx::sqlite::SqliteRow| {
            let kind: String = row.try_get("kind")?;
            Ok(Column {
                name: row.try_get("name")?,
                is_needed: row.try_get::<i64, _>("needed")? != 0,
                is_number: kind == "INTEGER" && row.try_get::<i64, _>("pk")? == 1,
                kind,
            })
        };
        let columns: Result<_, sqlx::Error> = rows.iter().map(column).collect();
        let columns = columns?;
        shapes.push(Shape { table, columns });
    }
    Ok(shapes)
}

/// The statement that takes over a row of a table; its text is made of names of our own tables.
fn insert(shape: &Shape) -> String {
    let names: Vec<_> = shape.columns.iter().map(|it| it.name.as_str()).collect();
    let holders = vec!["?"; names.len()].join(", ");
    let (table, names) = (&shape.table, names.join(", "));
    format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({holders})")
}

async fn put(
    all: &mut SqliteConnection,
    insert: &str,
    shape: &Shape,
    row: &Row,
) -> Result<u64, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(insert.to_owned()));
    for (column, cell) in shape.columns.iter().zip(&row.cells) {
        query = match cell {
            Cell::Null if column.is_number => query.bind(row.id),
            Cell::Null => query.bind(None::<i64>),
            Cell::Int(it) => query.bind(*it),
            Cell::Real(it) => query.bind(*it),
            Cell::Text(it) => query.bind(it.clone()),
            Cell::Blob(it) => query.bind(it.clone()),
        };
    }
    query.execute(all).await.map(|done| done.rows_affected())
}

#[cfg(test)]
#[path = "salvage_tests.rs"]
mod tests;
