//! What the built-in forecast said on each day, for whoever is held against it.

use super::{Candle, Engine, HOUR};

/// What was said at the close of the hour that starts at 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// The end of that hour, unix seconds: when its close was known.
    pub at: i64,
    /// The close, in quote currency.
    pub close: f64,
    /// The built-in forecast, a log-return over the horizon.
    pub built_in: f64,
    /// Standard deviation of the log-return over the horizon, as known then.
    pub scale: f64,
}

/// Days in order of time. Those on which the history was too short for a forecast are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Days(Vec<Day>);

impl Days {
    /// Notes what an engine says that has just taken in this candle, if it is the day's.
    pub fn note(&mut self, engine: &Engine, candle: &Candle) {
        if candle.start.rem_euclid(24 * HOUR) != 0 {
            return;
        }
        let is_later = self.0.last().is_none_or(|last| last.at <= candle.start);
        if let Ok(opinion) = engine.opinion()
            && is_later
        {
            self.0.push(Day {
                at: candle.start + HOUR,
                close: candle.close,
                built_in: opinion.log_return,
                scale: engine.scale(),
            });
        }
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Day] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{
        Choice, ForecastConfig,
        testing::{Planted, WEEK},
    };

    #[test]
    fn each_day_holds_what_was_said_then() {
        let planted = Planted {
            seed: 1,
            days: 40,
            lag: 24,
            strength: 0.0,
            flip: None,
        };
        let config = ForecastConfig {
            source: Choice::Prior,
            ..ForecastConfig::default()
        };
        let (mut engine, mut days) = (Engine::new(&config, WEEK), Days::default());
        let candles = planted.candles();
        let mut expected = Vec::new();
        for candle in &candles {
            engine.push(candle.start, candle.close);
            days.note(&engine, candle);
            if candle.start % 86_400 == 0
                && let Ok(opinion) = engine.opinion()
            {
                expected.push((candle.start + HOUR, candle.close, opinion.log_return));
            }
        }
        let noted: Vec<_> = days
            .all()
            .iter()
            .map(|it| (it.at, it.close, it.built_in))
            .collect();
        assert_eq!(noted, expected);
        // From the fourteenth day on, to the fortieth.
        assert_eq!(noted.len(), 27);
        assert!(days.all().iter().all(|it| it.scale > 0.0));
    }
}
