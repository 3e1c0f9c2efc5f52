//! A topic with several outputs: answered label by label by a model outside the process, also when that
//! fails.

use std::fs;

use crate::{
    chain::Chain,
    gate::{self, say},
    ledger::{Ledger, Window, pair},
    node::Node,
    plan::Plan,
    site::Site,
    wallet::{Funded, Wallet},
};

const LABELS: &str = "up,down,flat";
/// Windows with a model that answers.
const WINDOWS: usize = 3;

#[test]
fn a_topic_with_several_outputs_is_answered_label_by_label_and_counted() {
    let Some(binary) = gate::node_binary() else {
        return;
    };
    let node = Plan::new().labels(LABELS).start(&binary);
    let (chain, wallet) = (Chain::new(&node.rpc), Wallet::funded(Funded::Worker));
    // The chain refuses an answer of nothing but its default, which is 0.
    answered(&node, &chain, &wallet, "exit 1", 1, "up=1E-9,down=0,flat=0");
    let model = r#"echo '{"values": {"flat": 0.125, "Up": "0.625", "down": 0.25}}'"#;
    let expected = "up=0.625,down=0.25,flat=0.125";
    answered(&node, &chain, &wallet, model, WINDOWS, expected);
}

/// Runs a worker with a model that is a line of a shell for some windows.
fn answered(node: &Node, chain: &Chain, wallet: &Wallet, line: &str, count: usize, expected: &str) {
    let site = Site::new(node, wallet);
    let file = site.path().join("several.toml");
    let command = serde_json::json!(["sh", "-c", line]);
    let topic = node.topics.start();
    let text = format!(
        "[[topics]]\nid = {topic}\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\nforecaster.command = {command}\n"
    );
    fs::write(&file, text).expect("a writable folder");
    let file = file.display().to_string();
    let site = site.with(&["--config", &file]);
    let mut worker = site.start();
    worker.wait_until_ready();
    let mut ledger = Ledger::new(chain);
    let ready_at = ledger.advance();
    let windows: Vec<Window> = ledger.wait_for_closed(ready_at, count);
    worker.wait_for_verdicts(&windows);
    let txs = chain.all_submissions(&wallet.address);
    for one in pair(&windows, &txs) {
        let fault = one.fault(&wallet.address, 1);
        assert!(fault.is_none(), "{fault:?}{}", worker.last_words());
        let values = one.txs.first().map(|tx| tx.values.as_str());
        assert_eq!(values, Some(expected));
        say(&format!(
            "topic {topic}, window {}: {expected}, counted",
            one.window.nonce
        ));
    }
    worker.stop();
    site.assert_counted(chain, &windows);
}
