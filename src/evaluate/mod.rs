//! How good forecasts were: measures of pairs of forecast and outcome, and how sure they are.
//!
//! Pure: no I/O, no configuration. All numbers are log-returns or shares; the pairs stand in order of
//! time, at even distances.

mod bootstrap;
mod grade;
mod measures;
mod sums;

pub use bootstrap::{Bootstrap, Interval, Intervals};
pub use grade::Grade;
pub use measures::{Pair, Score, score};

#[cfg(test)]
mod testing;
