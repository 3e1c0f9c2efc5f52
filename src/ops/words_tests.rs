use std::collections::BTreeSet;

use super::*;
use crate::ops::samples::{fallback, healthy, troubled, window_open};

fn name(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    value["event"].as_str().unwrap().to_owned()
}

#[test]
fn the_samples_hold_every_variant() {
    let is_variant = |line: &&str| {
        line.strip_prefix("    ")
            .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_uppercase()) && it.contains('{'))
    };
    let source = include_str!("event.rs");
    let list = source.split_once("pub enum Event {").unwrap().1;
    let variants = list.lines().filter(is_variant).count();
    let names: BTreeSet<_> = healthy().iter().chain(&troubled()).map(name).collect();
    assert_eq!(names.len(), variants, "{names:?}");
}

#[test]
fn a_healthy_event_never_says_the_word_that_alarms() {
    for event in healthy() {
        let words = event.words();
        assert_eq!(words.level, Level::Info, "{event:?}");
        let fields = serde_json::to_string(&event).unwrap();
        let all = format!("{words:?} {fields}").to_lowercase();
        assert!(!all.contains("error") && !all.contains('❌'), "{all}");
    }
}

#[test]
fn a_troubled_event_is_a_warning_or_an_error_and_names_its_cause() {
    for event in troubled() {
        let words = event.words();
        let lines = words.lines.join("\n");
        match words.level {
            Level::Info => panic!("{event:?} is not healthy"),
            Level::Warn => assert!(lines.starts_with("⚠️ "), "{lines}"),
            Level::Error => assert!(lines.starts_with("❌ ERROR "), "{lines}"),
        }
        let fields = serde_json::to_value(&event).unwrap();
        for key in ["cause", "remedy", "log"] {
            if let Some(text) = fields[key].as_str() {
                assert!(words.message.contains(text), "{key} of {event:?}");
            }
        }
    }
    assert_eq!(fallback().level(), Level::Warn);
}

#[test]
fn only_a_window_says_that_it_opened() {
    let phrase = "Submission window opened";
    for event in healthy().iter().chain(&troubled()) {
        let opened = matches!(event, Event::WindowOpen { .. });
        let words = event.words();
        let times = words.lines.iter().filter(|it| it.contains(phrase)).count();
        assert_eq!(words.message == phrase, opened, "{event:?}");
        assert_eq!(times, usize::from(opened), "{event:?}");
        assert_eq!(name(event) == "window_open", opened);
    }
}

#[test]
fn the_output_log_has_the_lines_that_operators_know() {
    let lines: Vec<_> = healthy().iter().flat_map(|it| it.words().lines).collect();
    let known = [
        "🚀 Starting Allora Worker",
        "✅ Environment loaded successfully",
        "✅ Singleton guard passed",
        "✅ Competition is active",
        "✅ Worker initialized",
        "ℹ️ Starting worker polling loop...",
        "ℹ️ Worker will respond to network submission windows",
        "🔔 Submission window opened (nonce=148)",
        "ℹ️ Prepared forecast is used for prediction",
        "ℹ️ Training fresh model for prediction",
        "🎯 Model trained and prediction generated",
        "📤 Prediction submitted",
        "✅ Submission successful!",
    ];
    let mut rest = lines.iter();
    for start in known {
        assert!(
            rest.any(|line| line.starts_with(start)),
            "{start:?} is missing or out of order in {lines:#?}"
        );
    }
    assert!(lines.iter().any(|it| it.contains("Websocket connected")));
}

#[test]
fn a_competition_without_a_period_says_so() {
    let shown = |end| Event::CompetitionActive { end }.words().lines.concat();
    assert_eq!(shown(None), "✅ Competition is active (no period is set)");
    let end = time::macros::datetime!(2025-12-15 0:00 UTC);
    assert_eq!(
        shown(Some(end)),
        "✅ Competition is active (until 2025-12-15T00:00:00Z)"
    );
}

#[test]
fn no_field_takes_the_name_of_a_line_s_head() {
    for event in healthy().iter().chain(&troubled()) {
        let fields = serde_json::to_value(event).unwrap();
        for key in ["timestamp", "message", "level"] {
            assert!(fields.get(key).is_none(), "{key} in {event:?}");
        }
    }
    assert_eq!(window_open(5).message(), "Submission window opened");
}

#[test]
fn spans_read_well() {
    let read: Vec<_> = [5, 65, 3_700, 90_000].into_iter().map(span).collect();
    assert_eq!(read, ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
}
