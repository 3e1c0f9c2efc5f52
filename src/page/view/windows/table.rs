//! Windows in a table.

use super::{
    super::words::{self, Stamp, Unit},
    outcome::Class,
};
use crate::{
    page::WindowRow,
    store::{Miss, Outcome},
    types::Nonce,
};

/// A window.
pub(super) struct Row<'a> {
    pub opened: Stamp,
    pub is_estimated: bool,
    pub nonce: Nonce,
    pub name: &'static str,
    pub word: &'static str,
    pub has_hole: bool,
    pub latency: Option<String>,
    pub blocks: Option<i64>,
    pub value: Option<String>,
    pub hash: Option<Hash<'a>>,
    pub node: Option<&'a str>,
    pub short_node: String,
    pub cause: Option<String>,
}

/// A transaction, and where it can be looked at.
pub(super) struct Hash<'a> {
    pub whole: &'a str,
    pub short: String,
    pub href: Option<String>,
}

pub(super) fn row<'a>(window: &'a WindowRow, unit: Unit, explorer: Option<&str>) -> Row<'a> {
    let class = Class::of(&window.outcome);
    let cause = match &window.outcome {
        Outcome::Missed(Miss::Told(cause)) if !cause.is_empty() => Some(cause.clone()),
        Outcome::Missed(miss) => Some(miss.words()),
        _ => None,
    };
    let node = window.endpoint.as_deref();
    Row {
        opened: words::short(window.at),
        is_estimated: window.is_estimated,
        nonce: window.nonce,
        name: class.name(),
        word: class.word(),
        has_hole: class.has_hole(),
        latency: window.latency_ms.map(words::millis),
        blocks: window.blocks,
        value: window.value.map(|it| unit.show(it)),
        hash: window.hash.as_deref().map(|it| hash(it, explorer)),
        node,
        short_node: node.map(host).unwrap_or_default(),
        cause,
    }
}

fn hash<'a>(whole: &'a str, explorer: Option<&str>) -> Hash<'a> {
    // What is no hash does not get into an address, nor does an address that runs code.
    let is_plain = !whole.is_empty() && whole.bytes().all(|it| it.is_ascii_alphanumeric());
    let is_web = |it: &&str| it.starts_with("https://") || it.starts_with("http://");
    let explorer = explorer.filter(|it| is_plain && is_web(it));
    Hash {
        whole,
        short: words::cut(whole, 11),
        href: explorer.map(|it| it.replace("{hash}", whole)),
    }
}

/// A node's host, short.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    words::cut(rest.split('/').next().unwrap_or(rest), 30)
}
