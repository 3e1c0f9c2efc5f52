use std::sync::LazyLock;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::forecast::Candle;

const WEEK: Duration = Duration::from_secs(168 * 3600);

/// The bundled candles, read by the simplest means.
static BUNDLED: LazyLock<Vec<Candle>> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/btcusd_1h_2023-01_2025-12.csv"
    );
    let text = std::fs::read_to_string(path).expect("bundled prices");
    let close = |line: &str| line.split(',').nth(4).expect("a close").parse();
    let closes = text
        .lines()
        .skip(1)
        .map(|line| close(line).expect("a number"));
    (0..)
        .zip(closes)
        .map(|(hour, close)| candle(hour, close))
        .collect()
});

fn candle(hour: i64, close: f64) -> Candle {
    Candle {
        start: hour * HOUR,
        open: close,
        high: close,
        low: close,
        close,
        volume: 1.0,
    }
}

fn history(candles: &[Candle]) -> History {
    History::new("btcusd", candles.iter().copied())
}

fn regression() -> Regression {
    Regression::new(ForecastConfig::default())
}

fn last_days(closes: usize) -> History {
    history(&BUNDLED[BUNDLED.len() - closes..])
}

#[rstest]
#[case(673, Source::Gated)]
#[case(672, Source::PriorCold)]
#[case(337, Source::PriorCold)]
fn uses_what_the_history_allows(#[case] closes: usize, #[case] source: Source) {
    let fitted = regression().fit_predict(&last_days(closes), WEEK, Target::LogReturn);
    let fitted = fitted.expect("enough");
    assert_eq!(fitted.source, source);
    assert!((1e-5..=0.006).contains(&fitted.value.abs()), "{fitted:?}");
}

#[rstest]
#[case(336)]
#[case(1)]
#[case(0)]
fn says_how_many_closes_are_lacking(#[case] closes: usize) {
    let short = regression().fit_predict(&last_days(closes), WEEK, Target::LogReturn);
    let needed = 337;
    assert_eq!(short, Err(Fallback::ShortHistory { closes, needed }));
}

#[test]
fn a_long_horizon_needs_more() {
    let month = WEEK * 4;
    let short = regression().fit_predict(&last_days(673), month, Target::LogReturn);
    let needed = 96 + 72 + 672;
    assert_eq!(
        short,
        Err(Fallback::ShortHistory {
            closes: 673,
            needed
        })
    );
    let reduced = regression().fit_predict(&last_days(1000), month, Target::LogReturn);
    assert_eq!(reduced.map(|fitted| fitted.source), Ok(Source::PriorCold));
    let endless = regression().fit_predict(&last_days(673), Duration::MAX, Target::Price);
    assert!(matches!(endless, Err(Fallback::ShortHistory { .. })));
}

#[test]
fn a_history_of_scraps_is_unfit() {
    // Of each four hours one is known: enough closes, but none an odd number of hours after another.
    let scraps: Vec<_> = BUNDLED.iter().take(2161).step_by(4).copied().collect();
    let odd = Duration::from_secs(167 * 3600);
    let unfit = regression().fit_predict(&history(&scraps), odd, Target::LogReturn);
    assert!(matches!(unfit, Err(Fallback::Unfit { .. })), "{unfit:?}");
}

#[test]
fn targets_are_one_opinion_in_three_units() {
    let history = last_days(1000);
    let value = |target| {
        let fitted = regression().fit_predict(&history, WEEK, target);
        fitted.expect("enough").value
    };
    let log = value(Target::LogReturn);
    let last = BUNDLED.last().expect("a candle").close;
    assert!((value(Target::PercentReturn) - (log.exp() - 1.0) * 100.0).abs() < 1e-9);
    assert!(((value(Target::Price) / last).ln() - log).abs() < 1e-12);
}

#[test]
fn flat_prices_give_the_least_opinion_and_no_zero() {
    let flat: Vec<_> = (0..800).map(|hour| candle(hour, 50.0)).collect();
    let fitted = regression().fit_predict(&history(&flat), WEEK, Target::LogReturn);
    let expected = Fitted {
        value: 1e-5,
        source: Source::Gated,
        report: None,
    };
    assert_eq!(fitted, Ok(expected));
}

#[test]
fn learns_the_sign_of_a_trend() {
    let drift = |rate: f64| -> Vec<Candle> {
        let wave = |h: i64| 0.002 * (h as f64 * 0.7).sin();
        let price = |h: i64| 100.0 * (rate * h as f64 + wave(h)).exp();
        (0..1500).map(|hour| candle(hour, price(hour))).collect()
    };
    let value = |rate| {
        let fitted = regression().fit_predict(&history(&drift(rate)), WEEK, Target::LogReturn);
        fitted.expect("enough").value
    };
    assert!(value(0.0005) > 1e-4, "{}", value(0.0005));
    assert!(value(-0.0005) < -1e-4, "{}", value(-0.0005));
}

#[test]
fn nothing_after_an_hour_changes_its_forecast() {
    let now = 900;
    let mut other = BUNDLED[..1400].to_vec();
    for candle in &mut other[now + 1..] {
        candle.close *= 3.0;
    }
    let model = regression();
    let at_now = |candles: &[Candle]| {
        let grid = Grid::new(candles, 5000);
        model.log_return(&grid, now, WEEK).expect("enough")
    };
    let seen = at_now(&BUNDLED[..1400]);
    assert_eq!(seen, at_now(&other));
    let until_now = model.fit_predict(&history(&other[..=now]), WEEK, Target::LogReturn);
    assert_eq!(Ok(seen.0), until_now.map(|fitted| fitted.value));
    // The test can tell: a change at `now` itself does show.
    other[now].close *= 1.5;
    assert_ne!(seen, at_now(&other));
}

#[test]
fn labels_end_a_horizon_before_now() {
    // The last label that may be learnt from ends at `now`: it starts at now - 168.
    let now = 800;
    let grid = Grid::new(&BUNDLED[..=now], 5000);
    let data = training_rows(&grid, now, 168, FULL_LAGS).expect("enough");
    assert_eq!(data.targets().len(), now - 168 - 336 + 1);
    let last = data.targets().last().copied();
    assert_eq!(last, grid.label(now - 168, 168));
    assert_eq!(grid.label(now - 167, 168), None);
}

#[test]
fn walking_forward_it_stays_close_to_answering_zero() {
    let model = regression();
    let (mut ours, mut zero) = (0.0, 0.0);
    // Every tenth day: a fit looks back 90 days.
    for now in (2160..BUNDLED.len() - 168).step_by(240) {
        let known = history(&BUNDLED[now - 2160..=now]);
        let fitted = model.fit_predict(&known, WEEK, Target::LogReturn);
        let actual = (BUNDLED[now + 168].close / BUNDLED[now].close).ln();
        ours += (actual - fitted.expect("enough").value).powi(2);
        zero += actual.powi(2);
    }
    let ratio = f64::sqrt(ours / zero);
    assert!((0.98..1.01).contains(&ratio), "{ratio}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_positive_prices_give_a_finite_answer(
        closes in proptest::collection::vec(
            prop_oneof![
                1e-3..1e6_f64,
                proptest::num::f64::POSITIVE | proptest::num::f64::SUBNORMAL,
            ],
            337..800,
        ),
        gaps in proptest::collection::vec(0_i64..40, 0..6),
        horizon in 0_u64..2_000_000,
        target in prop_oneof![
            Just(Target::LogReturn), Just(Target::PercentReturn), Just(Target::Price),
        ],
    ) {
        let mut hour = 0;
        let mut candles = Vec::new();
        for (row, close) in closes.iter().enumerate() {
            hour += 1 + gaps.get(row / 97).copied().unwrap_or(0) * i64::from(row % 97 == 0);
            candles.push(candle(hour, *close));
        }
        let horizon = Duration::from_secs(horizon);
        match regression().fit_predict(&history(&candles), horizon, target) {
            Ok(fitted) => {
                prop_assert!(fitted.value.is_finite());
                prop_assert!(fitted.value != 0.0);
                if target == Target::LogReturn {
                    prop_assert!((1e-5..=0.006).contains(&fitted.value.abs()));
                }
            }
            Err(Fallback::ShortHistory { closes, needed }) => prop_assert!(closes < needed),
            Err(Fallback::Unfit { .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}
