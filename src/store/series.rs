//! What a row of candles is of: a pair, an interval, a source.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How long each candle of a series lasts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
pub enum Interval {
    /// One minute.
    #[serde(rename = "1min", alias = "1m")]
    Minute,
    /// Five minutes.
    #[serde(rename = "5min", alias = "5m")]
    FiveMinutes,
    /// One hour, which forecasts are made from.
    #[default]
    #[serde(rename = "1hour", alias = "1h")]
    Hour,
    /// One day in UTC.
    #[serde(rename = "1day", alias = "1d")]
    Day,
}

impl Interval {
    /// All intervals, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::FiveMinutes, Self::Hour, Self::Day];

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Its name, as Tiingo writes it too: `1min`, `5min`, `1hour`, `1day`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "1min",
            Self::FiveMinutes => "5min",
            Self::Hour => "1hour",
            Self::Day => "1day",
        }
    }

    pub(super) fn of_seconds(seconds: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.seconds() == seconds)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1min" | "1m" => Ok(Self::Minute),
            "5min" | "5m" => Ok(Self::FiveMinutes),
            "1hour" | "1h" => Ok(Self::Hour),
            "1day" | "1d" => Ok(Self::Day),
            _ => Err(format!(
                "{text:?} is no interval; write 1min, 5min, 1h or 1d"
            )),
        }
    }
}

/// Where a candle comes from; the greater one counts where two have the same interval. What an
/// operator imports is their own decision and stands above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Coinbase Exchange, without a key: the stand-in.
    Coinbase,
    /// Tiingo.
    Tiingo,
    /// A file that was imported.
    Csv,
}

impl Origin {
    /// All, the weakest first.
    pub const ALL: [Self; 3] = [Self::Coinbase, Self::Tiingo, Self::Csv];

    /// As the store writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Tiingo => "tiingo",
            Self::Csv => "csv",
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coinbase => "Coinbase",
            Self::Tiingo => "Tiingo",
            Self::Csv => "a file",
        })
    }
}

/// The candles of one pair and interval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Series {
    /// The pair, such as `btcusd`.
    pub ticker: String,
    /// How long each candle lasts.
    pub interval: Interval,
}

impl Series {
    /// The series of a pair.
    #[must_use]
    pub fn new(ticker: impl Into<String>, interval: Interval) -> Self {
        let ticker = ticker.into();
        Self { ticker, interval }
    }

    /// The hourly series of a pair.
    #[must_use]
    pub fn hourly(ticker: impl Into<String>) -> Self {
        Self::new(ticker, Interval::Hour)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ticker, self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_sources_are_read_as_they_are_written() {
        for interval in Interval::ALL {
            assert_eq!(interval.name().parse(), Ok(interval));
            assert_eq!(Interval::of_seconds(interval.seconds()), Some(interval));
            let json = serde_json::to_value(interval).unwrap();
            assert_eq!(json, interval.name());
        }
        assert_eq!("1h".parse(), Ok(Interval::Hour));
        let refused = "2h".parse::<Interval>().unwrap_err();
        assert!(refused.contains("1min, 5min, 1h or 1d"), "{refused}");
        for origin in Origin::ALL {
            assert_eq!(Origin::of_name(origin.name()), Some(origin));
        }
        assert!(Origin::Csv > Origin::Tiingo && Origin::Tiingo > Origin::Coinbase);
    }
}
