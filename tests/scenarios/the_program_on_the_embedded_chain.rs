//! The built program: its demo, its stop, its logs, and its death at each fail point.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use allora_worker::devnet::DevnetTopic;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    harness::{Stage, TOPIC},
    operator::{Home, PATIENCE, terminate},
};

const KEY: &str = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";

#[tokio::test]
async fn the_demo_answers_two_windows_refuses_a_second_start_and_stops() {
    let home = Home::new();
    let child = home.start(&["run", "--network", "devnet"]);
    let pid = child.id().unwrap();
    home.told("ready", 1).await;

    let (output, said) = home.run(&["run", "--network", "devnet"]).await;
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains(&pid.to_string()), "{said}");

    home.told("counted", 2).await;
    the_operators_lines_work(&home).await;
    assert_eq!(terminate(child).await, Some(0));
    let last = home.events().pop().unwrap();
    assert_eq!(last["event"], "stopped");
    assert!(
        home.text("logs/worker_output.log")
            .contains("Worker stopped")
    );
}

async fn the_operators_lines_work(home: &Home) {
    let log = "data/artifacts/logs/worker_continuous.log";
    let number = async |line: &str| -> usize { home.shell(line).await.trim().parse().unwrap() };
    let today = "grep \"$(date +%Y-%m-%d)\"";
    let opened = format!("grep \"Submission window opened\" {log} | {today} | wc -l");
    let named = format!("grep \"window_open\" {log} | wc -l");
    assert!(number(&opened).await >= 1);
    assert!(number(&named).await >= 2);
    let hour = "grep \"$(date -u +%Y-%m-%dT%H)\"";
    let alarms = format!("grep \"error\" {log} | {hour} | wc -l");
    let count = number(&alarms).await;
    let lines = home.shell(&format!("grep 'error' {log}")).await;
    assert_eq!(count, 0, "{lines}");
    let alarms = home
        .shell("grep -E \"❌|ERROR\" data/artifacts/logs/worker_output.log")
        .await;
    assert_eq!(alarms, "");
    if !home.shell("command -v jq").await.is_empty() {
        let newest = home
            .shell(&format!("tail -1 {log} | jq -r .timestamp"))
            .await;
        assert!(
            newest.starts_with("20") && newest.trim().ends_with('Z'),
            "{newest}"
        );
        let lines = number(&format!("cat {log} | jq -c . | wc -l")).await;
        assert!(lines >= 10, "{lines}");
    }
    let newest = home.shell("tail data/artifacts/predictions.json").await;
    let predictions: Vec<Value> = serde_json::from_str(&newest).unwrap();
    assert!(predictions.len() >= 2, "{newest}");
    let output = home.text("logs/worker_output.log");
    for line in [
        "🚀 Starting Allora Worker",
        "✅ Environment loaded successfully",
        "✅ Singleton guard passed",
        "✅ Competition is active",
        "✅ Worker initialized",
        "ℹ️ Starting worker polling loop...",
        "ℹ️ Worker will respond to network submission windows",
        "Websocket connected",
        "🔔 Submission window opened (nonce=",
        "🎯 Model trained and prediction generated",
        "📤 Prediction submitted",
        "✅ Submission successful!",
    ] {
        assert!(output.contains(line), "{line} is not in:\n{output}");
    }
}

/// A chain with quick blocks and long windows, and the arguments with which the program uses it.
pub(crate) async fn quick(chain_id: &str) -> (Stage, Vec<String>) {
    paced(chain_id, 40, 32).await
}

/// The same, that pays for answers.
pub(crate) async fn paying(chain_id: &str) -> (Stage, Vec<String>) {
    staged(chain_id, (40, 32), Some(DevnetTopic::USUAL_REWARD)).await
}

/// As [`quick`], with epochs and windows of so many blocks.
pub(crate) async fn paced(chain_id: &str, epoch_length: i64, window: i64) -> (Stage, Vec<String>) {
    staged(chain_id, (epoch_length, window), None).await
}

async fn staged(
    chain_id: &str,
    (epoch_length, window): (i64, i64),
    reward: Option<u128>,
) -> (Stage, Vec<String>) {
    let stage = Stage::with(|config| {
        config.chain_id = chain_id.into();
        config.automatic_blocks = true;
        config.block_time = Duration::from_millis(100);
        config.topics = vec![DevnetTopic {
            id: TOPIC,
            epoch_length,
            window,
            reward,
            ..DevnetTopic::default()
        }];
    })
    .await;
    let args = [
        "run",
        "--network",
        "devnet",
        "--chain-id",
        chain_id,
        "--rpc",
        &stage.devnet.rpc_url(),
        "--ws",
        &stage.devnet.ws_url(),
        "--prices",
        "data/btcusd_1h_2023-01_2025-12.csv",
    ]
    .map(str::to_owned);
    (stage, args.to_vec())
}

pub(crate) fn home_of_the_stages_wallet() -> Home {
    let mut home = Home::new();
    home.key = KEY.into();
    home
}

pub(crate) fn with<'a>(args: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let args = args.iter().map(String::as_str);
    args.chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn once_and_a_dry_run_exit_0_after_their_window() {
    tokio::join!(once(), dry_run());
}

async fn once() {
    let (stage, args) = quick("allora-once-1").await;
    let home = home_of_the_stages_wallet();
    let (output, said) = home.run(&with(&args, &["--once"])).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(home.told("counted", 1).await.len(), 1);
    let truth = stage.truth().await;
    assert_eq!(truth.seen.len(), 1, "{:#?}", truth.seen);
}

async fn dry_run() {
    let (stage, args) = quick("allora-dry-1").await;
    let home = home_of_the_stages_wallet();
    let (output, said) = home.run(&with(&args, &["--once", "--dry-run"])).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(home.told("dry_run", 1).await.len(), 1);
    assert!(stage.truth().await.seen.is_empty());
}

/// Each point with a chain and a home of its own, all at once.
#[tokio::test]
async fn killed_at_each_fail_point_it_answers_once_after_the_restart() {
    let points = [
        "before-journal",
        "after-journal",
        "after-send",
        "before-reply",
        "before-confirmation",
    ];
    join_all(points.map(killed_at)).await;
}

async fn killed_at(point: &str) {
    let (stage, args) = quick(&format!("allora-{point}-1")).await;
    let home = home_of_the_stages_wallet();
    let mut command = home.command(&with(&args, &[]));
    let mut child = command.env("ALLORA_FAILPOINT", point).spawn().unwrap();
    let died = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(died.signal(), Some(9), "{point}");
    // Its last lines may have died with it; the chain knows which window is open.
    let opened = stage.truth().await.opened;

    let child = home.start(&with(&args, &[]));
    home.told("ready", 2).await;
    let restarted = stage.height().await;
    let counted = home.told("counted", 1).await;
    let nonce = counted[0]["nonce"].as_i64().unwrap();
    // The first journal entry is written ahead of a window, so none may have opened yet; and on a busy
    // machine one may have closed before the program was up again.
    let (open, end) = opened
        .last()
        .map_or((0, 0), |(key, end)| (key.nonce.0, *end));
    let fits = nonce == open || (nonce > open && (restarted > end || point == "before-journal"));
    assert!(fits, "{point}: {nonce}, {opened:?}, again at {restarted}");
    assert_eq!(terminate(child).await, Some(0), "{point}");
    let answers = stage.truth().await.at(nonce);
    assert_eq!(answers.len(), 1, "{point}: {answers:#?}");
    assert_eq!(answers[0].code, 0, "{point}");
}
