use rstest::rstest;
use time::macros::datetime;

use super::*;

#[rstest]
#[case(0.4, "0 s")]
#[case(61.0, "1 min 1 s")]
#[case(600.0, "10 min")]
#[case(3_600.0, "1 h")]
#[case(3_700.0, "1 h 1 min")]
#[case(90_000.0, "1 d 1 h")]
#[case(1e6, "11 days")]
#[case(1e8, "3 years")]
#[case(4.6e15, "more than 10 years")]
fn spans_have_the_units_that_matter(#[case] seconds: f64, #[case] told: &str) {
    assert_eq!(span(seconds), told);
}

#[test]
fn figures_promise_nothing_that_is_not_so() {
    assert_eq!(percent(0.999_9, 1), "99.9 %");
    assert_eq!(percent(0.29, 0), "29 %");
    assert_eq!(percent(1.0, 1), "100.0 %");
    for (count, told) in [
        (0, "0"),
        (999, "999"),
        (2_160, "2,160"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(grouped(count), told);
    }
    assert_eq!(many(2_160, "window"), "2,160 windows");
    assert_eq!(goal(0.95), "95 %");
    assert_eq!(goal(0.995), "99.5 %");
    assert_eq!(coins(Uallo(2_500_000)), "2500000 uallo");
    assert_eq!(coins(Uallo(1_500_000_000_000_000_000)), "1.5 ALLO");
    assert_eq!(signed(-0.000_1, 3), "0.000");
    assert_eq!(signed(0.000_1, 3), "0.000");
    assert_eq!(signed(-1.25, 2), "−1.25");
    assert_eq!(signed(0.5, 1), "+0.5");
    assert_eq!(millis(1.64), "1.6 ms");
    assert_eq!(millis(12_000.0), "12 s");
    assert_eq!(
        cut("allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv", 15),
        "allo19r…ajnh7gv"
    );
}

#[test]
fn times_are_told_in_utc() {
    let at = datetime!(2025-10-01 02:03:04 +2);
    let told = exact(at);
    assert_eq!(told.iso, "2025-10-01T00:03:04Z");
    assert_eq!(told.text, "1 Oct 2025, 00:03:04 UTC");
    assert_eq!(day(at.date()), "1 October");
    assert_eq!(minute(at), "00:03");
}

#[test]
fn values_have_their_topics_unit() {
    assert_eq!(Unit::of(Some(Target::LogReturn)).show(-0.001_3), "−0.130 %");
    assert_eq!(Unit::of(Some(Target::PercentReturn)).show(0.13), "+0.130 %");
    assert_eq!(Unit::of(Some(Target::Price)).show(112_345.678), "112345.68");
}
