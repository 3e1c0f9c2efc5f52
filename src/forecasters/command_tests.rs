#![allow(clippy::float_cmp, reason = "numbers pass through unchanged")]

use std::{fs, time::Instant};

use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::forecasters::question::tests::asked;

const LIMIT: Duration = Duration::from_secs(10);

fn shell(line: &str, limit: Duration, root: &Path) -> CommandForecaster {
    let command = ["sh", "-c", line].map(str::to_owned);
    CommandForecaster::new(command.to_vec(), limit, root)
}

async fn run(line: &str) -> Result<Answer, Fallback> {
    let folder = TempDir::new().unwrap();
    shell(line, LIMIT, folder.path()).forecast(&asked()).await
}

fn detail(outcome: Result<Answer, Fallback>) -> String {
    match outcome {
        Err(Fallback::Outside { detail }) => detail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_question_comes_on_standard_input_as_variables_and_as_arguments() {
    let folder = TempDir::new().unwrap();
    let line = "cat > asked.json; echo $ALLORA_TOPIC $ALLORA_NONCE $0 > rest; echo 0.0125";
    let command = ["sh", "-c", line, "{ticker}/{horizon}"].map(str::to_owned);
    let forecaster = CommandForecaster::new(command.to_vec(), LIMIT, folder.path());
    let answer = forecaster.forecast(&asked()).await.unwrap();
    assert_eq!((answer.value, answer.source), (0.0125, Source::Command));
    let question = fs::read(folder.path().join("asked.json")).unwrap();
    let question: serde_json::Value = serde_json::from_slice(&question).unwrap();
    assert_eq!(question["nonce"], 1200);
    let rest = fs::read_to_string(folder.path().join("rest")).unwrap();
    assert_eq!(rest, "67 1200 btcusd/604800\n");
}

#[rstest]
#[case::exit_code("echo 0.5; echo a reason >&2; exit 3", "exit status: 3")]
#[case::garbage("echo model is ready", "is not a number")]
#[case::nothing("true", "is empty")]
#[case::too_much("yes 1", "longer than")]
#[tokio::test]
async fn what_is_no_answer_is_named(#[case] line: &str, #[case] why: &str) {
    let detail = detail(run(line).await);
    assert!(detail.contains(why), "{detail}");
    assert!(!detail.contains("error"), "{detail}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let nowhere = vec!["/no/such/model".to_owned()];
    let forecaster = CommandForecaster::new(nowhere, LIMIT, Path::new("/"));
    let detail = detail(forecaster.forecast(&asked()).await);
    assert!(
        detail.contains("/no/such/model") && detail.contains("not found"),
        "{detail}"
    );
}

/// Whether a process runs; one that has ended and was not yet asked for its end does not.
fn runs(id: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

async fn is_gone(id: &str) -> bool {
    let end = Instant::now() + LIMIT;
    while runs(id) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    !runs(id)
}

#[tokio::test]
async fn at_the_limit_it_is_ended_with_all_that_it_started() {
    let folder = TempDir::new().unwrap();
    let line = "sleep 60 & echo $! > child; echo $$ > leader; trap '' TERM; wait";
    let forecaster = shell(line, Duration::from_millis(700), folder.path());
    let detail = detail(forecaster.forecast(&asked()).await);
    assert!(detail.contains("within 700ms"), "{detail}");
    for name in ["child", "leader"] {
        let id = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(is_gone(id.trim()).await, "{name}");
    }
}

#[tokio::test]
async fn a_command_that_is_done_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let line = "sleep 60 > /dev/null 2>&1 & echo $! > child; echo 0.5";
    let answer = shell(line, LIMIT, folder.path()).forecast(&asked()).await;
    assert_eq!(answer.unwrap().value, 0.5);
    let id = fs::read_to_string(folder.path().join("child")).unwrap();
    assert!(is_gone(id.trim()).await);
}

#[tokio::test]
async fn one_runs_at_a_time() {
    let folder = TempDir::new().unwrap();
    let line = "mkdir busy || exit 9; sleep 0.1; rmdir busy; echo 0.5";
    let forecaster = shell(line, LIMIT, folder.path());
    let question = asked();
    let ask = || forecaster.forecast(&question);
    let (one, two) = tokio::join!(ask(), ask());
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
}

#[rstest]
#[case("MNEMONIC", true)]
#[case("DATABASE_URL", true)]
#[case("PRIVATE_KEY_FILE", true)]
#[case("WALLET_PASSPHRASE_FILE", true)]
#[case("FORECASTER_TOKEN_67", true)]
#[case("CREDENTIALS_DIRECTORY", true)]
#[case("ALLORA_RPC", true)]
#[case("ALLORA_NETWORKS__MAINNET__WS", true)]
#[case("STANDBY_DATABASE_URL", true)]
#[case("PGPASSWORD", true)]
#[case("PATH", false)]
fn secrets_are_withheld(#[case] name: &str, #[case] withheld: bool) {
    assert_eq!(is_withheld(&OsString::from(name)), withheld);
}
