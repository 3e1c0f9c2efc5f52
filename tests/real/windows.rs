//! Windows in a row: each answered by exactly one transaction, in the next block, and counted.

use std::fmt::Write;

use allora_worker::store::StateName;

use crate::{
    chain::Chain,
    gate::{number, say},
    ledger::{Answered, Ledger, TOPIC, pair},
    node,
    wallet::{Funded, Wallet},
    worker::{Site, Worker},
};

#[test]
fn every_window_is_answered_once_in_the_next_block_and_counted() {
    let Some(node) = node::shared() else { return };
    let count = usize::try_from(number("ALLORA_REAL_WINDOWS", 5)).expect("a small number");
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(node, &wallet);
    let mut worker = site.start();
    worker.wait_until_ready();
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();

    let windows = ledger.wait_for_closed(ready_at, count);
    // The verdict on the last window needs a moment after its close.
    let last = windows.last().expect("at least one window").nonce;
    worker.wait_for(
        "verdict on the last window",
        crate::worker::READY,
        |event| {
            event["nonce"] == last && (event["event"] == "counted" || event["event"] == "outranked")
        },
    );
    let txs = chain.submissions(&wallet.address, TOPIC);
    let answered = pair(&windows, &txs);
    say(&table(&answered, &wallet.address, &worker));
    for Answered { window, txs } in &answered {
        let nonce = window.nonce;
        assert_eq!(
            txs.len(),
            1,
            "window {nonce} takes one transaction, refused ones included: {txs:?}{}",
            worker.last_words()
        );
        let tx = &txs[0];
        assert_eq!(
            (tx.code, tx.height),
            (0, nonce + 1),
            "window {nonce}: {tx:?}"
        );
        assert!(
            window.counted.contains(&wallet.address),
            "window {nonce} closed without us: {window:?}"
        );
        for kind in [
            "window_open",
            "submitted",
            "submission_successful",
            "counted",
        ] {
            assert!(
                worker.find(kind, nonce).is_some(),
                "window {nonce} has no '{kind}' in the event log{}",
                worker.last_words()
            );
        }
    }
    let strays: Vec<_> = txs
        .iter()
        .filter(|tx| {
            tx.nonce > ready_at && !ledger.windows_after(ready_at).any(|w| w.nonce == tx.nonce)
        })
        .collect();
    assert!(
        strays.is_empty(),
        "transactions for windows that never opened: {strays:?}"
    );
    worker.stop();
    let journal = site.journal(&chain);
    for Answered { window, .. } in &answered {
        assert_eq!(
            journal.get(&window.nonce),
            Some(&StateName::Counted),
            "the journal on window {}",
            window.nonce
        );
    }
}

fn table(answered: &[Answered], address: &str, worker: &Worker) -> String {
    let mut text = String::from(
        "\n| window (nonce) | transactions | included at | event to mempool | counted |\n|---|---|---|---|---|\n",
    );
    let mut latencies = Vec::new();
    let (mut next_block, mut counted) = (0, 0);
    for Answered { window, txs } in answered {
        let latency = worker
            .find("submitted", window.nonce)
            .and_then(|event| event["latency_ms"].as_f64());
        latencies.extend(latency);
        let included = txs.iter().find(|tx| tx.code == 0).map(|tx| tx.height);
        next_block += usize::from(included == Some(window.nonce + 1));
        let ours = window.counted.contains(address);
        counted += usize::from(ours);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            window.nonce,
            txs.len(),
            included.map_or("-".into(), |height| format!(
                "nonce+{}",
                height - window.nonce
            )),
            latency.map_or("-".into(), |ms| format!("{ms:.1} ms")),
            if ours { "yes" } else { "no" },
        )
        .expect("a string takes all");
    }
    latencies.sort_by(f64::total_cmp);
    let median = latencies
        .get(latencies.len() / 2)
        .copied()
        .unwrap_or(f64::NAN);
    let worst = latencies.last().copied().unwrap_or(f64::NAN);
    let all = answered.len();
    let one = answered
        .iter()
        .filter(|window| window.txs.len() == 1)
        .count();
    writeln!(
        text,
        "{all} windows opened: {one}/{all} with exactly one transaction, {next_block}/{all} in the next block, \
         {counted}/{all} counted; event to mempool {median:.1} ms median, {worst:.1} ms worst"
    )
    .expect("a string takes all");
    text
}
