//! Boards for the page's tests: made by rule, the same each time.

use std::collections::BTreeMap;

use allora_worker::{
    chain::Uallo,
    forecast::{ChallengerReport, Fallback, NetworkPart, NetworkReport, Report, Source, Target},
    learning::Verdict,
    ops::{Level, Phase, Status as Answer},
    page::{
        Anatomy, Band, Board, Earnings, LatencyBoard, LogLine, ModelsBoard, NetworkNow, Pending,
        RewardPoint, Round, ScorePoint, Told, TopicBoard, Track, TrackPoint, WindowRow,
    },
    score::LeaderboardRow,
    status::{
        Advice, Chances, Fees, Goals, Latency, Life, Money, Period, Process, Severity, Spans,
        State, Status, TopicStatus,
    },
    store::{Miss, Outcome, Pace, Standing, Tally, Uptime, WindowScore},
    types::{Height, Nonce, TopicId},
    vitals::{Endpoint, ForecastNow, Head, Moment, Next, Obstacle, Prices, Record, Socket, Window},
};
use time::{Duration, OffsetDateTime, macros::datetime};

/// When all of it is told.
pub(crate) const NOW: OffsetDateTime = datetime!(2025-12-14 23:34:56 UTC);
/// What must show as text wherever it stands.
pub(crate) const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'><a href=\"javascript:x\">&amp;";
const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);
const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";
const BLOCKS: i64 = 720;
const FIRST: i64 = 4_812_000;
const HOURS: i64 = 2_160;
const HORIZON: i64 = 7 * 24;

/// A number from -1 to 1 that looks like chance, and is the same for the same seed.
fn noise(seed: i64) -> f64 {
    #[allow(clippy::cast_sign_loss, reason = "bits are mixed, whatever they mean")]
    let mut bits = (seed as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn past(seconds: i64) -> Moment {
    (NOW - Duration::seconds(seconds)).into()
}

fn hash(seed: i64) -> String {
    let part = |it: i64| noise(seed * 8 + it).to_bits();
    (0..4).map(|it| format!("{:016X}", part(it))).collect()
}

/// What became of the window of an hour: a good season with an outage and a few troubles.
fn outcome(hour: i64) -> Outcome {
    match hour {
        2_159 => Outcome::Open,
        2_156..=2_158 => Outcome::Included,
        700..=711 | 1_500 => Outcome::Missed(Miss::Down),
        712 => Outcome::Missed(Miss::Unheard),
        _ if hour % 397 == 50 => Outcome::Missed(Miss::Told(
            "the window closed before a transaction of this wallet was in a block".into(),
        )),
        _ if noise(hour + 5) > 0.86 => Outcome::Outranked,
        _ => Outcome::Counted,
    }
}

fn is_answered(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Included | Outcome::Counted | Outcome::Outranked
    )
}

/// The window of an hour of the season.
pub(crate) fn window(hour: i64, minutes: i64, outcome: Outcome) -> WindowRow {
    let nonce = FIRST + hour * BLOCKS;
    let ours = is_answered(&outcome);
    let blocks = 1 + i64::from(noise(hour) > 0.94);
    WindowRow {
        nonce: Nonce(nonce),
        end: Height(nonce + 120),
        at: START + Duration::minutes(hour * minutes) + Duration::seconds(hour % 7),
        is_estimated: matches!(outcome, Outcome::Missed(Miss::Down)),
        blocks: ours.then_some(blocks),
        height: ours.then_some(Height(nonce + blocks)),
        latency_ms: ours.then(|| 1.6 + noise(hour).abs() * 3.0),
        value: ours.then(|| 0.001 * noise(hour / 5)),
        hash: ours.then(|| hash(hour)),
        endpoint: ours.then(|| "https://allora-rpc.testnet.allora.network".into()),
        outcome,
    }
}

/// Windows of a season, one an hour.
pub(crate) fn season_windows() -> Vec<WindowRow> {
    (0..HOURS)
        .map(|hour| window(hour, 60, outcome(hour)))
        .collect()
}

fn track() -> Track {
    let mut price = 11.6_f64;
    let prices: Vec<f64> = (0..HOURS + HORIZON)
        .map(|hour| {
            price += 0.004 * noise(hour * 3 + 1) + 0.0006 * (hour as f64 / 300.0).sin();
            price
        })
        .collect();
    let mut sums = (0.0, 0.0);
    let at = |hour: i64| usize::try_from(hour).unwrap_or_default();
    let judged = 0..HOURS - HORIZON;
    let points: Vec<_> = judged
        .filter(|hour| is_answered(&outcome(*hour)))
        .map(|hour| {
            let gone = prices[at(hour + HORIZON)] - prices[at(hour)];
            let value = 0.06 * gone + 0.004 * noise(hour / 9);
            sums.0 += (value - gone).powi(2);
            sums.1 += gone * gone;
            let one = window(hour, 60, Outcome::Counted);
            TrackPoint {
                nonce: one.nonce,
                opened: one.at,
                value,
                outcome: gone,
                ratio: Some(f64::sqrt(sums.0 / sums.1)),
                place: Some((7, 26)),
            }
        })
        .collect();
    let bands = points
        .iter()
        .step_by(40)
        .skip(4)
        .zip(4_i32..)
        .map(|(it, step)| {
            let half = 0.22 / f64::from(step).sqrt();
            let ratio = it.ratio.unwrap_or(1.0);
            Band {
                at: it.opened,
                low: ratio - half,
                high: ratio + half,
            }
        });
    let bands = bands.collect();
    let pending = (HOURS - HORIZON..HOURS - 1).map(|hour| {
        let one = window(hour, 60, Outcome::Counted);
        Pending {
            nonce: one.nonce,
            opened: one.at,
            value: one.value.unwrap_or_default(),
        }
    });
    Track {
        pending: pending.collect(),
        standing: Some(Standing {
            at: NOW.unix_timestamp(),
            nonce: FIRST + HOURS * BLOCKS,
            n: points.len(),
            rmse: 0.049_81,
            zero_rmse: 0.050_83,
            ratio: points.last().and_then(|it| it.ratio),
            interval: Some((0.9, 1.01)),
            ranked: 1_950,
            mean_place: Some(0.31),
            ratio_to_median: Some(0.941),
            ratio_to_network: Some(1.012),
            live_weight: 1.0,
            live_t: Some(1.12),
            live_days: 83,
        }),
        points,
        bands,
    }
}

fn earnings() -> Earnings {
    let mut ema = -0.6;
    let scores = (0..HOURS - HORIZON).step_by(2).map(|hour| {
        let score = -0.4 + 0.3 * noise(hour + 77) + 0.0001 * hour as f64;
        ema += 0.05 * (score - ema);
        let one = window(hour, 60, Outcome::Counted);
        ScorePoint {
            nonce: one.nonce,
            at: one.at + Duration::days(7),
            score: Some(score),
            ema: Some(ema),
        }
    });
    let rewards = (0..HOURS - HORIZON).step_by(3).map(|hour| RewardPoint {
        height: Height(FIRST + (hour + HORIZON) * BLOCKS),
        at: START + Duration::hours(hour + HORIZON),
        amount: 1e16 * (1.2 + noise(hour + 3)),
    });
    Earnings {
        scores: scores.collect(),
        rewards: rewards.collect(),
    }
}

fn network() -> NetworkNow {
    let mut others: Vec<f64> = (0..25).map(|it| 0.012 * noise(it + 900) + 0.002).collect();
    others.sort_by(f64::total_cmp);
    NetworkNow {
        nonce: Nonce(FIRST + 2_158 * BLOCKS),
        opened: START + Duration::hours(2_158),
        value: -0.001_3,
        combined: Some(0.003_4),
        others,
        mean: Some(0.002_1),
        spread: Some(0.006_9),
        z: Some(-0.49),
        verdict: Some(Verdict::Usual),
    }
}

fn report() -> Report {
    let challenger = |name: &str, value: f64, weight: f64, t: f64| ChallengerReport {
        name: name.into(),
        value: Some(value),
        weight,
        t: Some(t),
        days: 365,
    };
    Report {
        sigma: 0.004_1,
        momentum: -0.34,
        prior: -0.000_9,
        prior_weight: 0.8,
        prior_t: Some(-0.2),
        challengers: vec![
            challenger("ridge", -0.006_1, 0.15, 1.31),
            challenger("elastic-net", 0.002_2, 0.0, -0.72),
            ChallengerReport {
                value: None,
                t: None,
                days: 3,
                ..challenger("svr", 0.0, 0.0, 0.0)
            },
        ],
        closes: 9_600,
        clamped: false,
        live_weight: Some(1.0),
        live_t: Some(1.12),
        network: Some(NetworkReport {
            value: 0.001_9,
            built_in: Some(-0.001_5),
            built_in_source: Some(Source::Gated),
            answered: 5,
            models: 4,
            opinions: 3,
            weight: 0.06,
            t: Some(0.31),
            days: 30,
            parts: vec![NetworkPart {
                model: "12".into(),
                value: 0.001_9,
                weight: 0.5,
            }],
        }),
    }
}

fn forecast() -> ForecastNow {
    ForecastNow {
        value: -0.001_324,
        values: Vec::new(),
        source: Source::Blend,
        fallback: None,
        made: past(60),
        data_until: past(2_096),
        closes: 9_600,
        took_ms: 31.0,
        report: Some(report()),
    }
}

/// One topic with a season behind it.
pub(crate) fn topic() -> TopicBoard {
    TopicBoard {
        id: TopicId(67),
        asset: Some("BTC/USD".into()),
        target: Some(Target::LogReturn),
        horizon_seconds: Some(HORIZON * 3_600),
        windows: season_windows(),
        track: track(),
        network: Some(network()),
        earnings: earnings(),
        anatomy: Some(Anatomy {
            forecast: forecast(),
            why: "gated".into(),
            report: Some(report()),
            data_age_seconds: Some(2_096.0),
            data_age_limit_seconds: 21_600.0,
        }),
    }
}

fn tally<'a>(windows: impl IntoIterator<Item = &'a WindowRow>) -> Tally {
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

fn tallies(windows: &[WindowRow]) -> Spans<Tally> {
    let since = |from: OffsetDateTime| tally(windows.iter().filter(move |it| it.at >= from));
    Spans {
        today: since(NOW.replace_time(time::Time::MIDNIGHT)),
        week: since(NOW - Duration::days(7)),
        period: tally(windows),
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

fn endpoint(url: &str, is_healthy: bool) -> Endpoint {
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

fn topic_status(windows: Spans<Tally>) -> TopicStatus {
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

fn status(windows: &[WindowRow]) -> Status {
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

fn money() -> Money {
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

fn latency() -> LatencyBoard {
    LatencyBoard {
        bounds_ms: vec![
            1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0,
        ],
        counts: vec![142, 1_203, 701, 60, 11, 6, 3, 2, 1, 0, 1, 0, 0],
        count: 2_130,
        p50_ms: Some(1.6),
        p99_ms: Some(9.7),
        goal_ms: 1_000.0,
    }
}

fn log() -> Vec<LogLine> {
    let line = |it: i64| {
        let (level, event, message) = match it % 12 {
            3 => (
                Level::Warn,
                "endpoint_unhealthy",
                "https://allora-rpc.testnet.allora.network does not answer; the other endpoints serve meanwhile",
            ),
            7 if it % 48 == 7 => (
                Level::Error,
                "submission_missed",
                "the window closed before a transaction of this wallet was in a block",
            ),
            0 | 4 | 8 => (Level::Info, "window_open", "Window opened"),
            1 | 5 | 9 => (
                Level::Info,
                "prediction_generated",
                "Model trained and prediction generated (value=-0.00130112345, source=gated)",
            ),
            _ => (
                Level::Info,
                "submission_successful",
                "Submission confirmed in a block",
            ),
        };
        LogLine {
            at: NOW - Duration::minutes((500 - it) * 7),
            level,
            event: event.into(),
            topic: Some(TopicId(67)),
            message: message.into(),
        }
    };
    (0..500).map(line).collect()
}

fn models() -> ModelsBoard {
    let score = |score: f64| WindowScore {
        score: Some(score),
        log_gain: Some(score / 2.0),
        rounds: 168,
        answered: 165,
    };
    let names = [
        "random-walk-plus",
        "vol-regime",
        "garch-lite",
        "momentum-net",
        "zero",
    ];
    let rows = names
        .into_iter()
        .zip(1_u32..)
        .map(|(name, rank)| LeaderboardRow {
            rank: Some(rank),
            model_id: format!("{}", 1_200 + rank),
            model_name: Some(name.into()),
            cruncher_id: Some(format!("c-{rank}")),
            cruncher_name: Some(
                ["ada", "emmy", "sofia", "grace", "mary"][rank as usize - 1].into(),
            ),
            recent: score(0.09 - 0.03 * f64::from(rank)),
            steady: score(0.08 - 0.027 * f64::from(rank)),
            anchor: score(0.07 - 0.025 * f64::from(rank)),
        });
    ModelsBoard {
        crunch_id: "condor-btc".into(),
        at: Some(NOW - Duration::minutes(12)),
        rows: rows.collect(),
        round: Some(Round {
            at: NOW - Duration::minutes(34),
            asset: "BTC".into(),
            horizon_seconds: 86_400,
            by_status: BTreeMap::from([("SUCCESS".into(), 4), ("TIMEOUT".into(), 1)]),
        }),
        trouble: None,
    }
}

/// A season of 2,160 windows, nearly over; all is well.
pub(crate) fn season() -> Board {
    let topic = topic();
    Board {
        status: status(&topic.windows),
        told: Told::Worker,
        explorer: Some("https://explorer.allora.network/tx/{hash}".into()),
        topics: vec![topic],
        latency: latency(),
        models: Some(models()),
        log: log(),
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

/// Nothing was ever written.
pub(crate) fn never() -> Board {
    let told = "no worker has run with this data folder";
    let remedy =
        "start it with ./start_worker.sh, `allora-worker run`, or `systemctl start allora-worker`";
    Board {
        status: Status {
            state: State::NeverStarted,
            process: Process::default(),
            advice: vec![advice(Severity::Trouble, "stopped", told, remedy)],
            period: Period::default(),
            windows: Spans::default(),
            uptime: Spans::default(),
            latency: Latency::default(),
            money: Money::default(),
            topics: Vec::new(),
            prices: BTreeMap::new(),
            head: Head::default(),
            socket: Socket::default(),
            endpoints: Vec::new(),
            ..status(&[])
        },
        told: Told::Files,
        explorer: None,
        topics: Vec::new(),
        latency: LatencyBoard {
            goal_ms: 1_000.0,
            ..LatencyBoard::default()
        },
        models: None,
        log: Vec::new(),
    }
}

/// Killed five hours ago.
pub(crate) fn stopped() -> Board {
    let mut board = season();
    board.told = Told::Files;
    board.models = None;
    let status = &mut board.status;
    status.state = State::Stopped;
    status.process.life = Life::Gone;
    status.process.told = past(18_000);
    status.process.ended = past(18_000);
    status.process.why = Some("gone without a word, killed or with its machine".into());
    status.topics[0].next = None;
    let told = "the worker is gone without a word, killed or with its machine; its last sign of life was at 2025-12-14 18:34:56 UTC";
    let remedy = "look for want of memory (journalctl -k | grep -i oom), then start it with ./start_worker.sh, `allora-worker run`, or `systemctl start allora-worker`";
    status.advice = vec![
        advice(Severity::Trouble, "stopped", told, remedy),
        advice(
            Severity::Warning,
            "windows",
            "18 of 23 windows were answered (today), less than 95 %; most often (5): the worker was down",
            "see the log around that time; `status --json` tells the causes",
        ),
    ];
    let windows = &mut board.topics[0].windows;
    for hour in 2_155..2_160 {
        let outcome = Outcome::Missed(Miss::Down);
        windows[hour] = window(i64::try_from(hour).unwrap_or_default(), 60, outcome);
    }
    board.status.windows = tallies(&board.topics[0].windows);
    board.status.uptime.today = Some(up(0.98, 0.787, 0));
    board
}

/// Cut off from one node, starved of prices, and nearly out of coins.
pub(crate) fn degraded() -> Board {
    let mut board = season();
    let status = &mut board.status;
    status.state = State::Trouble;
    status.endpoints[0] = endpoint("https://allora-rpc.testnet.allora.network", false);
    status.socket.is_connected = false;
    status.socket.cause = "no message for 30 s".into();
    status.socket.losses = 4;
    status.money.balance = Some(Uallo(900_000_000_000_000));
    status.money.lasts_days = Some(0.1);
    status.money.chances = Some(Chances::Short);
    if let Some(prices) = status.prices.get_mut("btcusd") {
        prices.until = past(25_000);
        prices.obstacle = Some(Obstacle {
            cause: "Tiingo refuses the key".into(),
            remedy: "set TIINGO_API_KEY".into(),
            since: past(25_000),
        });
    }
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
    let topic = &mut board.topics[0];
    if let Some(it) = topic.anatomy.as_mut() {
        it.forecast.fallback = Some(Fallback::StaleHistory {
            age_seconds: 25_000,
        });
        it.forecast.source = Source::Fallback;
        it.forecast.value = 0.0;
        it.forecast.report = None;
        it.report = None;
        it.data_age_seconds = Some(25_000.0);
    }
    if let Some(network) = topic.network.as_mut() {
        network.value = 0.031;
        network.z = Some(4.19);
        network.verdict = Some(Verdict::Warning);
    }
    for hour in 2_140..2_159 {
        if hour % 3 == 0 {
            topic.windows[hour].outcome = Outcome::Missed(Miss::Unheard);
        }
    }
    board.status.windows = tallies(&board.topics[0].windows);
    board
}

/// Several topics: one as in the season, one with a window each minute, one with few.
pub(crate) fn several() -> Board {
    let mut board = season();
    let minutes = (0..600).map(|it| {
        let outcome = match it {
            300..=330 => Outcome::Missed(Miss::Unheard),
            599 => Outcome::Open,
            _ => Outcome::Counted,
        };
        let mut one = window(it, 1, outcome);
        one.at = NOW - Duration::minutes(600 - it);
        one
    });
    let bare = |id, asset: &str, target, windows: Vec<WindowRow>| TopicBoard {
        id: TopicId(id),
        asset: Some(asset.into()),
        target: Some(target),
        horizon_seconds: Some(300),
        windows,
        track: Track::default(),
        network: None,
        earnings: Earnings::default(),
        anatomy: None,
    };
    let few = (0..5).map(|it| {
        let mut one = window(it, 1_440, outcome(it));
        one.at = NOW - Duration::days(5 - it);
        one
    });
    board
        .topics
        .push(bare(14, "ETH/USD", Target::Price, minutes.collect()));
    board
        .topics
        .push(bare(30, "SOL/USD", Target::PercentReturn, few.collect()));
    for topic in [14, 30] {
        let mut told = topic_status(Spans::default());
        told.id = TopicId(topic);
        board.status.topics.push(told);
    }
    board
}

/// All texts that come from elsewhere are hostile.
pub(crate) fn hostile() -> Board {
    let mut board = season();
    let bad = || HOSTILE.to_owned();
    let status = &mut board.status;
    status.data_dir = bad();
    status.process.message = bad();
    status.process.network = bad();
    status.process.address = bad();
    status.advice = vec![advice(Severity::Trouble, "no_coins", HOSTILE, HOSTILE)];
    status.endpoints[0] = Endpoint {
        cause: Some(bad()),
        ..endpoint(HOSTILE, false)
    };
    status.socket.endpoint = bad();
    let topic = &mut board.topics[0];
    topic.asset = Some(bad());
    for (row, outcome) in topic
        .windows
        .iter_mut()
        .rev()
        .zip([Outcome::Missed(Miss::Told(bad())), Outcome::Counted])
    {
        row.outcome = outcome;
        row.hash = Some(bad());
        row.endpoint = Some(bad());
    }
    if let Some(anatomy) = topic.anatomy.as_mut() {
        anatomy.why = bad();
        anatomy.forecast.fallback = Some(Fallback::Unfit { detail: bad() });
    }
    if let Some(models) = board.models.as_mut() {
        models.rows[0].model_name = Some(bad());
        models.rows[0].cruncher_name = Some(bad());
        models.crunch_id = bad();
        models.trouble = Some(bad());
    }
    for line in &mut board.log {
        line.message = bad();
    }
    board.log[0].event = bad();
    board
}
