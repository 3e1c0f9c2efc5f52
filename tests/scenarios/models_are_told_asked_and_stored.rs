//! The built Predict worker and the built network of stub models, as an operator starts them.

use std::{collections::BTreeSet, fs, net::TcpListener};

use rstest::rstest;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::operator::{Home, PATIENCE, terminate};

const PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";
const DATABASE: &str = "data/artifacts/predict.replay.db";

/// A network of stubs, which ends when this is dropped.
pub(crate) struct Network {
    port: String,
    _child: Child,
    /// Read no further, but open: the program says more.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Network {
    pub(crate) async fn of(home: &Home, stubs: &str) -> Self {
        let listen = "127.0.0.1:0";
        let args = [
            "devnet",
            "--models",
            "--stubs",
            stubs,
            "--models-listen",
            listen,
        ];
        let mut child = home.command(&args).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = loop {
            let line = timeout(PATIENCE, said.next_line()).await.unwrap().unwrap();
            let line = line.expect("it tells where it listens");
            if let Some((_, rest)) = line.split_once("ws://127.0.0.1:") {
                break rest.split('/').next().unwrap().to_owned();
            }
        };
        Self {
            port,
            _child: child,
            _said: said,
        }
    }

    /// The arguments of a worker that plays an hour a second to it.
    pub(crate) fn played<'a>(&'a self, duration: &'a str) -> Vec<&'a str> {
        let to = ["predict", "--host", "127.0.0.1", "--port", &self.port];
        let of = [
            "--prices",
            PRICES,
            "--speed",
            "3600",
            "--duration",
            duration,
        ];
        [&to[..], &of].concat()
    }
}

/// What names a stored prediction: its config, slot and model.
type Name = [String; 3];

/// What the export gives of the stored predictions, in the order of storing: names and statuses.
async fn exported(home: &Home) -> Vec<(Name, String)> {
    let args = [
        "predict",
        "export",
        "--format",
        "csv",
        "--database-url",
        DATABASE,
    ];
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let header = table.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|it| it == name).unwrap();
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    let counted = format!("{} predictions", rows.len());
    assert!(said.contains(&counted), "{counted} is not in: {said}");
    let row = |row: &csv::StringRecord| {
        let field = |name: &str| row[place(name)].to_owned();
        let answered = field("status") == "SUCCESS";
        assert_eq!(answered, !field("payload").is_empty(), "{row:?}");
        let name = ["config", "slot", "model_id"].map(field);
        (name, field("status"))
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn a_replay_is_stored_and_a_second_one_goes_on_where_it_stood() {
    let home = Home::new();
    let network = Network::of(&home, "3").await;
    let (output, said) = home.run(&network.played("3s")).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let first = exported(&home).await;
    for model in ["1", "2", "3"] {
        let answered = |(name, status): &&(Name, String)| name[2] == model && status == "SUCCESS";
        // The first hour is asked for at once, and one comes each second.
        assert!(first.iter().filter(answered).count() >= 2, "{first:#?}");
    }

    let (output, said) = home.run(&network.played("2s")).await;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let both = exported(&home).await;
    assert_eq!(both[..first.len()], first, "what was stored stays");
    let names: BTreeSet<_> = both.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), both.len(), "nothing is there twice");
    let slots = |rows: &[(Name, String)]| -> BTreeSet<String> {
        rows.iter().map(|(name, _)| name[1].clone()).collect()
    };
    let (before, after) = (slots(&first), slots(&both[first.len()..]));
    // The round that the end cut off may have been completed.
    assert!(after.first() >= before.last(), "{before:?}, {after:?}");
    assert!(after.last() > before.last(), "{before:?}, {after:?}");
}

#[tokio::test]
async fn a_second_worker_in_the_same_folder_is_refused_with_the_firsts_pid() {
    let home = Home::new();
    let network = Network::of(&home, "1").await;
    let child = home.start(&network.played("1h"));
    let pid = child.id().unwrap().to_string();
    home.told_by("predict", "predictions_collected", 1).await;
    let (output, said) = home.run(&network.played("1h")).await;
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains(&pid), "{said}");
    assert_eq!(terminate(child).await, Some(0));
    let last = home.events_of("predict").pop().unwrap();
    assert_eq!(last["event"], "stopped");
}

#[tokio::test]
async fn an_orchestrator_that_is_not_there_is_told_and_waited_for() {
    let home = Home::new();
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port().to_string()
    };
    let args = ["predict", "--host", "127.0.0.1", "--port", &port];
    let of = ["--prices", PRICES, "--speed", "3600"];
    let mut child = home.start(&[&args[..], &of].concat());
    let mut told = home.told_by("predict", "trouble", 1).await;
    let told = told.remove(0);
    let (cause, remedy) = (told["cause"].to_string(), told["remedy"].to_string());
    assert!(cause.contains("can't be reached"), "{cause}");
    assert!(remedy.contains("models.port"), "{remedy}");
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    assert_eq!(terminate(child).await, Some(0));
}

/// Each with its exit code and what it says of the cause and of the remedy.
#[rstest]
#[case(&["--speed", "2"], 2, &["--prices"])]
#[case(&["--prices", PRICES, "--config", "two.toml"], 78, &["any of the assets", "--prices ASSET="])]
#[case(&["--prices", PRICES, "--database-url", "mysql://x"], 78, &["mysql", "postgres://"])]
#[case(&["--prices", "missing.csv"], 78, &["missing.csv", "check the path"])]
#[case(&["--config", "two.toml"], 78, &["nobody to ask for prices", "TIINGO_API_KEY", "--prices CSV"])]
#[tokio::test]
async fn what_can_not_be_is_refused_with_its_remedy(
    #[case] flags: &[&str],
    #[case] code: i32,
    #[case] parts: &[&str],
) {
    let home = Home::new();
    let two = "[predict]\nassets = { BTC = \"btcusd\", ETH = \"ethusd\" }\n[market]\nstand_in = \"none\"\n";
    fs::write(home.folder.path().join("two.toml"), two).unwrap();
    let args = [&["predict", "--port", "1", "--duration", "1s"], flags].concat();
    let (output, said) = home.run(&args).await;
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn a_worker_whose_rounds_hang_begins_anew_and_asks_again() {
    let home = Home::new();
    let network = Network::of(&home, "2").await;
    let mut args = network.played("1h");
    // With a time to run it would not begin anew: that would begin afresh as well.
    let limit = args.iter().position(|it| *it == "--duration").unwrap();
    args.drain(limit..limit + 2);
    let mut command = home.command(&args);
    command.stdout(std::process::Stdio::null());
    command.env("ALLORA_OPS__STUCK_AFTER", "3s");
    command.env("ALLORA_FAILPOINT", "stall-rounds:20");
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    let stuck = home.told_by("predict", "task_stuck", 1).await;
    assert_eq!(stuck[0]["task"], "rounds");
    home.told_by("predict", "begun_anew", 1).await;
    home.told_by("predict", "predict_ready", 2).await;
    let starts = home.told_by("predict", "predict_starting", 2).await;
    assert!(starts.iter().all(|it| it["pid"] == pid), "{starts:?}");
    let events = home.events_of("predict");
    let rounds = events
        .iter()
        .filter(|it| it["event"] == "predictions_collected");
    let before = rounds.count();
    home.told_by("predict", "predictions_collected", before + 1)
        .await;
    assert_eq!(terminate(child).await, Some(0));
}
