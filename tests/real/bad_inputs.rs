//! Mistakes that only a real node shows: each is named with its remedy.

use crate::{gate::say, node, site::Site, wallet::Wallet, worker::READY};

#[test]
fn a_wrong_chain_id_ends_the_worker_with_cause_and_remedy() {
    let Some(node) = node::shared() else { return };
    let wallet = Wallet::random();
    let site = Site::new(node, &wallet).with(&["--chain-id", "allora-elsewhere-1"]);
    let mut worker = site.start();
    let status = worker.wait_for_exit(READY);
    assert!(!status.success(), "a node of another chain was accepted");
    let printed = worker.printed();
    for needed in ["allora-elsewhere-1", node.chain_id.as_str(), "--chain-id"] {
        assert!(printed.contains(needed), "{needed} is not in:\n{printed}");
    }
}

#[test]
fn a_topic_that_does_not_exist_ends_the_worker_with_cause_and_remedy() {
    let Some(node) = node::shared() else { return };
    let wallet = Wallet::random();
    let site = Site::new(node, &wallet).with(&["--topic", "999"]);
    let mut worker = site.start();
    let status = worker.wait_for_exit(READY);
    assert!(!status.success(), "topic 999 was accepted");
    let printed = worker.printed();
    for needed in ["999", node.chain_id.as_str(), "--topic"] {
        assert!(printed.contains(needed), "{needed} is not in:\n{printed}");
    }
}

#[test]
fn a_wallet_without_funds_waits_and_goes_on_when_it_is_funded() {
    let Some(node) = node::shared() else { return };
    let wallet = Wallet::random();
    let site = Site::new(node, &wallet);
    let mut worker = site.start();
    let said = worker.wait_for("word on missing funds", READY, |event| {
        let word = event.to_string();
        event["remedy"].is_string() && word.contains(&wallet.address) && word.contains("coins")
    });
    say(&format!(
        "a wallet without funds is told: {}",
        said["message"]
    ));
    node.fund(&wallet.address, 1);
    worker.wait_until_ready();
    worker.wait_for("answered window", READY, |event| {
        event["event"] == "submission_successful"
    });
    worker.stop();
}
