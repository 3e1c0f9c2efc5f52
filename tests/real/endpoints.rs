//! Several endpoints, the first of them bad: the next window is answered all the same.

use allora_worker::devnet::{Devnet, DevnetConfig};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::{
    chain::Chain,
    gate::{self, number, say},
    node::{self, Endpoint, Node},
    plan::Plan,
    proxy::{Proxy, Way},
    site::Site,
    trial::Trial,
    wallet::{Funded, Wallet},
    worker::READY,
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

fn port_of(url: &str) -> u16 {
    let port = url.rsplit(':').next();
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
    let way = Way::To(port_of(&own.rpc));
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

/// A chain that knows the wallet and the topic and is far ahead: nothing but its id tells it from ours.
struct Elsewhere {
    runtime: Runtime,
    devnet: Option<Devnet>,
}

impl Elsewhere {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let config = DevnetConfig {
            chain_id: ELSEWHERE.into(),
            fund_unknown: Some(1_000_000_000_000_000_000),
            ..DevnetConfig::default()
        };
        let devnet = runtime.block_on(Devnet::start(config));
        Self {
            runtime,
            devnet: Some(devnet.expect("an embedded chain")),
        }
    }

    fn endpoint(&self) -> Endpoint {
        let devnet = self.devnet.as_ref().expect("it runs until it is dropped");
        Endpoint {
            rpc: devnet.rpc_url(),
            ws: devnet.ws_url(),
        }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        if let Some(devnet) = self.devnet.take() {
            self.runtime.block_on(devnet.shutdown());
        }
    }
}

/// Waits until the worker has named an endpoint and the chain that it is of.
fn wait_until_named(trial: &mut Trial<'_>, endpoint: &Endpoint) {
    let said = |event: &Value, key: &str, word: &str| {
        event[key].as_str().is_some_and(|text| text.contains(word))
    };
    let told = trial
        .worker
        .wait_for("word on the wrong chain", READY, |event| {
            event["event"] == "node_trouble"
                && said(event, "endpoint", &endpoint.rpc)
                && said(event, "cause", ELSEWHERE)
        });
    say(&format!("the worker says: {}", told["message"]));
}

#[test]
fn a_first_endpoint_of_another_chain_is_named_and_shut_out() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let elsewhere = Elsewhere::start();
    let wrong = elsewhere.endpoint();
    let site = Site::new(node, &wallet).reached_by(&[wrong.clone(), own(node)]);
    let mut trial = Trial::begin(&site, &chain, &wallet, "the first is of another chain");
    wait_until_named(&mut trial, &wrong);
    trial.windows(windows());
    trial.finish(&site, "two endpoints, the first of another chain");
}

#[test]
fn an_endpoint_that_comes_to_lead_to_another_chain_is_named_and_shut_out() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let elsewhere = Elsewhere::start();
    let own = own(node);
    let proxy = Proxy::open(Way::To(port_of(&own.rpc)));
    let site = Site::new(node, &wallet).reached_by(&[proxy.endpoint(), own]);
    let mut trial = Trial::begin(&site, &chain, &wallet, "both are of our chain");
    trial.windows(1);
    trial.before_an_opening();
    trial.phase("the first has come to lead to another chain");
    proxy.lead(Way::To(port_of(&elsewhere.endpoint().rpc)));
    trial.windows(windows());
    trial.finish(
        &site,
        "two endpoints, the first comes to lead to another chain",
    );
}

#[test]
fn with_grpc_alone_for_queries_and_broadcasts_every_window_is_answered_once() {
    let Some(node) = node::shared() else { return };
    let chain = Chain::new(&node.rpc);
    let wallet = Wallet::random();
    node.fund(&wallet.address, 5);
    let endpoint = Endpoint {
        rpc: format!("grpc+{}", node.grpc),
        ws: node.ws.clone(),
    };
    let site = Site::new(node, &wallet).reached_by(&[endpoint]);
    let mut trial = Trial::begin(&site, &chain, &wallet, "gRPC and a WebSocket");
    trial.windows(windows());
    trial.finish(
        &site,
        "queries and broadcasts over gRPC alone, events over the WebSocket",
    );
}
