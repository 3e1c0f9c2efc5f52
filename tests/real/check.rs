//! What `check` says of a real node, before a start.

use serde_json::Value;

use crate::{
    gate::say,
    node::{self, EPOCH, WINDOW},
    site::Site,
    wallet::{Funded, Wallet},
};

/// The line of this name; each that is not well has a remedy.
fn line<'a>(report: &'a Value, name: &str) -> &'a Value {
    let lines = report["checks"].as_array().expect("a list of checks");
    for line in lines {
        assert_eq!(line["remedy"] == "", line["level"] == "ok", "{line}");
    }
    let found = lines.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[test]
fn a_real_node_is_looked_at_and_a_wallet_without_coins_or_registration_told() {
    let Some(node) = node::shared() else { return };
    let wallet = Wallet::funded(Funded::Third);
    let grpc = format!("grpc+{}", node.grpc);
    let site = Site::new(node, &wallet).with(&["--rpc", &grpc]);
    let (code, report) = site.check();
    assert_eq!(code, Some(0), "{report:#}");
    let topic = format!("topic {}", node.topics.start());
    for (name, part) in [
        ("RPC 1", "answers in"),
        ("gRPC 2", "answers in"),
        ("WebSocket 1", "heard of block"),
        ("chain", "speaks emissions v10"),
        ("clock", "from the newest block's time"),
        ("balance", "ALLO"),
        ("fee", "tier standard"),
    ] {
        let line = line(&report, name);
        assert_eq!(line["level"], "ok", "{line}");
        assert!(line.to_string().contains(part), "{part} is not in {line}");
    }
    let windows = line(&report, &topic)["what"]
        .as_str()
        .expect("words")
        .to_owned();
    say(&format!("a real node's topic is told as: {windows}"));
    assert!(
        windows.contains(&format!("a window every {EPOCH} blocks (")),
        "{windows}"
    );
    assert!(
        windows.contains(&format!("open for {WINDOW} blocks")),
        "{windows}"
    );
    assert!(windows.contains("loss "), "{windows}");

    let nobody = Wallet::random();
    let (code, report) = Site::new(node, &nobody).check();
    assert_eq!(code, Some(2), "{report:#}");
    assert_eq!(line(&report, "balance")["level"], "error");
    let registered = line(&report, &format!("{topic} registered"));
    assert_eq!(registered["level"], "warning", "{registered}");
    assert!(registered.to_string().contains("200 uallo"), "{registered}");
    assert_eq!(report["address"], nobody.address.as_str());
    let words: Vec<_> = nobody.mnemonic.split(' ').take(3).collect();
    assert!(
        !report.to_string().contains(&words.join(" ")),
        "its words are shown"
    );

    let elsewhere = Site::new(node, &wallet).with(&["--chain-id", "allora-elsewhere-1"]);
    let (code, report) = elsewhere.check();
    assert_eq!(code, Some(2), "{report:#}");
    let foreign = line(&report, "RPC 1");
    assert_eq!(
        (&foreign["level"], &foreign["heals"]),
        (&"error".into(), &false.into())
    );
}
