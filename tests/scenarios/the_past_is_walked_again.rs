//! The built program on past prices: `backtest`.

use std::fs;

use rstest::rstest;
use serde_json::Value;

use crate::operator::{Home, ended};

const HEADER: &str = "timestamp,open,high,low,close,volume\n";

/// Hourly prices from 2023-01-01 on: a walk whose steps come from a small generator.
fn prices(hours: i64) -> String {
    let mut state: u64 = 7;
    let mut log = 10.0_f64;
    let line = |hour: i64| {
        state = (1_103_515_245 * state + 12_345) % (1 << 31);
        log += 0.008 * (f64::from(u32::try_from(state >> 8).unwrap()) / f64::from(1 << 22) - 1.0);
        let (start, close) = (1_672_531_200 + 3600 * hour, log.exp());
        format!("{start},{close},{close},{close},{close},1\n")
    };
    let lines: String = (0..hours).map(line).collect();
    format!("{HEADER}{lines}")
}

fn home(hours: i64) -> Home {
    let home = Home::new();
    fs::write(home.folder.path().join("mine.csv"), prices(hours)).unwrap();
    home
}

#[tokio::test]
async fn the_figures_are_told_as_json() {
    let home = home(120 * 24);
    let args = [
        "backtest", "--prices", "mine.csv", "--source", "prior", "--json",
    ];
    let mut command = home.command(&args);
    // It needs neither a wallet nor a network.
    command
        .env_remove("PRIVATE_KEY")
        .env("ALLORA_NETWORK", "nowhere");
    let (output, said) = ended(command).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = [
        "n",
        "rmse_ratio",
        "rmse_ratio_ci",
        "directional_accuracy",
        "da_ci_lower",
        "da_p_value",
        "pearson_r",
        "pearson_p_value",
        "wrmse_improvement",
        "czar",
        "grade",
    ];
    for part in [&told, &told["years"]["2023"], &told["halves"]["second"]] {
        for key in keys {
            assert!(part.get(key).is_some(), "{key} is not in {part}");
        }
    }
    assert_eq!(told["n"], 120 * 24 - 168);
    let ends = told["rmse_ratio_ci"].as_array().unwrap();
    let (low, high) = (ends[0].as_f64().unwrap(), ends[1].as_f64().unwrap());
    let ratio = told["rmse_ratio"].as_f64().unwrap();
    assert!(low < ratio && ratio < high, "{told}");
    assert_eq!(told["intervals"].as_object().unwrap().len(), 8);
    for (key, value) in [("source", "prior"), ("horizon", "7d"), ("every", "1h")] {
        assert_eq!(told[key], value);
    }
    assert_eq!(told["from"], "2023-01-01T00:00:00Z");
}

#[tokio::test]
async fn the_table_says_that_a_short_span_is_a_coin_toss() {
    let home = home(60 * 24);
    let args = [
        "backtest", "--prices", "mine.csv", "--report", "told", "--every", "24h",
    ];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let table = String::from_utf8(output.stdout).unwrap();
    for part in [
        "all",
        "2023H1",
        "first half",
        "a coin toss",
        "grade",
        "gated over 7d, every 1d",
    ] {
        assert!(table.contains(part), "{part} is not in: {table}");
    }
    assert!(!said.contains('\u{1b}'), "colours in a pipe: {said}");
    let file = |name| fs::read_to_string(home.folder.path().join("told").join(name)).unwrap();
    assert!(file("report.html").contains("<svg "));
    assert_eq!(file("forecasts.csv").lines().count(), 61);
    assert!(said.contains("report.html is written"), "{said}");
}

/// Each with what it says of the cause and of the remedy.
#[rstest]
#[case(&[], &["no stored prices of btcusd", "--prices CSV"])]
#[case(&["--prices", "nope.csv"], &["nope.csv", "check the path"])]
#[case(&["--prices", "short.csv"], &["nothing to score", "100 closes", "give longer prices"])]
#[case(&["--prices", "mine.csv", "--source", "magic"], &["magic", "gated, prior"])]
#[case(
    &["--prices", "mine.csv", "--from", "2023-02-01", "--to", "2023-01-01"],
    &["2023-02-01 to 2023-01-01", "--to must be later"]
)]
#[case(&["--prices", "mine.csv", "--horizon", "soon"], &["--horizon", "7d"])]
#[case(&["--prices", "mine.csv", "--from", "yesterday"], &["--from", "2024-01-31"])]
#[case(&["--prices", "mine.csv", "--report", "mine.csv"], &["mine.csv", "check the folder"])]
#[tokio::test]
async fn what_is_wrong_is_refused(#[case] flags: &[&str], #[case] parts: &[&str]) {
    let home = home(30 * 24);
    fs::write(home.folder.path().join("short.csv"), prices(100)).unwrap();
    let (output, said) = home.run(&[&["backtest"], flags].concat()).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn without_a_terminal_each_tenth_is_a_plain_line() {
    let home = home(90 * 24);
    let args = ["backtest", "--prices", "mine.csv", "--source", "prior"];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let told = String::from_utf8(output.stderr).unwrap();
    let percents = told.lines().filter(|line| line.contains(" rows"));
    let percent = |line: &str| -> Option<u32> {
        let (number, _) = line.strip_prefix("backtest: ")?.split_once(" %")?;
        number.parse().ok()
    };
    let percents: Vec<u32> = percents.filter_map(percent).collect();
    // It walks 256 rows at a time.
    assert_eq!(percents, [11, 23, 35, 47, 59, 71, 82, 94], "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
}

/// What the program shows on a terminal, of which `script` makes one.
async fn on_a_terminal(home: &Home, no_color: Option<&str>) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_allora-worker");
    let line = format!("{program} backtest --prices mine.csv --source prior");
    let mut command = home.command(&[]);
    let mut script = tokio::process::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    let around = command.as_std_mut().get_envs();
    let around = around.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    script
        .env_clear()
        .envs(around)
        .env("TERM", "xterm-256color");
    script.current_dir(home.folder.path()).kill_on_drop(true);
    script.stdin(std::process::Stdio::null());
    if let Some(value) = no_color {
        script.env("NO_COLOR", value);
    }
    let said = ended_if_there(script).await;
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    if said.is_none() {
        eprintln!("SKIPPED: there is no `script` to make a terminal");
    }
    said
}

async fn ended_if_there(mut command: tokio::process::Command) -> Option<String> {
    let output = command.output().await.ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    Some(said)
}

#[tokio::test]
async fn on_a_terminal_a_bar_has_colours_unless_they_are_not_wanted() {
    const CYAN: &str = "\u{1b}[36m";
    let home = home(90 * 24);
    let (Some(coloured), Some(plain)) = (
        on_a_terminal(&home, None).await,
        on_a_terminal(&home, Some("1")).await,
    ) else {
        return;
    };
    assert!(coloured.contains(CYAN), "{coloured:?}");
    assert!(!plain.contains(CYAN), "{plain:?}");
    for shown in [coloured, plain] {
        assert!(shown.contains('█') && shown.contains(" rows"), "{shown:?}");
    }
}
