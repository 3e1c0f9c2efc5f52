//! Putting the Predict worker together.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    args::WorkArgs,
    prices::{self, Source},
};
use crate::{
    cli::{failure::Failure, process},
    config::Predicting,
    models::ModelNetwork,
    ops::{Pidfile, PredictEvent, Reporter, Shutdown, TaskGroup},
    predict::{
        Asking, AskingParts, BookConfig, Ended, Outbox, OutboxOptions, OutboxTask, Retention, Roll,
        SharedBook, Teller,
    },
    store::{
        DatabaseUrl, PredictionConfigRepository as _, PredictionDb, PredictionStore, StoreError,
    },
};

/// How long the start waits for a database that is slow to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the Predict worker until it is stopped. Exits 0 when it was asked to end, 78 when something has
/// to be corrected first, and 1 when a supervisor should start it again.
pub(super) fn work(args: &WorkArgs) -> ExitCode {
    match prepare(args) {
        Ok((start, pidfile)) => {
            let reporter = start.reporter.clone();
            let code = process::conduct(&reporter, live(start));
            drop(pidfile);
            code
        }
        Err(refused) => process::refuse(&refused),
    }
}

/// What it starts from.
struct Start {
    settings: Predicting,
    database: DatabaseUrl,
    files: BTreeMap<String, PathBuf>,
    speed: f64,
    duration: Option<Duration>,
    reporter: Reporter,
}

fn prepare(args: &WorkArgs) -> Result<(Start, Pidfile), Failure> {
    let settings = Predicting::load(&args.overrides())?;
    prices::expect_any(&settings, args)?;
    let files = prices::files(&settings, &args.prices)?;
    let database = database(&settings, args)?;
    let mut secrets = settings.secrets();
    secrets.extend(args.database_url.clone().map(Into::into));
    let first = PredictEvent::PredictStarting {
        version: env!("CARGO_PKG_VERSION"),
        crunch_id: settings.models.crunch_id.clone(),
        orchestrator: format!("{}:{}", settings.models.host, settings.models.port),
        database: database.to_string(),
        prices: prices::named(&settings, args),
        pid: std::process::id(),
    };
    let (pidfile, reporter) = process::open(
        &settings.artifacts,
        &settings.ops,
        secrets,
        first.into(),
        &settings.notices,
    )?;
    let start = Start {
        settings,
        database,
        files,
        speed: args.speed,
        duration: args.duration,
        reporter,
    };
    Ok((start, pidfile))
}

/// The database that is named, or a file of its own: past prices that are played again are not stored
/// among those of today.
fn database(settings: &Predicting, args: &WorkArgs) -> Result<DatabaseUrl, StoreError> {
    let named = settings.database_url.as_ref();
    let named = args
        .database_url
        .as_deref()
        .or(named.map(|it| it.expose_secret()));
    match named {
        Some(url) => url.parse(),
        None if args.prices.is_empty() => Ok(DatabaseUrl::file(settings.artifacts.database())),
        None => Ok(DatabaseUrl::file(settings.artifacts.replay_database())),
    }
}

/// From the first signal handler to the last task; gives why it ended.
async fn live(start: Start) -> Result<String, Failure> {
    let shutdown = Shutdown::install()?;
    let mut group = TaskGroup::new(shutdown.clone(), start.reporter.clone());
    let worker = tokio::select! {
        opened = open(&mut group, start) => opened?,
        reason = shutdown.requested() => return Ok(reason),
    };
    let ending = group.join().await;
    worker.close().await;
    process::asked(&ending)?;
    Ok(shutdown.reason().unwrap_or_default().to_owned())
}

/// What outlives the tasks: the connections to models, and the way into the database.
struct Opened {
    network: Arc<ModelNetwork>,
    outbox: Storing,
}

/// The outbox at work. It ends last, so that what the others put at their end is kept.
struct Storing {
    outbox: Outbox,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Opened {
    async fn close(self) {
        if let Some(network) = Arc::into_inner(self.network) {
            network.close().await;
        }
        self.outbox.stop.cancel();
        // One that panicked has told so, and what it had appended waits on disk.
        let _ = self.outbox.task.await;
    }
}

async fn open(group: &mut TaskGroup, start: Start) -> Result<Opened, Failure> {
    let Start {
        settings,
        database,
        files,
        speed,
        duration,
        reporter,
    } = start;
    let crunch = settings.models.crunch_id.clone();
    let Source {
        mut feed,
        clock,
        speed,
        scope,
    } = if files.is_empty() {
        prices::open_live(&settings, &reporter).await?
    } else {
        let resume = resume(&database, &crunch).await?;
        prices::replay(&settings, files, speed, resume, &reporter)?
    };

    let path = settings.artifacts.outbox(&slug(&database));
    let name = database.to_string();
    let options = OutboxOptions::new(&settings.predict, &*crunch, name, reporter.clone());
    let (outbox, task) = Outbox::open(&path, options).await?;
    let pending = outbox.pending().await?;
    let facts = Arc::new(outbox.clone());
    let storing = store(group, outbox, task, database);

    let roll = Arc::new(Roll::new(
        &*crunch,
        &settings.predict,
        Arc::clone(&clock),
        Arc::clone(&facts) as _,
        reporter.clone(),
        pending.models,
    ));
    let (learning, stores) = (Arc::clone(&roll), storing.outbox.store());
    group.spawn_minor("known models", move || {
        let learn = Arc::clone(&learning).learn(stores.clone());
        async {
            learn.await;
            std::future::pending::<()>().await;
        }
    });
    let candle = Duration::from_secs(scope.resolution.into());
    let book = SharedBook::new(
        BookConfig {
            history: settings.predict.history,
            margin: feed.pace() + candle * 2,
            tick: settings.models.tick.clone(),
        },
        Arc::clone(&roll) as _,
        Arc::clone(&facts) as _,
        Arc::clone(&clock),
        reporter.clone(),
    )?;
    book.fill(feed.history().await?);
    // Models that an earlier process told prices are then known, and told only what they missed.
    roll.is_loaded_within(PATIENCE).await;

    let network = ModelNetwork::start(settings.models.clone(), Arc::clone(&book) as _)?;
    let network = Arc::new(network);
    let teller = Teller::new(
        feed,
        Arc::clone(&network),
        Arc::clone(&book),
        reporter.clone(),
    );
    let token = group.token();
    group.spawn(
        "roll",
        Arc::clone(&roll).follow(Arc::clone(&network), token),
    );
    let settled = network.settled(settings.predict.settle).await;
    let asking = Asking::new(AskingParts {
        crunch_id: crunch,
        settings: settings.predict.clone(),
        scope,
        method: settings.models.predict.clone(),
        network: Arc::clone(&network),
        roll,
        quotes: Arc::clone(&book) as _,
        facts,
        clock: Arc::clone(&clock),
        speed,
        reporter: reporter.clone(),
        stores: storing.outbox.store(),
        performed: pending.performed.into_iter().collect(),
    })?;
    reporter.emit(
        PredictEvent::PredictReady {
            models: settled.serving,
            joining: settled.joining,
            schedules: asking.schedules(),
            closes: book.len(),
        }
        .into(),
    );
    let (token, shutdown) = (group.token(), group.shutdown());
    group.spawn("ticks", async move {
        if teller.run(token.clone()).await == Ended::Prices {
            shutdown.request("the prices have come to their end");
            token.cancelled().await;
        }
    });
    group.spawn("rounds", asking.run(group.token()));
    let retention = Retention {
        store: storing.outbox.store(),
        keep: settings.predict.retention,
        clock,
        reporter,
    };
    group.spawn_minor("retention", move || retention.clone().run());
    end_when_asked(group, duration);
    Ok(Opened {
        network,
        outbox: storing,
    })
}

/// Starts the outbox, whose end ends all.
fn store(
    group: &mut TaskGroup,
    outbox: Outbox,
    task: OutboxTask,
    database: DatabaseUrl,
) -> Storing {
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let (guard, stopped) = (ended.clone().drop_guard(), stop.clone());
    let connect = move || {
        let database = database.clone();
        async move {
            let db = PredictionDb::connect(&database).await?;
            Ok::<_, StoreError>(Arc::new(db) as Arc<dyn PredictionStore>)
        }
    };
    let task = tokio::spawn(async move {
        let _tells_its_end = guard;
        task.run(connect, stopped).await;
    });
    let token = group.token();
    group.spawn("outbox", async move {
        tokio::select! {
            () = ended.cancelled() => {}
            () = token.cancelled() => {}
        }
    });
    Storing { outbox, stop, task }
}

/// Ends the group when a signal comes, or the time is over.
fn end_when_asked(group: &mut TaskGroup, duration: Option<Duration>) {
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

/// Names the outbox of a database in a file's name.
fn slug(database: &DatabaseUrl) -> String {
    let digest = Sha256::digest(database.to_string());
    hex::encode(&digest[..4])
}

/// Where an earlier replay into the same database stood: at its newest round.
async fn resume(database: &DatabaseUrl, crunch: &str) -> Result<Option<OffsetDateTime>, Failure> {
    let db = PredictionDb::new(database.clone());
    let configs = match timeout(PATIENCE, db.configs(crunch)).await {
        Ok(configs) => configs?,
        Err(_) => {
            return Err(Failure::passing(format!(
                "the database {database} does not answer, which knows where the replay stood"
            )));
        }
    };
    let newest = configs.iter().filter_map(|it| it.performed).max();
    Ok(newest.and_then(|slot| OffsetDateTime::from_unix_timestamp(slot).ok()))
}
