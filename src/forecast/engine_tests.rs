#![allow(clippy::float_cmp, reason = "the same closes give the same bits")]

use proptest::prelude::*;
use rstest::rstest;

use super::{super::seat::is_due, *};
use crate::forecast::{
    Candle,
    testing::{BUNDLED, Planted, WEEK, hasty},
};

fn config(source: Choice) -> ForecastConfig {
    ForecastConfig {
        source,
        ..ForecastConfig::default()
    }
}

fn fed(
    config: &ForecastConfig,
    horizon: Duration,
    closes: impl IntoIterator<Item = (i64, f64)>,
) -> Engine {
    let mut engine = Engine::new(config, horizon);
    for (hour, close) in closes {
        engine.push(hour * HOUR, close);
    }
    engine
}

fn bundled(rows: std::ops::Range<usize>) -> impl Iterator<Item = (i64, f64)> {
    BUNDLED[rows]
        .iter()
        .map(|candle| (candle.start / HOUR, candle.close))
}

#[test]
fn with_nothing_it_says_what_is_lacking() {
    let engine = Engine::new(&ForecastConfig::default(), WEEK);
    let (closes, needed) = (0, 337);
    assert_eq!(
        engine.opinion(),
        Err(Fallback::ShortHistory { closes, needed })
    );
}

#[test]
fn nothing_is_said_when_switched_off() {
    let config = ForecastConfig {
        max_abs: 0.0,
        ..ForecastConfig::default()
    };
    let engine = fed(&config, WEEK, bundled(0..1000));
    assert_eq!(engine.opinion(), Err(Fallback::SwitchedOff));
}

#[test]
fn the_clamp_holds_and_is_told() {
    let config = ForecastConfig {
        max_abs: 0.001,
        ..ForecastConfig::default()
    };
    let opinion = fed(&config, WEEK, bundled(0..2161))
        .opinion()
        .expect("enough");
    assert_eq!(opinion.log_return, 0.001);
    assert!(
        opinion.report.clamped && opinion.report.prior > 0.002,
        "{opinion:?}"
    );
    // Tighter than the least that is said otherwise.
    let config = ForecastConfig {
        max_abs: 1e-5,
        ..ForecastConfig::default()
    };
    let cold = fed(&config, WEEK, bundled(0..400))
        .opinion()
        .expect("enough");
    assert_eq!((cold.log_return, cold.report.clamped), (1e-5, false));
}

#[rstest]
#[case(Choice::Gated, Source::Gated)]
#[case(Choice::Prior, Source::Prior)]
// These have nothing to say yet after 40 days.
#[case(Choice::Linfa, Source::Prior)]
#[case(Choice::Svr, Source::Prior)]
#[case(Choice::Zero, Source::Zero)]
fn says_what_it_is_made_of(#[case] choice: Choice, #[case] source: Source) {
    let opinion = fed(&config(choice), WEEK, bundled(0..960))
        .opinion()
        .expect("enough");
    assert_eq!(opinion.source, source);
    assert_eq!(opinion.log_return == 0.0, choice == Choice::Zero);
}

#[test]
fn the_mean_of_the_challengers_is_theirs() {
    let said = |choice| {
        let opinion = fed(&config(choice), WEEK, bundled(0..24 * 200)).opinion();
        opinion.expect("enough")
    };
    let mean = said(Choice::Linfa);
    assert_eq!(mean.source, Source::Linfa);
    let alone = [Choice::Ridge, Choice::ElasticNet, Choice::Svr].map(said);
    let values: Vec<f64> = mean
        .report
        .challengers
        .iter()
        .filter_map(|it| it.value)
        .collect();
    assert_eq!(values.len(), 3, "{:?}", mean.report);
    assert!((mean.log_return - values.iter().sum::<f64>() / 3.0).abs() < 1e-15);
    for ((alone, value), name) in alone
        .iter()
        .zip(values)
        .zip(["ridge", "elastic-net", "svr"])
    {
        assert_eq!(alone.report.challengers[0].name, name);
        assert_eq!(alone.log_return, prior::at_least(value, 0.0, 1e-5));
    }
}

#[test]
fn a_lesson_ends_before_the_day_that_learns_from_it() {
    // The first day with a lesson is day 28; it is known a week later, at 00:00.
    let engine = |rows| fed(&config(Choice::Ridge), WEEK, bundled(0..rows));
    assert_eq!(engine(24 * 35).lessons().len(), 0);
    assert_eq!(engine(24 * 35 + 1).lessons().len(), 1);
    assert_eq!(engine(24 * 40 + 23).lessons().len(), 6);
    // The first fit, with 90 lessons, is on day 124.
    let value = |rows| engine(rows).opinion().expect("enough").report.challengers[0].value;
    assert_eq!(value(24 * 124), None);
    assert!(value(24 * 124 + 1).is_some());
}

#[test]
fn a_gap_leaves_out_the_days_that_it_covers() {
    // Days 60 to 62 are missing: as days of lessons, and as outcomes of the days a week before.
    let gap = 24 * 60..24 * 63;
    let known = bundled(0..24 * 100 + 1)
        .enumerate()
        .filter(|(row, _)| !gap.contains(row));
    let engine = fed(&config(Choice::Gated), WEEK, known.map(|(_, close)| close));
    assert_eq!(engine.lessons().len(), 100 - 35 + 1 - 3 - 3);
    let opinion = engine.opinion().expect("enough");
    assert!(opinion.log_return.is_finite() && opinion.log_return != 0.0);
    assert_eq!(opinion.report.closes, 24 * 97 + 1);
}

#[test]
fn after_a_quarter_without_prices_it_begins_anew() {
    let config = config(Choice::Gated);
    let old = bundled(0..3000);
    let moved = |rows| bundled(rows).map(|(hour, close)| (hour + 24 * 400, close));
    let both = fed(&config, WEEK, old.chain(moved(0..700)));
    let alone = fed(&config, WEEK, moved(0..700));
    assert_eq!(both.opinion(), alone.opinion());
}

#[test]
fn flat_prices_give_the_least_opinion_and_no_zero() {
    for choice in [Choice::Gated, Choice::Linfa, Choice::ElasticNet] {
        let flat = (0..24 * 150).map(|hour| (hour, 50.0));
        let opinion = fed(&config(choice), WEEK, flat).opinion().expect("enough");
        assert_eq!(opinion.log_return, 1e-5, "{choice}");
        let told = opinion
            .report
            .challengers
            .iter()
            .all(|it| it.value == Some(0.0));
        assert!(told, "{:?}", opinion.report);
        assert_eq!(opinion.report.prior_t, None);
    }
}

#[test]
fn a_week_is_the_span_of_a_weekly_fit() {
    // The fifth of January 1970 was a Monday.
    assert!(is_due(7, None, 4));
    assert!(is_due(7, Some(3), 4) && !is_due(7, Some(4), 10) && is_due(7, Some(4), 11));
    assert!(is_due(7, Some(10), 25));
    assert!(is_due(1, Some(4), 5) && !is_due(1, Some(4), 4));
}

/// The weight of the challengers together on each day, by the row of 00:00.
fn weights(candles: &[Candle], horizon: Duration) -> Vec<f64> {
    let mut engine = Engine::new(&hasty(Choice::Gated), horizon);
    let mut weights = Vec::new();
    for candle in candles {
        engine.push(candle.start, candle.close);
        if candle.start.rem_euclid(24 * HOUR) == 0 {
            weights.push(engine.seats.iter().map(|seat| seat.gate.weight()).sum());
        }
    }
    weights
}

#[test]
fn the_gate_opens_to_a_signal_and_shuts_when_it_turns() {
    let turned = Planted {
        seed: 5,
        days: 300,
        lag: 72,
        strength: -0.3,
        flip: Some(230),
    };
    let weights = weights(&turned.candles(), Duration::from_secs(86_400));
    assert!(
        weights[210..=230].iter().all(|weight| *weight > 0.5),
        "{weights:?}"
    );
    assert!(weights[231..].contains(&0.0), "{weights:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_prices_make_it_infinite_or_let_it_pass_the_clamp(
        closes in proptest::collection::vec(
            prop_oneof![
                4 => 1e-3..1e6_f64,
                1 => proptest::num::f64::POSITIVE | proptest::num::f64::SUBNORMAL,
            ],
            30..300,
        ),
        every in 1_i64..30,
        gaps in proptest::collection::vec(0_i64..3000, 0..4),
        horizon in 0_u64..2_000_000,
        choice in proptest::sample::select(Choice::ALL.to_vec()),
        max_abs in 1e-5..1.0_f64,
    ) {
        // So few closes are enough here, and most are at 00:00: many lessons from few prices.
        let config = ForecastConfig {
            min_days: 1,
            full_days: 1,
            record_least: 30,
            max_abs,
            ..config(choice)
        };
        let every = if every > 20 { 24 } else { every };
        let mut engine = Engine::new(&config, Duration::from_secs(horizon));
        let mut hour = 0;
        for (row, close) in closes.iter().enumerate() {
            hour += every + gaps.get(row / 60).copied().unwrap_or(0) * i64::from(row % 60 == 7);
            engine.push(hour * HOUR, *close);
            if let Ok(opinion) = engine.opinion() {
                prop_assert!(opinion.log_return.abs() <= max_abs, "{opinion:?}");
                prop_assert_eq!(opinion.log_return == 0.0, choice == Choice::Zero);
                let report = &opinion.report;
                let numbers = [report.sigma, report.momentum, report.prior, report.prior_weight];
                prop_assert!(numbers.iter().all(|number| number.is_finite()), "{report:?}");
                prop_assert!(report.prior_t.is_none_or(f64::is_finite));
                for it in &report.challengers {
                    prop_assert!(it.value.is_none_or(f64::is_finite) && it.weight <= 1.0);
                    prop_assert!(it.t.is_none_or(f64::is_finite));
                }
            }
        }
    }
}
