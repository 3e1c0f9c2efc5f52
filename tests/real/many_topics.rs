//! Many topics, one wallet, one process: each window answered once, in the next block.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::{
    chain::Chain,
    figures::{Log, Spread},
    gate::{self, number, say},
    ledger::{Answered, Ledger, assert_no_strays, pair},
    node::Node,
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
};

fn topics() -> u64 {
    number("ALLORA_REAL_TOPICS", 16)
}

/// The chain whose topics open their windows in the same block, for one worker at a time: the wallet
/// that is registered in all of them is one.
pub(crate) fn in_step() -> Option<&'static Mutex<Node>> {
    static IN_STEP: OnceLock<Mutex<Node>> = OnceLock::new();
    let binary = gate::node_binary()?;
    Some(IN_STEP.get_or_init(|| Mutex::new(Plan::new().topics(topics()).start(&binary))))
}

#[test]
fn topics_that_open_in_the_same_block_are_each_answered_once_in_the_next() {
    let Some(node) = in_step() else { return };
    let node = node.lock().unwrap_or_else(PoisonError::into_inner);
    answer_all(&node, "in step", number("ALLORA_REAL_EPOCHS", 2));
}

#[test]
fn topics_that_open_one_block_after_the_other_are_each_answered_once_in_the_next() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().topics(topics()).staggered().start(&binary);
    let epochs = number("ALLORA_REAL_EPOCHS_STAGGERED", 1);
    answer_all(&node, "one a block", epochs);
}

fn answer_all(node: &Node, manner: &str, epochs: u64) {
    let topics = node.topics.clone().count();
    let count = topics * usize::try_from(epochs).expect("a small number");
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(node, &wallet).all_topics();
    let mut worker = site.start();
    worker.wait_until_prepared(topics);
    let mut ledger = Ledger::of(&chain, node.topics.clone());
    let ready_at = ledger.advance();
    let windows = ledger.wait_for_closed(ready_at, count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    let log = Log::of(&worker);
    say(&table(&answered, topics, manner, &wallet.address, &log));
    let faults: Vec<String> = answered
        .iter()
        .filter_map(|one| one.fault(&wallet.address, 1))
        .chain(windows.iter().flat_map(|window| log.gaps(window)))
        .collect();
    let first: Vec<&String> = faults.iter().take(20).collect();
    assert!(
        faults.is_empty(),
        "{} faults in {count} windows, such as {first:#?}{}",
        faults.len(),
        worker.last_words()
    );
    assert_no_strays(&ledger, &txs, ready_at);
    worker.stop();
    site.assert_counted(&chain, &windows);
}

fn table(answered: &[Answered], topics: usize, manner: &str, address: &str, log: &Log) -> String {
    let mut text = format!(
        "\n{topics} topics, {manner}\n| windows opened at | windows | answered | at nonce+1 | counted | transactions | event to mempool |\n|---|---|---|---|---|---|---|\n"
    );
    for round in answered.chunks(topics) {
        line(&mut text, round, address, log);
    }
    // One transaction may hold many answers, and its gas is theirs together.
    let txs = answered.iter().flat_map(|one| &one.txs);
    let sent: BTreeMap<&str, (usize, i64)> = txs
        .map(|tx| (tx.hash.as_str(), (tx.shared_by, tx.gas)))
        .collect();
    let messages: usize = sent.values().map(|(messages, _)| messages).sum();
    let largest = sent.values().map(|(messages, _)| *messages).max();
    let gas: i64 = sent.values().map(|(_, gas)| gas).sum();
    let per = |whole: f64, parts: usize| whole / parts.max(1) as f64;
    let latencies = answered.iter().filter_map(|one| log.latency(&one.window));
    writeln!(
        text,
        "{} windows, {} answered, {} at nonce+1; {} transactions with {:.1} messages each, at most {}; \
         {:.0} gas an answer; {} signed before the window opened; event to mempool {}",
        answered.len(),
        answered.iter().filter(|one| one.blocks_after().is_some()).count(),
        answered.iter().filter(|one| one.blocks_after() == Some(1)).count(),
        sent.len(),
        per(messages as f64, sent.len()),
        largest.unwrap_or_default(),
        per(gas as f64, messages),
        log.presigned(answered.iter().map(|one| &one.window)),
        Spread::of(latencies.collect())
    )
    .expect("a string takes all");
    text
}

fn line(text: &mut String, round: &[Answered], address: &str, log: &Log) {
    let nonces: BTreeSet<i64> = round.iter().map(|one| one.window.nonce).collect();
    let (first, last) = (nonces.first(), nonces.last());
    let place = match (first, last) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.to_string(),
        _ => "-".into(),
    };
    let hashes: BTreeSet<&str> = round
        .iter()
        .flat_map(|one| &one.txs)
        .map(|tx| tx.hash.as_str())
        .collect();
    let latencies = round.iter().filter_map(|one| log.latency(&one.window));
    writeln!(
        text,
        "| {place} | {} | {} | {} | {} | {} | {} |",
        round.len(),
        round
            .iter()
            .filter(|one| one.blocks_after().is_some())
            .count(),
        round
            .iter()
            .filter(|one| one.blocks_after() == Some(1))
            .count(),
        round
            .iter()
            .filter(|one| one.window.counted.contains(address))
            .count(),
        hashes.len(),
        Spread::of(latencies.collect())
    )
    .expect("a string takes all");
}
