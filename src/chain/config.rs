//! Configuration of the chain room.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::Uallo;

/// A network: one file in `config/networks/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// The chain's id; a node of another chain is refused.
    pub chain_id: String,
    /// Endpoints in order of preference: CometBFT's RPC (`http(s)://…`) and the application's gRPC
    /// (`grpc+http(s)://…`). Results of blocks are to be had from the former only.
    pub rpc: Vec<String>,
    /// WebSocket endpoints, `ws(s)://…/websocket`, in order of preference.
    pub ws: Vec<String>,
    /// Lowest gas price that the network's nodes take, in `denom` per unit of gas.
    pub gas_price_floor: u128,
    /// The denomination of fees.
    pub denom: String,
    /// Where test coins are to be had, when the network gives some away.
    #[serde(default)]
    pub faucet: Option<String>,
    /// A transaction's address at an explorer, with `{hash}` in its place; none where there is no explorer.
    #[serde(default)]
    pub explorer: Option<String>,
}

/// Section `[chain]`: how nodes are spoken to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainConfig {
    /// How long one request to one endpoint may take before the next is tried. Shorter fails over
    /// sooner, longer spares a slow node.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long an endpoint may take at most before the next is asked the same beside it. Usually it is
    /// sooner: after three times what the fastest sound endpoint usually takes. Shorter answers sooner
    /// when a node hangs, longer spares the nodes double requests; it should be above the usual time to
    /// the farthest endpoint.
    #[serde(with = "humantime_serde")]
    pub hedge_after: Duration,
    /// How long an endpoint may take in any case before the next is asked beside it, however fast it
    /// usually is. The same as `hedge_after` makes that time fixed.
    #[serde(with = "humantime_serde")]
    pub hedge_least: Duration,
    /// How long an endpoint rests that has failed three times in a row, before it is probed; the pause
    /// doubles, with jitter, up to `rest_max`.
    #[serde(with = "humantime_serde")]
    pub rest_min: Duration,
    /// Longest pause between two probes of an endpoint that rests.
    #[serde(with = "humantime_serde")]
    pub rest_max: Duration,
    /// Blocks that are read again, at most, after the worker was away, for the windows that opened
    /// in them. More tells of older windows and costs a request each.
    pub catch_up: u32,
    /// A file in PEM with the authorities of one's own nodes, which are trusted beside the system's. None
    /// for nodes whose certificates anybody can verify.
    pub ca_file: Option<PathBuf>,
    /// First pause before a lost WebSocket is opened again; it doubles, with jitter, up to
    /// `reconnect_max`.
    #[serde(with = "humantime_serde")]
    pub reconnect_min: Duration,
    /// Longest pause between two attempts to open the WebSocket.
    #[serde(with = "humantime_serde")]
    pub reconnect_max: Duration,
    /// A WebSocket that shows no new block for this long is taken as dead and opened anew, at the
    /// latest: one that does not answer any more is given up after three block times.
    #[serde(with = "humantime_serde")]
    pub silence: Duration,
}

impl Default for ChainConfig {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(3),
            hedge_after: super::rpc::HEDGE_AFTER,
            hedge_least: super::rpc::HEDGE_LEAST,
            rest_min: Duration::from_secs(1),
            rest_max: Duration::from_secs(60),
            catch_up: 200,
            ca_file: None,
            reconnect_min: Duration::from_secs(1),
            reconnect_max: Duration::from_secs(30),
            silence: Duration::from_secs(25),
        }
    }
}

/// Section `[fees]`: gas and what may be paid for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeeConfig {
    /// What is paid above the fee market's price.
    pub tier: FeeTier,
    /// Gas limit of one answer; 144 000 to 146 000 are used. Each further answer in the same
    /// transaction adds two fifths of it. Raised once by half when the chain
    /// says that it was too low.
    pub gas_limit: u64,
    /// The most that one answer may pay in fees; above it the worker waits for a lower price. A
    /// transaction with several answers may pay as much for each.
    pub max_fee: Uallo,
    /// The most that the fees of answers may be within any 24 hours, counted from the journal. Above it
    /// nothing is sent until the oldest of them are a day old.
    pub max_fee_per_day: Uallo,
    /// A balance below this is warned of.
    pub low_balance: Uallo,
}

impl Default for FeeConfig {
    fn default() -> Self {
        Self {
            tier: FeeTier::Standard,
            gas_limit: 250_000,
            max_fee: Uallo(1_000_000_000_000_000),
            max_fee_per_day: Uallo(1_000_000_000_000_000_000),
            low_balance: Uallo(10_000_000_000_000_000),
        }
    }
}

/// What is paid above the fee market's gas price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeeTier {
    /// The price itself (×1).
    Eco,
    /// ×1.5: a price that rises within the window is still met.
    Standard,
    /// ×2.5.
    Priority,
}
