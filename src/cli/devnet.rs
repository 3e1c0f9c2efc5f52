//! `devnet`: the embedded chain, or a network of models, as a process of its own.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use tokio::sync::broadcast::error::RecvError;

use super::{
    devnet_models::{Models, ModelsArgs, ModelsFailure},
    rooms::{POCKET_MONEY, devnet_topic},
};
use crate::{
    devnet::{
        Control, Devnet, DevnetConfig, DevnetError, DevnetTopic, Order, OrderError, RandomFaults,
        check_endpoints, read_script,
    },
    limits,
    ops::Shutdown,
    types::TopicId,
};

/// Flags of `devnet`.
#[derive(Args, Clone, Debug)]
pub(super) struct DevnetArgs {
    /// Where its RPC and WebSocket listen [default: 127.0.0.1:26657]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Let other machines in: the chain asks for a token then, which is printed with its addresses. Any
    /// address of --listen is taken. There is no TLS: who sees the traffic sees the token
    #[arg(long)]
    expose: bool,
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
    /// How many endpoints the chain has; each further one listens on the next port
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    endpoints: u16,
    /// A script of faults, JSON or TOML: see docs/faults.md
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Play random faults, the same for the same seed; each is printed as a line of JSON
    #[arg(long, value_name = "SEED")]
    random_faults: Option<u64>,
    /// Where faults are ordered over HTTP, on this machine alone: POST and GET /faults
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Where a stand-in for Tiingo listens, on this machine alone
    #[arg(long = "price-server", value_name = "ADDRESS")]
    price_server: Option<SocketAddr>,
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
    #[error(
        "{0} is not of this machine alone: listen on 127.0.0.1, or say that it is meant with --expose, and a token is asked for"
    )]
    Exposed(SocketAddr),
    #[error(
        "{0} is not of this machine alone, and models know no token: name 127.0.0.1 as --models-listen"
    )]
    WideModels(SocketAddr),
    #[error("{0}: {1}")]
    Script(String, OrderError),
    #[error("can't read {0}: {1}; name a file with a script of faults")]
    File(String, std::io::Error),
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
    let is_wide = |it: &SocketAddr| !it.ip().is_loopback();
    if let Some(address) = args.listen.filter(is_wide).filter(|_| !args.expose) {
        return Err(Failure::Exposed(address));
    }
    if let Some(address) = args.models.listens().filter(is_wide) {
        return Err(Failure::WideModels(address));
    }
    let token = args.expose.then(|| hex::encode(rand::random::<[u8; 16]>()));
    let models = if args.models.models {
        Some(Models::start(&args.models).await?)
    } else {
        None
    };
    let devnet = if args.has_chain() {
        Some(start(args, token.clone()).await?)
    } else {
        None
    };
    if let Some(devnet) = &devnet {
        println!("🔗 {} is up; any address has {POCKET_MONEY}", args.chain_id);
        let (rpc, ws) = match &token {
            Some(token) => (format!("/?token={token}"), format!("?token={token}")),
            None => Default::default(),
        };
        for address in devnet.addresses() {
            println!("   RPC        http://{address}{rpc}");
            println!("   WebSocket  ws://{address}/websocket{ws}");
        }
        if let Some(url) = devnet.faults_url() {
            println!("   faults     {url}");
        }
        if let Some(url) = devnet.prices_url() {
            println!("   prices     {url}");
        }
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
        () = tell_faults(devnet.as_ref(), args.random_faults.is_some()) => String::new(),
    };
    if let Some(devnet) = devnet {
        devnet.shutdown().await;
    }
    println!("👋 stopped ({reason})");
    Ok(())
}

/// Prints what begins and ends, a line of JSON each.
#[allow(clippy::print_stdout, reason = "this is the command line")]
async fn tell_faults(devnet: Option<&Devnet>, wanted: bool) {
    if let Some(devnet) = devnet.filter(|_| wanted) {
        let mut news = devnet.handle().news();
        loop {
            match news.recv().await {
                Ok(it) => println!("{}", serde_json::to_string(&it).unwrap_or_default()),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
    }
    std::future::pending::<()>().await;
}

/// The script that is named, read before anything starts.
fn script(args: &DevnetArgs) -> Result<Vec<Order>, Failure> {
    let Some(path) = &args.faults else {
        return Ok(Vec::new());
    };
    let name = path.display().to_string();
    let text = limits::read_text(path, limits::WRITTEN)
        .map_err(|cause| Failure::File(name.clone(), cause))?;
    let orders = read_script(&text).map_err(|cause| Failure::Script(name.clone(), cause))?;
    let endpoints = usize::from(args.endpoints);
    check_endpoints(&orders, endpoints).map_err(|cause| Failure::Script(name, cause))?;
    Ok(orders)
}

/// The chain, with its faults ordered.
async fn start(args: &DevnetArgs, token: Option<String>) -> Result<Devnet, Failure> {
    let orders = script(args)?;
    let devnet = open(args, token).await?;
    devnet.control(Control::Play(orders)).await?;
    if let Some(seed) = args.random_faults {
        let random = RandomFaults::new(seed, usize::from(args.endpoints), args.window);
        let random = match args.price_server {
            Some(_) => random,
            None => random.without_prices(),
        };
        devnet.handle().play_random(Some(random)).await?;
    }
    Ok(devnet)
}

async fn open(args: &DevnetArgs, token: Option<String>) -> Result<Devnet, DevnetError> {
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
    let listen = args.listen.unwrap_or(([127, 0, 0, 1], 26_657).into());
    // A free port has no next one: the others are free ones, too.
    let port = |index| match listen.port() {
        0 => Some(0),
        port => port.checked_add(index),
    };
    let more = (1..args.endpoints).filter_map(|index| {
        let port = port(index)?;
        Some(SocketAddr::new(listen.ip(), port))
    });
    Devnet::start(DevnetConfig {
        listen,
        more_endpoints: more.collect(),
        token: token.map(Into::into),
        control: args.control,
        prices: args.price_server,
        chain_id: args.chain_id.clone(),
        block_time: Duration::from_millis(args.block_time),
        topics: topics.collect(),
        fund_unknown: Some(POCKET_MONEY.0),
        ..DevnetConfig::default()
    })
    .await
}
