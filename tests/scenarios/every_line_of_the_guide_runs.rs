//! The README and the guide, typed line by line by somebody who has nothing but a checkout: the testnet is an
//! embedded chain, with a faucet and prices, and the wallet is the one that the guide makes.

#![allow(
    clippy::print_stderr,
    reason = "what a reader sees is looked at as well"
)]

mod testnet;

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use self::testnet::Testnet;
use crate::guide::{self, Line, checkout::Checkout, typist::Typist};

/// How a line is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It ends by itself, with 0.
    Ends,
    /// It ends by itself, with one of these codes.
    EndsWith(&'static [i32]),
    /// It prints this, and goes on until the section's end.
    GoesOn(&'static str),
    /// It needs what is not here; where it is run all the same.
    Elsewhere(&'static str),
}

/// What needs a real node is typed by the tests on one.
const REAL_CHAIN: &str = "A real chain on your machine";

/// The first that a line contains tells how it is run; all others end with 0.
const RULES: &[(&str, How)] = &[
    ("cargo test", How::Elsewhere("this is it")),
    ("cargo build", How::Elsewhere("it is built")),
    ("tail -f", How::GoesOn("")),
    ("grep -m 1 submission_successful", How::Ends),
    // Nothing found is good news.
    ("grep ", How::EndsWith(&[0, 1])),
    (
        "worker predict --prices",
        How::GoesOn("Predictions collected"),
    ),
    ("--leaderboard", How::Ends),
    ("worker score", How::GoesOn("Predictions scored")),
    ("--stubs", How::GoesOn("")),
    // By then it runs, or was stopped.
    ("allora-worker status", How::EndsWith(&[0, 1, 3])),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_guide_runs() {
    type_all(&guide::lines("WORKER_GUIDE.md")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_readme_runs() {
    type_all(&guide::lines("README.md")).await;
}

/// A rule that no line needs any more hides nothing.
#[test]
fn no_rule_is_left_over() {
    let lines = ["README.md", "WORKER_GUIDE.md"].map(guide::lines).concat();
    for (wanted, _) in RULES {
        let is_used = lines.iter().any(|line| rule(&line.text).0 == *wanted);
        assert!(is_used, "no line has {wanted}");
    }
}

fn rule(line: &str) -> (&'static str, How) {
    let found = RULES.iter().find(|(wanted, _)| line.contains(wanted));
    found.copied().unwrap_or(("", How::Ends))
}

/// The program of the reader's own that a line needs and that is not here.
fn lacking(line: &str, how: How) -> Option<&'static str> {
    let needs = |tool: &str| {
        let in_a_terminal = tool == "script" && matches!(how, How::GoesOn(_));
        in_a_terminal || line.split([' ', '|', '(']).any(|word| word == tool)
    };
    let is_here = |tool: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
    };
    let tools = ["curl", "dpkg", "jq", "openssl", "script"];
    tools.into_iter().find(|tool| needs(tool) && !is_here(tool))
}

/// Both type the lines that open the one port.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn type_all(lines: &[Line]) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let checkout = Checkout::new();
    let _testnet = Testnet::of(&checkout).await;
    let mut typist = Typist::new(&checkout);
    let begun = Instant::now();
    let mut section = "";
    for line in lines {
        if line.section != section {
            typist.leave().await;
            section = &line.section;
        }
        if line.section == REAL_CHAIN {
            continue;
        }
        let how = rule(&line.text).1;
        if let Some(tool) = lacking(&line.text, how) {
            eprintln!("SKIPPED, there is no {tool} here: {}", line.text);
            continue;
        }
        match how {
            How::Ends => typist.types(line, &[0]).await,
            How::EndsWith(codes) => typist.types(line, codes).await,
            How::GoesOn(wanted) => typist.lets_run(line, wanted).await,
            How::Elsewhere(why) => eprintln!("not typed here ({why}): {}", line.text),
        }
    }
    typist.leave().await;
    let took = Duration::from_secs(begun.elapsed().as_secs());
    eprintln!("{} lines in {took:?}", lines.len());
}
