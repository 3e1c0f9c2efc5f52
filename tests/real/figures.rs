//! What a worker's event log says of its windows, and figures made of it.

use std::{collections::HashMap, fmt};

use allora_worker::season;
use serde_json::Value;

use crate::{ledger::Window, worker::Worker};

/// What stands in the event log for each window that was answered well.
const STEPS: [&str; 4] = [
    "window_open",
    "submitted",
    "submission_successful",
    "counted",
];

/// The first event of each kind for each topic's nonces.
pub(crate) struct Log {
    events: HashMap<(String, u64, i64), Value>,
}

impl Log {
    /// Reads what this run of the worker has logged by now.
    pub(crate) fn of(worker: &Worker) -> Self {
        let mut events = HashMap::new();
        for event in worker.events() {
            let kind = event["event"].as_str().map(str::to_owned);
            let key = (kind, event["topic"].as_u64(), event["nonce"].as_i64());
            if let (Some(kind), Some(topic), Some(nonce)) = key {
                events.entry((kind, topic, nonce)).or_insert(event);
            }
        }
        Self { events }
    }

    /// The first event of a kind for a window.
    pub(crate) fn find(&self, kind: &str, window: &Window) -> Option<&Value> {
        let key = (kind.to_owned(), window.topic, window.nonce);
        self.events.get(&key)
    }

    /// From the window's event to the mempool, in milliseconds.
    pub(crate) fn latency(&self, window: &Window) -> Option<f64> {
        self.find("submitted", window)?["latency_ms"].as_f64()
    }

    /// How many of these windows were answered with a transaction that was signed before they opened.
    pub(crate) fn presigned<'a>(&self, windows: impl Iterator<Item = &'a Window>) -> usize {
        windows
            .filter_map(|window| self.find("submitted", window))
            .filter(|event| event["presigned"] == true)
            .count()
    }

    /// The steps of an answered window that are not in the log.
    pub(crate) fn gaps(&self, window: &Window) -> Vec<String> {
        let Window { topic, nonce, .. } = window;
        STEPS
            .iter()
            .filter(|step| self.find(step, window).is_none())
            .map(|step| format!("topic {topic}, window {nonce}: no '{step}' in the event log"))
            .collect()
    }
}

/// The middle and the end of measured times.
pub(crate) struct Spread(season::Spread);

impl Spread {
    /// Of these times in milliseconds.
    pub(crate) fn of(times: Vec<f64>) -> Self {
        Self(season::Spread::of(times))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, " ms")
    }
}

#[test]
fn a_spread_names_the_nearest_rank() {
    let spread = Spread::of((1..=200).map(f64::from).rev().collect());
    assert_eq!(
        spread.to_string(),
        "p50 100.0 ms, p99 198.0 ms, at most 200.0 ms (200 measured)"
    );
    assert_eq!(
        Spread::of(vec![3.0]).to_string(),
        "p50 3.0 ms, p99 3.0 ms, at most 3.0 ms (1 measured)"
    );
}
