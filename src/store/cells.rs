//! The rows on a page of a SQLite file, read with distrust: a page may hold anything.

use super::pages::{Pages, number};

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A row, with its number (0 in an index).
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) cells: Vec<Cell>,
}

/// What a page is.
#[derive(Debug)]
pub(super) enum Kind {
    /// Rows of a table, with the number of those that make no sense.
    Leaf(Vec<Row>, usize),
    /// The pages of a table below this one.
    Inner(Vec<u32>),
    /// Entries of an index, and the pages below.
    Index(Vec<Row>, Vec<u32>),
    /// Nothing that makes sense.
    Damaged,
}

/// Texts and blobs above this are taken for nonsense.
const LONGEST: usize = 64 << 20;

/// SQLite's own bound on columns.
const MOST_COLUMNS: usize = 2_000;

/// Reads a page.
pub(super) fn read(pages: &Pages, at: u32) -> Kind {
    let Some(page) = pages.page(at) else {
        return Kind::Damaged;
    };
    let head = if at == 1 { 100 } else { 0 };
    let (kind, count) = (page[head], usize::from(short(&page, head + 3)));
    let is_inner = matches!(kind, 2 | 5);
    let first = head + if is_inner { 12 } else { 8 };
    if !matches!(kind, 2 | 5 | 10 | 13) || first + 2 * count > page.len() {
        return Kind::Damaged;
    }
    let cells = || (0..count).map(|index| usize::from(short(&page, first + 2 * index)));
    let mut below = Vec::new();
    if is_inner {
        below.extend(cells().map(|cell| number(&page, cell)));
        below.push(number(&page, head + 8));
        if below.iter().any(|&it| it < 2 || it > pages.count()) {
            return Kind::Damaged;
        }
    }
    if kind == 5 {
        return Kind::Inner(below);
    }
    let skip = if is_inner { 4 } else { 0 };
    // No more than the whole file holds, however often the page's cells lead to the same bytes.
    let mut left = pages.bytes();
    let rows: Vec<_> = cells()
        .filter_map(|cell| row(pages, &page, cell + skip, kind == 13, &mut left))
        .collect();
    if kind == 13 {
        let bad = count - rows.len();
        Kind::Leaf(rows, bad)
    } else {
        Kind::Index(rows, below)
    }
}

fn row(pages: &Pages, page: &[u8], mut at: usize, is_table: bool, left: &mut usize) -> Option<Row> {
    let length = usize::try_from(varint(page, &mut at)?).ok()?;
    *left = left.checked_sub(length)?;
    let id = if is_table { varint(page, &mut at)? } else { 0 };
    let content = content(pages, page, at, length, is_table)?;
    let cells = record(&content)?;
    Some(Row { id, cells })
}

/// A row's bytes, gathered from the pages onto which they flow over.
fn content(
    pages: &Pages,
    page: &[u8],
    at: usize,
    length: usize,
    is_table: bool,
) -> Option<Vec<u8>> {
    let usable = pages.usable();
    let most = if is_table {
        usable - 35
    } else {
        (usable - 12) * 64 / 255 - 23
    };
    if length <= most {
        return page.get(at..at + length).map(<[u8]>::to_vec);
    }
    if length > LONGEST {
        return None;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (length - least) % (usable - 4);
    let here = if fitting <= most { fitting } else { least };
    let mut content = page.get(at..at + here)?.to_vec();
    let mut next = number(page, at + here);
    while content.len() < length {
        if next < 2 {
            return None;
        }
        let page = pages.page(next)?;
        let part = (length - content.len()).min(usable - 4);
        content.extend_from_slice(page.get(4..4 + part)?);
        next = number(&page, 0);
    }
    // The last page of a chain names no other: one that was overwritten hardly keeps to that.
    (next == 0).then_some(content)
}

/// The values of a record.
fn record(content: &[u8]) -> Option<Vec<Cell>> {
    let mut at = 0;
    let head = usize::try_from(varint(content, &mut at)?).ok()?;
    if head > content.len() {
        return None;
    }
    let (mut cells, mut body) = (Vec::new(), head);
    while at < head {
        if cells.len() == MOST_COLUMNS {
            return None;
        }
        let kind = varint(content, &mut at)?;
        cells.push(cell(kind, content, &mut body)?);
    }
    (body == content.len()).then_some(cells)
}

fn cell(kind: i64, content: &[u8], at: &mut usize) -> Option<Cell> {
    let mut take = |length: usize| {
        let taken = content.get(*at..at.checked_add(length)?)?;
        *at += length;
        Some(taken)
    };
    let whole = |bytes: &[u8]| {
        let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
        let start = if sign { -1 } else { 0 };
        let add = |sum: i64, byte: &u8| (sum << 8) | i64::from(*byte);
        Cell::Int(bytes.iter().fold(start, add))
    };
    Some(match kind {
        0 => Cell::Null,
        1..=4 => whole(take(usize::try_from(kind).ok()?)?),
        5 => whole(take(6)?),
        6 => whole(take(8)?),
        7 => Cell::Real(f64::from_be_bytes(take(8)?.try_into().ok()?)),
        8 => Cell::Int(0),
        9 => Cell::Int(1),
        12.. if kind % 2 == 0 => Cell::Blob(take(usize::try_from((kind - 12) / 2).ok()?)?.to_vec()),
        13.. => {
            let text = take(usize::try_from((kind - 13) / 2).ok()?)?;
            Cell::Text(String::from_utf8(text.to_vec()).ok()?)
        }
        _ => return None,
    })
}

/// SQLite's number of one to nine bytes.
fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut found: u64 = 0;
    for index in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if index == 8 {
            found = (found << 8) | u64::from(byte);
            break;
        }
        found = (found << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(found.cast_signed())
}

fn short(bytes: &[u8], at: usize) -> u16 {
    let found = bytes.get(at..at + 2).and_then(|it| it.try_into().ok());
    found.map_or(0, u16::from_be_bytes)
}
