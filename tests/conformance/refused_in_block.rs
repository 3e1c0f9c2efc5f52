//! One window: what is taken in it, and what a message refuses in the block. All come in one go, each
//! with its own sequence number.

use allora_worker::chain::proto::emissions as pb;
use cosmrs::Any;
use serde_json::Value;

use super::{
    TOPIC, Version,
    book::Book,
    client::verdict,
    scene::Scene,
    spoilt_bundles,
    wallet::{Wallet, insert},
};

/// Name, messages of a window's nonce, gas, and what the block says.
pub(super) struct Case {
    name: &'static str,
    messages: Vec<Any>,
    gas: u64,
    expected: String,
}

pub(super) fn case(name: &'static str, messages: Vec<Any>, expected: impl Into<String>) -> Case {
    Case {
        name,
        messages,
        gas: super::scene::GAS,
        expected: expected.into(),
    }
}

const FIRST: &str = "failed to execute message; message index: 0: ";

fn of_the_window(worker: &Wallet, version: Version, nonce: i64, epoch: i64) -> Vec<Case> {
    let submission = |nonce, value| vec![worker.submission(version, nonce, value)];
    let bundle = spoilt_bundles::bundle(version);
    let planning = version.pick(
        "Error appending inference",
        "Error planning inference admission",
    );
    let not_open = format!("emissions 75 {FIRST}unfulfilled nonce not found");
    vec![
        Case {
            gas: 120_000,
            ..case(
                "gas below the messages' need is out of gas in the block",
                submission(nonce, "1"),
                "sdk 11 out of gas in location: <any>; gasWanted: 120000, gasUsed: <int>: out of gas",
            )
        },
        case(
            "a submission in its window is taken",
            submission(nonce, "0.0125"),
            " 0 ",
        ),
        case(
            "the same nonce again is already submitted",
            submission(nonce, "0.5"),
            format!("undefined 1 {FIRST}{planning}: inference already submitted"),
        ),
        case(
            "a nonce that is not open yet is not found",
            submission(nonce + epoch, "1"),
            not_open.as_str(),
        ),
        case(
            "a nonce that is closed is not found",
            submission(nonce - epoch, "1"),
            not_open.as_str(),
        ),
        case(
            "a number in another notation spoils the bundle's signature",
            submission(nonce, "1.5e-07"),
            format!("sdk 4 {bundle}signature verification failed: unauthorized"),
        ),
        case(
            "a topic that does not exist is invalid",
            vec![insert(
                version.word(),
                &worker.request(version, nonce, "1", |i| i.topic_id = 999),
            )],
            format!("emissions 6 {FIRST}invalid topic ID"),
        ),
        case(
            "a second registration is refused",
            vec![worker.registration(version.word(), TOPIC)],
            format!(
                "emissions 8 {FIRST}worker is already registered in this topic: address already registered in a topic"
            ),
        ),
        case(
            "a registration in no topic is refused",
            vec![worker.registration(version.word(), 999)],
            format!("emissions 23 {FIRST}topic does not exist"),
        ),
    ]
}

/// Labels that a topic with one output does not take; the older version has none.
fn labels(worker: &Wallet, version: Version, nonce: i64) -> Vec<Case> {
    let labelled = |labels: &[&str]| {
        let value = |label: &&str| pb::InputLabeledValue {
            label: (*label).into(),
            value: "1".into(),
        };
        let values = labels.iter().map(value).collect();
        vec![insert(
            version.word(),
            &worker.request(version, nonce, "1", |i| i.values = values),
        )]
    };
    let why = format!("{FIRST}input inference failed label validation: ");
    vec![
        case(
            "two labels are too many",
            labelled(&["y", "z"]),
            format!(
                "emissions 97 {why}submission has 2 labels, per-topic cap is 1: too many labels in one submission (exceeds per-topic cap)"
            ),
        ),
        case(
            "another label than y is refused",
            labelled(&["z"]),
            format!("sdk 18 {FIRST}single-arity label must be \"y\", got \"z\": invalid request"),
        ),
        case(
            "a label of spaces is empty",
            labelled(&[" "]),
            format!(
                "emissions 95 {why}input labeled value at index 0: label is empty after trimming: invalid label name"
            ),
        ),
        case(
            "a label with a sign that is not allowed is refused",
            labelled(&["y?"]),
            format!(
                "emissions 95 {why}input labeled value at index 0: label contains a disallowed character: U+003F: invalid label name"
            ),
        ),
    ]
}

pub(super) async fn play(scene: &mut Scene<'_>, book: &mut Book) {
    let (worker, second, version) = (scene.worker(), &scene.wallets[1], scene.version);
    let (nonce, epoch) = (scene.next_opening().await, scene.target.epoch().0);
    let mut cases = of_the_window(worker, version, nonce, epoch);
    cases.extend(spoilt_bundles::contradictions(
        worker, second, version, nonce,
    ));
    cases.extend(spoilt_bundles::spoilt_bundles(worker, version, nonce));
    if version == Version::V10 {
        cases.extend(labels(worker, version, nonce));
    }
    let first = scene.terms(worker).await;
    let balance = scene.balance(&worker.address).await;
    let sign = |(at, case): (usize, &Case)| {
        let mut terms = first.clone();
        terms.sequence += at as u64;
        terms.gas = case.gas;
        worker.sign(case.messages.clone(), &terms)
    };
    let txs: Vec<_> = cases.iter().enumerate().map(sign).collect();
    let stranger = second.sign(
        vec![second.submission(version, nonce, "1")],
        &scene.terms(second).await,
    );
    scene.reach(nonce).await;
    let mut sent = Vec::new();
    for tx in txs.iter().chain([&stranger]) {
        sent.push(scene.client.broadcast(tx).await);
    }
    let again = scene.client.broadcast(&txs[1]).await;
    book.says(
        "the same bytes again are in the mempool's cache",
        &verdict(&again),
        "-32603 Internal error: tx already exists in cache",
    );
    cases.push(case(
        "a worker that is not registered is refused",
        Vec::new(),
        format!(
            "emissions 13 {FIRST}worker is not registered in this topic: address not registered"
        ),
    ));
    for (case, sent) in cases.iter().zip(&sent) {
        let found: Value = scene.included(sent).await;
        book.says(case.name, &verdict(&found), &case.expected);
    }
    let again = scene.client.broadcast(&txs[1]).await;
    book.says(
        "the same bytes are in the cache when they are in a block",
        &verdict(&again),
        "-32603 Internal error: tx already exists in cache",
    );
    let again = scene.client.broadcast(&txs[2]).await;
    book.says(
        "what a block refused may come again, and its sequence number is spent",
        &verdict(&again),
        "sdk 32 account sequence mismatch, expected <int>, got <int>: incorrect account sequence",
    );
    let spent = balance - scene.balance(&worker.address).await;
    let fees = first.fee * txs.len() as u128;
    book.says(
        "what a block refuses pays its fee, and what it takes the fee for data too",
        &spent.to_string(),
        &(fees + 10).to_string(),
    );
    let sequence = scene.account(&worker.address).await.sequence;
    book.says(
        "what a block refuses spends its sequence number",
        &sequence.to_string(),
        &(first.sequence + txs.len() as u64).to_string(),
    );
}
