//! Whether a candle can be true by itself.

use crate::{forecast::Candle, store::Interval};

/// Share of the price by which open and close may lie outside of low and high. Prices that are put
/// together from several exchanges are rounded and timed by each; beyond this the row contradicts
/// itself, and nothing tells which of its numbers is wrong: then its close is not to be trusted either.
const TOLERANCE: f64 = 0.001;

/// Checks what a candle says of itself: prices finite and above zero, a start that is a multiple of the
/// interval, and open and close between low and high.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn check(candle: &Candle, interval: Interval) -> Result<(), String> {
    candle.check_prices().map_err(|cause| cause.to_string())?;
    if candle.start.rem_euclid(interval.seconds()) != 0 {
        return Err(format!("its start is no multiple of {interval}"));
    }
    let Candle { high, low, .. } = *candle;
    if high < low * (1.0 - TOLERANCE) {
        return Err(format!("high {high} is below low {low}"));
    }
    for (name, price) in [("open", candle.open), ("close", candle.close)] {
        let inside = price >= low * (1.0 - TOLERANCE) && price <= high * (1.0 + TOLERANCE);
        if !inside {
            return Err(format!("{name} {price} is not between {low} and {high}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case([100.0, 110.0, 90.0, 105.0], None)]
    #[case([110.1, 110.0, 90.0, 89.95], None)]
    #[case([100.0, 90.0, 110.0, 100.0], Some("high 90 is below low 110"))]
    #[case([100.0, 110.0, 90.0, 111.0], Some("close 111 is not between"))]
    #[case([80.0, 110.0, 90.0, 100.0], Some("open 80 is not between"))]
    #[case([100.0, 110.0, 90.0, 0.0], Some("close is 0"))]
    #[case([100.0, f64::NAN, 90.0, 100.0], Some("high is NaN"))]
    fn a_candle_that_contradicts_itself_is_refused(
        #[case] prices: [f64; 4],
        #[case] fault: Option<&str>,
    ) {
        let [open, high, low, close] = prices;
        let mut candle = Candle {
            start: 7200,
            open,
            high,
            low,
            close,
            volume: 1.0,
        };
        let said = check(&candle, Interval::Hour).err();
        match (fault, &said) {
            (None, None) => {}
            (Some(part), Some(text)) => assert!(text.starts_with(part), "{text}"),
            _ => panic!("{said:?} instead of {fault:?}"),
        }
        candle.start = 300;
        assert_eq!(
            check(&candle, Interval::FiveMinutes).is_ok(),
            fault.is_none()
        );
        assert!(check(&candle, Interval::Hour).is_err());
    }
}
