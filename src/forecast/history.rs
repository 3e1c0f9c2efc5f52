//! What a candle must be, and a history made of such candles alone.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Candle, History};

/// Seconds of an hour, which every candle spans.
pub const HOUR: i64 = 3600;

/// Why a candle is of no use.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BadCandle {
    /// A price is NaN, infinite, zero or negative.
    #[error("{field} is {value}, which is no price")]
    Price {
        /// Which price.
        field: &'static str,
        /// What it is.
        value: f64,
    },
    /// The volume is NaN, infinite or negative.
    #[error("volume is {value}, which is no amount")]
    Volume {
        /// What it is.
        value: f64,
    },
    /// It does not start at a full hour.
    #[error("its start is not a full hour")]
    Misaligned,
}

impl Candle {
    /// Unix seconds at which its close is known.
    #[must_use]
    pub const fn end(&self) -> i64 {
        self.start.saturating_add(HOUR)
    }

    /// Whether it can be used: prices finite and above zero, a volume, a full hour.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), BadCandle> {
        self.check_prices()?;
        if self.start.rem_euclid(HOUR) != 0 {
            return Err(BadCandle::Misaligned);
        }
        Ok(())
    }

    /// Whether its prices and volume can be used, whatever interval it spans.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check_prices(&self) -> Result<(), BadCandle> {
        let prices = [
            ("open", self.open),
            ("high", self.high),
            ("low", self.low),
            ("close", self.close),
        ];
        for (field, value) in prices {
            if !(value.is_finite() && value > 0.0) {
                return Err(BadCandle::Price { field, value });
            }
        }
        if !(self.volume.is_finite() && self.volume >= 0.0) {
            return Err(BadCandle::Volume { value: self.volume });
        }
        Ok(())
    }
}

impl History {
    /// A history of those candles that can be used, in order of time. Of two candles of the same
    /// hour the later given one stays.
    #[must_use]
    pub fn new(ticker: impl Into<String>, candles: impl IntoIterator<Item = Candle>) -> Self {
        let mut kept: Vec<Candle> = candles
            .into_iter()
            .filter(|candle| candle.check().is_ok())
            .collect();
        kept.sort_by_key(|candle| candle.start);
        kept.dedup_by(|later, earlier| {
            let same = later.start == earlier.start;
            if same {
                *earlier = *later;
            }
            same
        });
        Self {
            ticker: ticker.into(),
            candles: kept.into(),
        }
    }

    /// How many closes are known.
    #[must_use]
    pub fn closes(&self) -> usize {
        self.candles.len()
    }

    /// The end of the newest candle: until then prices are known.
    #[must_use]
    pub fn until(&self) -> Option<OffsetDateTime> {
        let newest = self.candles.last()?;
        OffsetDateTime::from_unix_timestamp(newest.end()).ok()
    }

    /// How long ago the newest candle ended; zero when that is still to come, none without candles.
    #[must_use]
    pub fn age(&self, now: OffsetDateTime) -> Option<Duration> {
        Some((now - self.until()?).try_into().unwrap_or(Duration::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn candle(start: i64, close: f64) -> Candle {
        Candle {
            start,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close,
            volume: 0.0,
        }
    }

    #[rstest]
    #[case(0.0)]
    #[case(-1.0)]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    fn refuses_what_is_no_price(#[case] close: f64) {
        let refusal = candle(0, close).check().expect_err("no price");
        assert!(refusal.to_string().starts_with("close is"), "{refusal}");
    }

    #[test]
    fn refuses_a_start_within_the_hour_and_a_negative_volume() {
        assert_eq!(candle(1800, 1.0).check(), Err(BadCandle::Misaligned));
        assert_eq!(candle(-3600, 1.0).check(), Ok(()));
        let mut bad = candle(0, 1.0);
        bad.volume = -1.0;
        assert_eq!(bad.check(), Err(BadCandle::Volume { value: -1.0 }));
    }

    #[test]
    fn sorts_drops_and_lets_the_last_win() {
        let given = [(7200, 3.0), (0, 1.0), (3600, 0.0), (7200, 4.0), (5, 1.0)];
        let history = History::new("btcusd", given.map(|(start, close)| candle(start, close)));
        let kept: Vec<_> = history.candles.iter().map(|c| (c.start, c.close)).collect();
        assert_eq!(kept, [(0, 1.0), (7200, 4.0)]);
        assert_eq!(
            history.until().map(OffsetDateTime::unix_timestamp),
            Some(10_800)
        );
    }

    #[test]
    fn tells_the_age_of_its_newest_close() {
        let history = History::new("btcusd", [candle(0, 1.0)]);
        let at = |s| OffsetDateTime::from_unix_timestamp(s).expect("a date");
        assert_eq!(history.age(at(3700)), Some(Duration::from_secs(100)));
        assert_eq!(history.age(at(10)), Some(Duration::ZERO));
        assert_eq!(History::default().age(at(0)), None);
    }
}
