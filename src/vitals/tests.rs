//! The fold, told a made-up run.

use std::{sync::Arc, time::Duration};

use time::{OffsetDateTime, macros::datetime};

use super::*;
use crate::{
    chain::Uallo,
    ops::{
        EndpointGauge, Event, GaugeEvent, Need, Phase, Reporter, Stamped, StandbyEvent, Status,
        WatchEvent, samples,
    },
    types::{Height, Nonce, TopicId},
};

const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);
const TOPIC: TopicId = TopicId(67);

/// What is known after these events, a second apart.
fn after(events: impl IntoIterator<Item = Event>) -> Vitals {
    let mut vitals = Vitals::default();
    for (second, event) in (0..).zip(events) {
        let at = AT + time::Duration::seconds(second);
        vitals.hear(&Stamped { at, event });
    }
    vitals
}

fn second(second: i64) -> Moment {
    (AT + time::Duration::seconds(second)).into()
}

#[test]
fn a_healthy_run_is_known_from_its_start_to_its_end() {
    let vitals = after(samples::healthy());
    let process = &vitals.process;
    assert_eq!((process.pid, process.started), (42, second(0)));
    assert_eq!(process.address, "allo1abc");
    assert_eq!(process.phase, Some(Phase::Stopped));
    assert_eq!(process.message, "SIGTERM");
    assert_eq!(vitals.head.height, Some(Height(100)));
    assert!(vitals.socket.is_connected);
    assert_eq!(vitals.wallet.balance, Some(Uallo(25)));
    let prices = &vitals.prices["btcusd"];
    assert_eq!((prices.closes, prices.until), (700, AT.into()));
    assert_eq!(prices.stand_in, None);
    let topic = &vitals.topics[&TOPIC];
    assert_eq!(topic.obstacle, None);
    let counts = &topic.counts;
    assert_eq!((counts.opened, counts.submitted), (1, 1));
    assert_eq!((counts.included, counts.counted), (1, 1));
    assert_eq!((counts.outranked, counts.missed), (1, 0));
    let window = topic.window.as_ref().unwrap();
    assert_eq!(
        (window.nonce, window.status),
        (Nonce(148), Some(Status::Outranked))
    );
    assert_eq!(window.height, Some(Height(149)));
    assert_eq!(window.latency_ms, Some(12.5));
    assert_eq!(vitals.latency.count, 1);
    assert!((topic.forecast.as_ref().unwrap().value - 0.0125).abs() < 1e-15);
    assert_eq!(topic.record.as_ref().unwrap().place, Some(3));
    assert_eq!(vitals.trouble_count, 0);
}

#[test]
fn what_is_wrong_is_known_with_its_remedy_and_bounded() {
    let mut events = samples::troubled();
    for _ in 0..5 {
        events.extend(samples::troubled());
    }
    let many = events.len() as u64;
    let vitals = after(events);
    assert_eq!((vitals.trouble_count, vitals.troubles.len()), (many, 20));
    assert_eq!(vitals.process.phase, Some(Phase::Failed));
    assert_eq!(vitals.process.remedy, "the remedy");
    let topic = &vitals.topics[&TOPIC];
    let obstacle = topic.obstacle.as_ref().unwrap();
    assert_eq!(
        (&*obstacle.cause, &*obstacle.remedy),
        ("the cause", "the remedy")
    );
    assert_eq!(obstacle.since, second(8), "since it was told first");
    assert_eq!((topic.counts.missed, topic.counts.refused), (6, 6));
    assert_eq!(vitals.wallet.low_since, second(5));
    assert_eq!(vitals.wallet.remedy, "the remedy");
    assert_eq!(
        vitals.wallet.refused_since,
        second(1),
        "sdk 5 is a lack of coins"
    );
    assert!(!vitals.endpoints[0].is_healthy);
    assert!(vitals.prices["btcusd"].obstacle.is_some());
}

#[test]
fn what_was_wrong_and_is_no_more_is_cleared() {
    let mut events = samples::troubled();
    let (ticker, source) = ("btcusd".to_owned(), "Tiingo".to_owned());
    events.extend([
        Event::Balance { balance: Uallo(60) },
        Event::PricesBack {
            ticker: ticker.clone(),
            source,
            seconds: 9,
            basis: None,
        },
        Event::PricesUpdated {
            ticker,
            closes: 9,
            added: 1,
            until: Some(AT),
        },
        GaugeEvent::TopicOpen { topic: TOPIC }.into(),
        Event::NodeWell {
            endpoint: "http://127.0.0.1:26657".into(),
            seconds: 3,
        },
        Event::WebsocketConnected {
            endpoint: "ws://127.0.0.1:26657/websocket".into(),
        },
    ]);
    let vitals = after(events);
    assert_eq!(vitals.wallet.low_since, Moment(None));
    let prices = &vitals.prices["btcusd"];
    assert_eq!((&prices.stand_in, &prices.obstacle), (&None, &None));
    assert_eq!(vitals.topics[&TOPIC].obstacle, None);
    assert!(vitals.endpoints[0].is_healthy && vitals.socket.is_connected);
}

#[test]
fn the_next_window_is_expected_by_the_pace_of_blocks() {
    let vitals = after([
        Event::from(GaugeEvent::NextWindow {
            topic: TOPIC,
            opens: Some(Height(140)),
            closes: Some(Height(150)),
        }),
        GaugeEvent::Head {
            height: Height(100),
            block_ms: 5_000.0,
        }
        .into(),
    ]);
    let next = vitals.topics[&TOPIC].next.as_ref().unwrap();
    assert_eq!(next.expected, second(201));
    let mut vitals = vitals;
    vitals.hear(&Stamped {
        at: AT,
        event: samples::window_open(140),
    });
    assert_eq!(vitals.topics[&TOPIC].next, None);
}

#[test]
fn endpoints_keep_the_time_of_their_last_change() {
    let gauge = |is_healthy, height| {
        Event::from(GaugeEvent::Endpoints {
            endpoints: vec![EndpointGauge {
                endpoint: "http://a:26657".into(),
                is_healthy,
                height: Some(Height(height)),
                latency_ms: Some(8.0),
                cause: (!is_healthy).then(|| "it is behind".into()),
                ..EndpointGauge::default()
            }],
        })
    };
    let vitals = after([
        gauge(true, 5),
        gauge(true, 6),
        gauge(false, 6),
        gauge(false, 7),
    ]);
    let endpoint = &vitals.endpoints[0];
    assert_eq!(
        (endpoint.since, endpoint.height),
        (second(2), Some(Height(7)))
    );
    assert_eq!(endpoint.cause.as_deref(), Some("it is behind"));
}

#[test]
fn a_start_that_waits_says_for_what_and_a_fallback_since_when() {
    let waiting = || {
        Event::from(GaugeEvent::Waiting {
            need: Need::Coins,
            cause: "the wallet is empty".into(),
            remedy: "send ALLO".into(),
        })
    };
    let mut vitals = after([
        waiting(),
        waiting(),
        samples::fallback(),
        samples::fallback(),
    ]);
    let told = vitals.waiting.clone().unwrap();
    assert_eq!((told.need, told.since), (Need::Coins, second(0)));
    assert_eq!(vitals.topics[&TOPIC].fallback_since, second(2));
    let forecast = Event::ForecastPrepared {
        forecast: samples::forecast(),
    };
    vitals.hear(&Stamped {
        at: AT,
        event: forecast,
    });
    assert_eq!(vitals.topics[&TOPIC].fallback_since, Moment(None));
}

#[test]
fn a_standby_and_a_stuck_task_are_known() {
    let waits = StandbyEvent::StandbyWaiting {
        name: "one".into(),
        leader: Some("two".into()),
        token: 3,
    };
    let stuck = WatchEvent::TaskStuck {
        task: "journal".into(),
        seconds: 60,
        remedy: "look at the disk".into(),
    };
    let vitals = after([Event::from(waits), stuck.into()]);
    let standby = vitals.standby.as_ref().unwrap();
    assert_eq!(
        (standby.role, standby.leader.as_deref()),
        (Role::Waits, Some("two"))
    );
    assert_eq!(vitals.process.phase, Some(Phase::Standby));
    assert_eq!(vitals.stuck["journal"], second(1));
}

#[test]
fn an_older_newer_and_own_file_are_read() {
    let mut events = samples::troubled();
    events.extend(samples::healthy());
    let vitals = after(events);
    let text = serde_json::to_string(&vitals).unwrap();
    assert_eq!(serde_json::from_str::<Vitals>(&text).unwrap(), vitals);
    let newer = r#"{"new": [1], "process": {"pid": 7, "mood": "fine"}}"#;
    let read: Vitals = serde_json::from_str(newer).unwrap();
    assert_eq!(read.process.pid, 7);
    assert_eq!(
        serde_json::from_str::<Vitals>("{}").unwrap(),
        Vitals::default()
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.vitals.json");
    assert!(read_err(&path).contains("can't be read"));
    std::fs::write(&path, "[").unwrap();
    assert!(read_err(&path).contains("makes no sense"));
}

fn read_err(path: &std::path::Path) -> String {
    super::read(path).unwrap_err().to_string()
}

#[test]
fn the_vitals_stay_small_whatever_nodes_say() {
    let cause = "x".repeat(1 << 20);
    let events = (0..2_000_i64).map(|turn| match turn % 3 {
        0 => Event::NodeTrouble {
            endpoint: format!("http://{turn}"),
            cause: cause.clone(),
        },
        1 => samples::window_open(turn),
        _ => Event::TopicUnavailable {
            topic: TopicId(turn.unsigned_abs()),
            cause: cause.clone(),
            remedy: String::new(),
        },
    });
    let text = serde_json::to_string(&after(events)).unwrap();
    assert!(text.len() < 2 << 20, "{}", text.len());
}

#[test]
fn the_attendant_writes_what_was_told_before_it_left_and_no_secret() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.vitals.json");
    let (reporter, _) = Reporter::recording();
    let attendant = Attendant::start(AttendantParts {
        vitals: super::Shared::default(),
        heard: reporter.listen(),
        path: path.clone(),
        secrets: vec!["a-token-of-mine".into()],
        reporter: reporter.clone(),
        clock: Arc::new(crate::clock::SystemClock),
        limits: Limits::default(),
        pulses: (crate::pulse::Pulses::default(), Duration::from_secs(60)),
        page: None,
        alarm: None,
    })
    .unwrap();
    for event in samples::healthy() {
        reporter.emit(event);
    }
    reporter.emit(Event::Trouble {
        cause: "refused: a-token-of-mine".into(),
        remedy: "none".into(),
    });
    assert!(attendant.leave(Duration::from_secs(5)));
    let vitals = super::read(&path).unwrap();
    assert_eq!(vitals.topics[&TOPIC].counts.counted, 1);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("refused: [secret]"), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn readings_are_for_listeners_alone() {
    let (reporter, recording) = Reporter::recording();
    let reading = || Event::from(GaugeEvent::Coins { balance: Uallo(1) });
    reporter.emit(reading());
    let mut heard = reporter.listen();
    reporter.emit(reading());
    reporter.emit(Event::Balance { balance: Uallo(2) });
    let told: Vec<Arc<Stamped>> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert_eq!((told.len(), recording.events().len()), (2, 1));
    assert!(matches!(told[0].event, Event::Gauge(_)));
}

#[test]
fn scores_replace_each_other_and_rewards_add_up() {
    let scored = |nonce, score, ema| GaugeEvent::Scored {
        topic: TOPIC,
        nonce: Nonce(nonce),
        score,
        ema,
    };
    let reward = |nonce, amount| GaugeEvent::Reward {
        topic: TOPIC,
        nonce: Nonce(nonce),
        height: Height(nonce + 24),
        amount: Uallo(amount),
    };
    let readings = [
        scored(100, Some(0.5), Some(0.05)),
        reward(100, 7),
        scored(112, Some(-0.25), None),
        reward(112, 5),
    ];
    let vitals = after(readings.into_iter().map(Event::from));
    let topic = &vitals.topics[&TOPIC];
    assert_eq!((topic.score, topic.score_ema), (Some(-0.25), Some(0.05)));
    assert_eq!(topic.rewards, Some(Uallo(12)));
    assert_eq!(vitals.trouble_count, 0);
}
