use super::*;
use crate::evaluate::testing::pairs;

/// Whether two numbers agree to ten digits.
fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-10 * expected.abs() + 1e-300
}

/// The expected numbers were computed with numpy 2.4 and scipy 1.17 (`pearsonr`, `norm.sf`, `t.sf`, the
/// rest from the formulas) from the same generated pairs.
fn assert_measures(score: &Score, expected: [f64; 11]) {
    let found = [
        score.n_effective,
        score.rmse,
        score.rmse_zero,
        score.rmse_ratio,
        score.directional_accuracy,
        score.da_ci_lower,
        score.da_p_value,
        score.pearson_r,
        score.pearson_p_value,
        score.pearson_p_value_effective,
        score.wrmse_improvement,
    ];
    for (index, (found, expected)) in found.into_iter().zip(expected).enumerate() {
        assert!(near(found, expected), "{index}: {found} is not {expected}");
    }
}

#[test]
fn a_short_series_agrees_with_scipy() {
    let score = score(&pairs(40)).expect("a score");
    assert_eq!(score.n, 40);
    assert_measures(
        &score,
        [
            34.0,
            0.011_265_322_578_234_564,
            0.012_213_648_691_734_476,
            0.922_355_216_083_651_8,
            0.617_647_058_823_529_3,
            0.450_407_199_993_826_67,
            0.114_974_528_397_106_65,
            0.443_846_510_993_78,
            0.004_119_801_368_911_826,
            0.008_552_439_614_284_911,
            0.091_751_808_875_169_87,
        ],
    );
    assert!(near(score.czar, 0.342_247_407_366_715_1), "{}", score.czar);
    // All but the lower bound and the p-value of the direction.
    assert_eq!((score.passed, score.grade), (5, Grade::BPlus));
}

#[test]
fn a_longer_series_with_correlated_hits_agrees_with_scipy() {
    let score = score(&pairs(1000)).expect("a score");
    assert_eq!(score.n, 1000);
    // scipy takes the first p-value as 1 − cdf, so that few of its digits are left: see the next test.
    assert_measures(
        &Score {
            da_p_value: 0.0,
            ..score
        },
        [
            829.816_494_075_940_3,
            0.014_638_811_956_597_46,
            0.016_073_834_622_974_997,
            0.910_723_066_397_211_9,
            0.640_606_767_794_632_4,
            0.607_380_512_890_340_3,
            0.0,
            0.572_013_196_484_476_7,
            5.746_028_285_215_652e-88,
            2.787_381_083_937_703_7e-73,
            0.095_099_255_966_705_88,
        ],
    );
    assert!(near(score.da_p_value, 3.629_759_246_883_202_5e-16));
    assert!(near(score.czar, 0.449_585_797_109_348_8), "{}", score.czar);
    assert_eq!((score.passed, score.grade), (7, Grade::APlus));
}

/// Weak correlations of many pairs, where the series behind the p-value converges slowest: `2·t.sf(…)`
/// of scipy.
#[test]
fn p_values_of_weak_correlations_agree_with_scipy() {
    let cases = [
        (30_000.0, 0.001, 0.862_495_868_721_276_9),
        (30_000.0, 0.01, 0.083_269_656_264_854_64),
        (61_000.0, 0.004, 0.323_196_321_047_611_3),
        (25_632.0, 0.07, 3.244_777_786_353_227e-29),
        (300_000.0, 0.001, 0.583_883_894_013_282_4),
    ];
    for (n, r, expected) in cases {
        let found = no_correlation(r, n);
        assert!((found / expected - 1.0).abs() < 1e-8, "{n} {r}: {found}");
        assert!(near(no_correlation(-r, n), found));
    }
}

fn pair(forecast: f64, outcome: f64) -> Pair {
    Pair { forecast, outcome }
}

#[test]
fn zero_is_as_good_as_zero_and_never_right() {
    let outcomes = [0.03, -0.01, 0.02, -0.04];
    let score = score(&outcomes.map(|outcome| pair(0.0, outcome))).expect("a score");
    assert!(near(score.rmse_ratio, 1.0) && score.wrmse_improvement.abs() < 1e-12);
    assert!(score.directional_accuracy.abs() < 1e-12 && near(score.czar, -1.0));
    assert!(near(score.da_p_value, 0.5) && near(score.pearson_p_value, 1.0));
    assert_eq!((score.passed, score.grade), (0, Grade::F));
}

#[test]
fn an_oracle_passes_all() {
    let outcomes = pairs(200).into_iter().map(|pair| pair.outcome);
    let score = score(&outcomes.map(|it| pair(it, it)).collect::<Vec<_>>()).expect("a score");
    assert!(score.rmse_ratio.abs() < 1e-12 && near(score.czar, 1.0));
    assert!(near(score.wrmse_improvement, 1.0) && near(score.pearson_r, 1.0));
    assert_eq!((score.passed, score.grade), (7, Grade::APlus));
}

#[test]
fn a_forecast_that_does_not_vary_correlates_with_nothing() {
    let pairs: Vec<_> = pairs(500)
        .into_iter()
        .map(|it| pair(1e-5 / 3.0, it.outcome))
        .collect();
    let score = score(&pairs).expect("a score");
    assert!(score.pearson_r.abs() < 1e-12 && near(score.pearson_p_value, 1.0));
}

#[test]
fn nothing_to_score_gives_nothing() {
    assert_eq!(score(&[]), None);
    assert_eq!(score(&[pair(0.01, 0.0)]), None);
    assert_eq!(score(&[pair(f64::NAN, 0.01)]), None);
    assert_eq!(score(&[pair(0.01, f64::INFINITY)]), None);
    let one = score(&[pair(0.01, 0.02)]).expect("a score");
    assert_eq!((one.n, one.n_effective), (1, 1.0));
    assert!(near(one.rmse_ratio, 0.5));
}
