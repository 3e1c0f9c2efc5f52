//! What the guide says of a real chain, typed line by line in a checkout that has the program.

use std::{fs, process::Command, time::Instant};

use tokio::runtime::Builder;

use crate::{
    gate::{self, say},
    guide::{self, checkout::Checkout, typist::Typist},
    plan::free_ports,
};

const SECTION: &str = "A real chain on your machine";

/// Brings the chain down however the test ends.
struct Down<'a>(&'a Checkout, String);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        let down = Command::new(self.0.path().join("scripts/localnet.sh"))
            .arg("reset")
            .env("LOCALNET_PORT", &self.1)
            .output();
        drop(down);
    }
}

#[test]
fn the_guides_chain_is_answered_with_the_tests_wallet_and_with_ones_own() {
    let Some(node) = gate::node_binary() else {
        return;
    };
    let checkout = Checkout::new();
    let port = free_ports(3);
    let network = checkout.path().join("config/networks/localnet.toml");
    let shipped = fs::read_to_string(&network).expect("the network");
    let port = port.to_string();
    fs::write(&network, shipped.replace("26657", &port)).expect("a file");
    let _down = Down(&checkout, port.clone());

    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut typist = Typist::new(&checkout);
    typist.set("LOCALNET_PORT", &port);
    typist.set("ALLORA_NODE_BIN", &node.display().to_string());
    let lines = guide::lines("WORKER_GUIDE.md");
    let lines: Vec<_> = lines.iter().filter(|it| it.section == SECTION).collect();
    assert!(lines.len() >= 10, "{lines:?}");
    let begun = Instant::now();
    let mut confirmed = 0;
    for (count, line) in (1..).zip(&lines) {
        runtime.block_on(typist.types(line, &[0]));
        if line.text.contains("submission_successful") {
            confirmed += 1;
            say(&format!(
                "a confirmed submission on a real chain after {count} lines of the guide, {:.0} s",
                begun.elapsed().as_secs_f64()
            ));
        }
    }
    assert_eq!(confirmed, 2, "with the tests' wallet, and with one's own");
}
