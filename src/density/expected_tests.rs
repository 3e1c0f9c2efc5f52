//! From an answer to an expected log-return.

use super::*;

fn answer(params: &[(&str, &str)]) -> Answer {
    let item = |(name, params): &(&str, &str)| {
        format!(r#"{{"type": "builtin", "name": "{name}", "params": {{{params}}}}}"#)
    };
    let items: Vec<_> = params.iter().map(item).collect();
    let steps = u32::try_from(items.len()).unwrap();
    Answer::read(&format!("[{}]", items.join(",")), steps).unwrap()
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
}

#[test]
fn a_price_difference_carries_its_curvature() {
    let answer = answer(&[("norm", r#""loc": 581.339, "scale": 1382.24"#)]);
    let expected = expected_log_return(&answer, Unit::PriceDifference, 90744.70).unwrap();
    // ln(1 + 581.339/90744.7) − 1382.24² / (2 · 91326.039²)
    assert!((expected - 0.006_271_3).abs() < 5e-8, "{expected}");
}

#[test]
fn log_returns_add_up() {
    let norm = ("norm", r#""loc": 0.002, "scale": 0.5"#);
    let expon = ("expon", r#""loc": -0.001, "scale": 0.004"#);
    let answer = answer(&[norm, expon]);
    close(
        expected_log_return(&answer, Unit::LogReturn, 3.0).unwrap(),
        0.005,
    );
}

#[test]
fn a_number_is_the_change_over_the_horizon() {
    let answer = Answer::Number(10.0);
    let of = |unit| expected_log_return(&answer, unit, 100.0).unwrap();
    close(of(Unit::LogReturn), 10.0);
    close(of(Unit::PriceDifference), 1.1_f64.ln());
}

#[test]
fn without_a_variance_the_tails_end_at_the_price() {
    let expected = |df: &str| {
        let params = format!(r#""df": {df}, "loc": 0, "scale": 10"#);
        let answer = answer(&[("t", &params)]);
        expected_log_return(&answer, Unit::PriceDifference, 100_000.0).unwrap()
    };
    // 100 · E[min(|X|, 10 000)²] / (2 · 100 000²) for a standard t with 2 degrees of freedom, by mpmath.
    let by_mpmath = -9.056_913_969_513_998e-8;
    let got = expected("2");
    assert!((got / by_mpmath - 1.0).abs() < 1e-8, "{got} {by_mpmath}");
    assert!(expected("1.5") < got && got < expected("2.5"));
}

#[test]
fn what_has_no_expectation_says_why() {
    let of = |answer: &Answer, base| expected_log_return(answer, Unit::PriceDifference, base);
    let norm = ("norm", r#""loc": -60, "scale": 1"#);
    let cauchy = ("cauchy", r#""loc": 0, "scale": 1"#);
    let none = of(&answer(&[norm, cauchy]), 100.0);
    assert_eq!(none, Err(NotExpected::NoMean(2)));
    let (base, to) = (100.0, -20.0);
    let below = of(&answer(&[norm, norm]), base);
    assert_eq!(below, Err(NotExpected::Below { base, to }));
    for base in [0.0, -1.0, f64::INFINITY] {
        assert_eq!(of(&Answer::Number(1.0), base), Err(NotExpected::Base(base)));
    }
    assert!(of(&Answer::Number(1.0), f64::NAN).is_err());
    let huge = of(&Answer::Number(f64::MAX), f64::MIN_POSITIVE);
    assert_eq!(huge, Err(NotExpected::NotFinite(f64::INFINITY)));
}
