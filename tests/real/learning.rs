//! What a real node tells of others' inferences: two wallets answer one window, and the network's view
//! of it is read in the version that the node speaks.

use std::{path::Path, sync::Arc, time::Duration};

use allora_worker::{
    chain::{Answer, Emissions, Rpc},
    types::{Height, Nonce, TopicId, WindowKey},
};

use crate::{
    chain::Chain,
    gate::{self, Release, say},
    ledger::{Ledger, TOPIC},
    node::Node,
    peer::{Peer, meaning},
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
    worker::READY,
};

#[test]
fn what_others_answered_and_the_network_makes_of_it_is_read_right() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    two_in_a_window(Release::Newest, &binary);
}

#[test]
fn on_the_release_before_what_others_answered_is_read_right() {
    let Some(binary) = gate::binary_of(Release::Older) else {
        return;
    };
    two_in_a_window(Release::Older, &binary);
}

/// A worker and a bare wallet answer the same window; the worker tells how it compares, and what the
/// chain is asked for directly is the same.
fn two_in_a_window(release: Release, binary: &Path) {
    let node: Node = Plan::new().release(release).start(binary);
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let other = Wallet::random();
    node.fund(&other.address, 1);
    let mut peer = Peer::new(&node, &chain, &other);
    peer.register();
    let site = Site::new(&node, &wallet);
    let mut worker = site.start();
    worker.wait_until_prepared(1);

    let mut ledger = Ledger::new(&chain);
    let after = ledger.advance();
    let nonce = loop {
        let height = ledger.advance();
        if let Some(window) = ledger.windows_after(after).last() {
            break window.nonce;
        }
        assert!(height < after + 40, "no window opened after block {after}");
        chain.wait_for(height + 1);
    };
    let tx = peer.send(nonce, "0.0625", |_| {});
    assert_eq!(meaning(&peer.result(&tx)), Answer::Accepted);
    let window = ledger.wait_for_closed(nonce - 1, 1).remove(0);
    assert_eq!(window.nonce, nonce);
    assert_eq!(window.counted.len(), 2, "{window:?}");
    chain.wait_for(window.end + 1);

    let rpc = Rpc::new(std::slice::from_ref(&node.rpc), Duration::from_secs(5));
    let rpc = Arc::new(rpc.expect("a usable URL"));
    let emissions = chain.block_on(Emissions::detect(Arc::clone(&rpc)));
    let emissions = emissions.expect("a known version");
    assert_eq!(emissions.version().name(), release.emissions());
    let (topic, end) = (TopicId(TOPIC), Height(window.end));
    let key = |nonce| WindowKey {
        topic,
        nonce: Nonce(nonce),
    };

    let values = chain.block_on(emissions.inferences(key(nonce), end));
    let values = values.expect("the inferences of a nonce");
    let of = |address: &str| {
        let found = values.iter().find(|(inferer, _)| inferer == address);
        found.map(|(_, value)| *value)
    };
    assert_eq!(of(&other.address), Some(0.0625), "{values:?}");
    let ours = of(&wallet.address).expect("the worker's value");
    let mean = f64::midpoint(ours, 0.0625);

    let view = chain.block_on(emissions.network_inference_at(key(nonce), end));
    let view = view.expect("an answer").expect("the network's inference");
    assert_eq!((view.nonce.0, view.inferers.len()), (nonce, 2));
    let combined = view.combined.expect("a combined value");
    assert!((combined - mean).abs() < 1e-12, "{combined} is not {mean}");
    let latest = chain.block_on(emissions.latest_network_inference(topic, end));
    assert_eq!(latest.expect("an answer"), Some(view));
    let none = chain.block_on(emissions.network_inference_at(key(nonce + 1), end));
    assert_eq!(none.expect("an answer"), None);
    let time = chain.block_on(rpc.block_time(Height(nonce)));
    assert_eq!(time.expect("an answer"), Some(chain.time(nonce)));

    // Windows follow so fast here that the worker comes to the others' values of some only late.
    let told = worker.wait_for("a comparison", READY, |event| {
        event["event"] == "forecast_compared"
    });
    let compared = told["nonce"].as_i64().expect("a nonce");
    let view = chain.block_on(emissions.network_inference_at(key(compared), end));
    let view = view.expect("an answer").expect("the network's inference");
    assert_eq!(told["count"], view.inferers.len() - 1);
    assert_eq!(told["z"], serde_json::Value::Null);
    assert_eq!(told["combined"].as_f64(), view.combined);
    say(&format!(
        "{}: window {nonce}: ours {ours}, the other 0.0625, the network {combined}",
        release.version()
    ));
    worker.stop();
}
