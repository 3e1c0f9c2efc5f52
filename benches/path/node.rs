//! A transaction handed to a node on loopback, until its mempool has answered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use allora_worker::{
    chain::{Emissions, Rpc},
    devnet::{Control, Devnet, DevnetConfig},
    store::SignedTx,
    types::TopicId,
};
use criterion::Criterion;
use tokio::runtime::Runtime;

use crate::{
    signing::{envelope, signer, value},
    window,
};

/// A node, and a wallet's next sequence number on it.
struct Stage {
    devnet: Devnet,
    rpc: Arc<Rpc>,
    emissions: Emissions,
    sequence: u64,
    /// The block that the transactions name as their nonce.
    nonce: i64,
}

/// Transactions in the mempool before a block takes them all.
const FULL: u64 = 200;

pub(crate) fn measure(criterion: &mut Criterion, runtime: &Runtime) {
    let mut stage = runtime.block_on(Stage::set());
    let mut group = criterion.benchmark_group("node");
    group.bench_function("broadcast and answer", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let tx = stage.next().await;
                    let began = Instant::now();
                    let sent = stage.rpc.broadcast(&tx.bytes).await.expect("an answer");
                    took += began.elapsed();
                    let answer = sent.answer.expect("no error");
                    assert_eq!(answer.code, 0, "{}", answer.log);
                }
                took
            })
        });
    });
    group.finish();
}

impl Stage {
    async fn set() -> Self {
        let address = signer().address().to_owned();
        let config = DevnetConfig {
            automatic_blocks: false,
            funded: vec![(address.clone(), u128::MAX / 2)],
            ..DevnetConfig::default()
        };
        let devnet = Devnet::start(config).await.expect("a devnet");
        let register = Control::Register {
            topic: TopicId(67),
            address,
            registered: true,
        };
        let nonce = devnet.control(register).await.expect("a registration").0;
        let rpc = Rpc::new(&[devnet.rpc_url()], Duration::from_secs(3)).expect("an endpoint");
        let rpc = Arc::new(rpc);
        let emissions = Emissions::detect(Arc::clone(&rpc))
            .await
            .expect("a version");
        Self {
            devnet,
            rpc,
            emissions,
            sequence: 0,
            nonce,
        }
    }

    /// The wallet's next transaction. That its nonce is not open is seen in the block, not here.
    async fn next(&mut self) -> SignedTx {
        if self.sequence % FULL == FULL - 1 {
            self.devnet.produce_block().await.expect("a block");
        }
        let (signer, key) = (signer_once(), window(67, self.nonce));
        let message = self.emissions.submission(signer, key, &value());
        let tx = signer.sign_tx(
            vec![message.expect("a message")],
            &envelope(self.sequence, 1),
        );
        self.sequence += 1;
        tx.expect("a signature")
    }
}

/// The key, derived once.
fn signer_once() -> &'static allora_worker::chain::Signer {
    static SIGNER: std::sync::OnceLock<allora_worker::chain::Signer> = std::sync::OnceLock::new();
    SIGNER.get_or_init(signer)
}
