//! Boards for the page's tests: made by rule, the same each time.

mod parts;
mod season;
mod worker;

use std::collections::BTreeMap;

use allora_worker::{
    chain::Uallo,
    forecast::{Fallback, Source, Target},
    learning::Verdict,
    page::{Anatomy, Board, Earnings, LatencyBoard, Told, TopicBoard, Track, WindowRow},
    status::{
        Advice, Chances, Latency, Life, Money, Period, Process, Severity, Spans, State, Status,
    },
    store::{Miss, Outcome},
    types::TopicId,
    vitals::{Endpoint, Head, Moment, Obstacle, Socket},
};
use time::{Duration, OffsetDateTime, macros::datetime};

pub(crate) use self::season::{season_windows, window};
use self::{
    parts::{advice, forecast, latency, log, models, report},
    season::{earnings, network, outcome, track},
    worker::{endpoint, status, tallies, topic_status, up},
};

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
    let parts = [0, 1, 2, 3].map(|it| noise(seed * 8 + it).to_bits());
    let [a, b, c, d] = parts;
    format!("{a:016X}{b:016X}{c:016X}{d:016X}")
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
    for (row, hour) in windows[2_155..].iter_mut().zip(2_155..) {
        *row = window(hour, 60, Outcome::Missed(Miss::Down));
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
    for row in topic.windows[2_140..2_159].iter_mut().step_by(3) {
        *row = WindowRow {
            outcome: Outcome::Missed(Miss::Unheard),
            latency_ms: None,
            blocks: None,
            height: None,
            value: None,
            hash: None,
            endpoint: None,
            ..row.clone()
        };
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
