//! What is made of all that a Predict worker tells.

use time::{Duration as Span, OffsetDateTime, macros::datetime};

use super::{facts::Faring, metrics::render, ready::Reason};
use crate::ops::{Event, GaugeEvent, PredictEvent, Stamped, WatchEvent};

const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);

fn after(events: impl IntoIterator<Item = Event>) -> Faring {
    let mut faring = Faring::default();
    for event in events {
        faring.hear(&Stamped { at: AT, event });
    }
    faring
}

fn starting() -> Event {
    let event = PredictEvent::PredictStarting {
        version: "1",
        crunch_id: "synth".into(),
        orchestrator: "a:1".into(),
        database: "a file".into(),
        prices: "a file".into(),
        pid: 1,
    };
    event.into()
}

fn ready() -> Event {
    let event = PredictEvent::PredictReady {
        models: 2,
        joining: 1,
        schedules: 1,
        closes: 10,
    };
    event.into()
}

fn models(listed: Option<usize>, callable: usize) -> Event {
    let event = GaugeEvent::Models {
        known: 5,
        listed,
        callable,
        pace_seconds: 60.0,
    };
    event.into()
}

fn tick() -> Event {
    let event = PredictEvent::TickTold {
        assets: 1,
        closes: 3,
        asked: 3,
        succeeded: 2,
        failed: 0,
        timed_out: 1,
        behind: 0,
        took_ms: 20.0,
    };
    event.into()
}

fn round() -> Event {
    let event = PredictEvent::PredictionsCollected {
        config: "BTC/3600/60".into(),
        slot: 0,
        asked: 3,
        succeeded: 1,
        failed: 1,
        timed_out: 1,
        absent: 2,
        took_ms: 300.0,
    };
    event.into()
}

fn reasons(faring: &Faring, now: OffsetDateTime) -> Vec<Reason> {
    let all = faring.hindrances(now);
    assert!(
        all.iter()
            .all(|it| !it.cause.is_empty() && !it.remedy.is_empty()),
        "{all:?}"
    );
    all.into_iter().map(|it| it.reason).collect()
}

#[test]
fn what_is_told_becomes_metrics_with_the_models_the_rounds_and_the_database() {
    let missed = PredictEvent::RoundsMissed {
        config: "BTC/3600/60".into(),
        rounds: 4,
        cause: "away".into(),
    };
    let failed = |waiting| GaugeEvent::StoreFailed {
        cause: "refused".into(),
        waiting,
    };
    let text = render(
        after([
            starting(),
            ready(),
            models(Some(4), 3),
            tick(),
            tick(),
            round(),
            round(),
            missed.into(),
            failed(7).into(),
            failed(9).into(),
        ]),
        AT,
    );
    for line in [
        "allora_predict_build_info{version=\"1\",crunch=\"synth\"} 1.0",
        "allora_predict_phase{phase=\"ready\"} 1.0",
        "allora_predict_ready 0.0",
        "allora_predict_not_ready{reason=\"no_database\"} 1.0",
        "allora_predict_not_ready{reason=\"no_models\"} 0.0",
        "allora_predict_models_known 5.0",
        "allora_predict_models_listed 4.0",
        "allora_predict_models_callable 3.0",
        "allora_predict_models_answering 2.0",
        "allora_predict_ticks_total 2.0",
        "allora_predict_closes_total 6.0",
        "allora_predict_tick_answers_total{status=\"timeout\"} 2.0",
        "allora_predict_tick_seconds_count 2",
        "allora_predict_rounds_total{config=\"BTC/3600/60\"} 2.0",
        "allora_predict_rounds_missed_total{config=\"BTC/3600/60\"} 4.0",
        "allora_predict_predictions_total{config=\"BTC/3600/60\",status=\"success\"} 2.0",
        "allora_predict_predictions_total{config=\"BTC/3600/60\",status=\"absent\"} 4.0",
        "allora_predict_round_seconds_count 2",
        "allora_predict_round_seconds_sum 0.6",
        "allora_predict_database_away 1.0",
        "allora_predict_database_failures_total 2.0",
        "allora_predict_facts_waiting 9.0",
        "allora_predict_troubles_total 1.0",
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(!text.contains("share_workers"), "nothing is shared");
}

#[test]
fn the_rules_ask_for_what_is_exported() {
    let text = render(after([starting(), ready(), round()]), AT);
    let rules = include_str!("../../../config/prometheus/alerts.yml");
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let asked = rules.match_indices("allora_predict_").map(|(at, _)| {
        let rest = &rules[at..];
        &rest[..rest.find(|it| !is_name(it)).unwrap_or(rest.len())]
    });
    let asked: Vec<_> = asked.collect();
    assert!(!asked.is_empty());
    for name in asked {
        let is_exported = text
            .lines()
            .any(|it| it.starts_with(name) && !it.starts_with('#'));
        assert!(is_exported, "nobody exports {name}");
    }
}

#[test]
fn rounds_of_many_configs_are_bounded() {
    let many = (0..2_000).map(|number| {
        let event = PredictEvent::RoundsMissed {
            config: format!("{number}"),
            rounds: 1,
            cause: "away".into(),
        };
        Event::from(event)
    });
    assert_eq!(after(many).rounds.len(), 512);
}

#[test]
fn each_hindrance_comes_and_goes_with_its_remedy() {
    assert_eq!(reasons(&after([]), AT), [Reason::Starting]);
    assert_eq!(reasons(&after([starting()]), AT), [Reason::Starting]);
    let well = || [starting(), ready(), models(Some(3), 3), tick()];
    let with = |more: Vec<Event>| after(well().into_iter().chain(more));
    assert_eq!(reasons(&with(vec![]), AT), []);
    for listed in [None, Some(0), Some(3)] {
        let none = with(vec![models(listed, 0)]);
        assert_eq!(reasons(&none, AT), [Reason::NoModels]);
    }
    let none = PredictEvent::TickTold {
        assets: 1,
        closes: 3,
        asked: 3,
        succeeded: 0,
        failed: 3,
        timed_out: 0,
        behind: 0,
        took_ms: 20.0,
    };
    assert_eq!(reasons(&with(vec![none.into()]), AT), [Reason::NoModels]);
    let late = AT + Span::minutes(7);
    assert_eq!(reasons(&with(vec![]), late), [Reason::NoPrices]);
    let unavailable = || Event::PricesUnavailable {
        ticker: "btcusd".into(),
        cause: "429".into(),
        remedy: "wait".into(),
        retry_seconds: 60,
    };
    assert_eq!(
        reasons(&with(vec![unavailable()]), AT),
        [Reason::NoPrices],
        "at once"
    );
    assert_eq!(reasons(&with(vec![unavailable(), tick()]), AT), []);
    let failed = || GaugeEvent::StoreFailed {
        cause: "refused".into(),
        waiting: 3,
    };
    assert_eq!(
        reasons(&with(vec![failed().into()]), AT),
        [Reason::NoDatabase]
    );
    let back = vec![failed().into(), GaugeEvent::StoreBack.into()];
    assert_eq!(reasons(&with(back), AT), []);
    let fenced = || PredictEvent::ShareFenced {
        models: 3,
        cause: "the database is away".into(),
    };
    let none = || models(Some(3), 0);
    assert_eq!(
        reasons(&with(vec![fenced().into(), none()]), AT),
        [Reason::Fenced]
    );
    let joined = |workers| PredictEvent::ShareJoined {
        worker: "a".into(),
        workers,
        models: 0,
    };
    assert_eq!(
        reasons(&with(vec![joined(2).into(), none()]), AT),
        [],
        "the other has them all"
    );
    let stuck = WatchEvent::TaskStuck {
        task: "rounds".into(),
        seconds: 60,
        remedy: "wait".into(),
    };
    assert_eq!(reasons(&with(vec![stuck.into()]), AT), [Reason::Stuck]);
    let stopped = Event::Stopped {
        reason: "SIGTERM".into(),
    };
    assert_eq!(reasons(&with(vec![stopped]), AT), [Reason::Stopped]);
}
