//! `status`, beside a worker that runs and after one that does not.

use std::time::Duration;

use allora_worker::{
    devnet::Control,
    store::{Ledger, Wallet},
};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::{
    conformance::settled::settles,
    harness::TOPIC,
    operator::{Home, terminate},
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, paying, quick},
};

/// Within which trouble is told.
const MINUTE: Duration = Duration::from_secs(60);

async fn status(home: &Home) -> (Option<i32>, Value) {
    let (output, said) = home.run(&["status", "--json"]).await;
    let told = serde_json::from_slice(&output.stdout);
    let told = told.unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.code(), told)
}

/// The remedy of what stands in the way, once it is told.
async fn told(home: &Home, about: &str) -> (Option<i32>, Value) {
    let since = Instant::now();
    loop {
        let (code, status) = status(home).await;
        let all = status["advice"].as_array().unwrap();
        if let Some(found) = all.iter().find(|it| it["about"] == about) {
            assert!(!found["remedy"].as_str().unwrap().is_empty());
            return (code, found.clone());
        }
        assert!(since.elapsed() < MINUTE, "{about} is not in {status:#}");
        sleep(Duration::from_secs(1)).await;
    }
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn windows_are_counted_a_chain_that_stands_is_told_and_so_are_those_missed_while_down() {
    let (stage, args) = quick("allora-status-1").await;
    let home = home_of_the_stages_wallet();
    let (code, status) = self::status(&home).await;
    assert_eq!(
        (code, &status["state"]),
        (Some(3), &Value::from("never_started"))
    );

    let mut child = home.start(&strs(&args));
    home.told("counted", 4).await;
    // The vitals are written each five seconds.
    sleep(Duration::from_secs(6)).await;
    let (code, status) = self::status(&home).await;
    assert_eq!(code, Some(0), "{status:#}");
    let all = &status["windows"]["period"];
    assert!(all["answered"].as_u64() >= Some(4), "{all}");
    assert_eq!((&all["missed"], &all["rate"]), (&0.into(), &1.0.into()));
    let topic = &status["topics"][0];
    assert_eq!(topic["id"], 67);
    assert!(topic["last"]["nonce"].is_i64() && topic["forecast"]["source"].is_string());
    assert!(topic["score_ema"].is_number(), "{topic:#}");
    assert_eq!(status["process"]["pid"], child.id().unwrap());

    let (output, said) = home.run(&["status", "--watch"]).await;
    assert!(
        output.status.code() == Some(78) && said.contains("terminal"),
        "{said}"
    );

    stage.control(Control::Pause).await;
    let (code, found) = told(&home, "no_blocks").await;
    assert_eq!(code, Some(1), "{found}");
    stage.control(Control::Resume).await;

    home.told("counted", 5).await;
    child.kill().await.unwrap();
    // Two windows open meanwhile, and the first is over.
    sleep(Duration::from_secs(12)).await;
    let (code, status) = self::status(&home).await;
    assert_eq!(
        (code, &status["process"]["life"]),
        (Some(3), &"gone".into())
    );
    let all = &status["windows"]["period"];
    assert!(all["missed_while_down"].as_u64() >= Some(1), "{status:#}");
}

/// Each start of the embedded chain is a new chain: what was answered on the last one is none of its windows.
#[tokio::test]
async fn windows_of_the_last_embedded_chain_are_not_missed_on_the_next() {
    let home = Home::new();
    let child = home.start(&["run", "--network", "devnet"]);
    home.told("counted", 1).await;
    assert_eq!(terminate(child).await, Some(0));
    let known = home.events();
    let known = known.iter().filter(|it| it["event"] == "counted").count();
    let child = home.start(&["run", "--network", "devnet"]);
    home.told("counted", known + 1).await;
    let (_, status) = self::status(&home).await;
    let all = &status["windows"]["period"];
    assert!(all["answered"].as_u64() >= Some(1), "{all}");
    assert_eq!(
        (&all["missed"], &all["estimated"]),
        (&0.into(), &0.into()),
        "{all}"
    );
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn a_wallet_without_coins_and_a_worker_without_prices_say_what_they_need() {
    let (_stage, args) = quick("allora-status-2").await;
    let poor = Home::new();
    let _child = poor.start(&strs(&args));
    let (code, found) = told(&poor, "no_coins").await;
    assert_eq!(code, Some(1), "{found}");

    let (_stage, args) = quick("allora-status-3").await;
    let starved = home_of_the_stages_wallet();
    let prices = starved.folder.path().join("few.csv");
    let file = "timestamp,open,high,low,close,volume\n2025-01-01T00:00:00Z,1,1,1,1,1\n";
    std::fs::write(prices, file).unwrap();
    let mut args = strs(&args);
    args.pop();
    args.push("few.csv");
    let _child = starved.start(&args);
    let (code, found) = told(&starved, "no_prices").await;
    assert_eq!(code, Some(1), "{found}");
}

/// The nonces that the database has a score of.
async fn scored(home: &Home, chain_id: &str, address: &str) -> Vec<i64> {
    let path = home.artifact("worker.db");
    let ledger = Ledger::open(&path).await.unwrap().unwrap();
    let wallet = Wallet {
        chain_id: chain_id.into(),
        address: address.into(),
    };
    let all = ledger.earnings(&wallet, OffsetDateTime::UNIX_EPOCH).await;
    let all = all.unwrap().remove(&TOPIC).unwrap_or_default();
    let scored = all.scores.into_iter().filter(|it| it.score.is_some());
    scored.map(|it| it.nonce.0).collect()
}

#[tokio::test]
async fn what_answers_earn_is_told_also_of_the_time_that_the_worker_was_down() {
    let chain_id = "allora-status-4";
    let (stage, args) = paying(chain_id).await;
    let home = home_of_the_stages_wallet();
    let mut child = home.start(&strs(&args));
    let earned = |status: &Value| {
        let topic = &status["topics"][0];
        topic["score"].is_number() && topic["rewards"]["period"] != "0 uallo"
    };
    let since = Instant::now();
    while !earned(&status(&home).await.1) {
        assert!(since.elapsed() < MINUTE, "{:#}", status(&home).await.1);
        sleep(Duration::from_millis(500)).await;
    }
    child.kill().await.unwrap();
    let (_, down) = status(&home).await;
    assert!(earned(&down), "{down:#}");
    assert_eq!(down["money"]["rewards"], down["topics"][0]["rewards"]);
    let (_, said) = home.run(&["status"]).await;
    assert!(said.contains("rewards 0.0"), "{said}");

    // What was answered last is settled while nobody is there.
    let counted = home.told("counted", 1).await;
    let last = counted.iter().filter_map(|it| it["nonce"].as_i64()).max();
    let last = last.unwrap();
    let before = scored(&home, chain_id, &stage.address).await;
    assert!(!before.is_empty() && !before.contains(&last), "{before:?}");
    let settled = settles(last, 12, 40);
    while stage.height().await <= settled {
        assert!(since.elapsed() < 2 * MINUTE);
        sleep(Duration::from_millis(100)).await;
    }
    let _child = home.start(&strs(&args));
    loop {
        let after = scored(&home, chain_id, &stage.address).await;
        if after.contains(&last) {
            assert!(before.iter().all(|it| after.contains(it)), "{after:?}");
            break;
        }
        assert!(since.elapsed() < 4 * MINUTE, "{last} is not in {after:?}");
        sleep(Duration::from_millis(500)).await;
    }
}
