//! Blocks come by themselves and one fault follows the other: each window is answered once.

use std::{sync::Arc, time::Duration};

use allora_worker::{
    devnet::{Answer, Control, DevnetTopic, Indexer, Stage as At},
    ops::Event,
    store::Store,
};
use futures_util::future::join_all;

use crate::harness::{Stage, TOPIC, eventually};

const EPOCH: i64 = 30;
const WINDOW: i64 = 24;
const WINDOWS: i64 = 3;

/// A number that looks random and is the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn fault(dice: &mut Dice, address: &str) -> Control {
    let answer = |method: &str, with| Control::Answer {
        method: method.into(),
        times: 1,
        with,
    };
    let page = Answer::Http {
        status: 502,
        content_type: "text/html".into(),
        body: "<html>Bad Gateway</html>".into(),
    };
    match dice.below(12) {
        0 => Control::DropSockets,
        1 => Control::RefuseSubscribes(2),
        2 => Control::EvictMempool,
        3 => Control::GasPrice(10 + u128::from(dice.below(20))),
        4 => Control::HoldTransactions {
            blocks: u32::try_from(dice.below(4)).unwrap(),
        },
        5 => Control::Indexer(Indexer::Off),
        6 => Control::Indexer(Indexer::Behind(3)),
        7 => answer("abci_query", page),
        8 => answer("broadcast_tx_sync", page),
        9 => answer("broadcast_tx_sync", Answer::Swallow),
        10 => Control::refuse(At::Check, "sdk", 32, "incorrect account sequence"),
        _ => Control::Fund {
            address: address.into(),
            balance: u128::from(dice.below(2)) * crate::harness::COINS,
        },
    }
}

/// Puts right what would last for ever.
async fn calm(stage: &Stage) {
    let address = stage.address.clone();
    for order in [
        Control::HoldTransactions { blocks: 0 },
        Control::Fund {
            address,
            balance: crate::harness::COINS,
        },
    ] {
        stage.control(order).await;
    }
}

#[tokio::test]
async fn faults_at_random_moments_cost_no_window() {
    join_all([1, 2, 3, 4].map(a_day)).await;
}

async fn a_day(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let stage = Stage::with(|config| {
        config.automatic_blocks = true;
        config.block_time = Duration::from_millis(100);
        config.topics = vec![DevnetTopic {
            id: TOPIC,
            epoch_length: EPOCH,
            window: WINDOW,
            ..DevnetTopic::default()
        }];
    })
    .await;
    // Blocks are too quick here for a disk that others use as well.
    let journal = Arc::new(Store::in_memory().await.unwrap());
    let worker = stage
        .worker_with(|setup| {
            setup.journal = journal;
            setup.chain.request_timeout = Duration::from_millis(300);
            setup.config.poll_interval = Duration::from_millis(400);
        })
        .await;
    let height = stage.height().await;
    let first = (height.div_euclid(EPOCH) + 1) * EPOCH;
    let mut played = Vec::new();
    for nonce in (0..WINDOWS).map(|window| first + window * EPOCH) {
        // Two faults from the opening on, and calm in the window's second half.
        for _ in 0..2 {
            let at = nonce - 1 + i64::try_from(dice.below(8)).unwrap();
            reach(&stage, at).await;
            let order = fault(&mut dice, &stage.address);
            played.push((at, format!("{order:?}")));
            stage.control(order).await;
        }
        reach(&stage, nonce + 8).await;
        calm(&stage).await;
    }
    reach(&stage, first + WINDOWS * EPOCH - 1).await;
    let truth = stage.truth().await;
    for (key, _) in truth
        .opened
        .iter()
        .filter(|(key, _)| (first..first + WINDOWS * EPOCH).contains(&key.nonce.0))
    {
        let good = truth.of(*key).iter().filter(|tx| tx.code == 0).count();
        let story = crate::events::story(&worker.told.events());
        assert!(good == 1, "{key}: {good} answers\n{played:#?}\n{story}");
    }
    truth.nothing_is_late();
    for (key, _) in &truth.opened {
        let told = worker.told.count(|event| {
            matches!(event, Event::SubmissionSuccessful { nonce, .. } if *nonce == key.nonce)
        });
        assert!(told <= 1, "{key} is told as a success {told} times");
    }
    worker.shutdown.request("a test");
    worker.end().await.unwrap();
}

async fn reach(stage: &Stage, height: i64) {
    let reached = eventually(async || (stage.height().await >= height).then_some(()));
    assert!(reached.await.is_some(), "block {height} did not come");
}
