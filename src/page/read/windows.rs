//! The windows, and how they were answered.

use crate::{
    chain::redacted,
    page::WindowRow,
    status::Look,
    store::{JournaledWindow, Past, Window},
    types::{TopicId, WindowKey},
};

/// Windows that are shown of a topic.
const MOST: usize = 5_000;

/// A topic's windows in the period, the oldest first. `latencies` are by nonce and topic.
pub(super) fn rows(
    topic: TopicId,
    look: &Look,
    past: &Past,
    latencies: &[(WindowKey, f64)],
) -> Vec<WindowRow> {
    let own = look.windows.iter();
    let own: Vec<&Window> = own
        .filter(|it| it.key.topic == topic && look.period.holds(it.at))
        .collect();
    let newest = &own[own.len().saturating_sub(MOST)..];
    let row = |window: &&Window| row(window, journaled(past, window.key), latencies);
    newest.iter().map(row).collect()
}

fn row(
    window: &Window,
    journaled: Option<&JournaledWindow>,
    latencies: &[(WindowKey, f64)],
) -> WindowRow {
    let order = |key: &WindowKey| (key.nonce, key.topic);
    let wanted = order(&window.key);
    let measured = latencies.binary_search_by_key(&wanted, |(key, _)| order(key));
    let measured = measured.ok().and_then(|place| latencies.get(place));
    WindowRow {
        nonce: window.key.nonce,
        end: window.end,
        at: window.at,
        outcome: window.outcome.clone(),
        is_estimated: window.is_estimated,
        blocks: window.blocks,
        height: window
            .blocks
            .map(|blocks| window.key.nonce.height().plus(blocks)),
        latency_ms: measured.map(|(_, milliseconds)| *milliseconds),
        value: journaled.and_then(|it| value(it.value.as_deref()?)),
        hash: journaled.and_then(|it| it.hash.clone()),
        endpoint: journaled.and_then(|it| Some(redacted(it.endpoint.as_deref()?))),
    }
}

/// One number; a topic with several has an object of them.
fn value(signed: &str) -> Option<f64> {
    signed.parse().ok().filter(|it: &f64| it.is_finite())
}

fn journaled(past: &Past, key: WindowKey) -> Option<&JournaledWindow> {
    let order = |key: WindowKey| (key.nonce, key.topic);
    let place = past
        .windows
        .binary_search_by_key(&order(key), |it| order(it.key));
    past.windows.get(place.ok()?)
}
