//! How the worker is, while all is well.

use std::collections::BTreeMap;

use allora_worker::{
    chain::Uallo,
    ops::{Phase, Status as Answer},
    page::WindowRow,
    status::{
        Chances, Fees, Goals, Latency, Life, Money, Period, Process, Spans, State, Status,
        TopicStatus,
    },
    store::{Miss, Outcome, Pace, Tally, Uptime},
    types::{Height, Nonce, TopicId},
    vitals::{Endpoint, Head, Next, Prices, Record, Socket, Window},
};
use time::{Duration, OffsetDateTime, macros::datetime};

use super::{ADDRESS, BLOCKS, FIRST, HOURS, NOW, START, parts::forecast, past};

pub(super) fn tally<'a>(windows: impl IntoIterator<Item = &'a WindowRow>) -> Tally {
    let mut tally = Tally::default();
    for it in windows {
        tally.opened += 1;
        match &it.outcome {
            Outcome::Open => tally.open += 1,
            Outcome::Included => tally.answered += 1,
            Outcome::Counted => {
                tally.answered += 1;
                tally.counted += 1;
            }
            Outcome::Outranked => {
                tally.answered += 1;
                tally.outranked += 1;
            }
            Outcome::Missed(miss) => {
                tally.missed += 1;
                tally.missed_while_down += u64::from(*miss == Miss::Down);
            }
        }
    }
    let done = tally.answered + tally.missed;
    tally.rate = (done > 0).then(|| tally.answered as f64 / done as f64);
    tally
}

pub(super) fn tallies(windows: &[WindowRow]) -> Spans<Tally> {
    let since = |from: OffsetDateTime| tally(windows.iter().filter(move |it| it.at >= from));
    Spans {
        today: since(NOW.replace_time(time::Time::MIDNIGHT)),
        week: since(NOW - Duration::days(7)),
        period: tally(windows),
    }
}

pub(super) fn up(days: f64, share: f64, starts: u64) -> Uptime {
    let seconds = days * 86_400.0;
    Uptime {
        seconds,
        ready: seconds * share,
        share,
        starts,
    }
}

pub(super) fn endpoint(url: &str, is_healthy: bool) -> Endpoint {
    Endpoint {
        endpoint: url.into(),
        is_healthy,
        since: past(7_200),
        cause: (!is_healthy).then(|| "it does not answer: connection refused".into()),
        is_pinned: is_healthy && url.starts_with("https"),
        height: Some(Height(FIRST + 2_159 * BLOCKS + 420)),
        lag: i64::from(!is_healthy) * 43,
        latency_ms: Some(48.0),
        failures: 0,
    }
}

pub(super) fn topic_status(windows: Spans<Tally>) -> TopicStatus {
    TopicStatus {
        id: TopicId(67),
        windows,
        last: Some(Window {
            opened: past(2_096),
            status: Some(Answer::Included),
            value: Some("-0.00130112345".into()),
            height: Some(Height(FIRST + 2_159 * BLOCKS + 1)),
            latency_ms: Some(1.7),
            ..Window::new(Nonce(FIRST + 2_159 * BLOCKS))
        }),
        next: Some(Next {
            opens: Height(FIRST + HOURS * BLOCKS),
            closes: Some(Height(FIRST + HOURS * BLOCKS + 120)),
            expected: (NOW + Duration::seconds(1_504)).into(),
        }),
        forecast: Some(forecast()),
        why: Some("gated".into()),
        score: Some(-0.207_1),
        score_ema: Some(-0.221_7),
        rewards: Spans {
            today: Uallo(31_000_000_000_000_000),
            week: Uallo(214_000_000_000_000_000),
            period: Uallo(2_710_000_000_000_000_000),
        },
        record: Some(Record {
            n: 1_975,
            ratio: Some(0.98),
            mean_place: Some(0.31),
            place: Some(7),
            places: Some(26),
        }),
    }
}

pub(super) fn status(windows: &[WindowRow]) -> Status {
    let windows = tallies(windows);
    Status {
        at: NOW,
        state: State::Running,
        data_dir: "/opt/allora/data".into(),
        process: Process {
            life: Life::Runs,
            pid: Some(4_711),
            version: "0.1.0".into(),
            network: "testnet".into(),
            chain_id: "allora-testnet-1".into(),
            address: ADDRESS.into(),
            started: past(2_050_000),
            phase: Some(Phase::Ready),
            since: past(2_049_990),
            message: "ready: it answers the next window of each topic".into(),
            told: past(2),
            ..Process::default()
        },
        advice: Vec::new(),
        period: Period {
            name: Some("BTC 7-day 2025".into()),
            from: START.into(),
            to: datetime!(2025-12-15 0:00 UTC).into(),
            is_competition: true,
        },
        goals: Goals::default(),
        topics: vec![topic_status(windows.clone())],
        windows,
        uptime: Spans {
            today: Some(up(0.98, 1.0, 0)),
            week: Some(up(7.0, 0.9993, 1)),
            period: Some(up(90.0, 0.9931, 3)),
        },
        latency: Latency {
            count: 2_130,
            p50_ms: Some(1.6),
            p99_ms: Some(4.2),
            blocks: Some(Pace { p50: 1, p99: 2 }),
        },
        money: money(),
        prices: BTreeMap::from([(
            "btcusd".to_owned(),
            Prices {
                closes: 9_600,
                until: past(2_096),
                updated: past(2_000),
                ..Prices::default()
            },
        )]),
        head: Head {
            height: Some(Height(FIRST + 2_159 * BLOCKS + 420)),
            heard: past(3),
            block_ms: Some(5_012.0),
            emissions: "v10".into(),
        },
        socket: Socket {
            is_connected: true,
            endpoint: "wss://allora-rpc.testnet.allora.network/websocket".into(),
            since: past(7_200),
            ..Socket::default()
        },
        endpoints: vec![
            endpoint("https://allora-rpc.testnet.allora.network", true),
            endpoint("grpc+https://allora-grpc.testnet.allora.network:443", true),
        ],
        standby: None,
    }
}

pub(super) fn money() -> Money {
    Money {
        balance: Some(Uallo(4_200_000_000_000_000_000)),
        balance_at: past(840),
        fees: Fees {
            day: Uallo(9_000_000_000_000_000),
            most: Some(Uallo(100_000_000_000_000_000)),
            left: Some(Uallo(91_000_000_000_000_000)),
        },
        spent: Spans {
            today: Uallo(8_600_000_000_000_000),
            week: Uallo(63_000_000_000_000_000),
            period: Uallo(801_000_000_000_000_000),
        },
        rewards: Spans {
            today: Uallo(31_000_000_000_000_000),
            week: Uallo(214_000_000_000_000_000),
            period: Uallo(2_710_000_000_000_000_000),
        },
        per_day: Some(Uallo(9_000_000_000_000_000)),
        lasts_days: Some(466.0),
        chances: Some(Chances::Lasts),
    }
}
