//! The parts of the way from a window's event to a node's mempool, each on its own.
//!
//! `cargo bench --bench path` prints them; a word after `--` picks those whose name holds it.
#![expect(
    clippy::expect_used,
    reason = "a benchmark whose stage can't be set has nothing to measure"
)]

mod decoding;
mod journal;
mod node;
mod signing;

use std::time::Duration;

use allora_worker::types::{Nonce, TopicId, WindowKey};
use criterion::Criterion;

/// The public test vector's words: a key that holds nothing.
const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const CHAIN: &str = "allora-devnet-1";
/// Messages of a transaction that answers many topics at once.
const MANY: u64 = 64;

fn window(topic: u64, nonce: i64) -> WindowKey {
    WindowKey {
        topic: TopicId(topic),
        nonce: Nonce(nonce),
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    decoding::measure(&mut criterion);
    signing::measure(&mut criterion, &runtime);
    journal::measure(&mut criterion, &runtime);
    node::measure(&mut criterion, &runtime);
    criterion.final_summary();
}
