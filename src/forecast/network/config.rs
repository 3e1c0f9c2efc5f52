//! Configuration of forecasts that come from a network of models.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Where a topic's forecast comes from: `source` of a `[[topics]]` entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicSource {
    /// The built-in forecast, as `[forecast]` says.
    #[default]
    Linfa,
    /// What the network's models together expect, until it has done clearly worse than zero.
    Models,
    /// The built-in forecast, moved towards the models' by the weight that this has earned.
    Blend,
}

impl fmt::Display for TopicSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Linfa => "linfa",
            Self::Models => "models",
            Self::Blend => "blend",
        })
    }
}

/// Section `[blend]`: how the models' predictions become one forecast.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlendConfig {
    /// How often the predictions' database is looked at for what is new.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
    /// How long one look may take before it counts as failed.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// A model's answer older than this does not count, nor one older than a quarter of the horizon; about
    /// three rounds. Longer rides out a pause of the Predict worker, and combines older news.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// Days of past rounds that are read at the start, for the record.
    pub history_days: u32,
    /// Distinct opinions below which nothing is combined and the built-in forecast stands in. Copies of
    /// one another are one opinion.
    pub least: usize,
    /// The largest share of the whole weight that one opinion may hold; an equal share where there are
    /// too few opinions for it.
    pub cap: f64,
    /// How far from the weighted median a value counts in full, in median absolute deviations (scaled
    /// to be standard deviations of a normal distribution); beyond, it counts as if it were there.
    pub spread: f64,
    /// The half-life of a score's weight in what a model is worth. Longer tells skill from luck better, and
    /// keeps trusting a model that has turned for longer.
    #[serde(with = "humantime_serde")]
    pub score_half_life: Duration,
}

/// A value of the section that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blend.{key} is {value}; {right}")]
pub struct BadBlendValue {
    /// The key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What would be right.
    pub right: &'static str,
}

impl Default for BlendConfig {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(20),
            timeout: Duration::from_secs(15),
            max_age: Duration::from_hours(3),
            history_days: 400,
            least: 3,
            cap: 0.2,
            spread: 3.0,
            score_half_life: Duration::from_hours(60 * 24),
        }
    }
}

impl BlendConfig {
    /// How old a model's answer may be for a forecast over a horizon, in seconds: as `max_age` says, and
    /// not above a quarter of the horizon, so that what it speaks of is mostly still to come.
    #[must_use]
    pub fn age(&self, horizon: Duration) -> i64 {
        let age = self.max_age.min(horizon / 4);
        i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
    }

    /// Whether the values make sense.
    ///
    /// # Errors
    /// The first that does not, and what would.
    pub fn check(&self) -> Result<(), BadBlendValue> {
        let spans = [
            ("poll", self.poll, 1, 3600, "write \"1s\" to \"1h\""),
            ("timeout", self.timeout, 1, 600, "write \"1s\" to \"10m\""),
            (
                "max_age",
                self.max_age,
                60,
                86_400,
                "write \"1m\" to \"1day\"",
            ),
            (
                "score_half_life",
                self.score_half_life,
                3600,
                400 * 86_400,
                "write \"1h\" to \"400days\"",
            ),
        ];
        for (key, span, least, most, right) in spans {
            if !(least..=most).contains(&span.as_secs()) {
                return Err(bad(key, &format_args!("{span:?}"), right));
            }
        }
        if !(30..=3650).contains(&self.history_days) {
            return Err(bad("history_days", &self.history_days, "write 30 to 3650"));
        }
        if !(1..=1000).contains(&self.least) {
            return Err(bad("least", &self.least, "write 1 to 1000"));
        }
        if !(0.01..=1.0).contains(&self.cap) {
            return Err(bad("cap", &self.cap, "write a share from 0.01 to 1"));
        }
        if !(0.5..=100.0).contains(&self.spread) {
            return Err(bad("spread", &self.spread, "write 0.5 to 100"));
        }
        Ok(())
    }
}

fn bad(key: &'static str, value: &impl ToString, right: &'static str) -> BadBlendValue {
    let value = value.to_string();
    BadBlendValue { key, value, right }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(BlendConfig::default().check(), Ok(()));
        assert_eq!(
            toml::from_str::<BlendConfig>("").unwrap(),
            BlendConfig::default()
        );
    }

    #[test]
    fn an_answer_is_not_older_than_a_quarter_of_the_horizon() {
        let config = BlendConfig::default();
        assert_eq!(config.age(Duration::from_hours(168)), 3 * 3600);
        assert_eq!(config.age(Duration::from_hours(1)), 900);
    }

    #[rstest]
    #[case("poll = \"0s\"")]
    #[case("timeout = \"1h\"")]
    #[case("max_age = \"1s\"")]
    #[case("max_age = \"2days\"")]
    #[case("history_days = 3")]
    #[case("least = 0")]
    #[case("cap = 0.0")]
    #[case("cap = nan")]
    #[case("spread = 0.1")]
    #[case("score_half_life = \"1s\"")]
    fn a_senseless_value_is_named(#[case] line: &str) {
        let config: BlendConfig = toml::from_str(line).unwrap();
        let refusal = config.check().unwrap_err().to_string();
        let key = line.split(' ').next().unwrap();
        assert!(
            refusal.starts_with(&format!("blend.{key} is ")),
            "{refusal}"
        );
    }
}
