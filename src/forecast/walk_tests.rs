use super::*;
use crate::forecast::testing::{BUNDLED, WEEK, score};

fn config(source: Choice) -> ForecastConfig {
    ForecastConfig {
        source,
        ..ForecastConfig::default()
    }
}

fn walk(config: &ForecastConfig, candles: &[Candle]) -> Vec<Step> {
    let walk = Walk {
        config,
        horizon: WEEK,
        visible: None,
        threads: 2,
    };
    walk.run(candles, &|_, _| {})
}

#[test]
fn on_the_bundled_prices_the_prior_says_and_earns_what_was_measured() {
    let steps = walk(&config(Choice::Prior), &BUNDLED);
    let said = |row: usize| steps[row].opinion.as_ref().expect("enough").log_return;
    for (row, expected) in [
        (671, 1e-5),
        (672, 0.001_230_07),
        (2160, 0.002_631_87),
        (10_000, 0.003_569_88),
        (20_000, -0.000_835_24),
        (25_000, -0.003_402_65),
    ] {
        let error = said(row) - expected;
        assert!(
            error.abs() <= 1e-8,
            "row {row}: {} for {expected}",
            said(row)
        );
    }
    let year = |year: i32| {
        let date = time::Date::from_ordinal_date(year, 1).expect("a year");
        let start = date.midnight().assume_utc().unix_timestamp();
        steps.partition_point(|step| step.start < start)
    };
    let half = (BUNDLED.len() - 168) / 2;
    for (range, expected) in [
        (0..steps.len(), 0.9976),
        (year(2023)..year(2024), 0.9985),
        (year(2024)..year(2025), 0.9953),
        (year(2025)..year(2026), 1.0005),
        (0..half, 0.9969),
        (half..steps.len(), 0.9985),
    ] {
        let ratio = score(&steps, 168, range.clone()).ratio();
        assert_eq!(
            format!("{ratio:.4}"),
            format!("{expected:.4}"),
            "{range:?}: {ratio}"
        );
    }
}
