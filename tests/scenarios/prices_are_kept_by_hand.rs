//! The built program's `prices`: what is imported, exported, looked at and fetched.

use std::{fs, process::Output};

use allora_worker::{
    market::Series,
    store::{CandleRepository as _, Origin, SetAside, Store},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::process::Command;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path};

use crate::operator::{Home, ended};

const FILE: &str = "timestamp,open,high,low,close,volume\n\
                    2025-01-01T00:00:00Z,100,101,99,100.5,7\n\
                    2025-01-01T01:00:00Z,100.5,102,100,101,7\n\
                    2025-01-01T02:00:00Z,101,500,101,500,7\n\
                    2025-01-01T03:00:00Z,101,102,100,101.25,7\n\
                    2025-01-01T06:00:00Z,101,102,100,101.5,7\n";

/// The program with a network that it does not reach.
fn command(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(args);
    command
        .env("ALLORA_MARKET__BASE_URL", "http://127.0.0.1:1")
        .env("ALLORA_MARKET__COINBASE_URL", "http://127.0.0.1:1");
    command
}

async fn run(home: &Home, args: &[&str]) -> (Output, String) {
    ended(command(home, args)).await
}

async fn status(home: &Home) -> Value {
    let (output, said) = run(home, &["prices", "status", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn an_import_is_seen_by_status_and_comes_out_again() {
    let home = Home::new();
    assert_eq!(status(&home).await["series"], json!([]));
    fs::write(home.folder.path().join("in.csv"), FILE).unwrap();
    let (output, said) = run(&home, &["prices", "import", "in.csv"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "btcusd 1hour: 4 candles are new, 0 replaced, 0 unchanged",
        "2 candles missing in 1 gaps",
        "2025-01-01T02:00:00Z  its close jumps from 101 to 500, and the next is 101.25",
        "running worker",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let (_, said) = run(&home, &["prices", "import", "in.csv"]).await;
    assert!(
        said.contains("0 candles are new, 0 replaced, 4 unchanged"),
        "{said}"
    );

    let seen = status(&home).await;
    let hourly = &seen["series"][0];
    assert_eq!(
        (&hourly["closes"], &hourly["missing"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(hourly["sources"], json!({"csv": 4}));
    assert_eq!(hourly["set_aside"], 1);
    let (_, said) = run(&home, &["prices", "status"]).await;
    for part in [
        "btcusd",
        "3 in 2 gaps",
        "set aside, from a file",
        "0 of 50 requests",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }

    let to = ["--from", "2025-01-01T01:00:00Z", "--to", "2025-01-02"];
    let (output, said) = run(&home, &[&["prices", "export"][..], &to].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = "timestamp,open,high,low,close,volume\n\
                    2025-01-01T01:00:00Z,100.5,102,100,101,7\n\
                    2025-01-01T03:00:00Z,101,102,100,101.25,7\n\
                    2025-01-01T06:00:00Z,101,102,100,101.5,7\n";
    assert_eq!(text, expected);
    let (output, said) = run(
        &home,
        &["prices", "export", "out.csv", "--ticker", "ethusd"],
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no candle of ethusd 1hour"), "{said}");
}

#[tokio::test]
async fn other_intervals_are_kept_apart() {
    let home = Home::new();
    fs::write(home.folder.path().join("in.csv"), FILE).unwrap();
    let args = [
        "prices",
        "import",
        "in.csv",
        "--interval",
        "1min",
        "--ticker",
        "ethusd",
    ];
    let (output, said) = run(&home, &args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("ethusd 1min: 4 candles are new"), "{said}");
    let (output, said) = run(&home, &["prices", "import", "in.csv", "--interval", "1d"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("4 lines set aside"), "{said}");
    let seen = status(&home).await;
    let names = seen["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["interval"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), [Some("1day"), Some("1min")]);
    for args in [
        &["prices", "import", "in.csv", "--interval", "2h"][..],
        &["prices", "export", "--from", "yesterday"],
        &["prices", "import", "missing.csv"],
    ] {
        let (output, said) = run(&home, args).await;
        assert_ne!(output.status.code(), Some(0), "{said}");
    }
}

#[tokio::test]
async fn the_basis_of_two_sources_is_shown() {
    let home = Home::new();
    status(&home).await;
    let store = Store::open(&home.artifact("worker.db")).await.unwrap();
    let series = Series::hourly("btcusd");
    let candle = |close: f64| allora_worker::forecast::Candle {
        start: 3600,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    };
    store
        .keep(&series, Origin::Tiingo, &[candle(100.0)])
        .await
        .unwrap();
    store
        .keep(&series, Origin::Coinbase, &[candle(101.0)])
        .await
        .unwrap();
    let row = SetAside {
        start: 7200,
        source: Origin::Coinbase,
        at: 0,
        reason: "close is 0".into(),
    };
    store.set_aside(&series, &[row]).await.unwrap();
    let (_, said) = run(&home, &["prices", "status"]).await;
    for part in [
        "Tiingo and Coinbase differ by 0.995 % on average (mean -0.995 %, at most 0.995 %)",
        "set aside, from Coinbase: 1970-01-01T02:00:00Z close is 0",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

/// Answers with an hourly row for all the time that was asked for.
fn tiingo(request: &Request) -> ResponseTemplate {
    let asked = |name: &str| {
        let mut pairs = request.url.query_pairs();
        let day = pairs.find(|it| it.0 == name).unwrap().1;
        let at = OffsetDateTime::parse(&format!("{day}T00:00:00Z"), &Rfc3339);
        at.unwrap().unix_timestamp()
    };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let hours = (asked("startDate")..asked("endDate").min(now)).step_by(3600);
    let rows: Vec<_> = hours
        .map(|start| {
            let date = OffsetDateTime::from_unix_timestamp(start).unwrap();
            json!({
                "date": date.format(&Rfc3339).unwrap(),
                "open": 2.0, "high": 2.0, "low": 2.0, "close": 2.0, "volume": 1.0,
            })
        })
        .collect();
    ResponseTemplate::new(200).set_body_json(json!([{"ticker": "btcusd", "priceData": rows}]))
}

#[tokio::test]
async fn a_fetch_fills_the_store_and_tells_what_it_costs() {
    let home = Home::new();
    let server = MockServer::start().await;
    Mock::given(path("/tiingo/crypto/prices"))
        .respond_with(tiingo)
        .mount(&server)
        .await;
    let fetch = |args: &[&str]| {
        let mut command = command(&home, args);
        command
            .env("TIINGO_API_KEY", "0123456789abcdef-test")
            .env("ALLORA_MARKET__BASE_URL", server.uri());
        ended(command)
    };
    let (output, said) = fetch(&["prices", "fetch", "--days", "60"]).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "btcusd from Tiingo: 1440 candles are wanted",
        "1440 hours left in 2 requests",
        "1440 closes until",
        "0 hours can't be had",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!said.contains("0123456789abcdef"), "{said}");
    let seen = status(&home).await;
    assert_eq!(seen["series"][0]["sources"], json!({"tiingo": 1440}));
    assert_eq!(seen["quota"]["hour_used"], 2);

    let (_, said) = fetch(&["prices", "fetch", "--days", "60"]).await;
    assert!(said.contains("1440 closes until"), "{said}");
    assert!(status(&home).await["quota"]["hour_used"].as_u64() <= Some(3));
}

#[tokio::test]
async fn a_fetch_with_a_refused_key_ends_and_says_why() {
    let home = Home::new();
    let server = MockServer::start().await;
    Mock::given(path("/tiingo/crypto/prices"))
        .respond_with(ResponseTemplate::new(401).set_body_string("{\"detail\":\"Invalid token.\"}"))
        .mount(&server)
        .await;
    let mut fetch = command(&home, &["prices", "fetch"]);
    fetch
        .env("TIINGO_API_KEY", "0123456789abcdef-test")
        .env("ALLORA_MARKET__BASE_URL", server.uri());
    let (output, said) = ended(fetch).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("Invalid token") && said.contains("TIINGO_API_KEY"),
        "{said}"
    );

    let mut fetch = command(&home, &["prices", "fetch"]);
    fetch.env("ALLORA_MARKET__STAND_IN", "none");
    let (output, said) = ended(fetch).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("TIINGO_API_KEY"), "{said}");
}
