//! The bound on every forecast, `forecast.max_abs`.

use super::Target;

/// The log-return that a value implies; none for a price while no close is known. A value that no
/// return leads to implies NaN.
pub(super) fn implied_return(target: Target, close: Option<f64>, value: f64) -> Option<f64> {
    match target {
        Target::LogReturn => Some(value),
        Target::PercentReturn => Some((value / 100.0).ln_1p()),
        Target::Price => close.map(|close| (value / close).ln()),
    }
}

/// The value that says "no change"; none for a price while no close is known.
pub(super) fn unchanged(target: Target, close: Option<f64>) -> Option<f64> {
    match target {
        Target::LogReturn | Target::PercentReturn => Some(0.0),
        Target::Price => close,
    }
}

/// The value nearest to `value` within the bound, and whether that is another one.
pub(super) fn clamped(target: Target, close: Option<f64>, value: f64, max_abs: f64) -> (f64, bool) {
    match (implied_return(target, close, value), close) {
        // What lies on the bound may lie beyond it by a rounding.
        (Some(implied), _) if implied.abs() <= max_abs * (1.0 + 1e-9) => (value, false),
        (Some(implied), close) => {
            let bound = max_abs.copysign(implied);
            let value = match target {
                Target::LogReturn => bound,
                Target::PercentReturn => 100.0 * bound.exp_m1(),
                Target::Price => close.unwrap_or_default() * bound.exp(),
            };
            (value, true)
        }
        (None, _) => (value, false),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Target::LogReturn, 0.1, 0.1, false)]
    #[case(Target::LogReturn, -0.5, -0.25, true)]
    #[case(Target::PercentReturn, 25.0, 25.0, false)]
    #[case(Target::PercentReturn, 50.0, 100.0 * 0.25_f64.exp_m1(), true)]
    #[case(Target::Price, 110.0, 110.0, false)]
    #[case(Target::Price, 500.0, 100.0 * 0.25_f64.exp(), true)]
    fn a_value_beyond_the_bound_is_brought_back(
        #[case] target: Target,
        #[case] value: f64,
        #[case] expected: f64,
        #[case] moved: bool,
    ) {
        let (bounded, was_moved) = clamped(target, Some(100.0), value, 0.25);
        assert!((bounded - expected).abs() < 1e-9, "{bounded}");
        assert_eq!(was_moved, moved);
    }

    #[test]
    fn a_loss_of_more_than_everything_is_no_return() {
        let implied = implied_return(Target::PercentReturn, None, -150.0);
        assert!(implied.is_some_and(f64::is_nan));
        assert_eq!(implied_return(Target::Price, None, 60_000.0), None);
    }
}
