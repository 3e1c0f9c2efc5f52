//! Configuration of the forecast room.

use std::time::Duration;

use serde::Deserialize;

/// Section `[forecast]`: what a forecast needs, and how far it may go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastConfig {
    /// Days of hourly closes below which 0.0 is answered. Fewer days leave no independent weeks to
    /// learn from.
    pub min_days: u32,
    /// Days of hourly closes from which the full set of features is used; between `min_days` and
    /// this, fewer features are.
    pub full_days: u32,
    /// Days that the model looks back at most. A fit over a shorter span follows the market faster
    /// and errs more: over 28 days it does clearly worse than 0.0, over 90 days less so.
    pub window_days: u32,
    /// Age of the newest candle above which 0.0 is answered. Longer rides out an outage of the price
    /// source, and answers with older news.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// The longest that a submission waits for a model to be trained; after it the last forecast is
    /// used. It must be well below the length of a window.
    #[serde(with = "humantime_serde")]
    pub train_deadline: Duration,
    /// Strength of the ridge, in units of a feature's variance (features are scaled to about 1).
    /// Larger keeps coefficients nearer to zero.
    pub ridge: f64,
    /// Share of the model's opinion that is used, above 0 and up to 1. The smaller, the closer to
    /// always answering zero.
    pub shrink: f64,
    /// The largest log-return that is ever forecast, as an absolute number.
    pub max_return: f64,
    /// The largest log-return that a forecast of any source may imply, as an absolute number: the
    /// built-in one is held at it, one from outside the process is refused beyond it. 0 switches
    /// forecasts off: 0.0 is answered.
    pub max_abs: f64,
}

impl Default for ForecastConfig {
    fn default() -> Self {
        Self {
            min_days: 14,
            full_days: 28,
            window_days: 90,
            max_age: Duration::from_hours(6),
            train_deadline: Duration::from_secs(2),
            ridge: 10.0,
            shrink: 0.1,
            max_return: 0.006,
            max_abs: 0.25,
        }
    }
}

/// Why the forecast room can't be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForecastError {
    /// A value of `[forecast]` makes no sense.
    #[error("{key} = {value} in [forecast] makes no sense; {remedy}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// A topic asks for a ticker that has no prices.
    #[error(
        "topic {topic} asks for the ticker {ticker:?}, which has no price source (there are: {known}); \
         correct the topic's ticker or add the source"
    )]
    UnknownTicker {
        /// The topic.
        topic: crate::types::TopicId,
        /// What it asks for.
        ticker: String,
        /// What there is, with commas.
        known: String,
    },
}

impl ForecastConfig {
    /// Closes that so many days span, both ends counted.
    #[must_use]
    pub const fn closes(days: u32) -> usize {
        days as usize * 24 + 1
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// The first value that does not, and what would.
    pub fn check(&self) -> Result<(), ForecastError> {
        let whole = |key, value: u32, right, remedy| Self::refuse(right, key, &value, remedy);
        let real = |key, value: f64, right, remedy| Self::refuse(right, key, &value, remedy);
        whole(
            "min_days",
            self.min_days,
            self.min_days >= 1,
            "at least one day is needed",
        )?;
        whole(
            "full_days",
            self.full_days,
            self.full_days >= self.min_days,
            "it must not be below min_days",
        )?;
        whole(
            "window_days",
            self.window_days,
            (self.full_days..=3650).contains(&self.window_days),
            "it must lie between full_days and 3650",
        )?;
        real(
            "ridge",
            self.ridge,
            self.ridge.is_finite() && self.ridge > 0.0,
            "it must be above 0",
        )?;
        real(
            "shrink",
            self.shrink,
            self.shrink > 0.0 && self.shrink <= 1.0,
            "it must be above 0 and at most 1",
        )?;
        real(
            "max_return",
            self.max_return,
            (1e-5..=1.0).contains(&self.max_return),
            "it must lie between 0.00001 and 1",
        )?;
        real(
            "max_abs",
            self.max_abs,
            (0.0..=10.0).contains(&self.max_abs),
            "it must lie between 0 and 10; 0 switches forecasts off",
        )
    }

    fn refuse(
        right: bool,
        key: &'static str,
        value: &impl ToString,
        remedy: &'static str,
    ) -> Result<(), ForecastError> {
        if right {
            return Ok(());
        }
        Err(ForecastError::BadValue {
            key,
            value: value.to_string(),
            remedy,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn days_span_one_close_more_than_their_hours() {
        assert_eq!(ForecastConfig::closes(14), 337);
        assert_eq!(ForecastConfig::closes(28), 673);
    }

    #[test]
    fn defaults_make_sense() {
        assert_eq!(ForecastConfig::default().check(), Ok(()));
    }

    #[rstest]
    #[case("min_days = 0")]
    #[case("full_days = 7")]
    #[case("window_days = 20")]
    #[case("ridge = 0.0")]
    #[case("ridge = nan")]
    #[case("shrink = 1.5")]
    #[case("max_return = 0.0")]
    #[case("max_abs = -1.0")]
    fn a_senseless_value_is_named(#[case] line: &str) {
        let config: ForecastConfig = toml::from_str(line).expect("well-formed");
        let refusal = config.check().expect_err("senseless").to_string();
        let key = line.split(' ').next().expect("a key");
        assert!(refusal.starts_with(key), "{refusal}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refusal = toml::from_str::<ForecastConfig>("max_agee = \"6h\"").expect_err("unknown");
        assert!(refusal.to_string().contains("max_agee"), "{refusal}");
    }
}
