//! Flags of `run`.

use std::path::PathBuf;

use clap::Args;

use crate::{clock::FastClock, config::Overrides};

/// Flags of `run`. They win over all files and variables; relative paths start at the project's root.
#[derive(Args, Clone, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct RunArgs {
    /// The network: devnet (embedded, needs nothing), localnet, testnet, mainnet, or another that
    /// config/networks/ describes [default: testnet]
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answer this topic; may be repeated [default: all that are configured]
    #[arg(long = "topic", value_name = "ID")]
    pub topics: Vec<u64>,
    /// A node's RPC endpoint, http(s)://…; may be repeated, the first is preferred
    #[arg(long, value_name = "URL")]
    pub rpc: Vec<String>,
    /// A node's WebSocket, ws(s)://…/websocket; may be repeated [default: that of --rpc]
    #[arg(long, value_name = "URL")]
    pub ws: Vec<String>,
    /// The chain's id, instead of the network's
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<String>,
    /// Where everything is written, in its subfolder artifacts [default: data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Hourly prices from this CSV file instead of Tiingo
    #[arg(long, value_name = "CSV")]
    pub prices: Option<PathBuf>,
    /// On mainnet: yes, fees are to be paid in real coins
    #[arg(long)]
    pub real_coins: bool,
    /// Sign and show, but send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave after one window
    #[arg(long)]
    pub once: bool,
    /// Don't register the wallet in a topic, even if it is not registered there
    #[arg(long)]
    pub no_register: bool,
    /// Serve metrics and health alone, not the status page
    #[arg(long)]
    pub no_page: bool,
    /// A clock that runs faster, as MILLISECONDS@SPEED: for seasons
    #[arg(long, value_name = "CLOCK", hide = true)]
    pub clock: Option<FastClock>,
}

impl RunArgs {
    /// What they override in the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            network: self.network.clone(),
            config: self.config.clone(),
            topics: self.topics.clone(),
            rpc: self.rpc.clone(),
            ws: self.ws.clone(),
            chain_id: self.chain_id.clone(),
            data_dir: self.data_dir.clone(),
            prices: self.prices.clone(),
            no_register: self.no_register,
            no_page: self.no_page,
            real_coins: self.real_coins,
            ..Overrides::default()
        }
    }
}
