use rstest::rstest;
use time::macros::date;

use super::*;
use crate::{
    backtest::testing::{START, candles},
    evaluate::score,
    forecast::{Choice, Source},
};

const DAYS: u64 = 24 * 3600;

fn plan(source: Choice) -> Plan {
    Plan {
        config: ForecastConfig {
            source,
            ..ForecastConfig::default()
        },
        horizon: Duration::from_secs(7 * DAYS),
        every: Duration::from_hours(1),
        visible: None,
        from: None,
        to: None,
        unforecast: Unforecast::Up,
        draws: 50,
        seed: 1,
        threads: 2,
    }
}

fn run(plan: &Plan, prices: &[Candle]) -> Result<Backtest, BacktestError> {
    plan.run(&[], prices, &|_, _| {})
}

#[test]
fn outcomes_are_the_log_returns_one_horizon_later() {
    let prices = candles(60 * 24);
    let made = run(&plan(Choice::Prior), &prices).expect("a backtest");
    assert_eq!(made.rows.len(), prices.len());
    for (row, candle) in made.rows.iter().zip(&prices) {
        assert_eq!((row.start, row.close), (candle.start, candle.close));
    }
    let expected = (prices[1000 + 168].close / prices[1000].close).ln();
    assert_eq!(made.rows[1000].outcome, Some(expected));
    assert_eq!(made.rows[60 * 24 - 168].outcome, None);
    let summary = &made.summary;
    assert_eq!(
        (summary.all.score.n, summary.unresolved),
        (60 * 24 - 168, 168)
    );
    assert_eq!((summary.skipped, summary.unforecast), (0, 336));
    assert!(summary.all.short && summary.years["2023"].short);
    let pairs: Vec<_> = made
        .rows
        .iter()
        .filter_map(|row| Unforecast::Up.pair(row))
        .collect();
    assert_eq!(score(&pairs), Some(summary.all.score));
    let halves = ["first", "second"].map(|half| summary.halves[half].score.n);
    assert_eq!(halves, [636, 636]);
    assert_eq!(summary.half_years["2023H1"].score.n, 1272);
}

#[test]
fn a_row_without_a_forecast_counts_as_asked() {
    let prices = candles(40 * 24);
    let counted = |unforecast| {
        let plan = Plan {
            unforecast,
            ..plan(Choice::Prior)
        };
        let made = run(&plan, &prices).expect("a backtest");
        assert_eq!(made.rows[0].source, Source::Fallback);
        assert!(made.rows[0].forecast.abs() < 1e-300);
        made.summary
    };
    let [up, zero, skip] = [Unforecast::Up, Unforecast::Zero, Unforecast::Skip].map(counted);
    assert_eq!(
        [up.all.score.n, zero.all.score.n, skip.all.score.n],
        [792, 792, 456]
    );
    assert!(up.all.score.directional_accuracy > zero.all.score.directional_accuracy);
    let made = |summary: &Summary| summary.forecast_only.map(|figures| figures.score);
    assert_eq!(made(&up), Some(skip.all.score));
    assert_eq!((made(&zero), made(&skip)), (made(&up), None));
}

#[test]
fn a_gap_skips_what_would_end_in_it() {
    let mut prices = candles(40 * 24);
    prices.drain(500..510);
    let made = run(&plan(Choice::Prior), &prices).expect("a backtest");
    assert_eq!((made.summary.skipped, made.summary.unresolved), (10, 168));
    let skipped = made
        .rows
        .iter()
        .find(|row| row.outcome.is_none())
        .expect("a row");
    assert_eq!(skipped.start, START + (500 - 168) * HOUR);
}

#[test]
fn history_is_known_and_not_scored() {
    let all = candles(60 * 24);
    let (history, prices) = all.split_at(40 * 24);
    // History that reaches into the prices is no second row.
    let history: Vec<_> = history.iter().chain(&prices[..5]).copied().collect();
    let made = plan(Choice::Prior)
        .run(&history, prices, &|_, _| {})
        .expect("a backtest");
    assert_eq!(made.rows.len(), 20 * 24);
    assert_eq!(made.summary.unforecast, 0);
    let whole = run(&plan(Choice::Prior), &all).expect("a backtest");
    assert_eq!(made.rows, whole.rows[40 * 24..]);
}

#[test]
fn a_period_is_scored_without_its_last_day_and_each_so_often() {
    let plan = Plan {
        from: Some(date!(2023 - 02 - 01)),
        to: Some(date!(2023 - 02 - 11)),
        every: Duration::from_hours(24),
        ..plan(Choice::Prior)
    };
    let made = run(&plan, &candles(60 * 24)).expect("a backtest");
    let days: Vec<i64> = made
        .rows
        .iter()
        .map(|row| (row.start - START) / 86_400)
        .collect();
    assert_eq!(days, (31..41).collect::<Vec<_>>());
    assert_eq!(made.summary.all.score.n, 10);
    // Outcomes come from after the period as well.
    assert_eq!(made.summary.unresolved, 0);
    assert!((made.summary.block_days - 28.0).abs() < 1e-9);
}

#[test]
fn only_so_much_is_visible() {
    let prices = candles(50 * 24);
    let plan = Plan {
        visible: Some(Duration::from_secs(20 * DAYS)),
        every: Duration::from_hours(24),
        ..plan(Choice::Prior)
    };
    let made = run(&plan, &prices).expect("a backtest");
    let last = made.rows.last().expect("a row");
    assert_eq!(last.source, Source::PriorCold);
    // Nothing is scored that sees less.
    assert_eq!(made.rows[0].start, START + 20 * 86_400);
    assert_eq!(made.summary.unforecast, 0);
    assert!(
        last.report
            .as_ref()
            .is_some_and(|report| report.closes <= 20 * 24 + 1)
    );
}

#[test]
fn zero_is_as_good_as_zero() {
    let made = run(&plan(Choice::Zero), &candles(40 * 24)).expect("a backtest");
    let score = made.summary.all.score;
    assert!((score.rmse_ratio - 1.0).abs() < 1e-12, "{score:?}");
    assert_eq!(made.summary.unforecast, 0);
}

#[rstest]
#[case(Plan { horizon: Duration::from_mins(90), ..plan(Choice::Zero) }, "--horizon")]
#[case(Plan { every: Duration::ZERO, ..plan(Choice::Zero) }, "--every")]
#[case(Plan { visible: Some(Duration::ZERO), ..plan(Choice::Zero) }, "--visible")]
#[case(Plan { horizon: Duration::from_secs(60 * DAYS), ..plan(Choice::Zero) }, "1440 hours")]
#[case(Plan { from: Some(date!(2025-01-01)), ..plan(Choice::Zero) }, "nothing to score")]
#[case(
    Plan { from: Some(date!(2023-02-01)), to: Some(date!(2023-02-01)), ..plan(Choice::Zero) },
    "--to must be later"
)]
fn a_plan_that_makes_no_sense_is_refused(#[case] plan: Plan, #[case] said: &str) {
    let refusal = run(&plan, &candles(40 * 24))
        .expect_err("senseless")
        .to_string();
    assert!(refusal.contains(said), "{refusal}");
}

#[test]
fn prices_that_never_move_or_are_none_are_refused() {
    let flat: Vec<_> = candles(40 * 24)
        .into_iter()
        .map(|candle| Candle {
            close: 5.0,
            ..candle
        })
        .collect();
    let refusal = run(&plan(Choice::Prior), &flat)
        .expect_err("flat")
        .to_string();
    assert!(refusal.contains("prices that move"), "{refusal}");
    let refusal = run(&plan(Choice::Prior), &[])
        .expect_err("none")
        .to_string();
    assert!(refusal.contains("0 closes"), "{refusal}");
}
