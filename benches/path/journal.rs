//! A step of a submission, written so that it survives a power cut.

use allora_worker::{
    store::{Journal, SignedTx, State, Store, Transition, Wallet},
    types::Height,
};
use criterion::Criterion;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use crate::{CHAIN, window};

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    // On the disk that the build is on: a temporary folder may lie in memory, where syncing is free.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let place = folder.path().join("journal.db");
    let store = runtime.block_on(Store::open(&place)).expect("a database");
    let mut group = criterion.benchmark_group("journal");
    // A submission of 640 bytes, as a single topic's is.
    let mut nonce = 0;
    group.bench_function("prepared, with fsync", |bencher| {
        bencher.iter(|| {
            nonce += 1;
            let step = step(nonce);
            runtime.block_on(store.append(&step)).expect("a write");
        });
    });
    group.finish();
}

fn step(nonce: i64) -> Transition {
    Transition {
        at: OffsetDateTime::UNIX_EPOCH,
        wallet: Wallet {
            chain_id: CHAIN.into(),
            address: "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv".into(),
        },
        key: window(67, nonce),
        window_end: Height(nonce + 5),
        value: Some("0.00123456789".into()),
        state: State::Prepared(SignedTx {
            bytes: vec![7; 640],
            hash: format!("{nonce:064X}"),
            sequence: 41,
        }),
    }
}
