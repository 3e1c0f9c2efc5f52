//! One instance of every event, for tests of the wording and of the logs.

use std::time::Duration;

use time::{OffsetDateTime, macros::datetime};

use super::{Event, WindowSource};
use crate::{
    chain::Uallo,
    forecast::{Fallback, Forecast, Source},
    learning::Verdict,
    store::OpenedBy,
    types::{Height, Nonce, TopicId},
};

const TOPIC: TopicId = TopicId(67);
const NONCE: Nonce = Nonce(148);
const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);

pub(crate) fn forecast() -> Forecast {
    Forecast {
        topic: TOPIC,
        value: 0.0125,
        source: Source::Gated,
        values: Vec::new(),
        report: None,
        fallback: None,
        made_at: AT,
        data_until: Some(AT),
        closes: 700,
        took: Duration::from_millis(12),
    }
}

/// A built-in forecast that stands in for a forecaster outside the process.
pub(crate) fn stand_in_forecast() -> Forecast {
    let detail = "no answer".to_owned();
    Forecast {
        fallback: Some(Fallback::Outside { detail }),
        ..forecast()
    }
}

pub(crate) fn window_open(nonce: i64) -> Event {
    Event::WindowOpen {
        topic: TOPIC,
        nonce: Nonce(nonce),
        window_end: Height(nonce + 10),
        source: WindowSource::Event,
    }
}

/// The events of a run in which nothing is wrong, in the order in which they happen.
pub(crate) fn healthy() -> Vec<Event> {
    let (address, endpoint) = ("allo1abc".to_owned(), "ws://127.0.0.1:26657/websocket");
    let mut events = vec![
        Event::Starting {
            version: "0.1.0",
            network: "testnet".into(),
            chain_id: "allora-testnet-1".into(),
            pid: 42,
        },
        Event::EnvironmentLoaded {
            address: address.clone(),
            prices: "Tiingo".into(),
        },
        Event::SingletonPassed {
            pidfile: "data/artifacts/worker.pid".into(),
        },
        Event::CompetitionWaiting {
            start: AT,
            wait_seconds: 90_000,
        },
        Event::CompetitionActive { end: None },
        Event::WorkerInitialized {
            address,
            balance: Uallo(25),
            topics: vec![TOPIC],
            height: Height(100),
            emissions: "v10".into(),
        },
        Event::Registering {
            topic: TOPIC,
            fee: Uallo(200),
        },
        Event::Registered {
            topic: TOPIC,
            hash: "AB".into(),
            height: Height(101),
        },
        Event::PollingStarted { poll_seconds: 120 },
        Event::NodeWell {
            endpoint: endpoint.into(),
            seconds: 95,
        },
        Event::WebsocketConnected {
            endpoint: endpoint.into(),
        },
        Event::Ready {
            topics: vec![TOPIC],
            start_ms: 300,
        },
        Event::PricesBackfill {
            ticker: "btcusd".into(),
            source: "Tiingo".into(),
            closes: 720,
            hours_left: 8_880,
            requests_left: 13,
            seconds_left: 0,
        },
        Event::PricesBack {
            ticker: "btcusd".into(),
            source: "Tiingo".into(),
            seconds: 3_600,
            basis: Some(0.0004),
        },
        Event::PricesUpdated {
            ticker: "btcusd".into(),
            closes: 700,
            added: 1,
            until: Some(AT),
        },
        Event::ForecasterBack {
            topic: TOPIC,
            missed: 3,
        },
        Event::ForecastPrepared {
            forecast: forecast(),
        },
    ];
    events.extend(healthy_window());
    events
}

fn healthy_window() -> Vec<Event> {
    let (topic, nonce) = (TOPIC, NONCE);
    let (hash, value) = ("AB".to_owned(), "0.0125".to_owned());
    vec![
        window_open(NONCE.0),
        Event::ForecastUsed {
            topic,
            nonce,
            forecast: forecast(),
        },
        Event::ForecastTraining { topic, nonce },
        Event::ForecastTrained {
            topic,
            nonce,
            forecast: forecast(),
        },
        Event::Submitted {
            topic,
            nonce,
            value: value.clone(),
            hash: hash.clone(),
            sequence: 5,
            fee: Uallo(25),
            endpoint: "http://127.0.0.1:26657".into(),
            presigned: true,
            latency_ms: 12.5,
        },
        Event::SubmissionResent {
            topic,
            nonce,
            hash: hash.clone(),
            endpoint: "http://127.0.0.1:26657".into(),
        },
        Event::DryRun {
            topic,
            nonce,
            value,
            hash: hash.clone(),
            tx: "00".into(),
        },
        Event::SubmissionSuccessful {
            topic,
            nonce,
            height: Height(149),
            hash,
            blocks_after_nonce: 1,
            gas_used: 144_200,
        },
        Event::Counted { topic, nonce },
        Event::Outranked {
            topic,
            nonce,
            places: 32,
        },
        Event::SubmissionResumed {
            topic,
            nonce,
            state: "prepared".into(),
        },
        compared(Some(-0.4), Verdict::Usual),
        Event::ForecastResolved {
            topic,
            nonce,
            value: 0.0125,
            outcome: -0.01,
            loss: 0.000_506_25,
            zero_loss: 0.0001,
            clock: OpenedBy::Header,
            place: Some(3),
            places: Some(12),
            resolved: 1,
            n: 700,
            ratio: Some(0.9976),
            interval: Some((0.9928, 1.0023)),
            mean_place: Some(0.4),
            ratio_to_median: Some(0.99),
            ratio_to_network: None,
            live_weight: 1.0,
        },
        Event::Balance { balance: Uallo(25) },
        Event::CompetitionEnded { end: AT },
        Event::Stopping {
            signal: "SIGTERM".into(),
            in_flight: 1,
        },
        Event::Stopped {
            reason: "SIGTERM".into(),
        },
    ]
}

/// Our value among the others'.
pub(crate) fn compared(z: Option<f64>, verdict: Verdict) -> Event {
    Event::ForecastCompared {
        topic: TOPIC,
        nonce: NONCE,
        value: 0.0125,
        z,
        count: z.map_or(2, |_| 12),
        mean: Some(0.02),
        spread: Some(0.005),
        combined: Some(0.019),
        verdict,
    }
}

/// One instance of every event that tells of something wrong.
pub(crate) fn troubled() -> Vec<Event> {
    let (topic, nonce) = (TOPIC, NONCE);
    let (cause, remedy) = ("the cause".to_owned(), "the remedy".to_owned());
    let endpoint = "http://127.0.0.1:26657".to_owned();
    vec![
        Event::WebsocketLost {
            endpoint: endpoint.clone(),
            cause: cause.clone(),
            retry_ms: 1_000,
        },
        Event::SubmissionRefused {
            topic,
            nonce,
            codespace: "sdk".into(),
            code: 5,
            log: "insufficient funds".into(),
            next: "trying again".into(),
        },
        Event::SubmissionDelayed {
            topic,
            nonce,
            cause: cause.clone(),
            next: "trying again".into(),
        },
        Event::ForecasterFails {
            topic,
            cause: cause.clone(),
            remedy: remedy.clone(),
        },
        Event::WindowMissed {
            topic,
            nonce,
            window_end: Height(158),
            cause: cause.clone(),
        },
        Event::BalanceLow {
            balance: Uallo(25),
            threshold: Uallo(50),
            remedy: remedy.clone(),
        },
        Event::PricesStandIn {
            ticker: "btcusd".into(),
            source: "Coinbase".into(),
            first: "Tiingo".into(),
            cause: cause.clone(),
        },
        Event::PricesUnavailable {
            ticker: "btcusd".into(),
            cause: cause.clone(),
            remedy: remedy.clone(),
            retry_seconds: 30,
        },
        Event::TopicUnavailable {
            topic,
            cause: cause.clone(),
            remedy: remedy.clone(),
        },
        Event::NodeTrouble {
            endpoint,
            cause: cause.clone(),
        },
        Event::Notice {
            cause: "the prices are uneven".into(),
            remedy: "correct the file if that is not meant".into(),
        },
        Event::Trouble {
            cause: cause.clone(),
            remedy: remedy.clone(),
        },
        Event::Fatal { cause, remedy },
    ]
}

/// A prepared forecast that is 0.0 for want of a better one.
pub(crate) fn fallback() -> Event {
    let mut forecast = forecast();
    forecast.source = Source::Fallback;
    forecast.fallback = Some(Fallback::ShortHistory {
        closes: 100,
        needed: 337,
    });
    Event::ForecastPrepared { forecast }
}
