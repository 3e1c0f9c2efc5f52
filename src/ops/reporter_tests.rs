use std::{fs, process::Command};

use serde_json::Value;
use time::macros::datetime;

use super::*;
use crate::{
    clock::SimulatedClock,
    ops::samples::{healthy, troubled, window_open},
};

const BOUND: Duration = Duration::from_secs(10);

struct Setup {
    _folder: tempfile::TempDir,
    artifacts: Artifacts,
    reporter: Reporter,
    clock: SimulatedClock,
}

fn setup_with(change: impl FnOnce(&mut ReporterOptions)) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::new(folder.path());
    let clock = SimulatedClock::starting_at(datetime!(2025-09-16 13:00:00.123 UTC));
    let mut options = ReporterOptions::new(artifacts.clone());
    options.stdout = false;
    options.clock = Arc::new(clock.clone());
    change(&mut options);
    Setup {
        reporter: Reporter::start(options).unwrap(),
        _folder: folder,
        artifacts,
        clock,
    }
}

fn setup() -> Setup {
    setup_with(|_| {})
}

#[tokio::test(start_paused = true)]
async fn an_event_is_one_line_of_json_with_its_head_first() {
    let it = setup();
    it.reporter.emit(window_open(148));
    assert!(it.reporter.flush(BOUND));
    let log = fs::read_to_string(it.artifacts.event_log()).unwrap();
    assert_eq!(
        log,
        "{\"timestamp\":\"2025-09-16T13:00:00.123Z\",\"event\":\"window_open\",\
         \"message\":\"Submission window opened\",\"level\":\"info\",\
         \"nonce\":148,\"source\":\"event\",\"topic\":67,\"window_end\":158}\n"
    );
    let output = fs::read_to_string(it.artifacts.output_log()).unwrap();
    assert_eq!(
        output,
        "[2025-09-16T13:00:00Z] 🔔 Submission window opened (nonce=148) topic 67, until block 158\n"
    );
}

/// Runs a line of an operator's notes in the folder that holds `data`.
fn operator(it: &Setup, line: &str) -> String {
    let done = Command::new("bash")
        .args(["-c", &line.replace("data/artifacts", "artifacts")])
        .current_dir(it.artifacts.data_dir())
        .output()
        .unwrap();
    assert!(done.stderr.is_empty(), "{line}: {done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_an_operator_s_notes_work() {
    let it = setup();
    let now = time::OffsetDateTime::now_utc();
    it.clock.set(now - time::Duration::hours(1));
    for event in healthy() {
        it.reporter.emit(event);
    }
    assert!(it.reporter.flush(BOUND));
    let log = "data/artifacts/logs/worker_continuous.log";
    let last_hour =
        format!("grep error {log} | grep \"$(date -u -d '1 hour ago' +%Y-%m-%dT%H)\" | wc -l");
    assert_eq!(operator(&it, &last_hour), "0");
    let troubled = troubled();
    let troubled_count = troubled.len();
    let errors = troubled
        .iter()
        .filter(|it| it.level() == super::super::Level::Error);
    let errors = errors.count();
    for event in troubled {
        it.reporter.emit(event);
    }
    it.clock.set(now);
    it.reporter.emit(window_open(158));
    assert!(it.reporter.flush(BOUND));
    assert_eq!(operator(&it, &last_hour), errors.to_string());
    let windows = format!("grep 'Submission window opened' {log}");
    let day = "grep -e \"$(date -u +%Y-%m-%d)\" -e \"$(date -u -d '1 hour ago' +%Y-%m-%d)\"";
    assert_eq!(operator(&it, &format!("{windows} | {day} | wc -l")), "2");
    assert_eq!(
        operator(&it, &format!("grep window_open {log} | wc -l")),
        "2"
    );
    let newest = operator(&it, &format!("tail -1 {log} | jq -r .timestamp"));
    assert!(newest.starts_with(&super::super::phrase::iso_seconds(now)[..19]));
    let all = operator(&it, &format!("jq -c . {log} | wc -l"));
    assert_eq!(all, (healthy().len() + troubled_count + 1).to_string());
    let output = "data/artifacts/logs/worker_output.log";
    let marked = operator(&it, &format!("grep -cE '❌|ERROR' {output}"));
    assert_eq!(marked, errors.to_string());
    assert_eq!(
        operator(&it, &format!("grep -c 'Websocket connected' {output}")),
        "1"
    );
    let predictions = operator(&it, "tail data/artifacts/predictions.json");
    let predictions: Vec<Value> = serde_json::from_str(&predictions).unwrap();
    assert_eq!(predictions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_line_is_json_whatever_a_node_says() {
    let it = setup();
    it.reporter.emit(Event::NodeTrouble {
        endpoint: "http://127.0.0.1".into(),
        cause: "<html>\n\"oh\"\r\n\u{1}</html>".into(),
    });
    assert!(it.reporter.flush(BOUND));
    let log = fs::read_to_string(it.artifacts.event_log()).unwrap();
    assert_eq!(log.lines().count(), 1);
    let value: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(value["cause"], "<html>\n\"oh\"\r\n\u{1}</html>");
    let output = fs::read_to_string(it.artifacts.output_log()).unwrap();
    assert_eq!(output.lines().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_line_holds_a_secret() {
    let secret = "legal winner thank year";
    let it = setup_with(|options| options.secrets = vec![secret.into()]);
    it.reporter.emit(Event::Trouble {
        cause: format!("got {secret}"),
        remedy: "none".into(),
    });
    assert!(it.reporter.flush(BOUND));
    for log in [it.artifacts.event_log(), it.artifacts.output_log()] {
        let text = fs::read_to_string(log).unwrap();
        assert!(
            !text.contains("winner") && text.contains("[secret]"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_refuses_is_no_failure_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::new(folder.path());
    fs::write(artifacts.folder(), "in the way").unwrap();
    let it = setup_with(|options| options.artifacts = artifacts.clone());
    it.reporter.emit(window_open(148));
    assert!(!it.reporter.flush(BOUND));
    fs::remove_file(artifacts.folder()).unwrap();
    it.reporter.emit(window_open(158));
    assert!(it.reporter.flush(BOUND));
    let log = fs::read_to_string(artifacts.event_log()).unwrap();
    assert_eq!(log.matches("window_open").count(), 2);
    assert!(log.contains("0 lines are lost"), "{log}");
}

#[test]
fn a_writer_that_hangs_never_blocks_who_reports() {
    let (sender, _kept_full) = mpsc::sync_channel(1);
    let dropped = Arc::new(AtomicU64::new(0));
    let reporter = Reporter {
        tap: Tap::default(),
        sink: Sink::Writer {
            started: Arc::default(),
            notes: sender,
            dropped: Arc::clone(&dropped),
            clock: Arc::new(SystemClock),
        },
    };
    for nonce in 0..10 {
        reporter.emit(window_open(nonce));
    }
    assert_eq!(dropped.load(Ordering::Relaxed), 9);
    let asked = Instant::now();
    assert!(!reporter.flush(Duration::from_millis(20)));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn dropped_lines_are_owned_up_to() {
    let it = setup();
    if let Sink::Writer { dropped, .. } = &it.reporter.sink {
        dropped.store(7, Ordering::Relaxed);
    }
    it.reporter.emit(window_open(148));
    assert!(it.reporter.flush(BOUND));
    let log = fs::read_to_string(it.artifacts.event_log()).unwrap();
    assert!(log.contains("7 log lines were dropped"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_recording_waits_for_what_comes() {
    let (reporter, recording) = Reporter::recording();
    let is_open = |event: &Event| matches!(event, Event::WindowOpen { .. });
    let later = reporter.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        later.emit(Event::Balance {
            balance: crate::chain::Uallo(1),
        });
        later.emit(window_open(1));
        tokio::time::sleep(Duration::from_secs(5)).await;
        later.emit(window_open(2));
    });
    let first = recording.wait_for(is_open).await;
    assert!(matches!(first, Event::WindowOpen { nonce, .. } if nonce.0 == 1));
    let second = recording.wait_for_nth(2, is_open).await;
    assert!(matches!(second, Event::WindowOpen { nonce, .. } if nonce.0 == 2));
    assert_eq!(recording.events().len(), 3);
    assert_eq!(recording.count(is_open), 2);
}
