//! Whether the gate opens to what is there, shuts when it turns, and keeps noise out.

use std::time::Duration;

use allora_worker::forecast::{Choice, Step};

use super::{Bounds, DAY, WEEK, ratio, series::Series, walk};

const SEEDS: std::ops::Range<u64> = 0..20;
const YEARS: usize = 3 * 365;

/// Series of three years in which prices turn back, so that a twentieth of a return is known; then the
/// same with the sign turned in the middle.
pub(crate) fn show(bounds: &mut Bounds) {
    let day = WEEK / 7;
    for (name, horizon, lag, strength) in [
        ("7 days ahead, from the last 7", WEEK, 168, -0.047),
        ("1 day ahead, from the last", day, 24, -0.13),
    ] {
        let series = Series {
            days: YEARS,
            lag,
            strength,
            flip: None,
        };
        println!("\nplanted: {name}; {} seeds of 3 years", SEEDS.end);
        steady(bounds, series, horizon);
        turned(bounds, series, horizon);
    }
}

fn steady(bounds: &mut Bounds, series: Series, horizon: Duration) {
    let hours = usize::try_from(horizon.as_secs() / 3600).unwrap_or_default();
    let (mut explained, mut gated, mut prior) = (Vec::new(), Vec::new(), Vec::new());
    let (mut shut, mut weight, mut open) = (0, Vec::new(), Vec::new());
    for seed in SEEDS {
        let candles = series.candles(seed);
        explained.push(series.explained(&candles, hours));
        let steps = walk(Choice::Gated, horizon, &candles);
        gated.push(ratio(&steps, horizon, |_| true));
        let weights = weights(&steps);
        shut += u32::from(weights.iter().all(|weight| *weight <= 0.0));
        let late = &weights[YEARS / 2..];
        weight.push(mean(late));
        open.push(mean(
            &late
                .iter()
                .map(|it| f64::from(*it > 0.0))
                .collect::<Vec<_>>(),
        ));
        prior.push(ratio(
            &walk(Choice::Prior, horizon, &candles),
            horizon,
            |_| true,
        ));
    }
    println!(
        "  {:<38} {:>9.4}",
        "R2 of the signal, mean",
        mean(&explained)
    );
    println!("  {:<38} {:>9.4}", "ratio of the prior, mean", mean(&prior));
    let lower = gated
        .iter()
        .zip(&prior)
        .filter(|(gated, prior)| gated < prior);
    println!(
        "  {:<38} {:>9}",
        "series with a lower ratio when gated",
        lower.count()
    );
    println!(
        "  {:<38} {:>9.2}",
        "days with an open gate, second half",
        mean(&open)
    );
    println!(
        "  {:<38} {:>9.2}",
        "largest weight, mean of second half",
        mean(&weight)
    );
    bounds.at_most("ratio of the gated, mean", mean(&gated), mean(&prior));
    bounds.at_most("series whose gate never opens", f64::from(shut), 0.0);
}

fn turned(bounds: &mut Bounds, series: Series, horizon: Duration) {
    let middle = YEARS / 2;
    let flip = Some(middle);
    let (mut ratios, mut shut) = (Vec::new(), Vec::new());
    for seed in SEEDS {
        let steps = walk(
            Choice::Gated,
            horizon,
            &Series { flip, ..series }.candles(seed),
        );
        ratios.push(ratio(&steps, horizon, |_| true));
        let after = weights(&steps[middle * 24..]);
        let first = after.iter().position(|weight| *weight <= 0.0);
        shut.push(first.map_or(f64::INFINITY, |day| day as f64));
    }
    println!("  its sign turned in the middle:");
    println!("  {:<38} {:>9.4}", "ratio, mean", mean(&ratios));
    bounds.at_most("ratio, worst", worst(&ratios), 1.01);
    println!(
        "  {:<38} {:>9.0}",
        "days until no weight, mean",
        mean(&shut)
    );
    bounds.at_most("days until no weight, worst", worst(&shut), 180.0);
}

/// Pure noise: two years, scored on rows of 00:00.
pub(crate) fn noise(bounds: &mut Bounds) {
    let series = Series {
        days: 730,
        lag: 24,
        strength: 0.0,
        flip: None,
    };
    let daily = |step: &Step| step.start.rem_euclid(DAY) == 0;
    let ratios: Vec<f64> = (0..200)
        .map(|seed| {
            ratio(
                &walk(Choice::Gated, WEEK, &series.candles(seed)),
                WEEK,
                daily,
            )
        })
        .collect();
    println!("\nnoise: 200 seeds of 2 years, 7 days ahead, daily rows");
    println!("  {:<38} {:>9.4}", "ratio, worst", worst(&ratios));
    println!("  {:<38} {:>9.5}", "ratio, mean", mean(&ratios));
    bounds.at_most(
        "distance of the mean from 1",
        (mean(&ratios) - 1.0).abs(),
        0.005,
    );
}

/// The largest weight of a challenger on each day.
fn weights(steps: &[Step]) -> Vec<f64> {
    let daily = steps.iter().filter(|step| step.start.rem_euclid(DAY) == 0);
    let weight = |step: &Step| {
        let report = step.opinion.as_ref().map(|it| &it.report);
        let all = report.into_iter().flat_map(|report| &report.challengers);
        all.map(|it| it.weight).fold(0.0, f64::max)
    };
    daily.map(weight).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
