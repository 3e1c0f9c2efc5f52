//! The example models answer, and the program tells what they say. Skipped where there is no Python.

use std::{path::Path, process::Stdio};

use allora_worker::{
    forecast::{Answer, Candle, HOUR, History, Labelled, Question, Target},
    forecasters,
    types::{Nonce, TopicId},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::operator::Home;

#[allow(clippy::print_stderr, reason = "a skipped test says so")]
async fn has_python() -> bool {
    let asked = Command::new("python3").arg("--version").output().await;
    let found = asked.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: there is no python3");
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Prices that rise by a thousandth an hour.
fn question(labels: &[&str]) -> Question {
    let candle = |hour: i32| {
        let close = 60_000.0 * 0.001_f64.exp().powi(hour);
        Candle {
            start: i64::from(hour) * HOUR,
            open: close,
            high: close,
            low: close,
            close,
            volume: 1.0,
        }
    };
    Question {
        topic: TopicId(67),
        nonce: Some(Nonce(1_200)),
        labels: labels.iter().map(|&it| it.to_owned()).collect(),
        history: History::new("btcusd", (0..100).map(candle)),
        horizon: std::time::Duration::from_hours(168),
        target: Target::LogReturn,
        live: None,
    }
}

async fn answer(text: &str, question: &Question) -> Answer {
    let config = toml::from_str(text).unwrap();
    let outside = forecasters::build(&config, None, root()).unwrap();
    outside.forecaster.forecast(question).await.unwrap()
}

/// A drift of a thousandth an hour over a week, divided by fifty.
const EXPECTED: f64 = 0.001 * 168.0 / 50.0;

#[tokio::test]
async fn the_command_answers_a_number_and_labels() {
    if !has_python().await {
        return;
    }
    let text =
        "command = [\"python3\", \"forecasters/model.py\"]\nsend_prices = 100\ntimeout = \"30s\"";
    let one = answer(text, &question(&[])).await;
    assert!((one.value - EXPECTED).abs() < 1e-9, "{one:?}");
    let several = answer(text, &question(&["up", "down", "flat"])).await;
    let sum: f64 = several.values.iter().map(|it: &Labelled| it.value).sum();
    assert_eq!(several.values.len(), 3);
    assert!((sum - 1.0).abs() < 1e-9, "{several:?}");
}

#[tokio::test]
async fn the_endpoint_answers_what_is_posted_and_what_is_got() {
    if !has_python().await {
        return;
    }
    let mut server = Command::new("python3")
        .args(["forecasters/serve.py", "0"])
        .current_dir(root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    let said = said.next_line().await.unwrap().unwrap();
    let address = said.strip_prefix("listening on ").unwrap();
    let post = format!("http = \"http://{address}/\"\nmethod = \"post\"\nsend_prices = 100");
    let posted = answer(&post, &question(&[])).await;
    assert!((posted.value - EXPECTED).abs() < 1e-9, "{posted:?}");
    let get = format!("http = \"http://{address}/inference/{{topic}}?nonce={{nonce}}\"");
    let got = answer(&get, &question(&[])).await;
    assert!(got.value.abs() < 1e-12, "{got:?}");
}

/// Runs `forecast` in a home with this `forecaster`; gives its line of JSON.
async fn told(forecaster: &str) -> Value {
    let home = Home::new();
    let text = format!(
        "[[topics]]\nid = 67\nticker = \"btcusd\"\nhorizon = \"7d\"\ntarget = \"log_return\"\n{forecaster}"
    );
    std::fs::write(home.folder.path().join("mine.toml"), text).unwrap();
    let args = [
        "forecast",
        "--network",
        "devnet",
        "--config",
        "mine.toml",
        "--json",
    ];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_program_prints_the_present_forecast_and_its_report() {
    let (built_in, own, failing) = tokio::join!(
        told(""),
        told("forecaster = { command = [\"echo\", \"0.00{topic}\"] }"),
        told("forecaster = { command = [\"false\"] }"),
    );
    let keys: Vec<_> = built_in.as_object().unwrap().keys().cloned().collect();
    for other in [&own, &failing] {
        let others: Vec<_> = other.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, others);
    }
    assert_eq!(built_in["source"], "gated");
    assert!(built_in["report"]["prior_weight"].is_number(), "{built_in}");
    assert!(built_in["data_age_seconds"].as_i64().unwrap() < 3_700);
    assert_eq!(
        (&own["source"], &own["value"]),
        (&"command".into(), &0.0067.into())
    );
    assert_eq!(failing["source"], "gated");
    assert_eq!(failing["fallback"]["reason"], "outside");
    assert_eq!(failing["value"], built_in["value"]);
}
