//! Densities as models answer them: read, weighed, and held against what came. Pure; any room may use it.

mod unit;

pub use unit::Unit;
