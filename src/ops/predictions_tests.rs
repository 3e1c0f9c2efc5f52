use super::*;
use crate::chain::Uallo;

const AT: &str = "2025-09-16T13:00:00.000Z";
const TOPIC: TopicId = TopicId(67);

fn submitted(nonce: i64) -> Event {
    Event::Submitted {
        topic: TOPIC,
        nonce: Nonce(nonce),
        value: "0.0125".into(),
        hash: format!("HASH{nonce}"),
        sequence: 1,
        fee: Uallo(25),
        endpoint: "http://127.0.0.1:26657".into(),
        presigned: true,
        latency_ms: 1.5,
    }
}

fn included(nonce: i64) -> Event {
    Event::SubmissionSuccessful {
        topic: TOPIC,
        nonce: Nonce(nonce),
        height: Height(nonce + 1),
        hash: format!("HASH{nonce}"),
        blocks_after_nonce: 1,
        gas_used: 144_200,
    }
}

fn read(path: &std::path::Path) -> Vec<Prediction> {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn one_entry_a_line_newest_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifacts/predictions.json");
    let mut predictions = Predictions::new(path.clone());
    for nonce in [10, 20] {
        predictions.observe(&submitted(nonce), AT);
    }
    assert_eq!(predictions.settle().unwrap(), None);
    assert!(!predictions.is_behind());
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0], lines[3]), ("[", "]"));
    let entries = read(&path);
    assert_eq!(entries[1].nonce, Nonce(20));
    assert_eq!(entries[1].value, "0.0125");
}

#[test]
fn the_newest_thousand_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let mut predictions = Predictions::new(path.clone());
    for nonce in 1..=1_005 {
        predictions.observe(&submitted(nonce), AT);
    }
    predictions.settle().unwrap();
    let entries = read(&path);
    assert_eq!(entries.len(), 1_000);
    assert_eq!(entries[0].nonce, Nonce(6));
    assert_eq!(entries[999].nonce, Nonce(1_005));
}

#[test]
fn an_outcome_is_added_to_its_entry_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let mut before = Predictions::new(path.clone());
    before.observe(&submitted(10), AT);
    before.observe(&submitted(20), AT);
    before.settle().unwrap();
    let mut after = Predictions::new(path.clone());
    after.observe(&included(10), AT);
    after.observe(&included(999), AT);
    let counted = Event::Counted {
        topic: TOPIC,
        nonce: Nonce(10),
    };
    after.observe(&counted, AT);
    after.observe(&submitted(30), AT);
    after.settle().unwrap();
    let entries = read(&path);
    let seen: Vec<_> = entries.iter().map(|it| (it.nonce.0, it.status)).collect();
    assert_eq!(
        seen,
        [
            (10, Status::Counted),
            (20, Status::Submitted),
            (30, Status::Submitted)
        ]
    );
    assert_eq!(entries[0].height, Some(Height(11)));
}

#[test]
fn a_second_attempt_replaces_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let mut predictions = Predictions::new(path.clone());
    let forecast = Forecast {
        topic: TOPIC,
        value: 0.0125,
        source: Source::PriorCold,
        values: Vec::new(),
        report: None,
        fallback: None,
        made_at: time::OffsetDateTime::UNIX_EPOCH,
        data_until: None,
        closes: 400,
        took: std::time::Duration::ZERO,
    };
    let used = Event::ForecastUsed {
        topic: TOPIC,
        nonce: Nonce(10),
        forecast,
    };
    predictions.observe(&used, AT);
    predictions.observe(&submitted(10), AT);
    predictions.observe(&submitted(10), "2025-09-16T13:00:05.000Z");
    predictions.settle().unwrap();
    let entries = read(&path);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].timestamp, "2025-09-16T13:00:05.000Z");
    assert_eq!(entries[0].source, Some(Source::PriorCold));
}

#[test]
fn what_a_value_is_made_from_is_kept_whenever_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let mut predictions = Predictions::new(path.clone());
    let forecast = crate::ops::samples::stand_in_forecast();
    let used = Event::ForecastUsed {
        topic: TOPIC,
        nonce: Nonce(10),
        forecast: forecast.clone(),
    };
    // Signed ahead, it is sent before its making is told.
    predictions.observe(&submitted(10), AT);
    predictions.observe(&used, AT);
    predictions.settle().unwrap();
    let entries = read(&path);
    assert_eq!(entries[0].source, Some(forecast.source));
    assert_eq!(entries[0].basis, Basis::from(&forecast));
    assert_eq!(entries[0].basis.took_ms, Some(12.0));
}

#[test]
fn an_unreadable_file_is_set_aside_and_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    for round in 1..=2 {
        fs::write(&path, "[\n{\"cut sh").unwrap();
        let mut predictions = Predictions::new(path.clone());
        predictions.observe(&submitted(10), AT);
        let aside = predictions.settle().unwrap().unwrap();
        assert!(aside.ends_with(format!("predictions.unreadable-{round}.json")));
        assert_eq!(fs::read_to_string(aside).unwrap(), "[\n{\"cut sh");
        assert_eq!(read(&path).len(), 1);
    }
}

#[test]
fn a_disk_that_refuses_is_tried_again_and_nothing_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("artifacts");
    fs::write(&blocked, "").unwrap();
    let path = blocked.join("predictions.json");
    let mut predictions = Predictions::new(path.clone());
    predictions.observe(&submitted(10), AT);
    assert!(predictions.settle().is_err());
    assert!(predictions.is_behind());
    fs::remove_file(&blocked).unwrap();
    predictions.settle().unwrap();
    assert_eq!(read(&path).len(), 1);
}

#[test]
fn what_is_held_is_the_text_of_the_file_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let mut predictions = Predictions::new(path.clone());
    let forecast = crate::ops::samples::stand_in_forecast();
    for nonce in 1..=1_200 {
        let used = Event::ForecastUsed {
            topic: TOPIC,
            nonce: Nonce(nonce),
            forecast: forecast.clone(),
        };
        predictions.observe(&used, AT);
        predictions.observe(&submitted(nonce), AT);
        predictions.observe(&included(nonce), AT);
    }
    predictions.settle().unwrap();
    let held: usize = predictions.entries.iter().map(|it| it.line.len()).sum();
    // Brackets, and what parts the lines.
    assert_eq!(held + 2 * 1_000 + 3, fs::read(&path).unwrap().len());
    assert!(predictions.pending.is_empty());
    assert!(predictions.entries.capacity() <= 2_048);
}
