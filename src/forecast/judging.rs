//! Whether a history is long enough for the prior and the models to be judged over a horizon.

use std::{fmt, time::Duration};

use super::{Choice, ForecastConfig, challengers::LEAST_LESSONS, gate::GateRule, prior::Horizon};

/// The most that `history_days` takes.
const LONGEST: usize = 3650;
/// Days of candles beyond `history_days` that an engine may know, as its history begins with a month.
const MONTH: u64 = 31;

/// What is not judged over a horizon, and the settings that would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// Days of the horizon, rounded up.
    days: usize,
    /// Whether not even the prior is.
    prior: bool,
    record: Setting,
    history: Setting,
}

/// Days that are set, and days that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    is: usize,
    needed: usize,
}

impl ForecastConfig {
    /// Days of candles that must be kept at hand for `history_days`.
    #[must_use]
    pub const fn candles_days(&self) -> u64 {
        self.history_days as u64 + MONTH
    }

    /// What `history_days` and `record_days` are too short to judge over a horizon; none when all that
    /// the forecast is made of can be judged. Until it is judged the prior has its full weight and a
    /// challenger none.
    #[must_use]
    pub fn unjudged(&self, horizon: Duration) -> Option<Unjudged> {
        let horizon = Horizon::new(horizon);
        let (days, full) = (horizon.hours.div_ceil(24), self.full_days as usize);
        let record = GateRule::gate(self, horizon).needed();
        // A forecast's outcome is known a horizon later. A challenger learns from known outcomes first.
        let prior = full + days + record;
        let challengers = prior + days + LEAST_LESSONS;
        let has = |needed: usize| {
            self.history_days as usize >= needed && self.record_days as usize >= record
        };
        let needed = match self.source {
            Choice::Gated if !has(challengers) => challengers,
            Choice::Gated | Choice::Prior if !has(prior) => prior,
            _ => return None,
        };
        Some(Unjudged {
            days,
            prior: !has(prior),
            record: Setting {
                is: self.record_days as usize,
                needed: record,
            },
            history: Setting {
                is: self.history_days as usize,
                needed,
            },
        })
    }
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.prior {
            "neither the prior nor the models are"
        } else {
            "the models are not"
        };
        let (days, history) = (self.days, self.history);
        write!(f, "over {days} days {what} judged by their record: ")?;
        if history.needed > LONGEST {
            return f
                .write_str("no history_days is long enough for that; ask for a shorter horizon");
        }
        let longer = history.is.max(history.needed);
        let kept = longer as u64 + MONTH;
        write!(
            f,
            "write forecast.history_days = {longer} (it is {}) and market.history = \"{kept}days\" or more",
            history.is
        )?;
        if self.record.is < self.record.needed {
            let Setting { is, needed } = self.record;
            write!(f, ", and forecast.record_days = {needed} (it is {is})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::forecast::{
        Engine, HOUR,
        testing::{Planted, hasty},
    };

    fn days(days: u64) -> Duration {
        Duration::from_hours(24 * days)
    }

    #[rstest]
    #[case(7, None)]
    #[case(23, None)]
    #[case(25, Some("the models are not judged"))]
    #[case(40, Some("neither the prior nor the models are judged"))]
    #[case(
        40,
        Some("history_days = 518 (it is 365) and market.history = \"549days\"")
    )]
    #[case(50, Some("record_days = 400 (it is 365)"))]
    #[case(366, Some("no history_days is long enough"))]
    fn says_what_a_horizon_takes(#[case] horizon: u64, #[case] expected: Option<&str>) {
        let told = ForecastConfig::default().unjudged(days(horizon));
        match (told.map(|it| it.to_string()), expected) {
            (Some(told), Some(expected)) => assert!(told.contains(expected), "{told}"),
            (told, expected) => assert_eq!(told.as_deref(), expected),
        }
    }

    /// Whether an engine that knows so many days judges the prior and all challengers.
    fn judged(config: &ForecastConfig, horizon: Duration, known: u32) -> (bool, bool) {
        let planted = Planted {
            seed: 5,
            days: known,
            lag: 24,
            strength: 0.0,
            flip: None,
        };
        let mut engine = Engine::new(config, horizon);
        for candle in planted.candles() {
            assert_eq!(candle.start % HOUR, 0);
            engine.push(candle.start, candle.close);
        }
        let report = engine.opinion().expect("enough").report;
        let all = report.challengers.iter().all(|it| it.t.is_some());
        (report.prior_t.is_some(), all)
    }

    #[test]
    fn an_engine_judges_with_what_is_said_to_be_enough_and_not_with_much_less() {
        let horizon = days(9);
        let mut config = hasty(Choice::Gated);
        let known = |config: &ForecastConfig, days: u32| {
            let config = ForecastConfig {
                history_days: days,
                ..config.clone()
            };
            config.unjudged(horizon).map(|it| it.history.needed)
        };
        // 28 + 9 + 72 days, and for the challengers 9 + 90 more.
        assert_eq!(known(&config, 207), Some(208));
        assert_eq!(known(&config, 208), None);
        assert_eq!(judged(&config, horizon, 208), (true, true));
        assert_eq!(judged(&config, horizon, 200), (true, false));
        config.source = Choice::Prior;
        assert_eq!(known(&config, 108), Some(109));
        assert!(judged(&config, horizon, 109).0);
        assert!(!judged(&config, horizon, 105).0);
        config.source = Choice::Zero;
        assert_eq!(known(&config, 30), None);
    }
}
