//! Statuses for tests.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{
    chain::Uallo,
    forecast::{Fallback, Source},
    ops::{Phase, Status as Answer},
    status::{
        Advice, Chances, Fees, Goals, Latency, Life, Money, Period, Process, Severity, Spans,
        State, Status, TopicStatus,
    },
    store::{Pace, Tally, Uptime},
    types::{Height, Nonce, TopicId},
    vitals::{Endpoint, ForecastNow, Head, Moment, Next, Obstacle, Prices, Record, Socket, Window},
};

const NOW: OffsetDateTime = datetime!(2025-10-16 12:34:56 UTC);
const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

fn past(seconds: i64) -> Moment {
    (NOW - Duration::seconds(seconds)).into()
}

fn tally(answered: u64, missed: u64, open: u64) -> Tally {
    let outranked = answered / 10;
    let done = answered + missed;
    Tally {
        opened: done + open,
        open,
        answered,
        counted: answered - outranked,
        outranked,
        missed,
        missed_while_down: missed / 2,
        causes: BTreeMap::new(),
        estimated: 0,
        rate: (done > 0).then(|| answered as f64 / done as f64),
    }
}

fn up(days: f64, share: f64, starts: u64) -> Uptime {
    let seconds = days * 86_400.0;
    Uptime {
        seconds,
        ready: seconds * share,
        share,
        starts,
    }
}

fn window() -> Window {
    Window {
        opened: past(840),
        status: Some(Answer::Counted),
        value: Some("-0.00123456789".into()),
        height: Some(Height(4_812_001)),
        latency_ms: Some(1.7),
        ..Window::new(Nonce(4_812_000))
    }
}

fn topic() -> TopicStatus {
    TopicStatus {
        id: TopicId(67),
        windows: Spans {
            today: tally(12, 0, 1),
            week: tally(167, 1, 1),
            period: tally(718, 4, 1),
        },
        last: Some(window()),
        next: Some(Next {
            opens: Height(4_812_720),
            closes: Some(Height(4_812_840)),
            expected: (NOW + Duration::seconds(2_760)).into(),
        }),
        forecast: Some(ForecastNow {
            value: -0.001_301,
            values: Vec::new(),
            source: Source::Gated,
            fallback: None,
            made: past(60),
            data_until: past(2_096),
            closes: 9_600,
            took_ms: 31.0,
            report: None,
        }),
        why: Some("gated".into()),
        score: None,
        score_ema: Some(-0.4217),
        rewards: Spans::default(),
        record: Some(Record {
            n: 512,
            ratio: Some(0.991),
            mean_place: Some(0.31),
            place: Some(7),
            places: Some(26),
        }),
    }
}

fn endpoint(url: &str, is_healthy: bool) -> Endpoint {
    Endpoint {
        endpoint: url.into(),
        is_healthy,
        since: past(7_200),
        cause: (!is_healthy).then(|| "it does not answer".into()),
        is_pinned: is_healthy,
        height: Some(Height(4_812_170)),
        latency_ms: Some(48.0),
        ..Endpoint::default()
    }
}

/// All is well.
pub(super) fn running() -> Status {
    let topic = topic();
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
            started: past(250_000),
            phase: Some(Phase::Ready),
            since: past(249_990),
            told: past(2),
            ..Process::default()
        },
        advice: Vec::new(),
        period: Period {
            name: Some("BTC 7-day 2025".into()),
            from: datetime!(2025-09-16 0:00 UTC).into(),
            to: datetime!(2025-12-15 0:00 UTC).into(),
            is_competition: true,
        },
        goals: Goals::default(),
        windows: topic.windows.clone(),
        uptime: Spans {
            today: Some(up(0.5, 1.0, 0)),
            week: Some(up(7.0, 0.9993, 1)),
            period: Some(up(30.5, 0.9957, 3)),
        },
        latency: Latency {
            count: 69,
            p50_ms: Some(1.6),
            p99_ms: Some(4.2),
            blocks: Some(Pace { p50: 1, p99: 2 }),
        },
        money: Money {
            balance: Some(Uallo(4_200_000_000_000_000_000)),
            balance_at: past(840),
            fees: Fees {
                day: Uallo(90_000_000),
                most: Some(Uallo(1_000_000_000_000_000_000)),
                left: Some(Uallo(999_999_999_910_000_000)),
            },
            rewards: Spans::default(),
            spent: Spans {
                today: Uallo(45_000_000),
                week: Uallo(630_000_000),
                period: Uallo(2_700_000_000),
            },
            per_day: Some(Uallo(90_000_000)),
            lasts_days: Some(4.6e10),
            chances: Some(Chances::Lasts),
        },
        topics: vec![topic],
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
            height: Some(Height(4_812_170)),
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

fn advice(severity: Severity, about: &'static str, cause: &str, remedy: &str) -> Advice {
    Advice {
        severity,
        about,
        topic: None,
        cause: cause.into(),
        remedy: remedy.into(),
    }
}

/// It was killed five hours ago.
pub(super) fn stopped() -> Status {
    let mut status = running();
    status.state = State::Stopped;
    status.process.life = Life::Gone;
    status.process.told = past(18_000);
    status.process.ended = past(18_000);
    status.windows.today = tally(7, 5, 0);
    status.windows.today.missed_while_down = 5;
    status.windows.week = tally(162, 6, 0);
    let causes = &mut status.windows.week.causes;
    causes.insert("the worker was down".into(), 5);
    causes.insert("no node answered in time".into(), 1);
    status.uptime.today = Some(up(0.52, 0.6012, 0));
    let told = "the worker is gone without a word, killed or with its machine; its last sign of life was at 2025-10-16 07:34:56 UTC";
    let remedy = "look for want of memory (journalctl -k | grep -i oom), then start it with ./start_worker.sh, `allora-worker run`, or `systemctl start allora-worker`";
    status.advice = vec![
        advice(Severity::Trouble, "stopped", told, remedy),
        advice(
            Severity::Warning,
            "windows",
            "7 of 12 windows were answered (today), less than 95 %; most often (5): the worker was down",
            "see the log around that time; `status --json` tells the causes",
        ),
    ];
    status
}

/// Nothing was ever written.
pub(super) fn never() -> Status {
    let empty = Tally::default;
    let told = "no worker has run with this data folder";
    let remedy =
        "start it with ./start_worker.sh, `allora-worker run`, or `systemctl start allora-worker`";
    Status {
        state: State::NeverStarted,
        process: Process::default(),
        advice: vec![advice(Severity::Trouble, "stopped", told, remedy)],
        period: Period::default(),
        windows: Spans {
            today: empty(),
            week: empty(),
            period: empty(),
        },
        uptime: Spans::default(),
        latency: Latency::default(),
        money: Money {
            fees: Fees {
                most: Some(Uallo(1_000_000_000_000_000_000)),
                left: Some(Uallo(1_000_000_000_000_000_000)),
                ..Fees::default()
            },
            ..Money::default()
        },
        topics: Vec::new(),
        prices: BTreeMap::new(),
        head: Head::default(),
        socket: Socket::default(),
        endpoints: Vec::new(),
        ..running()
    }
}

/// Cut off from one node, starved of prices, and nearly out of coins.
pub(super) fn degraded() -> Status {
    let mut status = running();
    status.state = State::Trouble;
    status.endpoints = vec![
        endpoint("https://allora-rpc.testnet.allora.network", false),
        endpoint("grpc+https://allora-grpc.testnet.allora.network:443", true),
    ];
    let topic = &mut status.topics[0];
    topic.last = Some(Window {
        status: Some(Answer::Missed),
        cause: Some("the window closed before a transaction of this wallet was in a block".into()),
        ..Window {
            height: None,
            latency_ms: None,
            ..window()
        }
    });
    if let Some(forecast) = &mut topic.forecast {
        forecast.fallback = Some(Fallback::StaleHistory {
            age_seconds: 25_000,
        });
        (forecast.value, forecast.source) = (0.0, Source::Fallback);
        topic.why = Some("fallback: the newest candle is 6.9 hours old".into());
    }
    if let Some(prices) = status.prices.get_mut("btcusd") {
        prices.until = past(25_000);
        prices.obstacle = Some(Obstacle {
            cause: "Tiingo refuses the key".into(),
            remedy: "set TIINGO_API_KEY".into(),
            since: past(25_000),
        });
    }
    status.money.balance = Some(Uallo(900_000));
    status.money.lasts_days = Some(0.01);
    status.money.chances = Some(Chances::Short);
    status.advice = vec![
        advice(
            Severity::Trouble,
            "no_coins",
            "the wallet holds 900000 uallo, too little for a submission's fee",
            "ask https://faucet.testnet.allora.run for test coins for allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv",
        ),
        Advice {
            topic: Some(TopicId(67)),
            ..advice(
                Severity::Trouble,
                "no_prices",
                "the newest candle is 6.9 hours old: Tiingo refuses the key",
                "set TIINGO_API_KEY in .env to the key of your account, and start again",
            )
        },
        advice(
            Severity::Warning,
            "endpoints",
            "https://allora-rpc.testnet.allora.network can't be used at present",
            "others serve meanwhile; name another endpoint if it stays so",
        ),
    ];
    status
}
