//! A worker for the Allora network: it answers every submission window of its topics with a
//! forecast, signs it, broadcasts it, proves that it is in a block, and goes on doing so for months.
//!
//! Data goes one way: `chain::feed` reports windows to `worker`, which takes the forecast that
//! `forecast` keeps ready from the candles of `market`, journals in `store`, and sends through
//! `chain`. `ops` tells the operator.

// Tests that share samples with those of `tests/` name the library as these do.
#[cfg(test)]
extern crate self as allora_worker;

pub mod alerts;
pub mod backtest;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod density;
pub mod devnet;
pub mod evaluate;
mod failpoint;
pub mod forecast;
pub mod forecasters;
#[cfg(test)]
mod fuzz;
pub mod json;
pub mod learning;
pub mod leash;
mod limits;
pub mod market;
pub mod models;
pub mod ops;
pub mod page;
pub mod predict;
pub mod preflight;
pub mod pulse;
pub mod score;
pub mod season;
#[cfg(test)]
mod spoil;
pub mod standby;
pub mod status;
pub mod store;
pub mod tls;
pub mod token;
pub mod types;
pub mod vitals;
pub mod worker;
