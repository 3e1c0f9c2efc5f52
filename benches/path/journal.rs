//! A step of a submission, written so that it survives a power cut.

use std::sync::Arc;

use allora_worker::{
    store::{Journal, SignedTx, State, Store, Transition, Wallet},
    types::Height,
};
use criterion::Criterion;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use crate::{CHAIN, MANY, window};

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    // On the disk that the build is on: a temporary folder may lie in memory, where syncing is free.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let place = folder.path().join("journal.db");
    let store = runtime.block_on(Store::open(&place)).expect("a database");
    let mut group = criterion.benchmark_group("journal");
    let mut nonce = 0;
    for (name, topics, bytes) in [
        ("1 step", 1, 640),
        ("64 steps of one transaction", MANY, 28_000),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                nonce += 1;
                let steps: Vec<_> = (0..topics)
                    .map(|topic| step(67 + topic, nonce, bytes))
                    .collect();
                runtime.block_on(store.append(&steps)).expect("a write");
            });
        });
    }
    group.finish();
}

/// A step with the bytes that hold it.
fn step(topic: u64, nonce: i64, bytes: usize) -> Transition {
    Transition {
        at: OffsetDateTime::UNIX_EPOCH,
        wallet: Wallet {
            chain_id: CHAIN.into(),
            address: "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv".into(),
        },
        key: window(topic, nonce),
        window_end: Height(nonce + 5),
        value: Some("0.00123456789".into()),
        report: None,
        state: State::Prepared(Arc::new(SignedTx {
            bytes: vec![7; bytes],
            hash: format!("{nonce:064X}"),
            sequence: 41,
        })),
    }
}
