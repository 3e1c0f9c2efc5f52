//! Backtests: the forecast engine walked over past prices, and how its forecasts did.
//!
//! Each forecast sees only closes that were known at its time. It is scored against the close exactly
//! one horizon later in the same prices.

mod error;
mod files;
mod plan;
mod report;
mod rows;
mod summary;
mod table;

pub use error::BacktestError;
pub use files::write_report;
pub use plan::{Backtest, Plan, Progress};
pub use rows::{Row, Unforecast};
pub use summary::{Figures, Summary};
pub use table::{COIN_TOSS, HEADS, Line, headline, lines, remarks};

#[cfg(test)]
mod testing;
