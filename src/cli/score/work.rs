//! Putting the Scoring worker together.

use std::{process::ExitCode, sync::Arc};

use super::{args::ScoreArgs, show};
use crate::{
    cli::{
        failure::Failure,
        predict::{database, end_when_asked},
        process::{self, Life, Plan},
    },
    clock::FastClock,
    config::Predicting,
    ops::{Artifacts, Pidfile, Reporter, ScoreEvent},
    pulse::Pulses,
    score::{Scorer, Watch},
    store::{DatabaseUrl, PredictionDb},
};

/// Scores until it is stopped, or once. Exits 0 when it was asked to end or is done, 78 when something
/// has to be corrected first, and 1 when a supervisor should start it again.
pub(super) fn work(args: &ScoreArgs) -> ExitCode {
    match prepare(args) {
        Ok((start, pidfile)) => {
            let reporter = start.reporter.clone();
            let ops = start.settings.ops.clone();
            let plan = Plan {
                reporter: &reporter,
                ops: &ops,
                never: (args.once || args.duration.is_some()).then_some("run it again"),
                clock: FastClock::default(),
                attendant: None,
                pulses: Pulses::default(),
            };
            let code = process::conduct_alone(&plan, |life| live(life, start));
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
    args: ScoreArgs,
    reporter: Reporter,
}

fn prepare(args: &ScoreArgs) -> Result<(Start, Pidfile), Failure> {
    let mut settings = Predicting::load(&args.overrides())?;
    let database = database::of_today(&settings, args.database_url.as_deref())?;
    settings.notices.extend(give_way(settings.score.nice));
    let secrets = settings.secrets(args.database_url.as_deref());
    let first = ScoreEvent::ScoreStarting {
        version: env!("CARGO_PKG_VERSION"),
        crunch_id: settings.models.crunch_id.clone(),
        database: database.to_string(),
        unit: settings.models.unit.to_string(),
        pid: std::process::id(),
    };
    let artifacts = Artifacts::score(settings.artifacts.data_dir());
    // Whoever reads JSON reads nothing else.
    let (pidfile, reporter) = process::open_saying(
        (&artifacts, !args.json),
        &settings.ops,
        secrets,
        first.into(),
        &settings.notices,
    )?;
    let start = Start {
        settings,
        database,
        args: args.clone(),
        reporter,
    };
    Ok((start, pidfile))
}

/// Lets others go first. Threads inherit it, so it comes before all of them; one that was started with
/// less of the machine keeps that.
fn give_way(nice: i32) -> Option<String> {
    let present = rustix::process::getpriority_process(None).unwrap_or_default();
    if nice <= present {
        return None;
    }
    let done = rustix::process::setpriority_process(None, nice);
    let cause = done.err()?;
    Some(format!(
        "the process can't give way to others (score.nice = {nice}): {cause}"
    ))
}

/// From the first signal handler to the last task; gives why it ended.
async fn live(life: Life, start: Start) -> Result<String, Failure> {
    let Start {
        settings,
        database,
        args,
        reporter,
    } = start;
    let shutdown = life.shutdown.clone();
    let store = Arc::new(PredictionDb::new(database.clone()));
    let crunch_id = settings.models.crunch_id.clone();
    let scorer = Scorer::new(
        Arc::clone(&store) as _,
        &*crunch_id,
        settings.models.unit,
        settings.score.clone(),
        Arc::clone(&life.clock),
    );
    let mut watch = Watch::new(
        scorer,
        &settings.score,
        database.to_string(),
        reporter.clone(),
    );
    if args.once {
        let done = tokio::select! {
            done = watch.once() => done.map_err(|cause| database::failed(&cause))?,
            reason = shutdown.requested() => return Ok(reason),
        };
        if args.shows() {
            // The lines of the log come before it.
            let _ = reporter.flush(std::time::Duration::from_secs(1));
            show::print(&*store, &crunch_id, args.json).await?;
        }
        return Ok(format!("{} predictions are scored", done.scored));
    }
    let mut group = life.group(reporter);
    let stop = group.token();
    group.spawn("scoring", watch.run(stop));
    end_when_asked(&mut group, args.duration);
    let ending = group.join().await;
    process::asked(&ending)?;
    Ok(shutdown.reason().unwrap_or_default().to_owned())
}
