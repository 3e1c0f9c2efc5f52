//! What stands in the way, with its remedy, and the pages that show it.

use time::{Duration as Span, OffsetDateTime, macros::datetime};

use super::*;
use crate::{
    chain::Uallo,
    ops::{EndpointGauge, Event, GaugeEvent, Stamped, StandbyEvent, samples},
    types::Height,
};

const AT: OffsetDateTime = datetime!(2025-09-16 13:00 UTC);
const TOPIC: TopicId = TopicId(67);

fn ready() -> Event {
    Event::Ready {
        topics: vec![TOPIC],
        start_ms: 10,
    }
}

fn prepared() -> Event {
    Event::ForecastPrepared {
        forecast: samples::forecast(),
    }
}

/// The reasons after these events, so long after the last of them.
fn reasons(events: impl IntoIterator<Item = Event>, later: Span) -> Vec<Reason> {
    let mut vitals = Vitals::default();
    for event in events {
        vitals.hear(&Stamped { at: AT, event });
    }
    let found = vitals.hindrances(AT + later);
    assert!(
        found
            .iter()
            .all(|it| !it.cause.is_empty() && !it.remedy.is_empty()),
        "{found:?}"
    );
    found.into_iter().map(|it| it.reason).collect()
}

#[test]
fn a_worker_that_is_ready_has_nothing_in_its_way() {
    assert_eq!(reasons([ready(), prepared()], Span::ZERO), []);
    assert_eq!(reasons([], Span::ZERO), [Reason::Starting]);
}

#[test]
fn without_prices_or_with_old_ones_it_is_starved() {
    assert_eq!(
        reasons([ready(), samples::fallback()], Span::ZERO),
        [Reason::NoPrices]
    );
    assert_eq!(reasons([ready()], Span::seconds(29)), []);
    assert_eq!(reasons([ready()], Span::seconds(31)), [Reason::NoPrices]);
    assert_eq!(reasons([ready(), prepared()], Span::hours(5)), []);
    assert_eq!(
        reasons([ready(), prepared()], Span::hours(7)),
        [Reason::NoPrices]
    );
}

#[test]
fn prices_that_stop_are_told_while_candles_are_still_new() {
    let unavailable = || Event::PricesUnavailable {
        ticker: "btcusd".into(),
        cause: "503".into(),
        remedy: "wait".into(),
        retry_seconds: 5,
    };
    let stands_in = Event::PricesStandIn {
        ticker: "btcusd".into(),
        source: "Coinbase".into(),
        first: "Tiingo".into(),
        cause: "503".into(),
    };
    let updated = Event::PricesUpdated {
        ticker: "btcusd".into(),
        closes: 9,
        added: 1,
        until: Some(AT),
    };
    let well = || [ready(), prepared()];
    let after = |more: Vec<Event>, later| reasons(well().into_iter().chain(more), later);
    assert_eq!(
        after(vec![unavailable()], Span::ZERO),
        [Reason::NoNewPrices]
    );
    assert_eq!(after(vec![unavailable(), updated], Span::ZERO), []);
    assert_eq!(after(vec![unavailable(), stands_in], Span::ZERO), []);
    assert_eq!(
        after(vec![unavailable()], Span::hours(7)),
        [Reason::NoPrices],
        "one is enough"
    );
}

#[test]
fn without_coins_it_says_how_to_get_some() {
    let coins = |balance| {
        Event::from(GaugeEvent::Coins {
            balance: Uallo(balance),
        })
    };
    assert_eq!(
        reasons([ready(), prepared(), coins(0)], Span::ZERO),
        [Reason::NoCoins]
    );
    assert_eq!(
        reasons([ready(), prepared(), coins(0), coins(9)], Span::ZERO),
        []
    );
    let refused = samples::troubled()
        .into_iter()
        .filter(|it| matches!(it, Event::SubmissionRefused { .. }));
    let told = [ready(), prepared()].into_iter().chain(refused);
    assert_eq!(reasons(told, Span::ZERO), [Reason::NoCoins]);
}

#[test]
fn cut_off_is_no_node_and_a_silent_chain_no_block() {
    let lost = Event::WebsocketLost {
        endpoint: "ws://a".into(),
        cause: "refused".into(),
        retry_ms: 1,
    };
    let pool = |is_healthy| {
        Event::from(GaugeEvent::Endpoints {
            endpoints: vec![EndpointGauge {
                endpoint: "http://a".into(),
                is_healthy,
                ..EndpointGauge::default()
            }],
        })
    };
    let told = [ready(), prepared(), lost.clone(), pool(false)];
    assert_eq!(reasons(told, Span::ZERO), [Reason::NoNodes]);
    assert_eq!(
        reasons([ready(), prepared(), lost, pool(true)], Span::ZERO),
        []
    );
    let head = |block_ms| {
        Event::from(GaugeEvent::Head {
            height: Height(5),
            block_ms,
        })
    };
    assert_eq!(
        reasons([ready(), prepared(), head(5_000.0)], Span::seconds(30)),
        []
    );
    let told = [ready(), prepared(), head(5_000.0)];
    assert_eq!(reasons(told, Span::seconds(31)), [Reason::NoBlocks]);
    assert_eq!(
        reasons([ready(), prepared(), head(20_000.0)], Span::seconds(59)),
        []
    );
}

#[test]
fn each_phase_has_its_reason_and_only_those_that_are_meant_are_expected() {
    let waiting = Event::CompetitionWaiting {
        start: AT,
        wait_seconds: 5,
    };
    let standby = StandbyEvent::StandbyWaiting {
        name: "one".into(),
        leader: None,
        token: 1,
    };
    let stopped = Event::Stopped {
        reason: "SIGTERM".into(),
    };
    let failed = Event::Fatal {
        cause: "another chain".into(),
        remedy: "check --network".into(),
    };
    for (event, reason, is_expected) in [
        (waiting, Reason::Waiting, true),
        (standby.into(), Reason::Standby, true),
        (stopped, Reason::Stopped, false),
        (failed, Reason::Failed, false),
    ] {
        assert_eq!(reasons([event], Span::ZERO), [reason]);
        assert_eq!(reason.is_expected(), is_expected);
    }
}

#[test]
fn a_topic_that_is_closed_is_named() {
    let closed = Event::TopicUnavailable {
        topic: TOPIC,
        cause: "the wallet is not registered in the topic".into(),
        remedy: "register it".into(),
    };
    assert_eq!(
        reasons([ready(), prepared(), closed], Span::ZERO),
        [Reason::TopicClosed]
    );
}

#[test]
fn every_reason_has_the_name_that_json_has() {
    for reason in Reason::ALL {
        let json = serde_json::to_value(reason).unwrap();
        assert_eq!(json, reason.name());
    }
}
