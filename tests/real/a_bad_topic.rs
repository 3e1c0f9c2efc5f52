//! A topic among many that refuses its answer: the others lose nothing by it.

use std::{collections::BTreeSet, fmt::Write, sync::PoisonError};

use allora_worker::chain::Answer;
use cosmrs::Any;
use prost::Message;

use crate::{
    chain::Chain,
    figures::Log,
    gate::say,
    ledger::{Answered, Ledger, Window, pair},
    many_topics::in_step,
    peer::{Peer, meaning},
    site::Site,
    wallet::{Funded, Wallet},
};

/// How many blocks after the nonce a window may be answered when another topic spoilt its transaction.
const SECOND_TRY: i64 = 2;

/// `EnableTopicWorkerWhitelistRequest` and its counterpart.
#[derive(Clone, PartialEq, Message)]
struct Switch {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(uint64, tag = "2")]
    topic_id: u64,
}

#[test]
fn a_topic_that_refuses_its_answer_costs_the_others_nothing() {
    let Some(node) = in_step() else { return };
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
    let mut owner = Peer::new(&node, &chain, &Wallet::funded(Funded::Admin));
    chain.wait_for(opening - 3);
    let closed_at = switch(&mut owner, "Enable", bad);
    assert!(
        closed_at <= opening,
        "topic {bad} closed in block {closed_at}, after {opening}"
    );
    let spoilt = ledger.wait_for_closed(opening - 1, count);
    let after = ledger.wait_for_closed(opening, count);
    switch(&mut owner, "Disable", bad);
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

/// Has the topic's owner enable or disable its list of workers, on which nobody stands. Gives the block.
fn switch(owner: &mut Peer<'_>, word: &str, topic: u64) -> i64 {
    let message = Switch {
        sender: owner.signer.address().to_owned(),
        topic_id: topic,
    };
    let version = owner.emissions.version().name();
    let tx = owner.send_message(Any {
        type_url: format!("/emissions.{version}.{word}TopicWorkerWhitelistRequest"),
        value: message.encode_to_vec(),
    });
    let (height, result) = owner.landed(&tx);
    assert_eq!(meaning(&result), Answer::Accepted, "{result:?}");
    height
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
