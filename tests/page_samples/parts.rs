//! The newest forecast, models, times, lines of a log.

use std::collections::BTreeMap;

use allora_worker::{
    forecast::{ChallengerReport, NetworkPart, NetworkReport, Report, Source},
    ops::Level,
    page::{LatencyBoard, LogLine, ModelsBoard, Round},
    score::LeaderboardRow,
    status::{Advice, Severity},
    store::WindowScore,
    types::TopicId,
    vitals::ForecastNow,
};
use time::Duration;

use super::{NOW, past};

pub(super) fn report() -> Report {
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

pub(super) fn forecast() -> ForecastNow {
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

pub(super) fn latency() -> LatencyBoard {
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

pub(super) fn log() -> Vec<LogLine> {
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

pub(super) fn models() -> ModelsBoard {
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

pub(super) fn advice(severity: Severity, about: &'static str, cause: &str, remedy: &str) -> Advice {
    Advice {
        severity,
        about,
        topic: None,
        cause: cause.into(),
        remedy: remedy.into(),
    }
}
