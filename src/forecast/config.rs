//! Configuration of the forecast room.

use std::time::Duration;

use serde::Deserialize;

use super::Choice;

/// Section `[forecast]`: what a forecast needs, and how far it may go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForecastConfig {
    /// Which forecast is made. `gated` is the prior with the challengers that have earned a say; the
    /// others are for comparison, and no single model did better than the prior.
    pub source: Choice,
    /// Days of hourly closes below which 0.0 is answered. Fewer days say nothing about the next week.
    pub min_days: u32,
    /// Days of hourly closes from which the prior is used; between `min_days` and this, a sign without
    /// skill. The prior's shortest momentum takes 28.
    pub full_days: u32,
    /// Days of closes that a forecast is made from at least, once so many are known: its history begins
    /// with the month (UTC) of the day so long ago. Challengers need about 310 until they can earn a say
    /// over a week's horizon; longer lets them learn from more.
    pub history_days: u32,
    /// Age of the newest candle above which 0.0 is answered. Longer rides out an outage of the price
    /// source, and answers with older news.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// The longest that a submission waits for a model to be trained; after it the last forecast is
    /// used. It must be well below the length of a window.
    #[serde(with = "humantime_serde")]
    pub train_deadline: Duration,
    /// The largest log-return that a forecast of any source may imply, as an absolute number: the
    /// built-in one is held at it, one from outside the process is refused beyond it. 0 switches
    /// forecasts off: 0.0 is answered.
    pub max_abs: f64,
    /// The prior over a week at full momentum is this, divided by the week's standard deviation:
    /// about a quarter of a percent where a week moves by ten percent.
    pub prior_drift: f64,
    /// The largest log-return of the prior over a week, which counts where prices hardly move.
    pub prior_cap: f64,
    /// Days of known outcomes by which the prior and its challengers are weighed. Longer is surer and
    /// slower to notice a change.
    pub record_days: u32,
    /// Days of known outcomes below which the prior keeps its full weight and a challenger has none.
    pub record_least: u32,
    /// The t of the prior's gain over zero at which its weight is 0; one above it, it is 1.
    pub fuse_t: f64,
    /// The t of a challenger's gain over the prior up to which its weight is 0; two above it, it is 1.
    /// At 0 a bad model slips in every few years.
    pub gate_t: f64,
}

impl Default for ForecastConfig {
    fn default() -> Self {
        Self {
            source: Choice::Gated,
            min_days: 14,
            full_days: 28,
            history_days: 365,
            max_age: Duration::from_hours(6),
            train_deadline: Duration::from_secs(2),
            max_abs: 0.25,
            prior_drift: 0.000_25,
            prior_cap: 0.006,
            record_days: 365,
            record_least: 180,
            fuse_t: -2.0,
            gate_t: 1.0,
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
            "history_days",
            self.history_days,
            (self.full_days..=3650).contains(&self.history_days),
            "it must lie between full_days and 3650",
        )?;
        whole(
            "record_days",
            self.record_days,
            (30..=3650).contains(&self.record_days),
            "it must lie between 30 and 3650",
        )?;
        whole(
            "record_least",
            self.record_least,
            (30..=self.record_days).contains(&self.record_least),
            "it must lie between 30 and record_days",
        )?;
        let size = |value: f64| (1e-5..=1.0).contains(&value);
        let t = |value: f64| (-10.0..=10.0).contains(&value);
        let range = "it must lie between 0.00001 and 1";
        let remedy = "it must lie between 0.00001 and 1, or be 0 for no forecast at all";
        let switched_off = self.max_abs == 0.0;
        real(
            "max_abs",
            self.max_abs,
            switched_off || size(self.max_abs),
            remedy,
        )?;
        real(
            "prior_drift",
            self.prior_drift,
            size(self.prior_drift),
            range,
        )?;
        real("prior_cap", self.prior_cap, size(self.prior_cap), range)?;
        let range = "it must lie between -10 and 10";
        real("fuse_t", self.fuse_t, t(self.fuse_t), range)?;
        real("gate_t", self.gate_t, t(self.gate_t), range)
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
    #[case("history_days = 20")]
    #[case("max_abs = 2.0")]
    #[case("max_abs = 0.000001")]
    #[case("max_abs = nan")]
    #[case("prior_drift = 0.0")]
    #[case("prior_cap = -0.006")]
    #[case("record_days = 29")]
    #[case("record_least = 366")]
    #[case("fuse_t = nan")]
    #[case("gate_t = 11.0")]
    fn a_senseless_value_is_named(#[case] line: &str) {
        let config: ForecastConfig = toml::from_str(line).expect("well-formed");
        let refusal = config.check().expect_err("senseless").to_string();
        let key = line.split(' ').next().expect("a key");
        assert!(refusal.starts_with(key), "{refusal}");
    }

    #[test]
    fn nothing_at_all_may_be_forecast() {
        let config: ForecastConfig = toml::from_str("max_abs = 0").expect("well-formed");
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refusal = toml::from_str::<ForecastConfig>("max_agee = \"6h\"").expect_err("unknown");
        assert!(refusal.to_string().contains("max_agee"), "{refusal}");
    }
}
