//! The disk is full, read-only or damaged, or the logs' place is taken: windows are answered, the
//! operator is told, and what could not be written is written later.

use std::{fs, path::Path, process::Command as Sync, time::Duration};

use allora_worker::store::{Journal as _, StateName, Store};
use sqlx::Connection as _;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{
    harness::eventually,
    machine::{Machine, Placed, skipped},
    operator::{PATIENCE, terminate},
};

/// What it said on standard error, once it has ended.
async fn said(placed: &mut Placed) -> String {
    let mut text = String::new();
    let mut stderr = placed.child.stderr.take().unwrap();
    timeout(PATIENCE, stderr.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    text
}

#[tokio::test]
async fn a_disk_that_fills_up_costs_no_window_and_no_step() {
    if skipped("a disk that fills up") {
        return;
    }
    let machine = Machine::new("allora-full-1").await;
    let mut placed = machine.start("true").await;
    placed.told(&machine.home, "ready", "").await;
    machine.answers(1).await;
    placed.fill(&machine.home);
    let first = machine.stage.height().await + 1;
    machine.answers(2).await;
    let log = placed.artifact(&machine.home, "worker.db-wal");
    assert!(fs::metadata(log).unwrap().len() < 4 << 20);
    placed.free(&machine.home);
    placed
        .told(&machine.home, "notice", "the journal is written again")
        .await;
    placed
        .told(&machine.home, "trouble", "the logs could not be written")
        .await;
    // What happened on the full disk stands in the logs, the journal and the list of predictions.
    let nonce = machine
        .stage
        .truth()
        .await
        .opened
        .iter()
        .map(|(key, _)| key.nonce.0)
        .find(|it| *it >= first)
        .unwrap();
    let counted = eventually(async || {
        let events = placed.events(&machine.home);
        let is_it = |it: &serde_json::Value| it["event"] == "counted" && it["nonce"] == nonce;
        events.iter().any(is_it).then_some(())
    });
    assert!(counted.await.is_some());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let list = fs::read_to_string(placed.artifact(&machine.home, "predictions.json")).unwrap();
    assert!(list.contains(&format!("\"nonce\":{nonce},")), "{list}");
    let all = machine.journal(&placed).await;
    let step = all.iter().find(|it| it.key.nonce.0 == nonce);
    let step = step.unwrap_or_else(|| panic!("{nonce} is not among {all:#?}"));
    assert_eq!(step.state.name(), StateName::Counted);
    placed.stop();
    let said = said(&mut placed).await;
    assert_eq!(
        said.matches("the logs can't be written").count(),
        1,
        "{said}"
    );
}

#[tokio::test]
async fn on_a_disk_that_is_full_at_the_start_the_journal_is_kept_in_memory_and_brought_home() {
    if skipped("a disk that is full at the start") {
        return;
    }
    let machine = Machine::new("allora-full-2").await;
    let fill = "head -c 4m /dev/zero > \"$disk/ballast\" 2>/dev/null; true";
    let mut placed = machine.start(fill).await;
    machine.answers(2).await;
    placed.assert_locked(&machine.home);
    placed.free(&machine.home);
    placed
        .told(&machine.home, "trouble", "the journal is kept in memory")
        .await;
    // The disk is tried each half minute.
    let told = async || {
        let events = placed.events(&machine.home);
        let is_it = |event: &serde_json::Value| {
            event["message"]
                .as_str()
                .is_some_and(|it| it.contains("in memory are written"))
        };
        events.iter().any(is_it).then_some(())
    };
    let found = match eventually(told).await {
        None => eventually(told).await,
        found => found,
    };
    assert!(found.is_some());
    let stopping = placed.told(&machine.home, "stopping", "").await;
    assert_eq!(stopping["signal"], "the disk takes the journal again");
    assert!(machine.journal(&placed).await.len() >= 2);
    let _ = placed.child.start_kill();
    let _ = placed.child.wait().await;
}

#[tokio::test]
async fn a_disk_that_is_read_only_from_the_start_costs_no_window() {
    if skipped("a disk that is read-only from the start") {
        return;
    }
    let machine = Machine::new("allora-ro-1").await;
    // An earlier run has left its pidfile.
    let before = "touch \"$disk/worker.pid\" && mount -o remount,ro \"$disk\"";
    let mut placed = machine.start(before).await;
    machine.answers(2).await;
    placed.assert_locked(&machine.home);
    placed.stop();
    let said = said(&mut placed).await;
    assert_eq!(
        said.matches("the logs can't be written").count(),
        1,
        "{said}"
    );

    let mut placed = machine.start("mount -o remount,ro \"$disk\"").await;
    let said = said_of(&mut placed).await;
    assert!(
        said.contains("--data-dir") && said.contains("worker.pid"),
        "{said}"
    );
}

async fn said_of(placed: &mut Placed) -> String {
    let text = said(placed).await;
    let ended = timeout(PATIENCE, placed.child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.code(), Some(78));
    text
}

#[tokio::test]
async fn a_log_whose_place_is_taken_comes_back_by_itself() {
    let machine = Machine::new("allora-log-1").await;
    let child = machine.home.start(&machine.args());
    machine.home.told("ready", 1).await;
    let log = machine.home.artifact("logs/worker_continuous.log");
    let moved = machine.home.artifact("logs/moved.log");
    fs::rename(&log, moved).unwrap();
    fs::create_dir(&log).unwrap();
    machine.answers(1).await;
    let state = machine.home.text("worker.state");
    assert!(state.contains("\"logs\":\"can't be written: "), "{state}");
    fs::remove_dir(&log).unwrap();
    let told = eventually(async || {
        let text = machine.home.text("logs/worker_continuous.log");
        text.contains("the logs could not be written")
            .then_some(text)
    });
    let text = told.await.unwrap();
    assert!(
        text.contains("\"event\":\"submission_successful\""),
        "{text}"
    );
    let back = eventually(async || {
        let state = machine.home.text("worker.state");
        (!state.contains("\"logs\"")).then_some(())
    });
    assert!(back.await.is_some());
    assert_eq!(terminate(child).await, Some(0));
}

#[tokio::test]
async fn a_damaged_journal_is_mended_at_the_start() {
    let machine = Machine::new("allora-mend-1").await;
    let child = machine.home.start(&machine.args());
    machine.home.told("counted", 1).await;
    assert_eq!(terminate(child).await, Some(0));
    let path = machine.home.artifact("worker.db");
    into_one_file(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    // The schema goes with the first page: SQLite can't open such a file.
    bytes[..4_096].fill(0);
    fs::write(&path, &bytes).unwrap();
    let child = machine.home.start(&machine.args());
    machine.home.told("ready", 2).await;
    let told = machine.home.told("trouble", 1).await;
    let told: Vec<_> = told
        .iter()
        .filter_map(|it| it["message"].as_str())
        .collect();
    let message = told.iter().find(|it| it.contains("was damaged")).unwrap();
    assert!(message.contains("worker.damaged-"), "{message}");
    machine.answers(1).await;
    assert_eq!(terminate(child).await, Some(0));
    let store = Store::open(&path).await.unwrap();
    let all = store.recent(&machine.stage.wallet(), 1_000).await.unwrap();
    let counted = all
        .iter()
        .filter(|it| it.state.name() == StateName::Counted);
    assert!(counted.count() >= 2, "{all:#?}");
}

#[tokio::test]
async fn without_a_descriptor_left_windows_are_answered_at_rest() {
    let machine = Machine::new("allora-fd-1").await;
    let child = machine.home.start(&machine.args());
    machine.home.told("ready", 1).await;
    machine.answers(1).await;
    let pid = child.id().unwrap();
    limit(pid, "3:");
    let before = cpu(pid);
    let asked = tokio::time::Instant::now();
    machine.answers(2).await;
    let share = (cpu(pid) - before) / asked.elapsed().as_secs_f64();
    // A loop that does not pause takes a whole core.
    assert!(share < 0.7, "{share}");
    limit(pid, "1024:");
    machine.answers(1).await;
    assert_eq!(terminate(child).await, Some(0));
}

/// Writes what its log holds into the database itself.
async fn into_one_file(path: &Path) {
    let url = format!("sqlite:{}", path.display());
    let mut file = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut file)
        .await
        .unwrap();
    file.close().await.unwrap();
}

fn limit(pid: u32, to: &str) {
    let set = Sync::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--nofile={to}")])
        .status();
    assert!(set.unwrap().success());
}

/// Seconds of computing that a process has taken.
fn cpu(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
    let ticks: f64 = fields[12].parse::<f64>().unwrap() + fields[13].parse::<f64>().unwrap();
    ticks / 100.0
}
