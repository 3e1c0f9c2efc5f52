//! `check`: what stands in the way is told before a worker is started, each with its remedy, and nothing
//! is changed by looking.

use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

use allora_worker::devnet::{Control, read_script};
use rstest::rstest;
use serde_json::Value;

use crate::{
    harness::{COINS, Stage, TOPIC},
    operator::{Home, ended, terminate},
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, quick, with},
};

/// What a check told, and how it ended.
struct Checked {
    code: Option<i32>,
    report: Value,
}

impl Checked {
    /// The line of this name.
    fn line(&self, name: &str) -> &Value {
        let lines = self.report["checks"].as_array().unwrap();
        let found = lines.iter().find(|it| it["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#}", self.report))
    }

    fn level(&self, name: &str) -> &str {
        self.line(name)["level"].as_str().unwrap()
    }

    fn says(&self, name: &str, part: &str) {
        let line = self.line(name).to_string();
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

/// The arguments of `run`, for `check`.
fn checking(args: &[String]) -> Vec<String> {
    let mut all = vec!["check".to_owned()];
    all.extend_from_slice(&args[1..]);
    all
}

/// Checks as JSON. Each line that is not well has a remedy, whatever is checked.
async fn check(home: &Home, args: &[String], more: &[&str]) -> Checked {
    let args = checking(args);
    let args = with(&args, more);
    let (output, said) = home.run(&[&args[..], &["--json"]].concat()).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    for line in report["checks"].as_array().unwrap() {
        let is_well = line["level"] == "ok";
        assert_eq!(line["remedy"] == "", is_well, "{line}");
    }
    Checked {
        code: output.status.code(),
        report,
    }
}

/// What `start_worker.sh` asks: the exit code, and what is said.
async fn before_a_start(home: &Home, args: &[String], more: &[&str]) -> (Option<i32>, String) {
    let args = checking(args);
    let args = with(&args, more);
    let (output, said) = home.run(&[&args[..], &["--start"]].concat()).await;
    (output.status.code(), said)
}

#[tokio::test]
async fn a_sound_place_is_well_in_all_and_is_left_as_it_was() {
    let (_stage, args) = quick("allora-well-1").await;
    let home = home_of_the_stages_wallet();
    let found = check(&home, &args, &["--strict"]).await;
    assert_eq!(found.code, Some(0), "{:#}", found.report);
    for (name, part) in [
        ("key", "a private key: allo1"),
        ("RPC 1", "answers in"),
        ("WebSocket 1", "3 subscriptions in"),
        ("WebSocket 1", "heard of block"),
        ("clock", "from the newest block's time"),
        ("topic 67", "a window every 40 blocks ("),
        ("topic 67", "next at block"),
        ("topic 67 registered", "is registered"),
        ("topic 67 whitelist", "may submit"),
        ("balance", "1000 ALLO"),
        ("cost", "in 90 days"),
        ("worker.db", "not there yet"),
        ("others", "none runs here"),
        ("file", "hourly closes"),
    ] {
        found.says(name, part);
    }
    assert!(!home.artifact("").exists(), "looking made something");
    let (code, said) = before_a_start(&home, &args, &[]).await;
    assert_eq!(
        (code, said.as_str()),
        (Some(0), ""),
        "what is well is not told"
    );

    let args = checking(&args);
    let mut command = home.command(&with(&args, &[]));
    command.env("COLUMNS", "80");
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 80),
        "{said}"
    );
    assert!(said.contains("✅ all is well"), "{said}");
}

/// Each with the line that is wrong, and whether a start is refused for it.
#[rstest]
#[case("another-chain", "RPC 1", 2)]
#[case("catching-up", "RPC 1", 0)]
#[case("bad-gateway", "RPC 1", 0)]
#[case("refuse-subscribes", "WebSocket 1", 0)]
#[tokio::test]
async fn a_node_in_trouble_is_named(#[case] fault: &str, #[case] name: &str, #[case] start: i32) {
    let (stage, args) = quick(&format!("allora-{fault}-1")).await;
    let orders = read_script(&format!(r#"{{"fault":"{fault}","for":100000}}"#)).unwrap();
    stage.control(Control::Play(orders)).await;
    stage.control(Control::ProduceBlocks(2)).await;
    let home = home_of_the_stages_wallet();
    let found = check(&home, &args, &[]).await;
    assert_eq!(found.code, Some(2), "{:#}", found.report);
    assert_eq!(found.level(name), "error", "{:#}", found.report);
    let (code, said) = before_a_start(&home, &args, &[]).await;
    assert_eq!(code, Some(start), "{said}");
    assert!(said.contains(name), "{said}");
    assert_eq!(said.contains('❌'), start == 2, "{said}");
}

#[tokio::test]
async fn a_dead_endpoint_beside_a_sound_one_is_worth_a_look() {
    let (_stage, args) = quick("allora-dead-1").await;
    let home = home_of_the_stages_wallet();
    let dead = [
        "--rpc",
        "http://127.0.0.1:9",
        "--ws",
        "ws://127.0.0.1:9/websocket",
    ];
    let found = check(&home, &args, &dead).await;
    assert_eq!(found.code, Some(0), "{:#}", found.report);
    assert_eq!(found.level("RPC 1"), "ok");
    assert_eq!(found.level("RPC 2"), "warning");
    assert_eq!(found.level("WebSocket 2"), "warning");
    let strict = check(&home, &args, &[&dead[..], &["--strict"]].concat()).await;
    assert_eq!(strict.code, Some(1), "{:#}", strict.report);
}

#[tokio::test]
async fn the_wallets_standing_is_told_topic_by_topic() {
    let (stage, args) = quick("allora-standing-1").await;
    let home = home_of_the_stages_wallet();
    stage.register(TOPIC, false).await;
    let found = check(&home, &args, &[]).await;
    assert_eq!(found.code, Some(0), "{:#}", found.report);
    assert_eq!(found.level("topic 67 registered"), "warning");
    found.says("topic 67 registered", "200 uallo");
    let found = check(&home, &args, &["--no-register"]).await;
    assert_eq!(found.code, Some(2));
    found.says("topic 67 registered", "--no-register");

    let fund = |balance| Control::Fund {
        address: stage.address.clone(),
        balance,
    };
    stage.control(fund(0)).await;
    let allowed = Control::Whitelist {
        topic: TOPIC,
        address: stage.address.clone(),
        allowed: false,
    };
    stage.control(allowed).await;
    let found = check(&home, &args, &[]).await;
    assert_eq!(found.level("topic 67 whitelist"), "error");
    assert_eq!(found.level("balance"), "error");
    found.says("balance", "no coins");
    let (code, said) = before_a_start(&home, &args, &[]).await;
    assert_eq!(
        code,
        Some(0),
        "coins and a whitelist are waited for: {said}"
    );

    stage.control(fund(COINS / 100_000_000_000)).await;
    let found = check(&home, &args, &[]).await;
    found.says("cost", "lasts for");
    found.says("cost", "are missing");
    let inactive = Control::TopicActive {
        topic: TOPIC,
        active: false,
    };
    stage.control(inactive).await;
    let found = check(&home, &args, &[]).await;
    found.says("topic 67", "not active");

    let found = check(&home, &args, &["--topic", "99"]).await;
    assert_eq!(found.level("topic 99"), "error");
    let (code, said) = before_a_start(&home, &args, &["--topic", "99"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("❌ topic 99"), "{said}");
}

#[tokio::test]
async fn a_clock_that_is_far_off_is_told() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let begun = now.unwrap().as_millis() - 600_000;
    let stage = Stage::with(|config| {
        config.chain_id = "allora-clock-1".into();
        // Twice as fast for ten minutes: ten minutes ahead.
        config.clock = format!("{begun}@2").parse().unwrap();
    })
    .await;
    let home = home_of_the_stages_wallet();
    let (rpc, ws) = (stage.devnet.rpc_url(), stage.devnet.ws_url());
    let prices = "data/btcusd_1h_2023-01_2025-12.csv";
    let args = [
        "run",
        "--network",
        "devnet",
        "--rpc",
        &rpc,
        "--ws",
        &ws,
        "--prices",
        prices,
    ];
    let args = args.map(str::to_owned);
    let (code, said) = before_a_start(&home, &args, &["--chain-id", "allora-clock-1"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("10 min behind the newest block"), "{said}");
}

#[tokio::test]
async fn open_secrets_and_a_missing_key_end_a_start_and_hide_nothing() {
    let (_stage, args) = quick("allora-secrets-1").await;
    let home = home_of_the_stages_wallet();
    let env = home.folder.path().join(".env");
    fs::write(&env, format!("TIINGO_API_KEY={}\n", "7".repeat(40))).unwrap();
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    let found = check(&home, &args, &[]).await;
    assert_eq!(found.code, Some(2), "{:#}", found.report);
    found.says("permissions", "chmod 600 ");
    assert_eq!(found.level("topic 67"), "ok");
    let (code, said) = before_a_start(&home, &args, &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("chmod 600") && !said.contains("7777"),
        "{said}"
    );

    fs::remove_file(&env).unwrap();
    let args = checking(&args);
    let mut command = home.command(&with(&args, &["--json"]));
    command
        .env_remove("PRIVATE_KEY")
        .env("MNEMONIC", "abandon about");
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("2 words") && !said.contains("abandon"),
        "{said}"
    );
    assert!(
        said.contains("answers in"),
        "the nodes are looked at all the same: {said}"
    );
}

#[tokio::test]
async fn a_second_worker_is_named_and_ends_a_start() {
    let (_stage, args) = quick("allora-second-1").await;
    let home = home_of_the_stages_wallet();
    let child = home.start(&with(&args, &[]));
    let pid = format!("pid {}", child.id().unwrap());
    home.told("ready", 1).await;
    let found = check(&home, &args, &[]).await;
    assert_eq!(
        found.code,
        Some(0),
        "it is no fault that it runs: {:#}",
        found.report
    );
    assert_eq!(found.level("data folder"), "warning");
    found.says("data folder", &pid);
    found.says("worker.db", "is whole");
    let (code, said) = before_a_start(&home, &args, &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(&pid), "{said}");

    let elsewhere = check(&home, &args, &["--data-dir", "elsewhere"]).await;
    assert_eq!(elsewhere.code, Some(2), "{:#}", elsewhere.report);
    elsewhere.says("wallet", &pid);
    assert_eq!(terminate(child).await, Some(0));
    let found = check(&home, &args, &[]).await;
    found.says("others", "none runs here");
}
