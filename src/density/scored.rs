//! An answer held against what came.

use super::{
    Answer, TooCostly, Unit,
    budget::{Budget, OF_AN_ANSWER},
};

/// A step's log score is held within this: one density of zero, or a spike that was hit, is not to
/// decide over all steps. Densities of prices and returns that mean anything stay within ±40.
pub const LOG_SCORE_LIMIT: f64 = 100.0;

/// What an answer was worth: means over its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scored {
    /// Continuous ranked probability score in the answer's unit, the smaller the better. None when a
    /// step's density has no finite mean.
    pub crps: Option<f64>,
    /// Logarithm of the density at what came, the greater the better. None for a number.
    pub log_score: Option<f64>,
}

/// Holds an answer against the closes that came: the base, and one at each step's end. A number is
/// held against the change from the first close to the last: its CRPS is the absolute error.
///
/// Nothing is scored where closes are missing or aren't above zero.
///
/// # Errors
/// Where an answer's densities take more effort than an answer may.
pub fn score(answer: &Answer, unit: Unit, closes: &[f64]) -> Result<Scored, TooCostly> {
    score_within(&Budget::new(OF_AN_ANSWER), answer, unit, closes)
}

/// As [`score`], within another effort.
#[cfg(test)]
pub(super) fn score_within_effort(
    effort: u64,
    answer: &Answer,
    unit: Unit,
    closes: &[f64],
) -> Result<Scored, TooCostly> {
    score_within(&Budget::new(effort), answer, unit, closes)
}

fn score_within(
    budget: &Budget,
    answer: &Answer,
    unit: Unit,
    closes: &[f64],
) -> Result<Scored, TooCostly> {
    let known = closes.iter().all(|close| close.is_finite() && *close > 0.0);
    let (Some(first), Some(last), true) = (closes.first(), closes.last(), known) else {
        return Ok(Scored::default());
    };
    Ok(match answer {
        Answer::Number(change) if closes.len() > 1 => Scored {
            crps: Some((change - unit.change(*first, *last)).abs()).filter(|crps| crps.is_finite()),
            log_score: None,
        },
        Answer::Densities(densities) if densities.len() + 1 == closes.len() => {
            let mut crps: Option<f64> = Some(0.0);
            let mut log_score = 0.0;
            for (density, pair) in densities.iter().zip(closes.windows(2)) {
                let came = unit.change(pair[0], pair[1]);
                if let Some(sum) = crps {
                    crps = density.crps_within(budget, came)?.map(|it| sum + it);
                }
                log_score += density
                    .ln_pdf(came)
                    .clamp(-LOG_SCORE_LIMIT, LOG_SCORE_LIMIT);
            }
            let mean =
                |sum: f64| Some(sum / densities.len() as f64).filter(|mean| mean.is_finite());
            Scored {
                crps: crps.and_then(mean),
                log_score: mean(log_score),
            }
        }
        _ => Scored::default(),
    })
}

#[cfg(test)]
#[path = "scored_tests.rs"]
mod tests;
