//! Configuration of the learning room.

use std::time::Duration;

use serde::Deserialize;

/// Section `[learning]`: what is learnt from submitted forecasts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LearningConfig {
    /// Whether submitted forecasts are resolved once their horizon has passed.
    pub enabled: bool,
    /// Whether the chain is asked for the others' values after each window: for the z-score of ours,
    /// and for our rank. Costs three queries a window, one a second at most.
    pub peers: bool,
    /// Whether the built-in forecast is held back when what was submitted has done worse than zero.
    pub fuse: bool,
    /// How long the others' values are kept, and a forecast without prices is waited for. Longer takes
    /// space: some 20 MB a year for a topic with a window an hour and 32 inferers.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// Nonces of a topic, the newest ones, for which others' values are asked for after the worker was
    /// away. What is older is resolved without them.
    pub catch_up: u32,
    /// Inferers beside us from which on ours is compared with theirs.
    pub least_peers: u32,
    /// The least standard deviation of the others' values that is reckoned with, as a log-return: where
    /// all say the same, a hair's breadth is no deviation.
    pub least_spread: f64,
    /// Standard deviations from the others' mean beyond which it is told.
    pub notice_z: f64,
    /// Standard deviations from the others' mean beyond which it is warned of.
    pub warning_z: f64,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            peers: true,
            fuse: true,
            retention: Duration::from_hours(365 * 24),
            catch_up: 200,
            least_peers: 5,
            least_spread: 1e-4,
            notice_z: 2.0,
            warning_z: 3.0,
        }
    }
}

/// Why the learning room can't be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LearningError {
    /// A value of `[learning]` makes no sense.
    #[error("{key} = {value} in [learning] makes no sense; {remedy}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
}

impl LearningConfig {
    /// Whether the values make sense together, and with the longest horizon.
    ///
    /// # Errors
    /// The first value that does not, and what would.
    pub fn check(&self, horizon: Duration) -> Result<(), LearningError> {
        let day = Duration::from_hours(24);
        let kept = self.retention >= horizon + day * 2 && self.retention <= day * 3650;
        let days = format!("{} days", self.retention.as_secs() / 86_400);
        refuse(
            kept,
            "retention",
            &days,
            "it must be longer than the longest horizon by two days, and at most 3650days",
        )?;
        refuse(
            self.catch_up <= 10_000,
            "catch_up",
            &self.catch_up,
            "it must be at most 10000",
        )?;
        refuse(
            self.least_peers >= 3,
            "least_peers",
            &self.least_peers,
            "fewer than 3 have no spread to speak of",
        )?;
        refuse(
            self.least_spread > 0.0 && self.least_spread <= 1.0,
            "least_spread",
            &self.least_spread,
            "it must be above 0 and at most 1",
        )?;
        refuse(
            self.notice_z > 0.0 && self.notice_z.is_finite(),
            "notice_z",
            &self.notice_z,
            "it must be above 0",
        )?;
        refuse(
            self.warning_z >= self.notice_z && self.warning_z.is_finite(),
            "warning_z",
            &self.warning_z,
            "it must not be below notice_z",
        )
    }
}

fn refuse(
    right: bool,
    key: &'static str,
    value: &impl ToString,
    remedy: &'static str,
) -> Result<(), LearningError> {
    if right {
        return Ok(());
    }
    Err(LearningError::BadValue {
        key,
        value: value.to_string(),
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const WEEK: Duration = Duration::from_hours(7 * 24);

    #[test]
    fn defaults_make_sense() {
        assert_eq!(LearningConfig::default().check(WEEK), Ok(()));
    }

    #[rstest]
    #[case("retention = \"8days\"")]
    #[case("catch_up = 10001")]
    #[case("least_peers = 2")]
    #[case("least_spread = 0.0")]
    #[case("notice_z = nan")]
    #[case("warning_z = 1.5")]
    fn a_senseless_value_is_named(#[case] line: &str) {
        let config: LearningConfig = toml::from_str(line).expect("well-formed");
        let refusal = config.check(WEEK).expect_err("senseless").to_string();
        let key = line.split(' ').next().expect("a key");
        assert!(refusal.starts_with(key), "{refusal}");
    }
}
