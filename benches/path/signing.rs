//! The payload with its signed bundle, and the transaction around one or many.

use std::{hint::black_box, sync::Arc, time::Duration};

use allora_worker::{
    chain::{Decimal, Emissions, Envelope, Output, Rpc, Signer, Uallo, Version},
    devnet::{Devnet, DevnetConfig, EmissionsVersion},
    types::Height,
};
use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::{CHAIN, MANY, WORDS, window};

pub(crate) fn signer() -> Signer {
    Signer::from_mnemonic(&WORDS.into()).expect("a key")
}

pub(crate) fn value() -> Output {
    Decimal::try_from(0.001_234_567_89)
        .expect("a decimal")
        .into()
}

pub(crate) fn envelope(sequence: u64, messages: u64) -> Envelope {
    let gas = 250_000 * messages;
    Envelope {
        chain_id: CHAIN.into(),
        account_number: 0,
        sequence,
        gas,
        fee: Uallo(u128::from(gas) * 15),
        denom: "uallo".into(),
        timeout_height: Some(Height(i64::MAX)),
    }
}

/// The adapter, by asking an embedded chain of the given version.
async fn emissions(version: EmissionsVersion) -> (Devnet, Emissions) {
    let config = DevnetConfig {
        version,
        automatic_blocks: false,
        ..DevnetConfig::default()
    };
    let devnet = Devnet::start(config).await.expect("a devnet");
    let rpc = Rpc::new(&[devnet.rpc_url()], Duration::from_secs(3)).expect("an endpoint");
    let emissions = Emissions::detect(Arc::new(rpc)).await.expect("a version");
    (devnet, emissions)
}

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let (signer, value) = (signer(), value());
    let mut group = criterion.benchmark_group("payload");
    for (version, expected) in [
        (EmissionsVersion::V10, Version::V10),
        (EmissionsVersion::V9, Version::V9),
    ] {
        let (_devnet, emissions) = runtime.block_on(emissions(version));
        assert_eq!(emissions.version(), expected);
        group.bench_function(version.word(), |bencher| {
            bencher.iter(|| emissions.submission(&signer, black_box(window(67, 148)), &value));
        });
    }
    group.finish();

    let (_devnet, emissions) = runtime.block_on(emissions(EmissionsVersion::V10));
    let mut group = criterion.benchmark_group("sign");
    for (name, count) in [("1 message", 1), ("64 messages", MANY)] {
        let messages: Vec<_> = (0..count)
            .map(|topic| emissions.submission(&signer, window(67 + topic, 148), &value))
            .collect::<Result<_, _>>()
            .expect("messages");
        let envelope = envelope(41, count);
        group.bench_function(name, |bencher| {
            bencher.iter(|| signer.sign_tx(black_box(messages.clone()), &envelope));
        });
    }
    group.finish();
}
