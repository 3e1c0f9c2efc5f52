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
    ledger::{Answered, Ledger, Window, pair, strays},
    node::{Node, Plan},
    wallet::{Funded, Wallet},
    worker::Site,
};

/// How many blocks after the nonce a window may be answered when another topic spoilt its transaction.
const SECOND_TRY: i64 = 2;

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

#[test]
fn a_topic_that_refuses_its_answer_costs_the_others_nothing() {
    let Some(node) = in_step() else { return };
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = node.lock().unwrap_or_else(PoisonError::into_inner);
    let count = node.topics.clone().count();
    let bad = (node.topics.start() + node.topics.end()) / 2;
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(&node, &wallet).all_topics();
    let mut worker = site.start();
    worker.wait_until_prepared(count);
    let mut ledger = Ledger::of(&chain, node.topics.clone());
    let ready_at = ledger.advance();
    // A window that goes well first: the worker has asked for all standings after it.
    let before = ledger.wait_for_closed(ready_at, count);
    worker.wait_for_verdicts(&before);

    // A block or two before the windows open, the topic closes to workers that are not on its list.
    let opening = ledger.next_opening(node.epoch);
    chain.wait_for(opening - 3);
    let admin = Wallet::funded(Funded::Admin).address;
    let switch = |word: &str| {
        let command = format!("{word}-topic-worker-whitelist");
        node.admin(&binary, &["emissions", &command, &admin, &bad.to_string()]);
    };
    switch("enable");
    let spoilt = ledger.wait_for_closed(opening - 1, count);
    let after = ledger.wait_for_closed(opening, count);
    switch("disable");
    let healed_at = ledger.next_opening(node.epoch);
    let healed = ledger.wait_for_closed(healed_at - 1, 2 * count);

    let txs = chain.all_submissions(&wallet.address);
    let log = Log::of(&worker);
    let mut text = format!(
        "\ntopic {bad} of {count} closes to the wallet before block {opening}, and opens again before {healed_at}\n\
         | windows opened at | others answered | at nonce+1 | at nonce+2 | topic {bad} answered | transactions | refused |\n|---|---|---|---|---|---|---|\n"
    );
    let mut faults = Vec::new();
    let rounds = spoilt.chunks(count).chain(after.chunks(count));
    for windows in rounds.chain(healed.chunks(count)) {
        let answered = pair(windows, &txs);
        row(&mut text, &answered, bad);
        for one in &answered {
            let shut = one.window.nonce < healed_at && one.window.topic == bad;
            let fault = if shut {
                let accepted = one.blocks_after();
                accepted.map(|_| {
                    format!(
                        "topic {bad} took an answer though it was closed: {:?}",
                        one.txs
                    )
                })
            } else {
                undamaged(one, &wallet.address, SECOND_TRY, healed_at)
            };
            faults.extend(fault);
        }
    }
    say(&text);
    let refused = log.find("submission_refused", &window_of(&spoilt, bad));
    say(&format!(
        "the worker on topic {bad}: {}",
        refused.map_or("no refusal was met", |event| event["message"]
            .as_str()
            .unwrap_or_default())
    ));
    assert!(faults.is_empty(), "{faults:#?}{}", worker.last_words());
    worker.stop();
}

/// What is wrong with a window that another topic may have spoilt a transaction of: anything but one
/// accepted submission in time that counted, and at most one that fell with the bad topic's.
fn undamaged(one: &Answered, address: &str, latest: i64, healed_at: i64) -> Option<String> {
    // The bad topic itself is found open again at its first window at the earliest.
    let latest = if one.window.nonce == healed_at {
        latest.max(SECOND_TRY + 1)
    } else {
        latest
    };
    let accepted = one.txs.iter().filter(|tx| tx.code == 0).count();
    let fell = one.txs.len() - accepted;
    let in_time = one.blocks_after().is_some_and(|blocks| blocks <= latest);
    let sound = accepted == 1 && fell <= 1 && in_time && one.window.counted.contains(address);
    (!sound).then(|| {
        format!(
            "topic {}, window {}: wants one accepted submission by nonce+{latest} that counts: {:?}",
            one.window.topic, one.window.nonce, one.txs
        )
    })
}

fn window_of(windows: &[Window], topic: u64) -> Window {
    let found = windows.iter().find(|window| window.topic == topic);
    found.expect("each topic opens a window").clone()
}

fn row(text: &mut String, answered: &[Answered], bad: u64) {
    let at = |blocks: i64| {
        let others = answered.iter().filter(|one| one.window.topic != bad);
        others
            .filter(|one| one.blocks_after() == Some(blocks))
            .count()
    };
    let others = answered
        .iter()
        .filter(|one| one.window.topic != bad && one.blocks_after().is_some())
        .count();
    let own = answered.iter().find(|one| one.window.topic == bad);
    let hashes = |refused: bool| {
        let txs = answered.iter().flat_map(|one| &one.txs);
        let chosen = txs.filter(|tx| !refused || tx.code != 0);
        chosen.map(|tx| &tx.hash).collect::<BTreeSet<_>>().len()
    };
    writeln!(
        text,
        "| {} | {others}/{} | {} | {} | {} | {} | {} |",
        answered[0].window.nonce,
        answered.len() - 1,
        at(1),
        at(2),
        own.and_then(Answered::blocks_after)
            .map_or("no".into(), |blocks| format!("nonce+{blocks}")),
        hashes(false),
        hashes(true),
    )
    .expect("a string takes all");
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
    let strays = strays(&ledger, &txs, ready_at);
    assert!(
        strays.is_empty(),
        "transactions for windows that never opened: {strays:?}"
    );
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
