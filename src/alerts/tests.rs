//! What is told, when, and how it is delivered.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use time::{Duration as Span, OffsetDateTime, macros::datetime};
use tokio::sync::{mpsc, oneshot};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, path},
};

use super::*;
use crate::{
    chain::Uallo,
    ops::{Event, GaugeEvent, Mask, Reporter, Stamped, samples},
    types::{Height, Nonce, TopicId},
    vitals::Vitals,
};

const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);
const TOPIC: TopicId = TopicId(67);

fn after(events: impl IntoIterator<Item = Event>) -> Vitals {
    let mut vitals = Vitals::default();
    for event in events {
        vitals.hear(&Stamped { at: AT, event });
    }
    vitals
}

fn ready() -> Event {
    Event::Ready {
        topics: vec![TOPIC],
        start_ms: 10,
    }
}

fn kinds(events: impl IntoIterator<Item = Event>) -> Vec<(Kind, String)> {
    let all = conditions(&after(events), &AlertsConfig::default(), AT);
    assert!(
        all.iter()
            .all(|it| !it.cause.is_empty() && !it.remedy.is_empty()),
        "{all:?}"
    );
    all.into_iter().map(|it| (it.kind, it.subject)).collect()
}

#[test]
fn each_kind_comes_of_what_was_told_and_goes_with_it() {
    let prepared = || Event::ForecastPrepared {
        forecast: samples::forecast(),
    };
    assert_eq!(kinds([ready(), prepared()]), []);
    let missed = || Event::WindowMissed {
        topic: TOPIC,
        nonce: Nonce(148),
        window_end: Height(158),
        cause: "no node".into(),
    };
    let told = kinds([ready(), prepared(), missed()]);
    assert_eq!(told, [(Kind::WindowMissed, "topic 67".into())]);
    let counted = Event::Counted {
        topic: TOPIC,
        nonce: Nonce(160),
    };
    assert_eq!(kinds([ready(), prepared(), missed(), counted]), []);
    let low = Event::BalanceLow {
        balance: Uallo(5),
        threshold: Uallo(50),
        remedy: "send ALLO".into(),
    };
    assert_eq!(
        kinds([ready(), prepared(), low.clone()])[0].0,
        Kind::LowBalance
    );
    let rich = GaugeEvent::Coins { balance: Uallo(50) }.into();
    assert_eq!(kinds([ready(), prepared(), low, rich]), []);
    let told: Vec<_> = kinds([ready(), samples::fallback()])
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(told, [Kind::FallbackForecast, Kind::NotReady]);
    let unavailable = Event::PricesUnavailable {
        ticker: "btcusd".into(),
        cause: "503".into(),
        remedy: "wait".into(),
        retry_seconds: 5,
    };
    let told = kinds([ready(), prepared(), unavailable]);
    assert_eq!(told, [(Kind::PricesUnavailable, "the sources".into())]);
    let node = Event::NodeTrouble {
        endpoint: "http://a".into(),
        cause: "it is behind".into(),
    };
    assert_eq!(
        kinds([ready(), prepared(), node])[0].0,
        Kind::EndpointsDegraded
    );
    let ends = |days| Event::CompetitionActive {
        end: Some(AT + Span::days(days)),
    };
    assert_eq!(
        kinds([ready(), prepared(), ends(2)])[0].0,
        Kind::CompetitionEnding
    );
    assert_eq!(kinds([ready(), prepared(), ends(4)]), []);
    let stopped = Event::Stopped {
        reason: "SIGTERM".into(),
    };
    assert_eq!(
        kinds([ready(), prepared(), stopped])[0].0,
        Kind::WorkerStopped
    );
    let only = AlertsConfig {
        on: vec![Kind::NotReady],
        ..AlertsConfig::default()
    };
    let all = conditions(&after([ready(), samples::fallback()]), &only, AT);
    assert_eq!(all.len(), 1);
}

#[test]
fn a_run_without_a_last_word_was_killed() {
    assert!(killed(&Vitals::default()).is_none());
    let told = killed(&after([ready()])).unwrap();
    assert_eq!(told.kind, Kind::WorkerStopped);
    assert!(told.cause.contains("was killed"), "{}", told.cause);
    let ended = Event::Stopped {
        reason: "SIGTERM".into(),
    };
    assert!(killed(&after([ready(), ended])).is_none());
}

fn condition(kind: Kind, subject: &str) -> Condition {
    Condition {
        kind,
        subject: subject.into(),
        cause: "a cause".into(),
        remedy: "a remedy".into(),
    }
}

fn states(messages: &[Message]) -> Vec<State> {
    messages.iter().map(|it| it.state).collect()
}

#[test]
fn each_is_told_once_after_its_grace_again_after_a_while_and_when_it_is_over() {
    let mut bell = Bell::new(AlertsConfig::default(), Kept::default());
    let low = [condition(Kind::LowBalance, "the wallet")];
    let nodes = [condition(Kind::NotReady, "no_nodes")];
    assert_eq!(states(&bell.ring(&low, true, AT)), [State::Firing]);
    assert_eq!(states(&bell.ring(&low, true, AT + Span::HOUR)), []);
    let later = AT + Span::hours(6);
    assert_eq!(states(&bell.ring(&low, true, later)), [State::Lasting]);
    let over = bell.ring(&[], true, later);
    assert_eq!(states(&over), [State::Resolved]);
    assert_eq!(over[0].since, AT);
    assert_eq!(states(&bell.ring(&nodes, true, AT)), []);
    assert_eq!(states(&bell.ring(&nodes, true, AT + Span::seconds(14))), []);
    let at = AT + Span::seconds(15);
    assert_eq!(states(&bell.ring(&nodes, true, at)), [State::Firing]);
    let mut bell = Bell::new(AlertsConfig::default(), Kept::default());
    assert_eq!(states(&bell.ring(&nodes, true, AT)), []);
    assert_eq!(
        states(&bell.ring(&[], true, AT)),
        [],
        "what heals at once is not told"
    );
}

#[test]
fn what_is_too_much_for_an_hour_is_summed_up_and_a_stop_is_told_all_the_same() {
    let config = AlertsConfig {
        most_per_hour: 2,
        ..AlertsConfig::default()
    };
    let mut bell = Bell::new(config, Kept::default());
    let topics: Vec<_> = (0..5)
        .map(|it| condition(Kind::WindowMissed, &format!("topic {it}")))
        .collect();
    assert_eq!(states(&bell.ring(&topics, true, AT)), [State::Firing; 2]);
    for minute in 1..60 {
        let at = AT + Span::minutes(minute);
        assert_eq!(states(&bell.ring(&topics, true, at)), []);
    }
    let mut all = topics.clone();
    all.push(condition(Kind::WorkerStopped, "this run"));
    let stop = bell.ring(&all, true, AT + Span::minutes(59));
    assert_eq!(states(&stop), [State::Firing]);
    let told = bell.ring(&[], false, AT + Span::minutes(121));
    assert_eq!(states(&told), [State::Resolved; 3]);
    let told = bell.ring(&[], true, AT + Span::minutes(190));
    assert_eq!(states(&told), [State::Summary]);
    assert!(
        told[0].cause.contains("3 × window missed"),
        "{}",
        told[0].cause
    );
}

#[test]
fn the_next_run_tells_nothing_twice_and_what_is_over_when_it_knows() {
    let failed = [condition(Kind::WorkerStopped, "this run")];
    let mut first = Bell::new(AlertsConfig::default(), Kept::default());
    assert_eq!(states(&first.ring(&failed, false, AT)), [State::Firing]);
    let kept = serde_json::to_string(first.kept()).unwrap();
    let mut next = Bell::new(
        AlertsConfig::default(),
        serde_json::from_str(&kept).unwrap(),
    );
    assert_eq!(
        states(&next.ring(&[], false, AT)),
        [],
        "it is not ready yet"
    );
    assert_eq!(
        states(&next.ring(&failed, false, AT)),
        [],
        "told by the last one"
    );
    let mut next = Bell::new(
        AlertsConfig::default(),
        serde_json::from_str(&kept).unwrap(),
    );
    assert_eq!(states(&next.ring(&[], true, AT)), [State::Resolved]);
}

#[test]
fn values_without_sense_are_refused() {
    let telegram = AlertsConfig {
        form: Form::Telegram,
        ..AlertsConfig::default()
    };
    assert_eq!(telegram.check().unwrap_err().key, "chat_id");
    let often = AlertsConfig {
        repeat: Duration::from_secs(1),
        ..AlertsConfig::default()
    };
    assert_eq!(often.check().unwrap_err().key, "repeat");
    assert_eq!(AlertsConfig::default().check(), Ok(()));
}

fn message(cause: &str) -> (Message, Who) {
    let message = Message {
        state: State::Firing,
        kind: Some(Kind::LowBalance),
        subject: "the wallet".into(),
        cause: cause.into(),
        remedy: "send ALLO".into(),
        at: AT,
        since: AT,
    };
    let who = Who {
        network: "testnet".into(),
        address: "allo1abcdefghij".into(),
    };
    (message, who)
}

struct Way {
    messages: mpsc::Sender<(Message, Who)>,
    ends: oneshot::Sender<()>,
    courier: tokio::task::JoinHandle<()>,
    tally: Tally,
    told: crate::ops::Recording,
}

fn way(url: &str, form: Form) -> Way {
    let (messages, carried) = mpsc::channel(8);
    let (ends, end) = oneshot::channel();
    let (reporter, told) = Reporter::recording();
    let tally = Tally::default();
    let courier = Courier {
        target: Target {
            url: url.into(),
            form,
            chat_id: "-42".into(),
        },
        reporter,
        mask: Arc::new(Mask::new(vec!["a-token-of-mine".into()])),
        tally: tally.clone(),
    };
    Way {
        messages,
        ends,
        courier: tokio::spawn(courier.run(carried, end)),
        tally,
        told,
    }
}

/// What a webhook is sent in a form, and under which path.
async fn sent_as(form: Form) -> (String, Value) {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let way = way(&format!("{}/hook/1", server.uri()), form);
    way.messages
        .send(message("empty, by a-token-of-mine"))
        .await
        .unwrap();
    drop((way.messages, way.ends.send(())));
    way.courier.await.unwrap();
    assert_eq!(way.tally.show(), [("low_balance", "sent", 1)]);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    let body = serde_json::from_slice(&requests[0].body).unwrap();
    (requests[0].url.path().to_owned(), body)
}

#[tokio::test]
async fn all_three_forms_say_cause_and_remedy_and_no_secret() {
    let (path, body) = sent_as(Form::Generic).await;
    assert_eq!(path, "/hook/1");
    assert_eq!(
        (&body["state"], &body["kind"]),
        (&"firing".into(), &"low_balance".into())
    );
    assert_eq!(body["cause"], "empty, by [secret]");
    assert_eq!(body["remedy"], "send ALLO");
    let (_, slack) = sent_as(Form::Slack).await;
    let text = "⚠️ allora-worker allo1abcde… (testnet): low balance (the wallet)\nempty, by [secret]\nWhat to do: send ALLO";
    assert_eq!(slack, serde_json::json!({ "text": text }));
    let (path, telegram) = sent_as(Form::Telegram).await;
    assert_eq!(path, "/hook/1/sendMessage");
    assert_eq!(
        (&telegram["chat_id"], &telegram["text"]),
        (&"-42".into(), &text.into())
    );
}

#[tokio::test]
async fn a_webhook_that_is_down_is_tried_again_and_told_of_once_without_its_url() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "0");
    Mock::given(any())
        .respond_with(busy)
        .up_to_n_times(3)
        .mount(&server)
        .await;
    Mock::given(path("/secret-path"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let way = way(&format!("{}/secret-path", server.uri()), Form::Generic);
    way.messages.send(message("empty")).await.unwrap();
    let sent = ("low_balance", "sent", 1);
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    while !way.tally.show().contains(&sent) {
        assert!(tokio::time::Instant::now() < end, "{:?}", way.tally.show());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(way.tally.show().contains(&("low_balance", "retried", 3)));
    let told = way.told.events();
    assert_eq!(told.len(), 1);
    let line = serde_json::to_string(&told[0]).unwrap();
    assert!(
        line.contains("429") && !line.contains("secret-path"),
        "{line}"
    );
    let _ = way.ends.send(());
    way.courier.await.unwrap();
}

#[tokio::test]
async fn what_a_webhook_refuses_for_good_is_not_sent_again() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    let way = way(&server.uri(), Form::Slack);
    way.messages.send(message("one")).await.unwrap();
    way.told
        .wait_for(|it| matches!(it, Event::Notice { .. }))
        .await;
    let _ = way.ends.send(());
    way.courier.await.unwrap();
    assert_eq!(way.tally.show(), [("low_balance", "refused", 1)]);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_end_is_bounded_though_nobody_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a-token-in-it", listener.local_addr().unwrap());
    tokio::time::pause();
    let way = way(&url, Form::Generic);
    way.messages.send(message("one")).await.unwrap();
    let _ = way.ends.send(());
    let bound = LAST_WORDS + Duration::from_secs(1);
    tokio::time::timeout(bound, way.courier)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(way.tally.show(), [("low_balance", "lost", 1)]);
}
