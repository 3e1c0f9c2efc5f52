#![allow(clippy::float_cmp, reason = "the same closes give the same bits")]

use std::sync::LazyLock;

use rstest::rstest;

use super::*;
use crate::forecast::{
    Choice, Source,
    testing::{BUNDLED, WEEK, candle, hasty},
};

static NEWEST: LazyLock<Candle> = LazyLock::new(|| *BUNDLED.last().expect("a candle"));

fn history(candles: &[Candle]) -> History {
    History::new("btcusd", candles.iter().copied())
}

fn newest(closes: usize) -> History {
    history(&BUNDLED[BUNDLED.len() - closes..])
}

fn builtin() -> Builtin {
    Builtin::new(ForecastConfig::default())
}

fn weekly(builtin: &Builtin, candles: &[Candle]) -> Fitted {
    let fitted = builtin.forecast(&history(candles), WEEK, Target::LogReturn);
    fitted.expect("enough")
}

/// What a forecaster without a past says.
fn cold(candles: &[Candle]) -> Fitted {
    weekly(&builtin(), candles)
}

fn closes(fitted: &Fitted) -> usize {
    fitted.report.as_ref().map_or(0, |report| report.closes)
}

#[rstest]
#[case(673, Source::Gated)]
#[case(672, Source::PriorCold)]
#[case(337, Source::PriorCold)]
fn uses_what_the_history_allows(#[case] closes: usize, #[case] source: Source) {
    let fitted = builtin().forecast(&newest(closes), WEEK, Target::LogReturn);
    let fitted = fitted.expect("enough");
    assert_eq!(fitted.source, source);
    let is_least = fitted.value.abs() == 1e-5;
    assert_eq!(is_least, source == Source::PriorCold, "{fitted:?}");
}

#[rstest]
#[case(336)]
#[case(1)]
#[case(0)]
fn says_how_many_closes_are_lacking(#[case] closes: usize) {
    let short = builtin().forecast(&newest(closes), WEEK, Target::LogReturn);
    let needed = 337;
    assert_eq!(short, Err(Fallback::ShortHistory { closes, needed }));
}

#[test]
fn targets_are_one_opinion_in_three_units() {
    let (history, builtin) = (newest(1000), builtin());
    let value = |target| {
        builtin
            .forecast(&history, WEEK, target)
            .expect("enough")
            .value
    };
    let log = value(Target::LogReturn);
    assert!((value(Target::PercentReturn) - (log.exp() - 1.0) * 100.0).abs() < 1e-9);
    assert!(((value(Target::Price) / NEWEST.close).ln() - log).abs() < 1e-12);
}

#[test]
fn what_is_no_number_in_the_unit_is_unfit() {
    let mut candles = BUNDLED[..700].to_vec();
    candles.push(Candle {
        close: f64::MAX,
        start: candles[699].start + HOUR,
        ..candles[699]
    });
    let config = ForecastConfig {
        max_abs: 1.0,
        prior_cap: 1.0,
        prior_drift: 1.0,
        ..ForecastConfig::default()
    };
    let fitted = Builtin::new(config).forecast(&history(&candles), WEEK, Target::Price);
    assert!(matches!(fitted, Err(Fallback::Unfit { .. })), "{fitted:?}");
}

#[test]
fn new_candles_are_pushed_into_the_warm_engine() {
    let warm = builtin();
    for until in 3100..3160 {
        let fitted = weekly(&warm, &BUNDLED[..until]);
        if until % 30 == 0 {
            assert_eq!(fitted, cold(&BUNDLED[..until]));
        }
    }
    // The same history again is the same forecast; one that lost its newest candle begins anew.
    assert_eq!(weekly(&warm, &BUNDLED[..3159]), cold(&BUNDLED[..3159]));
    assert_eq!(weekly(&warm, &BUNDLED[..2000]), cold(&BUNDLED[..2000]));
}

#[test]
fn a_history_begins_with_a_month_and_the_engine_stays_warm_within_it() {
    let config = ForecastConfig {
        history_days: 60,
        ..ForecastConfig::default()
    };
    let until = |day: usize| weekly(&Builtin::new(config.clone()), &BUNDLED[..=24 * day]);
    // The prices begin with 2023. 60 days before 31 March is 30 January, before 2 April 1 February.
    assert_eq!(closes(&until(89)), 89 * 24 + 1);
    assert_eq!(closes(&until(91)), 60 * 24 + 1);
    assert_eq!(closes(&until(118)), (118 - 31) * 24 + 1);
    assert_eq!(closes(&until(119)), 60 * 24 + 1);
}

#[test]
fn a_warm_engine_and_a_cold_one_agree_bit_for_bit() {
    let config = ForecastConfig {
        history_days: 130,
        ..hasty(Choice::Gated)
    };
    let warm = Builtin::new(config.clone());
    let (first, last) = (200 * 24 + 5, 262 * 24);
    let mut begun = 0;
    let mut known = 0;
    for (step, until) in (first..last).step_by(13).enumerate() {
        // What is kept of old candles is longer than the window, and moves on too.
        let candles = &BUNDLED[until - 170 * 24..until];
        let fitted = weekly(&warm, candles);
        begun += usize::from(closes(&fitted) < known);
        known = closes(&fitted);
        if step % 23 == 0 || closes(&fitted) > 155 * 24 {
            let cold = weekly(&Builtin::new(config.clone()), &BUNDLED[..until]);
            assert_eq!(fitted.value.to_bits(), cold.value.to_bits());
            assert_eq!(fitted, cold);
        }
    }
    assert_eq!(begun, 2);
}

#[test]
fn any_other_change_begins_anew() {
    let warm = builtin();
    let whole = &BUNDLED[..2000];
    let gapped: Vec<Candle> = whole
        .iter()
        .enumerate()
        .filter(|(at, _)| !(900..950).contains(at))
        .map(|(_, c)| *c)
        .collect();
    assert_ne!(weekly(&warm, &gapped), cold(whole));
    // The gap is filled; then a candle is corrected; then the history reaches further back.
    assert_eq!(weekly(&warm, whole), cold(whole));
    let mut corrected = whole.to_vec();
    corrected[1900].close *= 1.01;
    assert_eq!(weekly(&warm, &corrected), cold(&corrected));
    assert_eq!(weekly(&warm, &corrected[500..]), cold(&corrected[500..]));
    let later = &BUNDLED[1000..2000];
    assert_eq!(weekly(&warm, later), cold(later));
    assert_eq!(weekly(&warm, whole), cold(whole));
}

#[test]
fn tickers_and_horizons_have_engines_of_their_own() {
    let builtin = builtin();
    let day = WEEK / 7;
    let rising: Vec<_> = (0..1000)
        .map(|h| candle(h, 100.0 * (h as f64 / 500.0).exp()))
        .collect();
    let other = History::new("ethusd", rising);
    let first = builtin
        .forecast(&newest(1000), WEEK, Target::LogReturn)
        .expect("enough");
    let second = builtin
        .forecast(&other, WEEK, Target::LogReturn)
        .expect("enough");
    let third = builtin
        .forecast(&newest(1000), day, Target::LogReturn)
        .expect("enough");
    assert!(second.value > 0.0 && first.value < 0.0);
    assert!((third.value - first.value / 7.0).abs() < 1e-15);
    let again = builtin.forecast(&newest(1000), WEEK, Target::LogReturn);
    assert_eq!(again, Ok(first));
    assert_eq!(builtin.engines.lock().expect("free").len(), 3);
}
