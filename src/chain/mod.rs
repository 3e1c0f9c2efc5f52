//! The Allora chain: how to reach its nodes, what they say, and how to write to it.

mod amount;
mod config;
pub mod jsonrpc;
pub mod proto;

pub use amount::{NotAnAmount, Uallo};
pub use config::{ChainConfig, FeeConfig, FeeTier, NetworkConfig};
