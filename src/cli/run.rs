//! `run`: the worker itself.

use std::{process::ExitCode, sync::Arc};

use tokio::time::Instant;

use super::{
    RunArgs,
    failure::Failure,
    learning,
    period::{await_start, end_with, period},
    process, rooms,
    standby::Standby,
};
use crate::{
    chain::Signer,
    clock::{SharedClock, SystemClock},
    config::Settings,
    devnet::{Control, Devnet, DevnetConfig},
    ops::{Event, Pidfile, Reporter, Shutdown, TaskGroup, WalletLock},
    leash::Leash,
    store::{Journal, Store, Wallet},
    types::TopicId,
    worker::{StartError, Tally, Worker, connect_leashed},
};

/// Runs a worker until it is stopped. Exits 0 when it was asked to end (or answered its one window),
/// 78 when something has to be corrected first, and 1 when a supervisor should start it again.
pub(super) fn run(args: &RunArgs) -> ExitCode {
    match prepare(args) {
        Ok((start, pidfile)) => {
            let reporter = start.reporter.clone();
            let mut wallet = None;
            // The guards are held until the last word is written: whoever waits for them reads it.
            let code = process::conduct(&reporter, live(start, &mut wallet, args));
            drop((pidfile, wallet));
            code
        }
        Err(refused) => process::refuse(&refused),
    }
}

fn prepare(args: &RunArgs) -> Result<(Start, Pidfile), Failure> {
    let started = std::time::Instant::now();
    let settings = Settings::load(&args.overrides())?;
    let signer = rooms::signer(settings.wallet()?)?;
    let first = Event::Starting {
        version: env!("CARGO_PKG_VERSION"),
        network: settings.network_name.clone(),
        chain_id: settings.network.chain_id.clone(),
        pid: std::process::id(),
    };
    let (pidfile, reporter) = process::open(
        &settings.artifacts,
        &settings.ops,
        settings.secrets(),
        first,
        &settings.notices,
    )?;
    let start = Start {
        settings,
        signer,
        reporter,
        started,
        pidfile: pidfile.path().display().to_string(),
    };
    Ok((start, pidfile))
}

/// What a worker starts from.
struct Start {
    settings: Settings,
    signer: Signer,
    reporter: Reporter,
    started: std::time::Instant,
    pidfile: String,
}

/// From the first signal handler to the last task; gives why it ended.
async fn live(
    start: Start,
    wallet: &mut Option<WalletLock>,
    args: &RunArgs,
) -> Result<String, Failure> {
    let Start {
        mut settings,
        signer,
        reporter,
        started,
        pidfile,
    } = start;
    let shutdown = Shutdown::install()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let address = signer.address().to_owned();
    let prices = rooms::price_source(&settings);
    reporter.emit(Event::EnvironmentLoaded {
        address: address.clone(),
        prices: prices.to_string(),
    });
    // An embedded chain is this process's own: nobody else can spend from its wallet.
    if !settings.network.rpc.is_empty() {
        *wallet = Some(WalletLock::acquire(
            &settings.network.chain_id,
            &address,
            &settings.artifacts,
        )?);
    }
    reporter.emit(Event::SingletonPassed { pidfile });
    let period = settings.competition.as_ref().map(period);
    if !await_start(period, &clock, &reporter, &shutdown).await {
        return Ok(shutdown.requested().await);
    }
    let devnet = embedded_chain(&mut settings, &address, args.dry_run).await?;

    let database = settings.artifacts.database();
    let journal = Arc::new(Store::open(&database).await?);
    if devnet.is_some() {
        // Each start is a new chain: what went to the last one is lost with it.
        let wallet = Wallet {
            chain_id: settings.network.chain_id.clone(),
            address: address.clone(),
        };
        let aside = format!("{}, before {}", wallet.chain_id, clock.now());
        journal.set_aside(&wallet, &aside).await?;
    }
    // A connection of its own, so that no write of candles stands before the journal's.
    let candles = Arc::new(Store::open(&database).await?);
    let keeps_candles = prices.are_stored();
    let mut group = TaskGroup::new(shutdown.clone(), reporter.clone());
    let desk = rooms::open(&mut group, &settings, prices, &candles, &clock, &reporter)?;
    let topics: Vec<TopicId> = settings.topics.iter().map(|topic| topic.id).collect();
    let worker = async {
        let network = settings.network.clone();
        let chain = connect(&settings.chain, network, signer, &topics, &reporter).await?;
        let worker = Worker {
            chain: Arc::clone(&chain),
            journal,
            desk: desk.clone(),
            reporter: reporter.clone(),
            clock: Arc::clone(&clock),
            topics: topics.clone(),
            chain_config: settings.chain.clone(),
            fees: settings.fees.clone(),
            config: settings.worker.clone(),
            dry_run: args.dry_run,
            once: args.once,
            started: Instant::from_std(started),
        };
        let tally = worker.start(&mut group).await?;
        // Not before: the start sets aside what is left of a chain that began anew.
        let setup = learning::Setup {
            settings: &settings,
            chain: &chain,
            store: Arc::new(Store::open(&database).await?),
            keeps_candles,
            desk: &desk,
            clock: &clock,
            reporter: &reporter,
        };
        learning::open(&mut group, setup).await;
        Ok::<_, StartError>(tally)
    };
    let tally = tokio::select! {
        tally = worker => tally?,
        reason = shutdown.requested() => return Ok(reason),
    };
    let poll_seconds = settings.worker.poll_interval.as_secs();
    reporter.emit(Event::PollingStarted { poll_seconds });
    if let Some(period) = period {
        group.spawn_minor("competition", move || {
            end_with(
                period,
                Arc::clone(&clock),
                reporter.clone(),
                shutdown.clone(),
            )
        });
    }
    let asked = group.shutdown();
    process::asked(&group.join().await)?;
    conclude(&asked, *tally.borrow(), args.once)
}

fn conclude(shutdown: &Shutdown, tally: Tally, once: bool) -> Result<String, Failure> {
    if once && tally.answered == 0 && tally.missed > 0 {
        return Err(Failure::passing("the one window was not answered".into()));
    }
    Ok(shutdown.reason().unwrap_or_default().to_owned())
}

/// Starts the embedded chain when the network has no endpoints, and points the settings at it. For a
/// dry run, which registers nothing, the wallet is registered there.
async fn embedded_chain(
    settings: &mut Settings,
    address: &str,
    register: bool,
) -> Result<Option<Devnet>, Failure> {
    let network = &mut settings.network;
    if !(network.rpc.is_empty() && network.ws.is_empty()) {
        return Ok(None);
    }
    let topics = settings
        .topics
        .iter()
        .map(|topic| rooms::devnet_topic(topic.id));
    let devnet = Devnet::start(DevnetConfig {
        chain_id: network.chain_id.clone(),
        topics: topics.collect(),
        funded: vec![(address.to_owned(), rooms::POCKET_MONEY.0)],
        ..DevnetConfig::default()
    })
    .await?;
    for topic in settings.topics.iter().filter(|_| register) {
        let (topic, address) = (topic.id, address.to_owned());
        let order = Control::Register {
            topic,
            address,
            registered: true,
        };
        devnet.control(order).await?;
    }
    network.rpc = vec![devnet.rpc_url()];
    network.ws = vec![devnet.ws_url()];
    Ok(Some(devnet))
}
