//! The Allora chain: how to reach its nodes, what they say, and how to write to it.

mod account;
mod amount;
mod answer;
mod config;
mod decimal;
mod emissions;
mod error;
mod faucet;
pub mod feed;
pub mod jsonrpc;
mod mnemonic;
mod output;
pub mod proto;
mod rpc;
mod signer;

#[cfg(test)]
pub(crate) mod fuzz;

pub use account::{Account, GasPrice, balance};
pub use amount::{NotAnAmount, Uallo};
pub use answer::{Answer, Next, refused_message};
pub use config::{ChainConfig, FeeConfig, FeeTier, NetworkConfig};
pub use decimal::{Decimal, DecimalError};
pub use emissions::{
    Emissions, NetworkInference, OpenWindow, Params, Settled, Version, WindowStatus,
    answered_windows, answers, fee_of, has_many_outputs,
};
pub use error::ChainError;
pub use faucet::{Faucet, FaucetError};
pub use mnemonic::{NoRandomness, new_mnemonic};
pub use output::Output;
pub(crate) use rpc::TOLERATED_LAG;
pub use rpc::{BreakerState, EndpointHealth, EndpointKind, Hedging, Notice, Rpc, Sent, redacted};
pub use signer::{Envelope, KeyError, Signer, private_key_of};
