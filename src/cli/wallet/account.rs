//! `wallet address` and `wallet balance`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Failure;
use crate::{
    chain::{ChainError, Rpc, Uallo, balance as balance_of},
    cli::{rooms, terminal},
    config::{Overrides, Settings},
    tls::Trust,
};

/// Which network, and which files.
#[derive(Args, Clone, Debug)]
pub(super) struct WhichArgs {
    /// The network: devnet, localnet, testnet, mainnet, or another that config/networks/ describes
    /// [default: testnet]
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// A configuration file that is laid over config/worker.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A node's RPC endpoint, http(s)://…; may be repeated
    #[arg(long, value_name = "URL")]
    rpc: Vec<String>,
    /// The chain's id, instead of the network's
    #[arg(long, value_name = "ID")]
    chain_id: Option<String>,
}

/// Flags of `wallet balance`.
#[derive(Args, Clone, Debug)]
pub(super) struct BalanceArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Another address than the configured wallet's
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl WhichArgs {
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let overrides = Overrides {
            network: self.network.clone(),
            config: self.config.clone(),
            rpc: self.rpc.clone(),
            chain_id: self.chain_id.clone(),
            ..Overrides::default()
        };
        Ok(Settings::load_asking(&overrides, terminal::ask)?)
    }
}

/// The configured wallet's address.
pub(super) fn address_of(settings: &Settings) -> Result<String, Failure> {
    let signer = rooms::signer(settings.wallet()?)?;
    Ok(signer.address().to_owned())
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) fn address(which: &WhichArgs) -> Result<(), Failure> {
    println!("{}", address_of(&which.settings()?)?);
    Ok(())
}

/// The network's nodes; those of another chain are refused.
pub(super) async fn nodes(settings: &Settings) -> Result<Rpc, Failure> {
    let (network, chain) = (&settings.network, &settings.chain);
    if network.rpc.is_empty() {
        return Err(Failure::lasting(
            "the embedded chain lives in its worker alone, and gives the wallet 1,000 ALLO at each start: \
             name a node with --rpc to ask another chain"
                .into(),
        ));
    }
    let trust = Trust::with_file(chain.ca_file.as_deref()).map_err(ChainError::from)?;
    let rpc = Rpc::trusting(&network.rpc, chain.request_timeout, &trust)?;
    rpc.verify_chain(&network.chain_id).await?;
    Ok(rpc)
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) async fn balance(args: &BalanceArgs) -> Result<(), Failure> {
    let settings = args.which.settings()?;
    let address = match &args.address {
        Some(address) => address.clone(),
        None => address_of(&settings)?,
    };
    let rpc = nodes(&settings).await?;
    let network = &settings.network;
    let coins = balance_of(&rpc, &address, &network.denom).await?;
    if args.json {
        let told = json!({
            "address": address,
            "chain_id": network.chain_id,
            "allo": in_allo(coins),
            "uallo": coins.0.to_string(),
        });
        println!("{told:#}");
    } else {
        let (allo, uallo) = (in_allo(coins), coins.0);
        println!(
            "{address} has {allo} ALLO ({uallo} uallo) on {}",
            network.chain_id
        );
    }
    Ok(())
}

/// With all 18 decimals that say something.
pub(super) fn in_allo(coins: Uallo) -> String {
    const PER_ALLO: u128 = 1_000_000_000_000_000_000;
    let part = format!("{:018}", coins.0 % PER_ALLO);
    let whole = coins.0 / PER_ALLO;
    match part.trim_end_matches('0') {
        "" => whole.to_string(),
        part => format!("{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(in_allo(Uallo(0)), "0");
        assert_eq!(in_allo(Uallo(1)), "0.000000000000000001");
        assert_eq!(in_allo(Uallo(1_500_000_000_000_000_000)), "1.5");
        assert_eq!(in_allo(Uallo(1_000_000_000_000_000_000_000)), "1000");
    }
}
