//! Putting the Predict worker together.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    args::WorkArgs,
    database::{self, Chosen},
    prices, seat,
    sharing::Shared,
    storing::{PATIENCE, Storing},
};
use crate::{
    cli::{
        failure::Failure,
        process::{self, Life, Plan},
    },
    clock::{FastClock, SharedClock},
    config::Predicting,
    models::ModelNetwork,
    ops::{Pidfile, PredictEvent, Reporter, ReporterOptions, TaskGroup},
    predict::{
        Asking, AskingParts, BookConfig, Ended, Retention, Roll, SharedBook, StoreWatch, Teller,
        stored_closes,
    },
    pulse::Pulses,
    store::{DatabaseUrl, StoreError},
    vitals::Attendant,
};

/// What a model is told again that was there before this process: it may have hung, or prices may have
/// been late, before the last one ended.
const MARGIN: Duration = Duration::from_hours(6);

/// Runs the Predict worker until it is stopped. Exits 0 when it was asked to end, 78 when something has
/// to be corrected first, and 1 when a supervisor should start it again.
pub(super) fn work(args: &WorkArgs) -> ExitCode {
    match prepare(args) {
        Ok((start, pidfile)) => {
            let reporter = start.reporter.clone();
            let ops = start.settings.ops.clone();
            let plan = Plan {
                reporter: &reporter,
                ops: &ops,
                never: args.duration.map(|_| "start it again"),
                clock: FastClock::default(),
                attendant: start.attendant.clone(),
                pulses: start.pulses.clone(),
            };
            let code = process::conduct(&plan, |life| live(life, start));
            drop(pidfile);
            code
        }
        Err(refused) => process::refuse(&refused),
    }
}

/// What it starts from.
struct Start {
    attendant: Option<Arc<Attendant>>,
    pulses: Pulses,
    settings: Predicting,
    database: DatabaseUrl,
    files: BTreeMap<String, PathBuf>,
    speed: f64,
    duration: Option<Duration>,
    reporter: Reporter,
}

fn prepare(args: &WorkArgs) -> Result<(Start, Pidfile), Failure> {
    let mut settings = Predicting::load(&args.overrides())?;
    prices::expect_any(&settings, args)?;
    let files = prices::files(&settings, &args.prices)?;
    let Chosen { database, notice } = choose(&settings, args)?;
    settings.notices.extend(notice);
    let secrets = settings.secrets(args.database_url.as_deref());
    let first = PredictEvent::PredictStarting {
        version: env!("CARGO_PKG_VERSION"),
        crunch_id: settings.models.crunch_id.clone(),
        orchestrator: format!("{}:{}", settings.models.host, settings.models.port),
        database: database.to_string(),
        prices: prices::named(&settings, args),
        pid: std::process::id(),
    };
    let options = ReporterOptions::new(settings.artifacts.clone());
    let heard = options.tap.listen();
    let (pidfile, reporter) = process::open_with(
        options,
        &settings.ops,
        secrets.clone(),
        first.into(),
        &settings.notices,
    )?;
    let pulses = Pulses::default();
    let attendant = seat::attend(&settings, heard, secrets, &reporter, &pulses);
    let start = Start {
        attendant,
        pulses,
        settings,
        database,
        files,
        speed: args.speed,
        duration: args.duration,
        reporter,
    };
    Ok((start, pidfile))
}

fn choose(settings: &Predicting, args: &WorkArgs) -> Result<Chosen, StoreError> {
    let flag = args.database_url.as_deref();
    if args.prices.is_empty() {
        let database = database::of_today(settings, flag)?;
        let notice = None;
        return Ok(Chosen { database, notice });
    }
    database::of_a_replay(settings, flag)
}

/// From the first signal handler to the last task; gives why it ended.
async fn live(life: Life, start: Start) -> Result<String, Failure> {
    let shutdown = life.shutdown.clone();
    let reporter = start.reporter.clone();
    let mut group = life.group(reporter.clone());
    let worker = tokio::select! {
        opened = open(&mut group, start, &life.clock) => opened?,
        reason = shutdown.requested() => return Ok(reason),
    };
    let storing = &worker.storing;
    storing.follow(&mut group, life.begins_anew, &reporter);
    let ending = group.join().await;
    worker.close().await;
    process::asked(&ending)?;
    Ok(shutdown.reason().unwrap_or_default().to_owned())
}

/// What outlives the tasks: the connections to models, and the way into the database.
struct Opened {
    network: Arc<ModelNetwork>,
    storing: Storing,
}

impl Opened {
    async fn close(self) {
        if let Some(network) = Arc::into_inner(self.network) {
            network.close().await;
        }
        self.storing.close().await;
    }
}

async fn open(group: &mut TaskGroup, start: Start, clock: &SharedClock) -> Result<Opened, Failure> {
    let Start {
        settings,
        database,
        files,
        speed,
        duration,
        reporter,
        ..
    } = start;
    let is_replay = !files.is_empty();
    let mut source = if files.is_empty() {
        prices::open_live(&settings, clock, &reporter).await?
    } else {
        prices::replay(&settings, files, speed, &database, &reporter).await?
    };
    let shared = Shared::of(&settings, &database, is_replay, &reporter);
    let storing = Storing::open(group, &settings, database, &reporter).await?;
    let pending = storing.outbox.pending().await?;
    let facts = Arc::new(storing.outbox.clone());
    let roll = Arc::new(Roll::new(
        &*settings.models.crunch_id,
        &settings.predict,
        Arc::clone(&source.clock),
        Arc::clone(&facts) as _,
        reporter.clone(),
        pending.models,
    ));
    learn(group, &roll, storing.outbox.store());
    let candle = Duration::from_secs(source.scope.coarsest().into());
    let book = SharedBook::new(
        BookConfig {
            history: settings.predict.history,
            margin: MARGIN.max(source.feed.pace() + candle * 2),
            tick: settings.models.tick.clone(),
        },
        Arc::clone(&roll) as _,
        Arc::clone(&facts) as _,
        Arc::clone(&source.clock),
        reporter.clone(),
    )?;
    let history = source.feed.history().await;
    let history = history.map_err(|it| database::no_prices(&it))?;
    let stored = stored_closes(storing.outbox.store(), &history, PATIENCE).await;
    book.fill_known(history, &stored);
    // Models that an earlier process told prices are then known, and told only what they missed.
    roll.is_loaded_within(PATIENCE).await;

    let ours = shared.ours();
    let models = settings.models.clone();
    let network = ModelNetwork::start_confined(models, Arc::clone(&book) as _, ours)?;
    let network = Arc::new(network);
    let (told, reported) = (Arc::clone(&book), reporter.clone());
    let pace = source.pace();
    let teller = Teller::new(source.feed, Arc::clone(&network), told, reported);
    seat::count_models(group, &network, &roll, pace, &reporter);
    let life = group.pulse("roll");
    let following = Arc::clone(&roll).follow(Arc::clone(&network), life, group.token());
    group.spawn("roll", following);
    let sharing = shared
        .begin(group, &settings, &network, &roll, &book, &reporter)
        .await;
    let settled = network.settled(settings.predict.settle).await;
    let (closes, clock) = (book.len(), Arc::clone(&source.clock));
    let asking = Asking::new(AskingParts {
        crunch_id: settings.models.crunch_id.clone(),
        settings: settings.predict.clone(),
        scope: source.scope,
        method: settings.models.predict,
        network: Arc::clone(&network),
        roll,
        quotes: book,
        facts,
        clock: source.clock,
        speed: source.speed,
        reporter: reporter.clone(),
        stores: storing.outbox.store(),
        performed: pending.performed.into_iter().collect(),
        sharing,
    })?;
    let ready = PredictEvent::PredictReady {
        models: settled.serving,
        joining: settled.joining,
        schedules: asking.schedules(),
        closes,
    };
    reporter.emit(ready.into());
    tell(group, teller, asking, is_replay);
    let retention = Retention {
        store: storing.outbox.store(),
        crunch_id: settings.models.crunch_id,
        keep: settings.predict.retention,
        clock,
        reporter,
    };
    group.spawn_minor("retention", move || retention.clone().run());
    end_when_asked(group, duration);
    Ok(Opened { network, storing })
}

/// Lets the roll learn once what the database knows.
fn learn(group: &mut TaskGroup, roll: &Arc<Roll>, stores: StoreWatch) {
    let roll = Arc::clone(roll);
    group.spawn_minor("known models", move || {
        let learn = Arc::clone(&roll).learn(stores.clone());
        async {
            learn.await;
            std::future::pending::<()>().await;
        }
    });
}

/// Tells ticks and makes rounds. The end of a file's prices is the end of all once the last rounds are
/// done; prices that come in by themselves don't end.
fn tell(group: &mut TaskGroup, teller: Teller, asking: Asking, is_replay: bool) {
    let (token, over) = (group.token(), CancellationToken::new());
    let told = over.clone();
    let teller = teller.watched(group.pulse("ticks"));
    let asking = asking.watched(group.pulse("rounds"));
    group.spawn("ticks", async move {
        if teller.run(token.clone()).await == Ended::Prices && is_replay {
            told.cancel();
            token.cancelled().await;
        }
    });
    let (token, shutdown) = (group.token(), group.shutdown());
    group.spawn("rounds", async move {
        asking.run(token, over.clone()).await;
        if over.is_cancelled() {
            shutdown.request("the prices have come to their end");
        }
    });
}

/// Ends the group when a signal comes, or the time is over.
pub(in crate::cli) fn end_when_asked(group: &mut TaskGroup, duration: Option<Duration>) {
    let (shutdown, token) = (group.shutdown(), group.token());
    group.spawn("end", async move {
        let time = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = shutdown.requested() => {}
            () = token.cancelled() => {}
            () = time => shutdown.request("the time is over"),
        }
    });
}
