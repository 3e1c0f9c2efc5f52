//! A topic that was answered for the wallet by another hand: the others lose nothing by it.

use std::{collections::BTreeSet, fmt::Write, process::Command};

use allora_worker::{
    chain::{Answer, Signer, proto::emissions::InsertWorkerPayloadRequest},
    types::{Nonce, TopicId, WindowKey},
};
use prost::Message;

use crate::{
    chain::Chain,
    figures::Log,
    gate::say,
    ledger::{Answered, Ledger, Window, pair},
    many_topics::in_step,
    node::WINDOW,
    peer::{Peer, meaning},
    site::Site,
    wallet::{Funded, Wallet},
};

#[test]
fn a_topic_that_another_hand_has_answered_costs_the_others_nothing() {
    let Some(node) = in_step() else { return };
    let node = node
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = node.topics.clone().count();
    let taken = *node.topics.start() + 1;
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let mut hand = Peer::new(&node, &chain, &Wallet::funded(Funded::Third));
    let site = Site::new(&node, &wallet).all_topics();
    let mut worker = site.start();
    worker.wait_until_prepared(count);
    let mut ledger = Ledger::of(&chain, node.topics.clone());
    let ready_at = ledger.advance();
    ledger.wait_for_closed(ready_at, count);

    // The worker stands still while the window opens and the other hand answers, and then finds it open.
    let opening = ledger.next_opening(node.epoch);
    chain.wait_for(opening - 1);
    signal("-STOP", worker.pid());
    chain.wait_for(opening);
    let relayed = relay(&mut hand, &wallet, taken, opening);
    signal("-CONT", worker.pid());
    let back_at = chain.height();

    let windows = ledger.wait_for_closed(opening - 1, 2 * count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    let answered = pair(&windows, &txs);
    say(&told(&answered, taken, opening, (relayed, back_at)));
    let log = Log::of(&worker);
    let of_taken = answered.iter().find(|one| one.window.topic == taken);
    let refused = of_taken.and_then(|one| log.find("submission_refused", &one.window));
    say(&format!(
        "the worker on topic {taken}: {}",
        refused.map_or("no refusal was met", |event| event["message"]
            .as_str()
            .unwrap_or_default())
    ));
    let faults: Vec<String> = answered
        .iter()
        .filter_map(|one| fault(one, taken, opening, &wallet.address))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}{}", worker.last_words());
    worker.stop();
    // What another hand sent is not the journal's to tell.
    let own = |window: &Window| (window.topic, window.nonce) != (taken, opening);
    let own: Vec<Window> = windows.into_iter().filter(own).collect();
    site.assert_counted(&chain, &own);
}

/// Sends the wallet's answer for a window under another account, which pays for it. Gives the block.
fn relay(hand: &mut Peer<'_>, wallet: &Wallet, topic: u64, nonce: i64) -> i64 {
    let signer = Signer::from_mnemonic(&wallet.mnemonic.as_str().into()).expect("a key");
    let key = WindowKey {
        topic: TopicId(topic),
        nonce: Nonce(nonce),
    };
    let value = "0.0123".parse().expect("a decimal");
    let message = hand.emissions.submission(&signer, key, &value);
    let mut message = message.expect("a signed bundle");
    let mut payload =
        InsertWorkerPayloadRequest::decode(message.value.as_slice()).expect("a payload");
    // The bundle is the wallet's and bears its signature; the sender is whoever pays.
    hand.signer.address().clone_into(&mut payload.sender);
    message.value = payload.encode_to_vec();
    let tx = hand.send_message(message);
    let (height, result) = hand.landed(&tx);
    assert_eq!(meaning(&result), Answer::Accepted, "{result:?}");
    height
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "the worker was gone");
}

fn told(answered: &[Answered], taken: u64, opening: i64, (relayed, back_at): (i64, i64)) -> String {
    let mut text = format!(
        "\ntopic {taken} was answered by another hand in block {relayed}; the worker was back at block {back_at}\n"
    );
    for nonce in answered
        .iter()
        .map(|one| one.window.nonce)
        .collect::<BTreeSet<_>>()
    {
        let others = || {
            answered
                .iter()
                .filter(move |one| one.window.nonce == nonce && one.window.topic != taken)
        };
        let blocks: BTreeSet<i64> = others().filter_map(Answered::blocks_after).collect();
        let txs = answered
            .iter()
            .filter(|one| one.window.nonce == nonce)
            .flat_map(|one| &one.txs);
        let (sound, refused): (BTreeSet<_>, BTreeSet<_>) = (
            txs.clone()
                .filter(|tx| tx.code == 0)
                .map(|tx| &tx.hash)
                .collect(),
            txs.filter(|tx| tx.code != 0).map(|tx| &tx.hash).collect(),
        );
        writeln!(
            text,
            "window {nonce}{}: {} of {} others answered, at nonce+{blocks:?}, in {} transactions; {} refused",
            if nonce == opening { " (that one)" } else { "" },
            others().filter(|one| one.blocks_after().is_some()).count(),
            others().count(),
            sound.len(),
            refused.len(),
        )
        .expect("a string takes all");
    }
    text
}

/// What is wrong with a window: the others' at `opening` may have fallen once with the taken one's.
fn fault(one: &Answered, taken: u64, opening: i64, address: &str) -> Option<String> {
    let window = &one.window;
    if window.nonce != opening {
        return one.fault(address, WINDOW);
    }
    let accepted = one.txs.iter().filter(|tx| tx.code == 0).count();
    let fell = one.txs.len() - accepted;
    let wanted = usize::from(window.topic != taken);
    let in_time = one.blocks_after().is_none_or(|blocks| blocks <= WINDOW);
    let sound = accepted == wanted && fell <= 1 && in_time && window.counted.contains(address);
    (!sound).then(|| {
        format!(
            "topic {}, window {}: wants {wanted} accepted submissions of the worker's and to count: {:?}",
            window.topic, window.nonce, one.txs
        )
    })
}
