//! An answer reduced to the one number that a topic asks for.

use thiserror::Error;

use super::{
    Answer, Density, TooCostly, Unit,
    budget::{Budget, OF_AN_ANSWER},
};

/// Why an answer has no expected log-return.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum NotExpected {
    /// The density of a step has no finite mean.
    #[error("step {0}'s density has no finite mean; have the model answer with one that has")]
    NoMean(usize),
    /// The base price can't be one.
    #[error("the base price is {0}; give the last close, above 0")]
    Base(f64),
    /// The price would fall to nothing.
    #[error(
        "the answer takes the price from {base} to {to}; look whether the crunch's unit is right"
    )]
    Below {
        /// The base price.
        base: f64,
        /// Base and expected change.
        to: f64,
    },
    /// Its densities can't be integrated for as much as an answer may cost.
    #[error(transparent)]
    TooCostly(#[from] TooCostly),
    /// The sum overflows.
    #[error("the answer's expected log-return is {0}; look at what the model answers")]
    NotFinite(f64),
}

/// The expected log-return over the whole horizon.
///
/// Of log-returns: the sum of the steps' means. Of price differences with sum of means m, sum of
/// variances v and base price P: ln(1 + m/P) − v / (2 (P + m)²), to the second order and with steps
/// taken for independent. A number is the change over the whole horizon and has no variance.
///
/// A density without a finite variance, or with a standard deviation above a tenth of P, stands with
/// E[min(|X − mean|, P)²] instead: the expansion holds for changes of less than P alone, and a price
/// can't fall by more. To leave the term out would favour the heaviest tails.
///
/// # Errors
/// Where a mean is missing, the price would fall to nothing, the base isn't above 0, or the answer's
/// densities take more effort than an answer may.
pub fn expected_log_return(answer: &Answer, unit: Unit, base: f64) -> Result<f64, NotExpected> {
    if !(base.is_finite() && base > 0.0) {
        return Err(NotExpected::Base(base));
    }
    let (mean, variance) = match answer {
        Answer::Number(change) => (*change, 0.0),
        Answer::Densities(densities) => moments(densities, unit, base)?,
    };
    let expected = match unit {
        Unit::LogReturn => mean,
        Unit::PriceDifference => {
            let to = base + mean;
            if to <= 0.0 {
                return Err(NotExpected::Below { base, to });
            }
            (mean / base).ln_1p() - variance / (2.0 * to * to)
        }
    };
    Some(expected)
        .filter(|expected| expected.is_finite())
        .ok_or(NotExpected::NotFinite(expected))
}

/// The sums of the means and of the variances, the latter for price differences only.
fn moments(densities: &[Density], unit: Unit, base: f64) -> Result<(f64, f64), NotExpected> {
    let budget = Budget::new(OF_AN_ANSWER);
    let (mut mean, mut variance) = (0.0, 0.0);
    for (k, density) in densities.iter().enumerate() {
        mean += density.mean().ok_or(NotExpected::NoMean(k + 1))?;
        if unit == Unit::PriceDifference {
            variance += bounded_variance(&budget, density, base)?;
        }
    }
    Ok((mean, variance))
}

/// A step's variance for prices around `base`.
fn bounded_variance(budget: &Budget, density: &Density, base: f64) -> Result<f64, TooCostly> {
    let tame = (0.1 * base).powi(2);
    match (density.variance(), density.mean()) {
        (Some(variance), _) if variance <= tame => Ok(variance),
        (_, Some(mean)) => density.limited_variance(budget, mean, base),
        (_, None) => Ok(base * base),
    }
}

#[cfg(test)]
#[path = "expected_tests.rs"]
mod tests;
