//! Configuration of the market room.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::MarketError;

/// Who stands in when Tiingo is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandIn {
    /// Coinbase Exchange, which needs no key.
    Coinbase,
    /// Nobody: prices then grow old.
    None,
}

/// Section `[market]`: where candles come from and how eagerly they are asked for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    /// Where Tiingo's interface is found. Plain `http` is taken on loopback alone, since the key
    /// travels with each request.
    pub base_url: String,
    /// How far back candles are kept at hand: a year to be judged by, and the weeks before it that the
    /// first judged day looks back on. Longer costs more requests at the first start.
    #[serde(with = "humantime_serde")]
    pub history: Duration,
    /// Days of candles asked for at once. Larger steps fill the history with fewer requests; where an
    /// answer is cut short the steps shrink by themselves.
    pub step_days: u32,
    /// Requests that the plan grants in an hour. A fifth is kept for the newest candle.
    pub requests_per_hour: u32,
    /// Requests that the plan grants in a day. A fifth is kept for the newest candle.
    pub requests_per_day: u32,
    /// How long after the full hour its candle is asked for, and the shortest age at which a candle is
    /// taken as complete. It must exceed what the host's clock may be fast.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
    /// Up to this much is added to `settle` by chance, so that workers don't all ask at once.
    #[serde(with = "humantime_serde")]
    pub jitter: Duration,
    /// How long until a new candle that is not there yet is asked for again. Shorter finds it sooner
    /// and spends more requests.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
    /// First pause after a failed request; it doubles with each failure up to `backoff_max`.
    #[serde(with = "humantime_serde")]
    pub backoff_min: Duration,
    /// Longest pause after a failed request that may succeed when tried again.
    #[serde(with = "humantime_serde")]
    pub backoff_max: Duration,
    /// The largest change of the close, as a share (0.25 is 25 %), that is believed at once. A candle
    /// beyond it is held back until the next one or the second source confirms it, and set aside when
    /// it is taken back. Lower holds back true crashes for an hour, higher lets wrong prices in.
    pub max_jump: f64,
    /// Who stands in when Tiingo is out, or when there is no key.
    pub stand_in: StandIn,
    /// How long Tiingo may fail, or its newest candle be due, until the other source stands in. A
    /// refused key is not waited with.
    #[serde(with = "humantime_serde")]
    pub stand_in_after: Duration,
    /// Where the interface of Coinbase Exchange is found.
    pub coinbase_url: String,
    /// Products of Coinbase Exchange by ticker, for those whose name does not follow from the ticker as
    /// `BTC-USD` from `btcusd`.
    pub products: BTreeMap<String, String>,
    /// The mean absolute log difference of the two sources' closes above which it is told.
    pub max_basis: f64,
    /// How long one request may take as a whole.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long the connection of one request may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
}

impl Default for MarketConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.tiingo.com".into(),
            history: Duration::from_secs(400 * 24 * 3600),
            step_days: 30,
            requests_per_hour: 50,
            requests_per_day: 1000,
            settle: Duration::from_secs(20),
            jitter: Duration::from_secs(10),
            poll: Duration::from_secs(60),
            backoff_min: Duration::from_secs(5),
            backoff_max: Duration::from_secs(300),
            max_jump: 0.25,
            stand_in: StandIn::Coinbase,
            stand_in_after: Duration::from_secs(600),
            coinbase_url: "https://api.exchange.coinbase.com".into(),
            products: BTreeMap::new(),
            max_basis: 0.002,
            request_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

impl MarketConfig {
    /// Whether the values make sense. The URL is checked where it is used.
    ///
    /// # Errors
    /// The first value that does not, and what would.
    pub fn check(&self) -> Result<(), MarketError> {
        let day = Duration::from_secs(24 * 3600);
        let rules = [
            (
                "history",
                self.history >= day && self.history <= day * 3660,
                "it must lie between 1day and 10years",
            ),
            (
                "step_days",
                (1..=365).contains(&self.step_days),
                "it must lie between 1 and 365",
            ),
            (
                "requests_per_hour",
                self.requests_per_hour >= 5,
                "at least 5 are needed",
            ),
            (
                "requests_per_day",
                self.requests_per_day >= 50,
                "at least 50 are needed",
            ),
            (
                "settle",
                self.settle < Duration::from_secs(1800),
                "it must be below 30min",
            ),
            (
                "poll",
                self.poll >= Duration::from_secs(1),
                "it must be at least 1s",
            ),
            (
                "backoff_min",
                !self.backoff_min.is_zero() && self.backoff_min <= self.backoff_max,
                "it must be above 0 and not above backoff_max",
            ),
            (
                "max_jump",
                (0.01..=10.0).contains(&self.max_jump),
                "it must lie between 0.01 and 10",
            ),
            (
                "stand_in_after",
                self.stand_in_after >= Duration::from_secs(60),
                "it must be at least 1min",
            ),
            (
                "max_basis",
                self.max_basis > 0.0,
                "it must be above 0, such as 0.002",
            ),
            (
                "products",
                self.products.values().all(|name| is_product(name)),
                "write each product as BASE-QUOTE, such as BTC-USD",
            ),
            (
                "request_timeout",
                !self.request_timeout.is_zero(),
                "it must be above 0",
            ),
        ];
        let broken = rules.into_iter().find(|(_, right, _)| !right);
        broken.map_or(Ok(()), |(key, _, remedy)| {
            Err(MarketError::BadValue { key, remedy })
        })
    }
}

/// Letters, digits and one dash between: nothing that could lead elsewhere in a URL.
pub(super) fn is_product(name: &str) -> bool {
    let part = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.split_once('-')
        .is_some_and(|(base, quote)| part(base) && part(quote))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn defaults_make_sense() {
        assert!(MarketConfig::default().check().is_ok());
        let config: MarketConfig = toml::from_str("history = \"30days\"").expect("a duration");
        assert_eq!(config.history, Duration::from_secs(30 * 24 * 3600));
    }

    #[rstest]
    #[case("history = \"1h\"")]
    #[case("step_days = 0")]
    #[case("requests_per_hour = 0")]
    #[case("requests_per_day = 0")]
    #[case("settle = \"1h\"")]
    #[case("poll = \"0s\"")]
    #[case("backoff_min = \"1h\"")]
    #[case("request_timeout = \"0s\"")]
    #[case("max_jump = 0.0")]
    #[case("max_jump = nan")]
    #[case("max_basis = nan")]
    #[case("stand_in_after = \"1s\"")]
    #[case("products = { btcusd = \"../BTC\" }")]
    fn a_senseless_value_is_named(#[case] line: &str) {
        let config: MarketConfig = toml::from_str(line).expect("well-formed");
        let refusal = config.check().expect_err("senseless").to_string();
        let key = line.split(' ').next().expect("a key");
        assert!(refusal.starts_with(key), "{refusal}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refusal = toml::from_str::<MarketConfig>("step = 3").expect_err("unknown");
        assert!(refusal.to_string().contains("step"), "{refusal}");
    }
}
