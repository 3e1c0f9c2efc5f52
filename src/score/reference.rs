//! The reference that predictions are held against: a normal density around no change, as wide as prices
//! moved before. Pure.
//!
//! It knows prices until the prediction was made, and no model's answer, so no group of models can
//! shift it. A number is held against the number 0: the reference in its own form.

use std::f64::consts::{PI, SQRT_2, TAU};

use statrs::function::erf::erf;

use super::prices::Track;
use crate::density::{Answer, LOG_SCORE_LIMIT, Scored, Unit};

/// Wider steps are taken together from changes over an hour: there are more of them.
const WIDEST: i64 = 3_600;
/// What is further back than a day, or than one step where that is longer, counts half.
const HALF_LIFE: i64 = 86_400;
/// How many half-lives are looked back: what lies before weighs a sixteenth of the rest.
const LOOK_BACK: i64 = 4;
/// Fewer changes than these tell no width.
const LEAST: u32 = 24;

/// How far back, in seconds, prices are needed before a prediction over such steps.
pub(super) fn look_back(step: i64) -> i64 {
    HALF_LIFE.max(step).saturating_mul(LOOK_BACK)
}

/// The standard deviation of the change over one step, as prices up to a time tell it: that of the
/// changes over such steps, or over shorter ones and widened by the square root of time. Newer changes
/// weigh more. None without enough history, and when prices never moved.
pub(super) fn scale(
    track: &Track,
    unit: Unit,
    (at, step): (i64, i64),
    tolerance: i64,
) -> Option<f64> {
    let width = step.min(WIDEST.max(track.spacing())).max(1);
    let oldest = track.oldest(tolerance, width);
    let half_life = HALF_LIFE.max(step) as f64;
    let (mut weights, mut squares, mut count) = (0.0, 0.0, 0_u32);
    let mut later = track.at(at, oldest);
    for back in 1..=look_back(step) / width {
        let time = at - back * width;
        let earlier = track.at(time, oldest);
        if let (Some(from), Some(to)) = (earlier, later) {
            let weight = (-((at - time) as f64) / half_life).exp2();
            weights += weight;
            squares += weight * unit.change(from, to).powi(2);
            count += 1;
        }
        later = earlier;
    }
    let variance = squares / weights * step as f64 / width as f64;
    (count >= LEAST && variance > 0.0 && variance.is_finite()).then(|| variance.sqrt())
}

/// What the reference of that scale was worth over the same closes, in the answer's form.
pub(super) fn scored(answer: &Answer, unit: Unit, closes: &[f64], scale: f64) -> Scored {
    match answer {
        Answer::Number(_) => {
            crate::density::score(&Answer::Number(0.0), unit, closes).unwrap_or_default()
        }
        Answer::Densities(_) if closes.len() > 1 => {
            let steps = (closes.len() - 1) as f64;
            let changes = closes.windows(2).map(|pair| unit.change(pair[0], pair[1]));
            let (mut crps, mut log_score) = (0.0, 0.0);
            for change in changes {
                let z = change / scale;
                crps += scale * crps_of_standard(z);
                let ln_pdf = -0.5 * (z * z + TAU.ln()) - scale.ln();
                log_score += ln_pdf.clamp(-LOG_SCORE_LIMIT, LOG_SCORE_LIMIT);
            }
            Scored {
                crps: Some(crps / steps),
                log_score: Some(log_score / steps),
            }
        }
        Answer::Densities(_) => Scored::default(),
    }
}

/// The CRPS of the standard normal distribution.
fn crps_of_standard(z: f64) -> f64 {
    let pdf = (-0.5 * z * z).exp() / TAU.sqrt();
    z * erf(z / SQRT_2) + 2.0 * pdf - 1.0 / PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Close;

    /// Minutes whose price goes up by one and down by one in turn.
    fn saw(minutes: i64) -> Track {
        let price = |minute: i64| 100.0 + (minute % 2) as f64;
        let closes = (0..minutes).map(|minute| Close {
            at: 60 * minute,
            price: price(minute),
        });
        Track::new(closes.collect())
    }

    #[test]
    fn its_width_is_that_of_moves_before_then() {
        let scale = |at, step| super::scale(&saw(5_000), Unit::PriceDifference, (at, step), 300);
        let close = |found: Option<f64>, expected: f64| {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        };
        close(scale(60 * 2_000, 60), 1.0);
        // Over three minutes it moves by one as well, over two not at all.
        close(scale(60 * 2_000, 180), 1.0);
        assert_eq!(scale(60 * 2_000, 120), None);
        // 24 changes are needed, and prices from before.
        assert_eq!(scale(60 * 23, 60), None);
        close(scale(60 * 24, 60), 1.0);
        assert_eq!(scale(-60, 60), None);
        let returns = super::scale(&saw(5_000), Unit::LogReturn, (60 * 2_000, 60), 300);
        close(returns, 1.01_f64.ln());
    }

    #[test]
    fn newer_moves_weigh_more_and_wide_steps_are_widened() {
        // A move of 1 an hour for ten days, then of 3 for the last one.
        let mut price = 1_000.0;
        let closes = (0..=264).map(|hour| {
            price += if hour > 240 { 3.0 } else { 1.0 };
            Close {
                at: 3_600 * hour,
                price,
            }
        });
        let track = Track::new(closes.collect());
        let at = 3_600 * 264;
        let found = scale(&track, Unit::PriceDifference, (at, 3_600), 300).unwrap();
        // Of weights that halve each day, the last day has 1/2 ÷ (1 - 1/16).
        let last = 0.5_f64 / (1.0 - 1.0 / 16.0);
        let expected = (9.0 * last + (1.0 - last)).sqrt();
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        // Over seven days hourly moves are taken together, with weights that halve in seven days.
        let week = scale(&track, Unit::PriceDifference, (at, 604_800), 300).unwrap();
        assert!(week > 168.0_f64.sqrt() && week < 168.0_f64.sqrt() * found);
    }

    #[test]
    fn its_scores_are_those_of_a_normal_density() {
        let answer = |scale: f64| {
            let item = |step: i64| {
                format!(
                    r#"{{"step": {step}, "type": "builtin", "name": "norm", "params": {{"loc": 0, "scale": {scale}}}}}"#
                )
            };
            Answer::read(&format!("[{},{}]", item(60), item(120)), 2).unwrap()
        };
        for (unit, scale, closes) in [
            (Unit::PriceDifference, 3.0, [100.0, 104.0, 97.5]),
            (Unit::LogReturn, 0.02, [100.0, 104.0, 104.0]),
            (Unit::PriceDifference, 1e-3, [100.0, 900.0, 1.0]),
        ] {
            let expected = crate::density::score(&answer(scale), unit, &closes).unwrap();
            let found = scored(&answer(1.0), unit, &closes, scale);
            let close = |a: Option<f64>, b: Option<f64>| {
                let (a, b) = (a.unwrap(), b.unwrap());
                assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} {b}");
            };
            close(found.crps, expected.crps);
            close(found.log_score, expected.log_score);
        }
        let number = scored(
            &Answer::Number(7.0),
            Unit::PriceDifference,
            &[100.0, 96.0],
            1.0,
        );
        assert_eq!((number.crps, number.log_score), (Some(4.0), None));
    }
}
