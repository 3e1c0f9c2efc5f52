//! `run`: the worker itself.

mod chain;
mod start;

use std::{process::ExitCode, sync::Arc};

use tokio::{sync::watch, time::Instant};

use self::{
    chain::{connect, embedded_chain, forget_last_chain, guard, has_answered},
    start::{Start, prepare},
};
use super::{
    RunArgs,
    books::{self, Books},
    disk::Database,
    failure::Failure,
    learning,
    period::{await_start, period, watch},
    process::{self, Life, Plan},
    rooms,
    standby::{Farewell, Standby},
};
use crate::{
    clock::SharedClock,
    config::Settings,
    forecast::DeskHandle,
    ops::{Event, Reporter, Shutdown, TaskGroup, WalletLock},
    store::{Journal, Store},
    types::TopicId,
    worker::{Chain, Tally, Worker},
};

/// Runs a worker until it is stopped. Exits 0 when it was asked to end (or answered its one window),
/// 78 when something has to be corrected first, and 1 when a supervisor should start it again.
pub(super) fn run(args: &RunArgs) -> ExitCode {
    match prepare(args) {
        Ok((start, pidfile)) => {
            let reporter = start.reporter.clone();
            let mut wallet = None;
            // The guards are held until the last word is written: whoever waits for them reads it.
            let ops = start.settings.ops.clone();
            let plan = Plan {
                reporter: &reporter,
                ops: &ops,
                never: never_anew(&start.settings, args),
                clock: args.clock.unwrap_or_default(),
                attendant: start.attendant.clone(),
                pulses: start.pulses.clone(),
            };
            let code = process::conduct(&plan, |life| live(life, start, &mut wallet, args));
            drop((pidfile, wallet));
            code
        }
        Err(refused) => process::refuse(&refused),
    }
}

/// Why a run is not to begin anew by itself.
fn never_anew(settings: &Settings, args: &RunArgs) -> Option<&'static str> {
    if args.once || args.dry_run {
        return Some("start it again");
    }
    // A new beginning would be one on another chain, with all that stood on this one gone.
    let is_embedded = settings.network.rpc.is_empty() && settings.network.ws.is_empty();
    is_embedded.then_some("start it again: the embedded chain has ended with it")
}

/// From the first signal handler to the last task, and to the wallet's lease, which is given back; gives why
/// it ended.
async fn live(
    life: Life,
    start: Start,
    wallet: &mut Option<WalletLock>,
    args: &RunArgs,
) -> Result<String, Failure> {
    let mut farewell = None;
    let ended = work(life, start, wallet, args, &mut farewell).await;
    if let Some(farewell) = farewell {
        farewell.leave().await;
    }
    ended
}

async fn work(
    life: Life,
    start: Start,
    wallet: &mut Option<WalletLock>,
    args: &RunArgs,
    farewell: &mut Option<Farewell>,
) -> Result<String, Failure> {
    let Start {
        mut settings,
        signer,
        reporter,
        started,
        pidfile,
        attendant,
        ..
    } = start;
    let (shutdown, clock) = (life.shutdown.clone(), Arc::clone(&life.clock));
    let address = signer.address().to_owned();
    let prices = rooms::price_source(&settings);
    reporter.emit(Event::EnvironmentLoaded {
        address: address.clone(),
        prices: prices.to_string(),
    });
    let standby = guarded(&mut settings, &address, args.dry_run, wallet)?;
    reporter.emit(Event::SingletonPassed { pidfile });
    let period = settings.competition.as_ref().map(period);
    if !await_start(period, &clock, &reporter, &shutdown).await {
        return Ok(shutdown.requested().await);
    }
    let devnet = embedded_chain(&mut settings, &address, args.dry_run).await?;

    let database = Database::open(&settings.artifacts.database(), &reporter).await?;
    let journal = database.journal();
    if devnet.is_some() {
        forget_last_chain(&settings, &address, &journal, &clock, &reporter).await;
    }
    // A connection of its own, so that no write of candles stands before the journal's.
    let candles = database.beside().await;
    let keeps_candles = prices.are_stored();
    let mut group = life.group(reporter.clone());
    let desk = rooms::open(&mut group, &settings, prices, &candles, &clock, &reporter)?;
    let kept = (
        rooms::wallet(&settings, &address),
        started.elapsed(),
        attendant,
    );
    let books = Books::open(&mut group, &candles, kept, &clock, &reporter);
    let topics: Vec<TopicId> = settings.topics.iter().map(|topic| topic.id).collect();
    if let Some(period) = period {
        watch(&mut group, period, (&clock, &reporter, &shutdown));
    }
    *farewell = standby.as_ref().map(Standby::farewell);
    let learns = |chain: &Arc<Chain>, store: &Arc<Store>| learning::Setup {
        settings: &settings,
        chain: Arc::clone(chain),
        store: Arc::clone(store),
        keeps_candles,
        desk: &desk,
        clock: &clock,
        reporter: &reporter,
    };
    let worker = async {
        let was_here = has_answered(&settings, &address, journal.as_ref()).await;
        let held = (standby.as_ref(), was_here);
        let chain = connect(&settings, signer, &topics, &reporter, held).await?;
        let mut outcomes = None;
        let mut started = Instant::from_std(started);
        let mut led: Arc<dyn Journal> = Arc::clone(&journal) as _;
        if let Some(standby) = standby {
            // A forecast that stands by is held back as the leader's is.
            let store = database.beside().await;
            learning::open(&mut group, learns(&chain, &store)).await;
            outcomes = Some(store);
            let local = journal.as_ref().clone();
            led = standby.lead(&mut group, &chain, local, &reporter).await?;
            started = Instant::now();
        }
        let begin = (Arc::clone(&chain), led, started);
        let worker = worker_of((&settings, args), begin, &desk, &clock, &reporter);
        let tally = worker.start(&mut group).await?;
        Ok::<_, Failure>((tally, chain, outcomes))
    };
    let begun = tokio::select! {
        begun = worker => Some(begun),
        _ = shutdown.requested() => None,
    };
    let (tally, chain, opened) = match begun {
        Some(Ok(begun)) => begun,
        ended => {
            let ended = unbegun(ended.and_then(Result::err), &shutdown).await;
            close(&books, &database, &ended).await;
            return ended;
        }
    };
    let outcomes = if let Some(outcomes) = opened {
        outcomes
    } else {
        // Not before: the start sets aside what is left of a chain that began anew.
        let store = database.beside().await;
        learning::open(&mut group, learns(&chain, &store)).await;
        store
    };
    database.follow(&mut group, life.begins_anew, &chain, &[&candles, &outcomes]);
    let poll_seconds = settings.worker.poll_interval.as_secs();
    reporter.emit(Event::PollingStarted { poll_seconds });
    books::follow_chain(&mut group, &chain, &candles, &tally, (&reporter, &clock));
    let ended = conclude(group, &tally, args.once).await;
    close(&books, &database, &ended).await;
    ended
}

/// Why nothing was begun: it failed, or was asked to stop before.
async fn unbegun(failed: Option<Failure>, shutdown: &Shutdown) -> Result<String, Failure> {
    match failed {
        Some(failure) => Err(failure),
        None => Ok(shutdown.requested().await),
    }
}

/// Notes why it ended, last of all.
async fn close(books: &Books, database: &Database, ended: &Result<String, Failure>) {
    let why = match ended {
        Ok(why) => why,
        Err(failure) => &failure.cause,
    };
    books.close(why).await;
    database.close().await;
}

/// The worker of this chain and journal, which began at that moment.
fn worker_of(
    (settings, args): (&Settings, &RunArgs),
    (chain, journal, started): (Arc<Chain>, Arc<dyn Journal>, Instant),
    desk: &DeskHandle,
    clock: &SharedClock,
    reporter: &Reporter,
) -> Worker {
    Worker {
        chain,
        journal,
        desk: desk.clone(),
        reporter: reporter.clone(),
        clock: Arc::clone(clock),
        topics: settings.topics.iter().map(|topic| topic.id).collect(),
        chain_config: settings.chain.clone(),
        fees: settings.fees.clone(),
        config: settings.worker.clone(),
        dry_run: args.dry_run,
        once: args.once,
        started,
    }
}

/// Takes the wallet for this process; gives who else is to lead it, where several may.
fn guarded(
    settings: &mut Settings,
    address: &str,
    dry_run: bool,
    wallet: &mut Option<WalletLock>,
) -> Result<Option<Standby>, Failure> {
    let standby = Standby::of(settings, address, dry_run)?;
    shorten_grace(settings, standby.as_ref());
    *wallet = guard(settings, address, standby.as_ref())?;
    Ok(standby)
}

/// Another worker waits: what is in the air is not waited for as long as without one.
fn shorten_grace(settings: &mut Settings, standby: Option<&Standby>) {
    if let Some(standby) = standby {
        let grace = &mut settings.worker.stop_grace;
        *grace = standby.stop_grace(*grace);
    }
}

/// Until the last task has ended.
async fn conclude(
    group: TaskGroup,
    tally: &watch::Receiver<Tally>,
    once: bool,
) -> Result<String, Failure> {
    let shutdown = group.shutdown();
    let ending = group.join().await;
    process::asked(&ending)?;
    let tally = *tally.borrow();
    if once && tally.answered == 0 && tally.missed > 0 {
        return Err(Failure::passing("the one window was not answered".into()));
    }
    Ok(shutdown.reason().unwrap_or_default().to_owned())
}
