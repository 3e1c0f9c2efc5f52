//! Windows in a row: each answered by exactly one transaction, in the next block, and counted.

use std::fmt::Write;

use crate::{
    chain::Chain,
    figures::{Log, Spread},
    gate::{self, Release, number, say},
    ledger::{Answered, Ledger, assert_no_strays, pair},
    node::{self, Node},
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
};

#[test]
fn every_window_is_answered_once_in_the_next_block_and_counted() {
    let Some(node) = node::shared() else { return };
    windows_in_a_row(node, Release::Newest, number("ALLORA_REAL_WINDOWS", 5));
}

#[test]
fn on_the_release_before_every_window_is_answered_once_in_the_next_block_and_counted() {
    let Some(binary) = gate::binary_of(Release::Older) else {
        return;
    };
    let node = Plan::new().release(Release::Older).start(&binary);
    let count = number("ALLORA_REAL_WINDOWS_OLDER", 3);
    windows_in_a_row(&node, Release::Older, count);
}

fn windows_in_a_row(node: &Node, release: Release, count: u64) {
    let count = usize::try_from(count).expect("a small number");
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(node, &wallet);
    let mut worker = site.start();
    worker.wait_until_prepared(1);
    worker.wait_for(
        "word on the chain's version",
        crate::worker::READY,
        |event| event["event"] == "worker_initialized" && event["emissions"] == release.emissions(),
    );
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();

    let windows = ledger.wait_for_closed(ready_at, count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    let log = Log::of(&worker);
    say(&table(&answered, &wallet.address, &log, release));
    let faults: Vec<String> = answered
        .iter()
        .filter_map(|window| window.fault(&wallet.address, 1))
        .chain(answered.iter().flat_map(|window| log.gaps(&window.window)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}{}", worker.last_words());
    assert_no_strays(&ledger, &txs, ready_at);
    worker.stop();
    site.assert_counted(&chain, &windows);
}

fn table(answered: &[Answered], address: &str, log: &Log, release: Release) -> String {
    let mut text = format!(
        "\n{}: windows in a row\n| window (nonce) | transactions | included at | event to mempool | counted |\n|---|---|---|---|---|\n",
        release.version()
    );
    let mut latencies = Vec::new();
    let (mut next_block, mut counted) = (0, 0);
    for one in answered {
        let Answered { window, txs } = one;
        let latency = log.latency(window);
        latencies.extend(latency);
        let blocks = one.blocks_after();
        next_block += usize::from(blocks == Some(1));
        let ours = window.counted.contains(address);
        counted += usize::from(ours);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            window.nonce,
            txs.len(),
            blocks.map_or("-".into(), |blocks| format!("nonce+{blocks}")),
            latency.map_or("-".into(), |ms| format!("{ms:.1} ms")),
            if ours { "yes" } else { "no" },
        )
        .expect("a string takes all");
    }
    let all = answered.len();
    let one = answered.iter().filter(|one| one.txs.len() == 1).count();
    writeln!(
        text,
        "{all} windows opened: {one}/{all} with exactly one transaction, {next_block}/{all} in the next block, \
         {counted}/{all} counted; {} signed before the window opened; event to mempool {}",
        log.presigned(answered.iter().map(|one| &one.window)),
        Spread::of(latencies)
    )
    .expect("a string takes all");
    text
}
