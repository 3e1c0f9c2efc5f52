//! The Scoring worker: resolves predictions when prices have come past their horizon, scores them, and
//! keeps a leaderboard.
//!
//! It shares the database with the Predict worker and nothing else, and lives on one thread. What is
//! scored is noted by the prediction's number, so it may be stopped or killed at any time.

mod board;
mod config;
mod pass;
mod prices;
mod reference;
mod resolve;
mod rows;
mod shelf;
#[cfg(test)]
mod testing;
mod watch;

pub use config::{BadScoreValue, RankedBy, ScoreConfig};
pub use pass::{PassDone, ScoreStore, Scorer};
pub use rows::{Leaderboard, LeaderboardRow, leaderboard};
pub use watch::Watch;
