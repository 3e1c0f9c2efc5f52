use proptest::prelude::*;

use super::*;
use crate::evaluate::{score, testing::pairs};

fn intervals(pairs: &[Pair], rows_per_block: usize, draws: usize, seed: u64) -> Intervals {
    let bootstrap = Bootstrap {
        rows_per_block,
        draws,
        seed,
        threads: 2,
    };
    bootstrap.intervals(pairs)
}

fn all(intervals: &Intervals) -> [Option<Interval>; 8] {
    [
        intervals.rmse_ratio,
        intervals.directional_accuracy,
        intervals.da_ci_lower,
        intervals.da_p_value,
        intervals.pearson_r,
        intervals.pearson_p_value,
        intervals.wrmse_improvement,
        intervals.czar,
    ]
}

/// The rows of a draw, one by one.
fn drawn(pairs: &[Pair], block: usize, seed: u64, draw: usize) -> Vec<Pair> {
    let starts = starts(seed, draw, pairs.len(), block).into_iter();
    let rows = starts.flat_map(|start| (start..start + block).map(|row| pairs[row % pairs.len()]));
    rows.take(pairs.len()).collect()
}

fn assert_near(found: f64, expected: f64, of: &str) {
    let apart = (found - expected).abs();
    assert!(
        apart <= 1e-9 * expected.abs().max(1e-3),
        "{of}: {found}, by brute force {expected}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_draw_of_sums_is_the_score_of_its_rows(
        count in 2_usize..150,
        block in 1_usize..60,
        seed: u64,
        flat in 0_usize..3,
    ) {
        let mut pairs = pairs(count);
        // Stretches without any direction.
        for pair in pairs.iter_mut().skip(count / 4).take(flat * 20) {
            pair.outcome = 0.0;
        }
        let rows = Rows::new(&pairs, block);
        for draw in 0..5 {
            let expected = score(&drawn(&pairs, block, seed, draw));
            let found = rows.draw(seed, draw);
            prop_assert_eq!(found.is_some(), expected.is_some());
            let (Some(found), Some(expected)) = (found, expected) else { continue };
            prop_assert_eq!(found.n, expected.n);
            assert_near(found.n_effective, expected.n_effective, "n_effective");
            assert_near(found.rmse_ratio, expected.rmse_ratio, "rmse_ratio");
            assert_near(found.directional_accuracy, expected.directional_accuracy, "accuracy");
            assert_near(found.da_ci_lower, expected.da_ci_lower, "da_ci_lower");
            assert_near(found.da_p_value, expected.da_p_value, "da_p_value");
            assert_near(found.pearson_r, expected.pearson_r, "pearson_r");
            assert_near(found.wrmse_improvement, expected.wrmse_improvement, "wrmse");
            assert_near(found.czar, expected.czar, "czar");
        }
    }
}

#[test]
fn the_interval_is_that_of_the_draws_quantiles() {
    let (pairs, block, seed) = (pairs(120), 10, 7);
    let mut ratios: Vec<f64> = (0..41)
        .map(|draw| score(&drawn(&pairs, block, seed, draw)).expect("a score"))
        .map(|score| score.rmse_ratio)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let found = intervals(&pairs, block, 41, seed)
        .rmse_ratio
        .expect("an interval");
    // Of 41 draws, 2.5 % is exactly the second from below.
    assert_near(found.low, ratios[1], "low");
    assert_near(found.high, ratios[39], "high");
}

#[test]
fn the_same_seed_gives_the_same_on_any_number_of_threads() {
    let pairs = pairs(400);
    let on = |threads, seed| {
        let bootstrap = Bootstrap {
            rows_per_block: 28,
            draws: 100,
            seed,
            threads,
        };
        bootstrap.intervals(&pairs)
    };
    assert_eq!(on(1, 3), on(7, 3));
    assert_ne!(on(1, 3), on(1, 4));
}

#[test]
fn an_interval_holds_the_measure_and_widens_with_the_blocks() {
    // Each row twenty times over, as outcomes that overlap: single rows look surer than they are.
    let rows = pairs(150).into_iter();
    let pairs: Vec<_> = rows.flat_map(|pair| [pair; 20]).collect();
    let score = score(&pairs).expect("a score");
    let width = |block| {
        let found = intervals(&pairs, block, 400, 1).rmse_ratio;
        let found = found.expect("an interval");
        assert!(found.low < score.rmse_ratio && score.rmse_ratio < found.high);
        found.high - found.low
    };
    assert!(2.0 * width(1) < width(100), "{} {}", width(1), width(100));
}

#[test]
fn too_few_blocks_give_no_interval() {
    let pairs = pairs(83);
    let none = intervals(&pairs, 28, 100, 1);
    assert!(all(&none).iter().all(Option::is_none));
    let some = intervals(&super::super::testing::pairs(84), 28, 100, 1);
    assert!(all(&some).iter().all(Option::is_some));
    assert_eq!(intervals(&pairs, 1, 0, 1), Intervals::default());
    assert_eq!(intervals(&[], 28, 100, 1), Intervals::default());
}

#[test]
fn an_interval_is_written_as_two_numbers() {
    let interval = Interval {
        low: 0.5,
        high: 1.5,
    };
    let text = serde_json::to_string(&interval).unwrap();
    assert_eq!(text, "[0.5,1.5]");
    assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
}
