//! Densities as models answer them: read, weighed, and held against what came. Pure; any room may use it.
//!
//! An [`Answer`] is a density for each step, or one number. [`score`] holds it against the closes that
//! came, [`expected_log_return`] reduces it to a forecast.

mod answer;
mod budget;
mod expected;
#[cfg(test)]
pub(crate) mod fuzz;
mod grammar;
mod mixture;
mod part;
mod quadrature;
mod raw;
mod scored;
mod shape;
mod unit;

pub use answer::{Answer, Unreadable};
pub use budget::TooCostly;
pub use expected::{NotExpected, expected_log_return};
pub use mixture::Density;
pub use scored::{LOG_SCORE_LIMIT, Scored, score};
pub use unit::Unit;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod vectors;
