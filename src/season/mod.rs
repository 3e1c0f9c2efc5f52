//! A whole competition on the embedded chain, with faults of all kinds and kills, and its account.
//!
//! The real binary runs as a child against a [`Devnet`](crate::devnet::Devnet) with several endpoints in
//! this process. What is said of windows comes from the chain's own record; only causes, latencies'
//! names and panics are looked up in the worker's logs.

mod account;
mod child;
mod closing;
mod error;
mod gauge;
mod kept;
mod logs;
mod play;
mod report;
mod spread;
mod upgrades;

pub use account::{Run, Sentence, judge};
pub use error::SeasonError;
pub use gauge::{Gauge, Memory};
pub use play::{AN_HOUR_A_WINDOW, Plan, Progress, play};
pub use report::Report;
pub use spread::Spread;
pub use upgrades::Upgrades;

/// Windows of a whole competition: an hour each, 90 days.
pub const WHOLE: u64 = 2_160;
/// Windows of a simulated day.
pub const A_DAY: f64 = 24.0;
/// How often each fault must meet an open window in a whole season.
pub const LEAST_HITS: usize = 20;
/// Blocks in a row, all of a healthy endpoint and with the worker running, that make a window answerable.
const ENOUGH: usize = 5;
/// Kills in a whole season.
pub const KILLS: u64 = 50;
/// The most memory that the worker may take, MiB.
pub const MOST_MEMORY: f64 = 60.0;
/// The most that may be logged in a simulated day, bytes.
pub const MOST_LOG: f64 = 1_000_000.0;
