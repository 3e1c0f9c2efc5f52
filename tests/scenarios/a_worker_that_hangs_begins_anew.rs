//! The built program when it is frozen, when a task or the whole runtime hangs, and what it tells systemd.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::Value;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    harness::Stage,
    operator::{Home, PATIENCE, signal, terminate},
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, quick, with},
};

/// Silence beyond this is an alarm here.
const LIMIT: &str = "3s";
/// Longer than that, and long enough to be told.
const FREEZE: Duration = Duration::from_secs(5);

/// A chain, a home, and the program's command with a short limit.
async fn staged(name: &str) -> (Stage, Home, Command) {
    let (stage, args) = quick(&format!("allora-{name}-1")).await;
    let home = home_of_the_stages_wallet();
    let mut command = home.command(&with(&args, &[]));
    command.env("ALLORA_OPS__STUCK_AFTER", LIMIT);
    command.stdout(std::process::Stdio::null());
    (stage, home, command)
}

/// Waits for the first window of topic 67 from a block on that is counted; gives its nonce.
async fn counted_from(home: &Home, height: i64) -> i64 {
    let nonce = |event: &Value| event["nonce"].as_i64().unwrap();
    for times in 1.. {
        let counted = home.told("counted", times).await;
        if let Some(found) = counted.iter().map(nonce).find(|nonce| *nonce >= height) {
            return found;
        }
    }
    unreachable!("it waits for ever or fails")
}

/// How many files and sockets a process holds.
fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

fn count(home: &Home, name: &str) -> usize {
    let is = |event: &&Value| event["event"] == name;
    home.events().iter().filter(is).count()
}

#[tokio::test]
async fn a_program_that_was_frozen_answers_the_next_window_and_is_not_taken_as_stuck() {
    let (stage, home, mut command) = staged("frozen").await;
    let child = command.spawn().unwrap();
    home.told("counted", 1).await;
    for during_a_window in [true, false] {
        let name = if during_a_window {
            "window_open"
        } else {
            "counted"
        };
        let seen = count(&home, name);
        home.told(name, seen + 1).await;
        signal(&child, "-STOP").await;
        sleep(FREEZE).await;
        let height = stage.height().await;
        signal(&child, "-CONT").await;
        counted_from(&home, height).await;
    }
    assert_eq!(
        count(&home, "task_stuck") + count(&home, "beginning_anew"),
        0
    );
    let jumps = home.told("clock_jumped", 1).await;
    let away = jumps[0]["seconds"].as_f64().unwrap();
    assert!((3.0..30.0).contains(&away), "{jumps:?}");
    assert_eq!(terminate(child).await, Some(0));
    let truth = stage.truth().await;
    let answered = truth.seen.iter().flat_map(|tx| tx.windows.clone());
    let answered: Vec<_> = answered.collect();
    let once: BTreeSet<_> = answered.iter().collect();
    assert_eq!(once.len(), answered.len(), "{:#?}", truth.seen);
}

/// Each with a chain and a home of its own, all at once.
#[tokio::test]
async fn a_program_of_which_a_part_hangs_begins_anew_in_place() {
    let points = [
        ("stall-feed:60", "feed"),
        ("stall-windows:20", "windows"),
        ("stall-submitter:20", "submitter"),
        ("block-runtime:20", "runtime"),
    ];
    join_all(points.map(|(point, task)| hangs(point, task))).await;
}

async fn hangs(point: &str, task: &str) {
    let (stage, home, mut command) = staged(task).await;
    let child = command.env("ALLORA_FAILPOINT", point).spawn().unwrap();
    let pid = child.id().unwrap();
    home.told("ready", 1).await;
    let before = descriptors(pid);
    let anew = home.told("beginning_anew", 1).await;
    let stuck = home.told("task_stuck", 1).await;
    let named: Vec<_> = stuck.iter().map(|event| &event["task"]).collect();
    assert!(named.iter().any(|name| *name == task), "{task}: {named:?}");
    assert_eq!(anew[0]["pause_seconds"], 1, "{task}");
    home.told("begun_anew", 1).await;
    home.told("ready", 2).await;
    let starts = home.told("starting", 2).await;
    assert!(
        starts.iter().all(|it| it["pid"] == pid),
        "{task}: {starts:?}"
    );
    let height = stage.height().await;
    let nonce = counted_from(&home, height).await;
    let after = descriptors(pid);
    assert!(
        after <= before + 6,
        "{task}: {before}, then {after}: some were left open"
    );
    assert_eq!(terminate(child).await, Some(0), "{task}");
    let answers = stage.truth().await.at(nonce);
    assert_eq!(
        (answers.len(), answers[0].code),
        (1, 0),
        "{task}: {answers:#?}"
    );
    assert_eq!(count(&home, "beginning_anew"), 1, "{task}");
}

#[tokio::test]
async fn an_essential_task_that_ends_by_itself_is_begun_anew_with_the_process() {
    let (stage, home, mut command) = staged("ended").await;
    let child = command
        .env("ALLORA_FAILPOINT", "end-windows:100")
        .spawn()
        .unwrap();
    let anew = home.told("beginning_anew", 1).await;
    let cause = anew[0]["cause"].as_str().unwrap();
    // The submitter has nobody to hear from any more, and ends at once as well.
    let ended = ["windows", "submitter"].map(|it| format!("the task \"{it}\" ended by itself"));
    assert!(ended.iter().any(|it| cause.contains(it)), "{cause}");
    home.told("begun_anew", 1).await;
    let height = stage.height().await;
    counted_from(&home, height).await;
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn a_disk_that_hangs_is_told_and_windows_are_answered_all_the_same() {
    let (stage, home, mut command) = staged("journal").await;
    let child = command
        .env("ALLORA_FAILPOINT", "stall-journal:4")
        .spawn()
        .unwrap();
    let stuck = home.told("task_stuck", 1).await;
    assert_eq!(stuck[0]["task"], "journal");
    let height = stage.height().await;
    counted_from(&home, height).await;
    assert_eq!(count(&home, "beginning_anew"), 0);
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn a_signal_in_the_pause_before_a_new_beginning_ends_it_in_good_order() {
    let (_stage, home, mut command) = staged("paused").await;
    let child = command
        .env("ALLORA_FAILPOINT", "again-block-runtime:2")
        // As if it had begun anew six times before: a minute's pause.
        .env("ALLORA_BEGUN_ANEW", "6@1")
        .spawn()
        .unwrap();
    let anew = home.told("beginning_anew", 1).await;
    assert_eq!(anew[0]["pause_seconds"], 60);
    assert_eq!(anew[0]["count"], 7);
    let state = || home.text("worker.state");
    assert!(state().contains("\"state\":\"restarting\""), "{}", state());
    assert_eq!(terminate(child).await, Some(0));
    assert_eq!(home.events().pop().unwrap()["event"], "stopped");
    assert!(state().contains("\"state\":\"stopped\""), "{}", state());
}

#[tokio::test]
async fn what_is_not_to_begin_anew_ends_with_a_failure() {
    let off = async {
        let (_stage, home, mut command) = staged("off").await;
        command.env("ALLORA_OPS__RESTART", "false");
        ends(&home, command, "block-runtime:2", "ops.restart is off").await;
    };
    let supervised = async {
        let (_stage, home, mut command) = staged("unit").await;
        command.env("INVOCATION_ID", "0123456789abcdef");
        ends(&home, command, "end-windows:100", "systemd starts it again").await;
    };
    let embedded = async {
        let home = Home::new();
        let mut command = home.command(&["run", "--network", "devnet"]);
        command.env("ALLORA_OPS__STUCK_AFTER", LIMIT);
        ends(&home, command, "stall-windows:20", "the embedded chain").await;
    };
    tokio::join!(off, supervised, embedded);
}

/// Runs a program that can't go on to its end, which it explains.
async fn ends(home: &Home, mut command: Command, point: &str, remedy: &str) {
    let mut child = command.env("ALLORA_FAILPOINT", point).spawn().unwrap();
    let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1), "{remedy}");
    assert_eq!(count(home, "beginning_anew"), 0, "{remedy}");
    let last = home.events().pop().unwrap();
    assert_eq!(last["event"], "fatal", "{remedy}");
    assert!(last["remedy"].as_str().unwrap().contains(remedy), "{last}");
}

/// systemd's end of the socket.
struct Manager {
    said: Arc<Mutex<Vec<String>>>,
    path: PathBuf,
}

impl Manager {
    fn of(home: &Home) -> Self {
        let path = home.folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        // The queue of such a socket is short: it is read all the time.
        thread::spawn(move || {
            let mut buffer = [0; 1_024];
            while let Ok(read) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                heard.lock().unwrap().push(text);
            }
        });
        Self { said, path }
    }

    /// What was said since the last time.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

fn times(heard: &[String], word: &str) -> usize {
    heard
        .iter()
        .filter(|it| it.lines().any(|line| line == word))
        .count()
}

#[tokio::test]
async fn systemd_is_told_that_it_lives_as_long_as_it_does() {
    let (_stage, home, mut command) = staged("notify").await;
    let manager = Manager::of(&home);
    let mut child = command
        .env("NOTIFY_SOCKET", &manager.path)
        .env("WATCHDOG_USEC", "2000000")
        .env("ALLORA_FAILPOINT", "stall-submitter:150")
        .spawn()
        .unwrap();
    home.told("counted", 1).await;
    let heard = manager.heard();
    assert_eq!(times(&heard, "READY=1"), 1, "{heard:?}");
    assert!(times(&heard, "WATCHDOG=1") >= 4, "{heard:?}");
    let extended = heard
        .iter()
        .position(|it| it.contains("EXTEND_TIMEOUT_USEC=30000000"));
    let ready = heard.iter().position(|it| it.contains("READY=1"));
    assert!(extended.is_some() && extended < ready, "{heard:?}");
    assert!(
        heard
            .iter()
            .any(|it| it.starts_with("STATUS=Inference counted")),
        "{heard:?}"
    );

    let ended = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1), "systemd starts it again");
    assert_eq!(count(&home, "task_stuck"), 1);
    let after = manager.heard();
    let stuck = after
        .iter()
        .position(|it| it.contains("can't go on"))
        .unwrap();
    assert_eq!(times(&after[stuck..], "WATCHDOG=1"), 0, "{after:?}");
}
