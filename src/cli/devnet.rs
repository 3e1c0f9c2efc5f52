//! `devnet`: the embedded chain, or a network of models, as a process of its own.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    devnet_models::{Models, ModelsArgs, ModelsFailure},
    rooms::{POCKET_MONEY, devnet_topic},
};
use crate::{
    devnet::{Devnet, DevnetConfig, DevnetError, DevnetTopic},
    ops::Shutdown,
    types::TopicId,
};

/// Flags of `devnet`.
#[derive(Args, Clone, Debug)]
pub(super) struct DevnetArgs {
    /// Where its RPC and WebSocket listen [default: 127.0.0.1:26657]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A topic that opens windows; may be repeated [default: 67]
    #[arg(long = "topic", value_name = "ID")]
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
    #[command(flatten)]
    models: ModelsArgs,
}

/// Why it can't run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Chain(#[from] DevnetError),
    #[error(transparent)]
    Models(#[from] ModelsFailure),
}

impl DevnetArgs {
    /// Models alone are asked for as `--models`; who says where the chain listens wants it, too.
    const fn has_chain(&self) -> bool {
        !self.models.models || self.listen.is_some() || !self.topics.is_empty()
    }
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
        match serve(args, &shutdown).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("❌ ERROR {error}");
                ExitCode::FAILURE
            }
        }
    })
}

#[allow(clippy::print_stdout, reason = "this is the command line")]
async fn serve(args: &DevnetArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let models = if args.models.models {
        Some(Models::start(&args.models).await?)
    } else {
        None
    };
    let devnet = if args.has_chain() {
        Some(start(args).await?)
    } else {
        None
    };
    if let Some(devnet) = &devnet {
        println!("🔗 {} is up; any address has {POCKET_MONEY}", args.chain_id);
        println!("   RPC        {}", devnet.rpc_url());
        println!("   WebSocket  {}", devnet.ws_url());
    }
    let follow = async {
        match models {
            Some(models) => {
                println!("{}", models.words(args.models.crunch_id()));
                models.follow(|words| println!("{words}")).await;
            }
            None => std::future::pending().await,
        }
    };
    let reason = tokio::select! {
        reason = shutdown.requested() => reason,
        () = follow => String::new(),
    };
    if let Some(devnet) = devnet {
        devnet.shutdown().await;
    }
    println!("👋 stopped ({reason})");
    Ok(())
}

async fn start(args: &DevnetArgs) -> Result<Devnet, DevnetError> {
    let usual = [67];
    let topics = if args.topics.is_empty() {
        &usual[..]
    } else {
        &args.topics
    };
    let topics = topics.iter().map(|id| DevnetTopic {
        epoch_length: args.epoch,
        window: args.window,
        ..devnet_topic(TopicId(*id))
    });
    Devnet::start(DevnetConfig {
        listen: args.listen.unwrap_or(([127, 0, 0, 1], 26_657).into()),
        chain_id: args.chain_id.clone(),
        block_time: Duration::from_millis(args.block_time),
        topics: topics.collect(),
        fund_unknown: Some(POCKET_MONEY.0),
        ..DevnetConfig::default()
    })
    .await
}
