//! Configuration of the Predict worker.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{AddrParseError, SocketAddr},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    ops::address_of,
    store::{DeploymentEffect, Interval, PredictionConfig},
};

/// Section `[predict]`: what models are told and asked, and how it is stored.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct PredictConfig {
    /// The assets whose prices models are told, by the name that models know; each with its pair at
    /// Tiingo.
    pub assets: BTreeMap<String, String>,
    /// The interval of the candles whose closes are told. Finer ones cost more requests at Tiingo.
    pub resolution: Interval,
    /// How much of the past a model is told that knows nothing, and is kept in memory.
    #[serde(with = "humantime_serde")]
    pub history: Duration,
    /// What is asked for. An empty list asks for nothing but what is in the database.
    pub schedules: Vec<ScheduleConfig>,
    /// What answers must look like.
    pub answers: AnswerShape,
    /// The largest answer, in KiB, on the wire and as it is stored; a larger one is that model's failure.
    pub answer_limit_kib: usize,
    /// A model that was there within this time and can't be asked is stored as `ABSENT`.
    #[serde(with = "humantime_serde")]
    pub absent_within: Duration,
    /// What a new deployment does to a model's metrics: `keep` or `reset`.
    pub on_deployment: DeploymentEffect,
    /// The answers by which the best performers are told when there are no scores.
    #[serde(with = "humantime_serde")]
    pub performance: Duration,
    /// How long predictions are kept; 0 keeps them for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// The most that the outbox takes on disk, in MiB, while the database is away; above it the oldest
    /// facts go.
    pub outbox_mib: u64,
    /// How often the database is tried again while it is away: the first pause, which doubles, and the
    /// longest.
    #[serde(with = "humantime_serde")]
    pub retry_min: Duration,
    /// See `retry_min`.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    /// How long one write to the database may take before it counts as failed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// How long the first tick waits for models that are still joining.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
    /// Whether workers with the same PostgreSQL database share a crunch's models. With a file there is
    /// one worker, and with past prices each has a clock of its own: neither is ever shared.
    pub share: bool,
    /// How soon workers that share models notice each other: the models of one that dies are called
    /// again within three of these, and each worker writes one row in half of one.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
    /// How long workers go on with what they hold while nobody listens at the database's address, and the
    /// server says nothing itself: what stands between may be away for one of them alone.
    #[serde(with = "humantime_serde")]
    pub down_within: Duration,
    /// The server of metrics and health.
    pub http: PredictHttpConfig,
}

/// Section `[predict.http]`: the Predict worker's own HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PredictHttpConfig {
    /// Where it listens: an address of this machine alone, unless a token is asked for; empty for nowhere.
    pub listen: String,
}

impl PredictHttpConfig {
    /// The address; none for nowhere.
    ///
    /// # Errors
    /// When it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, AddrParseError> {
        address_of(&self.listen)
    }
}

impl Default for PredictHttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9468".into(),
        }
    }
}

/// A value of the section that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("predict.{key} {wrong}; {right}")]
pub struct BadPredictValue {
    /// Where it stands in the section: `schedules.0.step`.
    pub key: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What would be right.
    pub right: &'static str,
}

/// What answers must look like; another shape is that model's failure.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AnswerShape {
    /// A list of as many densities as the horizon has steps, or an empty one.
    #[default]
    Densities,
    /// A finite number.
    Number,
    /// Anything.
    Any,
}

/// One prediction that is asked for again and again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// The asset, one of `assets`.
    pub asset: String,
    /// How far ahead.
    #[serde(with = "humantime_serde")]
    pub horizon: Duration,
    /// The width of one step, of which the horizon is a multiple.
    #[serde(with = "humantime_serde")]
    pub step: Duration,
    /// From one round to the next.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Whether rounds are made.
    #[serde(default = "yes")]
    pub active: bool,
    /// The place among those with the same horizon, step and interval, which take turns within the
    /// interval.
    #[serde(default)]
    pub order: u32,
    /// Ask only so many models, the best performers.
    #[serde(default)]
    pub best: Option<u32>,
}

const fn yes() -> bool {
    true
}

impl ScheduleConfig {
    fn of(asset: &str, horizon: u64, step: u64, interval: u64) -> Self {
        Self {
            asset: asset.into(),
            horizon: Duration::from_secs(horizon),
            step: Duration::from_secs(step),
            interval: Duration::from_secs(interval),
            active: true,
            order: 0,
            best: None,
        }
    }

    /// What is wrong with it: the key, how, and what would be right.
    fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        /// More steps than any model answers.
        const STEPS: u64 = 100_000;
        let spans = [
            ("horizon", self.horizon),
            ("step", self.step),
            ("interval", self.interval),
        ];
        for (key, span) in spans {
            let is_whole = span.subsec_nanos() == 0 && u32::try_from(span.as_secs()).is_ok();
            if span.is_zero() || !is_whole {
                let right = "write whole seconds, minutes, hours or days, such as \"5m\"";
                return Some((key, format!("is {span:?}"), right));
            }
        }
        let (horizon, step) = (self.horizon.as_secs(), self.step.as_secs());
        if !horizon.is_multiple_of(step) || horizon / step > STEPS {
            let wrong = format!("is {:?} for a horizon of {:?}", self.step, self.horizon);
            return Some(("step", wrong, "the horizon must be a multiple of it"));
        }
        let right = "ask one model or more, or leave it out to ask all";
        (self.best == Some(0)).then(|| ("best", "is 0".into(), right))
    }

    /// The same in whole seconds, as it is stored.
    #[must_use]
    pub fn stored(&self) -> PredictionConfig {
        let seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        PredictionConfig {
            asset: self.asset.clone(),
            horizon: seconds(self.horizon),
            step: seconds(self.step),
            interval: seconds(self.interval),
            active: self.active,
            order: self.order,
            best: self.best,
        }
    }
}

impl PredictConfig {
    /// The largest answer, in bytes.
    pub(super) const fn answer_limit(&self) -> usize {
        self.answer_limit_kib.saturating_mul(1_024)
    }

    /// Checks the values that their types let through.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn check(&self) -> Result<(), BadPredictValue> {
        const MOST_KIB: usize = 64 << 10;
        const LONGEST: Duration = Duration::from_secs(400 * 86_400);
        const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(500);
        const LONGEST_HEARTBEAT: Duration = Duration::from_secs(300);
        let refuse = |key: &str, wrong: String, right| {
            let key = key.to_owned();
            Err(BadPredictValue { key, wrong, right })
        };
        if self.assets.is_empty() {
            return refuse(
                "assets",
                "is empty".into(),
                "name one: { BTC = \"btcusd\" }",
            );
        }
        let letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        for (asset, pair) in &self.assets {
            let is_pair = (4..=20).contains(&pair.len()) && pair.bytes().all(letter);
            if !is_pair || asset.trim().is_empty() {
                let right = "give each asset its pair as Tiingo names it: { BTC = \"btcusd\" }";
                return refuse(&format!("assets.{asset}"), format!("is {pair:?}"), right);
            }
        }
        let least = Duration::from_secs(self.resolution.seconds().unsigned_abs());
        if self.history < least || self.history > LONGEST {
            let right = "write one candle to 400 days, such as \"30days\"";
            return refuse("history", format!("is {:?}", self.history), right);
        }
        for (key, span) in [
            ("absent_within", self.absent_within),
            ("performance", self.performance),
            ("retry_min", self.retry_min),
            ("write_timeout", self.write_timeout),
        ] {
            if span.is_zero() {
                return refuse(
                    key,
                    "is 0s".into(),
                    "give a time above zero, such as \"30s\"",
                );
            }
        }
        if self.retry_max < self.retry_min {
            let right = "give the longest pause, such as \"30s\"";
            return refuse("retry_max", "is below retry_min".into(), right);
        }
        if !(SHORTEST_HEARTBEAT..=LONGEST_HEARTBEAT).contains(&self.heartbeat) {
            let wrong = format!("is {:?}", self.heartbeat);
            return refuse("heartbeat", wrong, "write 500ms to 5m, such as \"5s\"");
        }
        if self.down_within < self.heartbeat * 2 {
            let wrong = format!("is {:?}", self.down_within);
            let right = "write two heartbeats or more, such as \"10min\"";
            return refuse("down_within", wrong, right);
        }
        if self.http.address().is_err() {
            let wrong = format!("is {:?}", self.http.listen);
            let right =
                "write an address and a port, such as \"127.0.0.1:9468\", or \"off\" for none";
            return refuse("http.listen", wrong, right);
        }
        if !(1..=1 << 20).contains(&self.outbox_mib) {
            let wrong = format!("is {}", self.outbox_mib);
            return refuse("outbox_mib", wrong, "write 1 to 1048576");
        }
        if !(1..=MOST_KIB).contains(&self.answer_limit_kib) {
            let wrong = format!("is {}", self.answer_limit_kib);
            let right = "write 1 to 65536: servers send no more";
            return refuse("answer_limit_kib", wrong, right);
        }
        let mut seen = BTreeSet::new();
        for (place, schedule) in self.schedules.iter().enumerate() {
            let refuse =
                |key, wrong, right| refuse(&format!("schedules.{place}.{key}"), wrong, right);
            if let Some((key, wrong, right)) = schedule.fault() {
                return refuse(key, wrong, right);
            }
            if !self.assets.contains_key(&schedule.asset) {
                let wrong = format!(
                    "is {:?}, which predict.assets does not hold",
                    schedule.asset
                );
                return refuse("asset", wrong, "name one of the assets there, or add it");
            }
            let key = schedule.stored().key();
            if !seen.insert(key.clone()) {
                let wrong = format!("makes it {key} for a second time");
                let right = "name each asset, horizon, step and subset once";
                return refuse("asset", wrong, right);
            }
        }
        Ok(())
    }
}

impl Default for PredictConfig {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            assets: BTreeMap::from([("BTC".into(), "btcusd".into())]),
            resolution: Interval::Minute,
            history: Duration::from_secs(30 * DAY),
            schedules: vec![
                ScheduleConfig::of("BTC", DAY, 300, 3_600),
                ScheduleConfig::of("BTC", 3_600, 60, 720),
                ScheduleConfig::of("BTC", 7 * DAY, 7 * DAY, 3_600),
            ],
            answers: AnswerShape::default(),
            answer_limit_kib: 4_096,
            absent_within: Duration::from_secs(DAY),
            on_deployment: DeploymentEffect::default(),
            performance: Duration::from_secs(7 * DAY),
            retention: Duration::from_secs(180 * DAY),
            outbox_mib: 2_048,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            settle: Duration::from_secs(30),
            share: true,
            heartbeat: Duration::from_secs(5),
            down_within: Duration::from_mins(10),
            http: PredictHttpConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(change: impl FnOnce(&mut PredictConfig)) -> String {
        let mut config = PredictConfig::default();
        change(&mut config);
        let checked = config.check();
        checked.map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn the_defaults_hold() {
        assert_eq!(said(|_| ()), "");
    }

    type Change = fn(&mut PredictConfig);

    #[test]
    fn each_wrong_value_is_named() {
        let cases: [(&str, Change); 14] = [
            ("predict.http.listen is \"9468\"; write an address", |c| {
                c.http.listen = "9468".into();
            }),
            ("predict.down_within is 9s; write two", |c| {
                c.down_within = Duration::from_secs(9);
            }),
            ("predict.heartbeat is 499ms; write 500ms", |c| {
                c.heartbeat = Duration::from_millis(499);
            }),
            ("predict.assets is empty", |c| c.assets.clear()),
            ("predict.assets.BTC is \"BTC/USD\"", |c| {
                c.assets.insert("BTC".into(), "BTC/USD".into());
            }),
            ("predict.history is 59s", |c| {
                c.history = Duration::from_secs(59);
            }),
            ("predict.retry_max is below", |c| {
                c.retry_max = Duration::ZERO;
            }),
            ("predict.outbox_mib is 0", |c| c.outbox_mib = 0),
            ("predict.answer_limit_kib is 0", |c| c.answer_limit_kib = 0),
            ("predict.answer_limit_kib is 65537", |c| {
                c.answer_limit_kib = 65_537;
            }),
            ("predict.schedules.1.step is 7s for a horizon", |c| {
                c.schedules[1].step = Duration::from_secs(7);
            }),
            ("predict.schedules.0.best is 0", |c| {
                c.schedules[0].best = Some(0);
            }),
            ("predict.schedules.2.asset is \"ETH\"", |c| {
                c.schedules[2].asset = "ETH".into();
            }),
            (
                "predict.schedules.3.asset makes it BTC/86400/300 for a second",
                |c| {
                    c.schedules.push(c.schedules[0].clone());
                },
            ),
        ];
        for (expected, change) in cases {
            let said = said(change);
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
