//! `devnet`: the embedded chain as a process of its own.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::Args;

use super::rooms::{POCKET_MONEY, devnet_topic};
use crate::{
    devnet::{Devnet, DevnetConfig, DevnetError, DevnetTopic},
    ops::Shutdown,
    types::TopicId,
};

/// Flags of `devnet`.
#[derive(Args, Clone, Debug)]
pub(super) struct DevnetArgs {
    /// Where its RPC and WebSocket listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:26657")]
    listen: SocketAddr,
    /// A topic that opens windows; may be repeated
    #[arg(long = "topic", value_name = "ID", default_value = "67")]
    topics: Vec<u64>,
    /// Time between two blocks, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..))]
    block_time: u64,
    /// Blocks from one window's opening to the next
    #[arg(long, value_name = "BLOCKS", default_value_t = 12)]
    epoch: i64,
    /// Blocks for which a window is open
    #[arg(long, value_name = "BLOCKS", default_value_t = 8)]
    window: i64,
    /// The chain's id
    #[arg(long, value_name = "ID", default_value = "allora-devnet-1")]
    chain_id: String,
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]
pub(super) fn devnet(args: &DevnetArgs) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("❌ ERROR no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let shutdown = match Shutdown::install() {
            Ok(shutdown) => shutdown,
            Err(error) => {
                eprintln!("❌ ERROR {error}");
                return ExitCode::FAILURE;
            }
        };
        match start(args).await {
            Ok(devnet) => {
                println!("🔗 {} is up; any address has {POCKET_MONEY}", args.chain_id);
                println!("   RPC        {}", devnet.rpc_url());
                println!("   WebSocket  {}", devnet.ws_url());
                let reason = shutdown.requested().await;
                devnet.shutdown().await;
                println!("👋 stopped ({reason})");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("❌ ERROR {error}");
                ExitCode::FAILURE
            }
        }
    })
}

async fn start(args: &DevnetArgs) -> Result<Devnet, DevnetError> {
    let topics = args.topics.iter().map(|id| DevnetTopic {
        epoch_length: args.epoch,
        window: args.window,
        ..devnet_topic(TopicId(*id))
    });
    Devnet::start(DevnetConfig {
        listen: args.listen,
        chain_id: args.chain_id.clone(),
        block_time: Duration::from_millis(args.block_time),
        topics: topics.collect(),
        fund_unknown: Some(POCKET_MONEY.0),
        ..DevnetConfig::default()
    })
    .await
}
