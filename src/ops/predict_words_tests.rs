use std::collections::BTreeSet;

use super::*;
use crate::ops::Event;

fn healthy() -> Vec<PredictEvent> {
    let id = || "17".to_owned();
    let deployment = || "17_20261121_210030_061".to_owned();
    vec![
        PredictEvent::PredictStarting {
            version: "0.1.0",
            crunch_id: "condorgame".into(),
            orchestrator: "localhost:9091".into(),
            database: "postgres://me@db/p".into(),
            prices: "Tiingo".into(),
            pid: 7,
        },
        PredictEvent::PredictReady {
            models: 3,
            joining: 1,
            schedules: 3,
            closes: 43_200,
        },
        PredictEvent::ModelFirstSeen {
            model_id: id(),
            model_name: Some("drift".into()),
            cruncher_name: None,
            deployment_id: deployment(),
        },
        PredictEvent::ModelJoined {
            model_id: id(),
            model_name: Some("drift".into()),
            cruncher_name: Some("ada".into()),
            deployment_id: deployment(),
        },
        PredictEvent::ModelDeployed {
            model_id: id(),
            before: "17_1".into(),
            deployment_id: deployment(),
            effect: "keep".into(),
        },
        PredictEvent::ModelReplayed {
            model_id: id(),
            took_ms: 812.5,
        },
        PredictEvent::ModelsChanged {
            first_seen: 3,
            joined: 40,
            deployed: 0,
            replayed: 37,
            failed: 0,
            left: 1,
        },
        PredictEvent::ModelLeft {
            model_id: id(),
            deployment_id: deployment(),
            cause: "it was stopped".into(),
        },
        PredictEvent::TickTold {
            assets: 4,
            closes: 4,
            asked: 3,
            succeeded: 2,
            failed: 0,
            timed_out: 1,
            behind: 1,
            took_ms: 12.5,
        },
        PredictEvent::PredictionsCollected {
            config: "BTC/86400/300".into(),
            slot: 1_700_000_000,
            asked: 3,
            succeeded: 2,
            failed: 1,
            timed_out: 0,
            absent: 1,
            took_ms: 31.0,
        },
        PredictEvent::StoreCaughtUp {
            database: "postgres://me@db/p".into(),
            stored: 1_200,
            seconds: 130,
        },
        PredictEvent::PredictionsPruned { removed: 10 },
        PredictEvent::PricesEnded { closes: 9 },
    ]
}

fn shared() -> Vec<PredictEvent> {
    let id = || "17".to_owned();
    vec![
        PredictEvent::ShareJoined {
            worker: "here-7-0000abcd".into(),
            workers: 3,
            models: 300,
        },
        PredictEvent::WorkersChanged {
            joined: vec!["there-8-0000abcd".into()],
            left: Vec::new(),
            workers: 4,
        },
        PredictEvent::ModelsTakenOver {
            models: 50,
            ids: vec![id()],
            share: 150,
            workers: 2,
        },
        PredictEvent::ModelsHandedOver {
            models: 1,
            ids: vec![id()],
            share: 75,
            workers: 4,
        },
        PredictEvent::ShareResumed {
            models: 75,
            seconds: 20,
        },
    ]
}

fn troubled() -> Vec<PredictEvent> {
    vec![
        PredictEvent::ModelFailed {
            model_id: "17".into(),
            code: "MULTIPLE_FAILED".into(),
            cause: "ten failures in a row".into(),
        },
        PredictEvent::RoundsMissed {
            config: "BTC/86400/300".into(),
            rounds: 3,
            cause: "the worker was away".into(),
        },
        PredictEvent::StoreUnavailable {
            database: "postgres://me@db/p".into(),
            cause: "connection refused".into(),
            waiting: 12,
            bytes: 3 << 20,
        },
        PredictEvent::ShareFenced {
            models: 75,
            cause: "the database did not answer within 5s".into(),
        },
        PredictEvent::StoreOverflow {
            lost: 5,
            lost_in_all: 15,
        },
    ]
}

#[test]
fn the_samples_hold_every_variant() {
    let source = include_str!("predict_event.rs");
    let list = source.split_once("pub enum PredictEvent {").unwrap().1;
    let is_variant = |line: &&str| {
        let name = line.strip_prefix("    ");
        name.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_uppercase()) && it.contains('{'))
    };
    let variants = list.lines().filter(is_variant).count();
    let name = |event: &PredictEvent| serde_json::to_value(event).unwrap()["event"].to_string();
    let names: BTreeSet<_> = healthy()
        .iter()
        .chain(&shared())
        .chain(&troubled())
        .map(name)
        .collect();
    assert_eq!(names.len(), variants, "{names:?}");
}

#[test]
fn what_is_healthy_never_says_the_word_that_alarms() {
    for event in healthy().into_iter().chain(shared()) {
        let event = Event::from(event);
        let words = event.words();
        assert_eq!(words.level, Level::Info, "{event:?}");
        let fields = serde_json::to_string(&event).unwrap();
        let all = format!("{words:?} {fields}").to_lowercase();
        assert!(!all.contains("error") && !all.contains('❌'), "{all}");
        assert!(words.lines[0].len() > 10, "{words:?}");
    }
}

#[test]
fn what_is_not_healthy_names_its_cause() {
    for event in troubled() {
        let event = Event::from(event);
        let words = event.words();
        assert_ne!(words.level, Level::Info, "{event:?}");
        let fields = serde_json::to_value(&event).unwrap();
        if let Some(cause) = fields["cause"].as_str() {
            assert!(words.message.contains(cause), "{words:?}");
        }
    }
    let nobody = PredictEvent::PredictionsCollected {
        config: "BTC/86400/300".into(),
        slot: 0,
        asked: 3,
        succeeded: 0,
        failed: 3,
        timed_out: 0,
        absent: 0,
        took_ms: 1.0,
    };
    assert_eq!(nobody.words().level, Level::Warn);
}

#[test]
fn an_event_is_a_flat_line() {
    let event = Event::from(PredictEvent::PredictionsPruned { removed: 10 });
    let line = serde_json::to_string(&event).unwrap();
    assert_eq!(line, r#"{"event":"predictions_pruned","removed":10}"#);
}
