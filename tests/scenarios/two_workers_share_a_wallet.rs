//! Two built programs share a wallet over PostgreSQL: one answers, and the other takes over.

use std::{fs, process::Stdio, time::Duration};

use allora_worker::store::{SharedSteps as _, StandbyDb, StateName};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{
    harness::{Stage, eventually},
    operator::{Home, signal, terminate},
    postgres_server::{own, shared},
    prediction_store::Place,
    the_program_on_the_embedded_chain::{home_of_the_stages_wallet, paced, with},
};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// What a busy machine takes beside it.
const TO_SPARE: i64 = 1_500;
const NAMES: [&str; 2] = ["one", "two"];

/// A chain with windows of seven seconds, two homes of one wallet, and the database that they share.
struct Pair {
    stage: Stage,
    args: Vec<String>,
    homes: [Home; 2],
    place: Place,
}

impl Pair {
    async fn new(chain_id: &str, server: &str) -> Self {
        let place = Place::postgres(server).await;
        let (stage, args) = paced(chain_id, 80, 70).await;
        Self {
            stage,
            args,
            homes: NAMES.map(|_| home_of_the_stages_wallet()),
            place,
        }
    }

    fn command(&self, which: usize) -> Command {
        let mut command = self.homes[which].command(&with(&self.args, &[]));
        command
            .env("STANDBY_DATABASE_URL", self.place.address())
            .env("ALLORA_STANDBY__NAME", NAMES[which])
            .env("ALLORA_STANDBY__HEARTBEAT", "1s")
            // A paused worker's request is still waited for when it goes on.
            .env("ALLORA_CHAIN__REQUEST_TIMEOUT", "30s")
            .env("ALLORA_OPS__STUCK_AFTER", "4s")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// The first leads, with a fail point, and the second stands by.
    async fn start(&self, failpoint: &str) -> [Child; 2] {
        let mut first = self.command(0);
        if !failpoint.is_empty() {
            first.env("ALLORA_FAILPOINT", failpoint);
        }
        let first = first.spawn().unwrap();
        self.homes[0].told("ready", 1).await;
        let second = self.command(1).spawn().unwrap();
        self.homes[1].told("standby_waiting", 1).await;
        [first, second]
    }

    /// The same; the first is stopped in an open window, after it has looked at its lease's end and before
    /// its bytes have left. Gives the window's nonce.
    async fn start_and_freeze(&self) -> ([Child; 2], i64) {
        let workers = self.start("after-leash:2").await;
        let pid = workers[0].id().unwrap();
        let stopped = eventually(async || is_stopped(pid).then_some(())).await;
        assert!(stopped.is_some(), "{:?}", names(&self.homes[0]));
        let (key, _) = *self.stage.truth().await.opened.last().unwrap();
        (workers, key.nonce.0)
    }

    /// How the second came to lead.
    async fn taken_over(&self) -> Value {
        let took = self.homes[1].told("standby_took_over", 1).await;
        assert_eq!(took[0]["from"], "one");
        took[0].clone()
    }

    fn assert_answered_once(truth: &crate::truth::Truth, nonce: i64) {
        let answers = truth.at(nonce);
        let good = answers.iter().filter(|it| it.code == 0).count();
        assert_eq!(good, 1, "{nonce}: {answers:#?}");
    }
}

fn is_stopped(pid: u32) -> bool {
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = told.rsplit_once(')').map(|(_, fields)| fields.trim_start());
    state.is_some_and(|it| it.starts_with('T'))
}

fn names(home: &Home) -> Vec<String> {
    let events = home.events();
    let name = |it: &Value| it["event"].as_str().unwrap_or_default().to_owned();
    events.iter().map(name).collect()
}

/// Waits until an event tells of a window.
async fn of_window(home: &Home, name: &str, nonce: i64) -> Value {
    for times in 1.. {
        let told = home.told(name, times).await;
        if let Some(found) = told.into_iter().find(|it| it["nonce"] == nonce) {
            return found;
        }
    }
    unreachable!("it waits for ever or fails")
}

/// Waits for the first window after a block whose answer counts; gives its nonce.
async fn counted_after(home: &Home, height: i64) -> i64 {
    for times in 1.. {
        let told = home.told("counted", times).await;
        let nonces = told.iter().filter_map(|it| it["nonce"].as_i64());
        if let Some(found) = nonces.into_iter().find(|nonce| *nonce > height) {
            return found;
        }
    }
    unreachable!("it waits for ever or fails")
}

fn assert_within_a_heartbeat(took: &Value) {
    let silent = took["silent_ms"].as_i64().unwrap();
    let heartbeat = i64::try_from(HEARTBEAT.as_millis()).unwrap();
    let span = heartbeat..=heartbeat + TO_SPARE;
    assert!(span.contains(&silent), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_before_its_bytes_leave_is_followed_within_a_heartbeat() {
    let Some(server) = shared() else { return };
    let pair = Pair::new("allora-killed-leader-1", &server).await;
    let ([mut first, second], nonce) = pair.start_and_freeze().await;
    first.kill().await.unwrap();
    assert_within_a_heartbeat(&pair.taken_over().await);
    of_window(&pair.homes[1], "counted", nonce).await;
    assert_eq!(terminate(second).await, Some(0));
    Pair::assert_answered_once(&pair.stage.truth().await, nonce);
    pair.place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_paused_leader_still_sends_are_the_same_bytes_and_it_leads_no_more() {
    let Some(server) = shared() else { return };
    let pair = Pair::new("allora-paused-leader-1", &server).await;
    let ([first, second], nonce) = pair.start_and_freeze().await;
    assert_within_a_heartbeat(&pair.taken_over().await);
    of_window(&pair.homes[1], "submission_successful", nonce).await;
    // It goes on where it was: past the comparison, and before the write.
    signal(&first, "-CONT").await;
    pair.homes[0].told("standby_lost", 1).await;
    pair.homes[0].told("standby_waiting", 1).await;
    of_window(&pair.homes[1], "counted", nonce).await;
    for home in &pair.homes {
        // The other leader read them in the journal and sent them as well.
        assert!(!names(home).contains(&"sent_twice".into()));
        assert!(!names(home).contains(&"answered_twice".into()));
    }

    // One that stops in good order hands over at once.
    let before = pair.stage.height().await;
    assert_eq!(terminate(second).await, Some(0));
    let took = pair.homes[0].told("standby_took_over", 2).await;
    let silent = took[1]["silent_ms"].as_i64().unwrap();
    assert!(silent < 900, "{}", took[1]);
    let next = counted_after(&pair.homes[0], before).await;
    assert_eq!(terminate(first).await, Some(0));
    let truth = pair.stage.truth().await;
    Pair::assert_answered_once(&truth, nonce);
    Pair::assert_answered_once(&truth, next);
    pair.place.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_the_last_leader_answers_and_its_journal_is_caught_up() {
    let Some(server) = own() else { return };
    let pair = Pair::new("allora-no-database-1", server.url()).await;
    let [first, second] = pair.start("").await;
    server.command("stop");
    pair.homes[0].told("standby_alone", 1).await;
    let down = pair.stage.height().await;
    let nonce = counted_after(&pair.homes[0], down).await;
    server.command("start");
    pair.homes[0].told("standby_renewed", 1).await;
    assert!(!names(&pair.homes[1]).contains(&"standby_took_over".into()));
    let db = StandbyDb::at(&pair.place.url(), HEARTBEAT).unwrap();
    let caught_up = eventually(async || {
        let recent = db.recent(&pair.stage.wallet(), 100).await.ok()?;
        let found = recent.into_iter().find(|it| it.key.nonce.0 == nonce)?;
        (found.state.name() == StateName::Counted).then_some(())
    });
    assert!(caught_up.await.is_some(), "{nonce}");
    assert_eq!(terminate(second).await, Some(0));
    assert_eq!(terminate(first).await, Some(0));
    Pair::assert_answered_once(&pair.stage.truth().await, nonce);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_lease_is_kept_no_more_begins_anew_as_a_standby() {
    let Some(server) = shared() else { return };
    let pair = Pair::new("allora-stalled-keeper-1", &server).await;
    let [first, second] = pair.start("stall-standby:20").await;
    assert_within_a_heartbeat(&pair.taken_over().await);
    let anew = pair.homes[0].told("beginning_anew", 1).await;
    assert!(anew[0].to_string().contains("standby"), "{}", anew[0]);
    pair.homes[0].told("standby_waiting", 1).await;
    let height = pair.stage.height().await;
    let nonce = counted_after(&pair.homes[1], height).await;
    assert_eq!(terminate(second).await, Some(0));
    assert_eq!(terminate(first).await, Some(0));
    Pair::assert_answered_once(&pair.stage.truth().await, nonce);
    pair.place.clear().await;
}
