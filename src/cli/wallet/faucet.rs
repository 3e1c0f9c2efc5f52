//! `wallet faucet`.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::{
    Failure,
    account::{WhichArgs, address_of, in_allo, nodes},
};
use crate::{
    chain::{Faucet, FaucetError, Uallo, balance},
    config::Settings,
};

/// How long coins are waited for once the faucet has promised them, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(2);

/// Flags of `wallet faucet`.
#[derive(Args, Clone, Debug)]
pub(super) struct FaucetArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Another faucet than the network's
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Don't wait until the coins are there
    #[arg(long)]
    no_wait: bool,
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
pub(super) async fn faucet(args: &FaucetArgs) -> Result<(), Failure> {
    let settings = args.which.settings()?;
    let address = address_of(&settings)?;
    let Some(url) = faucet_of(&settings, args.url.as_deref(), &address)? else {
        println!(
            "ℹ️ The embedded chain gives its worker's wallet 1,000 ALLO at each start: there is nothing to ask for"
        );
        return Ok(());
    };
    let faucet = Faucet::at(&url)?;
    // Coins may come though the nodes can't be asked.
    let rpc = if args.no_wait {
        None
    } else {
        nodes(&settings).await.ok()
    };
    let denom = &settings.network.denom;
    let before = match &rpc {
        Some(rpc) => balance(rpc, &address, denom).await.ok(),
        None => None,
    };
    println!("💧 {url} is asked for coins for {address}");
    let chain_id = &settings.network.chain_id;
    let said = faucet.ask(chain_id, &address).await.map_err(failure)?;
    println!("   it says {said}");
    let (Some(rpc), Some(before)) = (rpc, before) else {
        println!("✅ They come within a minute: `wallet balance` shows them");
        return Ok(());
    };
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let now = balance(&rpc, &address, denom).await.unwrap_or(before);
        if now > before {
            let came = in_allo(Uallo(now.0 - before.0));
            println!("✅ {came} ALLO came: the wallet has {} ALLO", in_allo(now));
            return Ok(());
        }
        sleep(LOOK).await;
    }
    println!("⏳ They are not there after a minute: look again with `wallet balance`");
    Ok(())
}

fn failure(error: FaucetError) -> Failure {
    match error {
        FaucetError::TooMany { .. } | FaucetError::Unreachable { .. } => {
            Failure::passing(error.to_string())
        }
        lasting => Failure::lasting(lasting.to_string()),
    }
}

/// Whom to ask; nobody on an embedded chain.
fn faucet_of(
    settings: &Settings,
    given: Option<&str>,
    address: &str,
) -> Result<Option<String>, Failure> {
    let network = &settings.network;
    let names = [&settings.network_name, &network.chain_id];
    if names.iter().any(|it| it.contains("mainnet")) {
        return Err(Failure::lasting(format!(
            "{} has no faucet, its coins are real: send ALLO to {address}",
            network.chain_id
        )));
    }
    if let Some(url) = given.or(network.faucet.as_deref()) {
        return Ok(Some(url.to_owned()));
    }
    if network.rpc.is_empty() {
        return Ok(None);
    }
    let how = match settings.network_name.as_str() {
        "localnet" => format!("run scripts/localnet.sh fund {address} 10"),
        _ => "name one with --url, or as faucet in the network's file".into(),
    };
    let cause = format!("no faucet is known for {}: {how}", network.chain_id);
    Err(Failure::lasting(cause))
}
