//! Configuration of the Scoring worker.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Section `[score]`: how predictions are scored, and models ranked.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreConfig {
    /// From one pass to the next. Shorter shows scores sooner and reads the anchor window more often.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// The short window.
    #[serde(with = "humantime_serde")]
    pub recent: Duration,
    /// The middle one.
    #[serde(with = "humantime_serde")]
    pub steady: Duration,
    /// The long one, by which models are ranked.
    #[serde(with = "humantime_serde")]
    pub anchor: Duration,
    /// How old the newest close may be that stands for the price at a time. Prices that come in wider
    /// intervals may be as old as two of these, as long as that is within a prediction's step. Longer
    /// bridges gaps, and scores against prices that had stood still for longer.
    #[serde(with = "humantime_serde")]
    pub tolerance: Duration,
    /// How far prices come past a gap before predictions that need prices in it can't be scored for
    /// good. Longer lets prices be filled in later.
    #[serde(with = "humantime_serde")]
    pub give_up: Duration,
    /// Rounds of the anchor window that a model must have been due in to be ranked. More keeps a lucky
    /// newcomer out for longer.
    pub least_rounds: u32,
    /// What models are ranked by: `crps` or `log`.
    pub by: RankedBy,
    /// How much of the way the process gives to others: 0 to 19, of which 19 waits for all.
    pub nice: i32,
    /// How long every leaderboard is kept; of older ones the last of each day stays.
    #[serde(with = "humantime_serde")]
    pub keep_all: Duration,
    /// How often the database is tried again while it is away: the first pause, which doubles, and the
    /// longest.
    #[serde(with = "humantime_serde")]
    pub retry_min: Duration,
    /// See `retry_min`.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
}

/// What models are ranked by.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RankedBy {
    /// How much of the reference's CRPS was saved.
    #[default]
    Crps,
    /// The gain of the log score over the reference's.
    Log,
}

/// A value of the section that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("score.{key} {wrong}; {right}")]
pub struct BadScoreValue {
    /// The key.
    pub key: &'static str,
    /// What is wrong with it.
    pub wrong: String,
    /// What would be right.
    pub right: &'static str,
}

impl ScoreConfig {
    /// Checks the values that their types let through.
    ///
    /// # Errors
    /// The first value that makes no sense.
    pub fn check(&self) -> Result<(), BadScoreValue> {
        const LEAST_INTERVAL: Duration = Duration::from_millis(10);
        const LONGEST: Duration = Duration::from_secs(400 * 86_400);
        let refuse = |key, wrong: String, right| Err(BadScoreValue { key, wrong, right });
        for (key, span) in [
            ("recent", self.recent),
            ("steady", self.steady),
            ("anchor", self.anchor),
            ("tolerance", self.tolerance),
            ("give_up", self.give_up),
            ("keep_all", self.keep_all),
            ("retry_min", self.retry_min),
        ] {
            if span < Duration::from_secs(1) || span > LONGEST {
                let right = "write a second to 400 days, such as \"5min\"";
                return refuse(key, format!("is {span:?}"), right);
            }
        }
        if self.interval < LEAST_INTERVAL || self.interval > LONGEST {
            let right = "write 10ms to 400 days, such as \"5min\"";
            return refuse("interval", format!("is {:?}", self.interval), right);
        }
        if self.steady < self.recent {
            let right = "the windows grow: recent, steady, anchor";
            return refuse("steady", "is below recent".into(), right);
        }
        if self.anchor < self.steady {
            let right = "the windows grow: recent, steady, anchor";
            return refuse("anchor", "is below steady".into(), right);
        }
        if self.retry_max < self.retry_min {
            let right = "give the longest pause, such as \"1min\"";
            return refuse("retry_max", "is below retry_min".into(), right);
        }
        if !(0..=19).contains(&self.nice) {
            return refuse("nice", format!("is {}", self.nice), "write 0 to 19");
        }
        Ok(())
    }
}

impl Default for ScoreConfig {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            interval: Duration::from_secs(300),
            recent: Duration::from_secs(DAY),
            steady: Duration::from_secs(3 * DAY),
            anchor: Duration::from_secs(7 * DAY),
            tolerance: Duration::from_secs(300),
            give_up: Duration::from_secs(DAY),
            least_rounds: 5,
            by: RankedBy::default(),
            nice: 10,
            keep_all: Duration::from_secs(7 * DAY),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_value_is_named() {
        type Change = fn(&mut ScoreConfig);
        let cases: [(&str, Change); 6] = [
            ("score.interval is 0ns", |c| c.interval = Duration::ZERO),
            ("score.steady is below recent", |c| {
                c.recent = Duration::from_secs(400_000);
            }),
            ("score.anchor is below steady", |c| {
                c.anchor = Duration::from_secs(100_000);
            }),
            ("score.give_up is 34646400s", |c| {
                c.give_up = Duration::from_secs(401 * 86_400);
            }),
            ("score.retry_max is below", |c| c.retry_max = Duration::ZERO),
            ("score.nice is 20", |c| c.nice = 20),
        ];
        assert_eq!(ScoreConfig::default().check(), Ok(()));
        for (expected, change) in cases {
            let mut config = ScoreConfig::default();
            change(&mut config);
            let said = config.check().unwrap_err().to_string();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
