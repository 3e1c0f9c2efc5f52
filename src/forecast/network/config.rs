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
    /// A model's answer older than this does not count; about three rounds. Longer rides out a pause of
    /// the Predict worker, and combines older news.
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
    /// The half-life of the mean of a model's scores over time. Longer tells skill from luck better, and
    /// keeps trusting a model that has turned for longer.
    #[serde(with = "humantime_serde")]
    pub score_half_life: Duration,
    /// A score older than this says nothing any more: the model counts as one without.
    #[serde(with = "humantime_serde")]
    pub score_max_age: Duration,
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
            score_max_age: Duration::from_hours(7 * 24),
        }
    }
}

impl BlendConfig {
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
                31 * 86_400,
                "write \"1m\" to \"31days\"",
            ),
            (
                "score_half_life",
                self.score_half_life,
                3600,
                400 * 86_400,
                "write \"1h\" to \"400days\"",
            ),
            (
                "score_max_age",
                self.score_max_age,
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

    #[rstest]
    #[case("poll = \"0s\"")]
    #[case("timeout = \"1h\"")]
    #[case("max_age = \"1s\"")]
    #[case("history_days = 3")]
    #[case("least = 0")]
    #[case("cap = 0.0")]
    #[case("cap = nan")]
    #[case("spread = 0.1")]
    #[case("score_half_life = \"1s\"")]
    #[case("score_max_age = \"1s\"")]
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
