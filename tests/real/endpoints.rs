//! Several endpoints, the first of them bad: the next window is answered all the same.

use allora_worker::devnet::{Devnet, DevnetConfig};

use crate::{
    chain::Chain,
    gate::{self, number, say},
    node::{self, Endpoint, Node, Plan},
    proxy::{Proxy, Way},
    trial::Trial,
    wallet::{Funded, Wallet},
    worker::{READY, Site},
};

/// The chain that a wrong endpoint belongs to.
const ELSEWHERE: &str = "allora-elsewhere-1";

/// Windows that each trouble holds for.
fn windows() -> usize {
    usize::try_from(number("ALLORA_REAL_ENDPOINT_WINDOWS", 2)).expect("a small number")
}

fn own(node: &Node) -> Endpoint {
    Endpoint {
        rpc: node.rpc.clone(),
        ws: node.ws.clone(),
    }
}

fn port_of(endpoint: &Endpoint) -> u16 {
    let port = endpoint.rpc.rsplit(':').next();
    port.and_then(|port| port.parse().ok())
        .expect("an endpoint of the tests ends with its port")
}

#[test]
fn the_first_of_two_nodes_is_killed_frozen_and_left_behind_and_each_window_is_answered_once() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().second().start(&binary);
    let second = node.second.clone().expect("a second node was asked for");
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::funded(Funded::Worker);
    let site = Site::new(&node, &wallet).reached_by(&[second, own(&node)]);
    let lag = number("ALLORA_REAL_LAG", 10).to_string();
    let troubles: [(&str, &[&str], &[&str]); 3] = [
        ("the first is killed", &["node2-kill"], &["node2"]),
        ("the first is frozen", &["node2-freeze"], &["node2-thaw"]),
        ("the first lags", &["node2-lag", &lag], &["node2"]),
    ];
    // A worker for each: it uses the first endpoint until the trouble comes.
    for (name, trouble, relief) in troubles {
        let mut trial = Trial::begin(&site, &chain, &wallet, "both are well");
        trial.windows(1);
        trial.before_an_opening();
        trial.phase(name);
        say(node.order(trouble).trim_end());
        trial.windows(windows());
        say(node.order(relief).trim_end());
        trial.phase("both are well again");
        trial.windows(1);
        trial.finish(&site, &format!("two nodes, {name}"));
    }
}

#[test]
fn a_first_endpoint_that_answers_html_costs_no_window() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let own = own(node);
    let way = Way::To(port_of(&own));
    let proxy = Proxy::open(way.clone());
    let site = Site::new(node, &wallet).reached_by(&[proxy.endpoint(), own]);
    let mut trial = Trial::begin(&site, &chain, &wallet, "both are well");
    trial.windows(1);
    trial.before_an_opening();
    trial.phase("the first answers HTML");
    proxy.lead(Way::Page);
    trial.windows(windows());
    let pages = proxy.pages();
    trial.phase("both are well again");
    proxy.lead(way);
    trial.windows(1);
    trial.finish(
        &site,
        &format!("two endpoints, the first comes to answer HTML ({pages} pages served)"),
    );
    assert!(pages > 0, "the worker never asked the first endpoint");

    proxy.lead(Way::Page);
    let mut trial = Trial::begin(&site, &chain, &wallet, "the first answers HTML");
    trial.windows(1);
    trial.finish(
        &site,
        "two endpoints, the first answers HTML since before the worker's start",
    );
}

#[test]
fn a_first_endpoint_of_another_chain_is_named_and_shut_out() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    // It knows the wallet and the topic, and is far ahead: nothing but its id tells it from ours.
    let config = DevnetConfig {
        chain_id: ELSEWHERE.into(),
        fund_unknown: Some(1_000_000_000_000_000_000),
        ..DevnetConfig::default()
    };
    let elsewhere = runtime
        .block_on(Devnet::start(config))
        .expect("an embedded chain");
    let own = own(node);
    // Well at first: a name may come to lead elsewhere later.
    let proxy = Proxy::open(Way::To(port_of(&own)));
    let wrong = Endpoint {
        rpc: elsewhere.rpc_url(),
        ws: elsewhere.ws_url(),
    };
    let endpoints = [wrong.clone(), proxy.endpoint(), own];
    let site = Site::new(node, &wallet).reached_by(&endpoints);
    let mut trial = Trial::begin(&site, &chain, &wallet, "the first is of another chain");
    let told = trial
        .worker
        .wait_for("word on the wrong chain", READY, |event| {
            event["event"] == "node_trouble"
                && event["endpoint"]
                    .as_str()
                    .is_some_and(|name| wrong.rpc.contains(name) || name.contains(&wrong.rpc))
                && event["cause"]
                    .as_str()
                    .is_some_and(|cause| cause.contains(ELSEWHERE))
        });
    say(&format!("the worker says: {}", told["message"]));
    trial.windows(windows());
    trial.before_an_opening();
    trial.phase("the second, too, has come to lead to another chain");
    proxy.lead(Way::To(elsewhere.address().port()));
    trial.windows(windows());
    trial.finish(&site, "three endpoints, the first of another chain");
    runtime.block_on(elsewhere.shutdown());
}
