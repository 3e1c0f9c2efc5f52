//! A governance upgrade of a running chain: the worker goes through it without being started anew.

use std::fmt::Write;

use crate::{
    chain::Chain,
    figures::Log,
    gate::{self, Release, number, say},
    ledger::{Answered, Ledger, Window, assert_no_strays, pair},
    node::{Node, WINDOW},
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
    worker::{READY, Worker},
};

/// Blocks from the proposal to the halt, at the least: the vote takes most of them.
const NOTICE: i64 = 30;

#[test]
fn a_worker_answers_every_window_before_and_after_an_upgrade_of_the_chain() {
    let Some((older, newest)) = gate::binary_of(Release::Older).zip(gate::node_binary()) else {
        return;
    };
    let plan = Plan::new().release(Release::Older).upgradable(&newest);
    let node = plan.start(&older);
    let after = usize::try_from(number("ALLORA_REAL_WINDOWS_UPGRADED", 2)).expect("a small number");
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(&node, &wallet);
    let mut worker = site.start();
    let pid = worker.pid();
    worker.wait_until_prepared(1);
    worker.wait_for("word on the chain's version", READY, |event| {
        event["event"] == "worker_initialized" && event["emissions"] == Release::Older.emissions()
    });
    let mut ledger = Ledger::new(&chain);
    let ready_at = ledger.advance();
    ledger.wait_for_closed(ready_at, 1);
    let halt = upgrade(&node, &mut ledger);

    ledger.advance();
    ledger.wait_for_closed(halt, after);
    let newest = ledger.advance();
    let closed = ledger.windows_after(ready_at);
    let count = closed.filter(|window| window.end <= newest).count();
    let windows = ledger.wait_for_closed(ready_at, count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    say(&table(&answered, halt, &chain, &worker));
    let faults: Vec<String> = answered
        .iter()
        .filter_map(|one| fault(one, halt, &wallet.address))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}{}", worker.last_words());
    assert_no_strays(&ledger, &txs, ready_at);
    let starts = worker
        .events()
        .into_iter()
        .filter(|event| event["event"] == "starting");
    assert_eq!(
        (worker.pid(), starts.count()),
        (pid, 1),
        "the worker was started anew"
    );
    worker.stop();
    let counted = answered
        .into_iter()
        .filter(|one| one.blocks_after().is_some());
    let counted: Vec<Window> = counted.map(|one| one.window).collect();
    site.assert_counted(&chain, &counted);
}

/// Has the chain upgraded, with the halt in the block after an opening. Gives the block of the halt:
/// the first that the new release makes.
fn upgrade(node: &Node, ledger: &mut Ledger<'_>) -> i64 {
    let now = ledger.advance();
    let mut opening = ledger.next_opening(node.epoch);
    while opening + 1 < now + NOTICE {
        opening += node.epoch;
    }
    let halt = (opening + 1).to_string();
    let printed = node.order_with(&["upgrade"], &[("LOCALNET_UPGRADE_AT", halt)]);
    say(printed.trim_end());
    let halted = printed
        .lines()
        .filter_map(|line| line.split_once("halted at "))
        .find_map(|(_, rest)| rest.split(',').next()?.trim().parse().ok());
    halted.unwrap_or_else(|| panic!("the script does not say where the chain halted: {printed}"))
}

/// Whether a window took answers both before the halt and after it.
fn is_across(window: &Window, halt: i64) -> bool {
    window.nonce < halt && halt <= window.end
}

/// What is wrong with a window. One that is open across the halt may have lost a transaction to it, of
/// the old version or to the old node's mempool, and takes the next.
fn fault(one: &Answered, halt: i64, address: &str) -> Option<String> {
    if !is_across(&one.window, halt) {
        return one.fault(address, WINDOW);
    }
    let accepted = one.txs.iter().filter(|tx| tx.code == 0).count();
    let sound = accepted == 1 && one.window.counted.contains(address);
    (!sound).then(|| {
        format!(
            "window {}, open across the halt, wants one accepted submission that counts: {:?}",
            one.window.nonce, one.txs
        )
    })
}

fn table(answered: &[Answered], halt: i64, chain: &Chain, worker: &Worker) -> String {
    let log = Log::of(worker);
    let mut text = format!(
        "\n{} until block {}, {} from block {halt} on, one worker throughout\n\
         | windows | window (nonce) | open until | transactions | included at | heard by | event to mempool |\n|---|---|---|---|---|---|---|\n",
        Release::Older.version(),
        halt - 1,
        Release::Newest.version(),
    );
    for one in answered {
        let Answered { window, txs } = one;
        let when = match window {
            window if is_across(window, halt) => "across",
            window if window.nonce < halt => "before",
            _ => "after",
        };
        let source = log.find("window_open", window);
        writeln!(
            text,
            "| {when} | {} | {} | {} | {} | {} | {} |",
            window.nonce,
            window.end,
            txs.len(),
            one.blocks_after()
                .map_or("-".into(), |blocks| format!("nonce+{blocks}")),
            source
                .and_then(|event| event["source"].as_str())
                .unwrap_or("-"),
            log.latency(window)
                .map_or("-".into(), |ms| format!("{ms:.1} ms")),
        )
        .expect("a string takes all");
    }
    let first = answered
        .iter()
        .flat_map(|one| &one.txs)
        .filter(|tx| tx.code == 0 && tx.height >= halt)
        .map(|tx| tx.height)
        .min();
    let took = first.map(|height| (height, chain.time(height) - chain.time(halt)));
    writeln!(
        text,
        "{}/{} windows answered; first answer after the halt: {}",
        answered
            .iter()
            .filter(|one| one.blocks_after().is_some())
            .count(),
        answered.len(),
        took.map_or("none".into(), |(height, took)| format!(
            "in block {height}, {:.1} s by the blocks' times after block {halt}",
            took.as_seconds_f64()
        )),
    )
    .expect("a string takes all");
    text
}
