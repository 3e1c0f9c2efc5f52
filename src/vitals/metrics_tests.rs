//! What is exported, and what the dashboard and the rules ask for.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use time::macros::datetime;

use super::*;
use crate::{
    ops::{EndpointGauge, Event, GaugeEvent, Stamped, StandbyEvent, samples},
    types::{Height, Nonce, TopicId},
};

const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);

/// The metrics of a worker to which everything has happened.
fn text() -> String {
    let mut vitals = Vitals::default();
    vitals.topics.entry(TopicId(67)).or_default().score_ema = Some(0.5);
    let waits = StandbyEvent::StandbyWaiting {
        name: "one".into(),
        leader: None,
        token: 1,
    };
    let endpoints = vec![EndpointGauge {
        endpoint: "http://a:26657".into(),
        height: Some(Height(5)),
        latency_ms: Some(8.0),
        ..EndpointGauge::default()
    }];
    let readings = [
        GaugeEvent::Head {
            height: Height(100),
            block_ms: 5_000.0,
        },
        GaugeEvent::Endpoints { endpoints },
        GaugeEvent::NextWindow {
            topic: TopicId(67),
            opens: Some(Height(140)),
            closes: None,
        },
        GaugeEvent::FeePaid {
            hash: "A".into(),
            fee: Uallo(5),
        },
        GaugeEvent::FeesOfDay {
            paid: Uallo(5),
            most: Uallo(50),
        },
        GaugeEvent::Scored {
            topic: TopicId(67),
            nonce: Nonce(60),
            score: Some(-0.125),
            ema: None,
        },
        GaugeEvent::Reward {
            topic: TopicId(67),
            nonce: Nonce(60),
            height: Height(84),
            amount: Uallo(250_000_000_000_000_000),
        },
    ];
    let ends = Event::CompetitionActive { end: Some(AT) };
    let mut events = samples::troubled();
    events.extend(samples::healthy());
    events.extend([waits.into(), ends]);
    events.extend(readings.into_iter().map(Event::from));
    for event in events {
        vitals.hear(&Stamped { at: AT, event });
    }
    render(vitals, AT, vec![("low_balance", "sent", 2)])
}

/// The metrics' names in a text, with the endings that a histogram and a counter have.
fn names(text: &str) -> BTreeSet<String> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let found = text.match_indices("allora_worker_").map(|(at, _)| {
        let rest = &text[at..];
        rest[..rest.find(|it| !is_name(it)).unwrap_or(rest.len())].to_owned()
    });
    found.collect()
}

/// The names of the samples, as a query has to name them.
fn exported() -> BTreeSet<String> {
    let text = text();
    let samples = text.lines().filter(|it| !it.starts_with('#'));
    samples.flat_map(names).collect()
}

fn shipped(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

const DASHBOARD: &str = "config/grafana/allora-worker.json";
const RULES: &str = "config/prometheus/alerts.yml";

#[test]
fn what_is_exported_follows_the_conventions() {
    let text = text();
    assert!(text.ends_with("# EOF\n"));
    for sample in [
        "allora_worker_windows_total{topic=\"67\",outcome=\"missed\"} 1.0",
        "allora_worker_windows_total{topic=\"67\",outcome=\"counted\"} 1.0",
        "allora_worker_submission_latency_seconds_bucket{le=\"0.025\"} 1",
        "allora_worker_submission_latency_seconds_bucket{le=\"+Inf\"} 1",
        "allora_worker_submission_latency_seconds_count 1",
        "allora_worker_endpoint_latency_seconds{endpoint=\"http://a:26657\"} 0.008",
        "allora_worker_not_ready{reason=\"standby\"} 1.0",
        "allora_worker_alerts_total{kind=\"low_balance\",outcome=\"sent\"} 2.0",
        "allora_worker_ready 0.0",
    ] {
        assert!(
            text.lines().any(|it| it == sample),
            "{sample} is not in\n{text}"
        );
    }
    for line in text.lines().filter(|it| it.starts_with("# TYPE")) {
        let mut words = line.split(' ').skip(2);
        let (name, of) = (words.next().unwrap(), words.next().unwrap());
        assert!(!name.ends_with("_total"), "{line}");
        assert!(["gauge", "counter", "histogram"].contains(&of), "{line}");
    }
}

#[test]
fn the_dashboard_and_the_rules_ask_for_what_is_exported_and_for_all_of_it() {
    let exported = exported();
    let dashboard = shipped(DASHBOARD);
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let asked: BTreeSet<_> = names(&dashboard)
        .union(&names(&shipped(RULES)))
        .cloned()
        .collect();
    let unknown: Vec<_> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "nobody exports {unknown:?}");
    let is_part = |name: &&String| {
        // A histogram's other samples, and what only labels are read of.
        name.starts_with("allora_worker_submission_latency_seconds")
    };
    let unused: Vec<_> = exported
        .difference(&asked)
        .filter(|it| !is_part(it))
        .collect();
    assert!(unused.is_empty(), "neither shows {unused:?}");
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that does not run says so")]
fn promtool_takes_the_rules_and_the_metrics() {
    if Command::new("promtool").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no promtool on the PATH");
        return;
    }
    let rules = Command::new("promtool")
        .args(["check", "rules", RULES])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(rules.status.success(), "{rules:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics");
    // promtool reads the older text format, which has no end mark.
    let text = text();
    fs::write(&path, text.trim_end().trim_end_matches("# EOF")).unwrap();
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(fs::File::open(&path).unwrap()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!said.contains("error while"), "{said}");
}

#[test]
fn scores_and_rewards_are_told_by_topic() {
    let text = text();
    for line in [
        "allora_worker_score{topic=\"67\"} -0.125",
        "allora_worker_score_ema{topic=\"67\"} 0.5",
        "allora_worker_rewards_allo_total{topic=\"67\"} 0.25",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
    }
}
