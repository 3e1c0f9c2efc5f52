//! A long-running process: its guard, its logs, its runtime and its last word.

use std::{process::ExitCode, sync::Arc};

use secrecy::SecretString;
use tokio::{runtime::Builder, sync::broadcast::Receiver};

pub(super) use super::life::{Life, Plan};
use super::{failure::Failure, life};
use crate::{
    alerts::AlarmParts,
    clock::SharedClock,
    config::Settings,
    ops::{
        Artifacts, Ending, Event, FEW, OpsConfig, Pidfile, Reporter, ReporterOptions, Stamped,
        complaint, install_diagnostics, raise_descriptors,
    },
    pulse::Pulses,
    vitals::{Attendant, AttendantParts, Limits, PageParts},
};

/// Threads for everything that is asynchronous; what computes has its own.
pub(super) const THREADS: usize = 2;

/// As [`open_with`]; what is told goes to standard output as well, or only to the logs.
pub(super) fn open_saying(
    (artifacts, aloud): (&Artifacts, bool),
    ops: &OpsConfig,
    secrets: Vec<SecretString>,
    first: Event,
    notices: &[String],
) -> Result<(Pidfile, Reporter), Failure> {
    let mut options = ReporterOptions::new(artifacts.clone());
    options.stdout = aloud;
    open_with(options, ops, secrets, first, notices)
}

/// Takes the data folder for this process and starts its logs with its first event and what the
/// operator should know of; with these options beside what is configured.
pub(super) fn open_with(
    mut options: ReporterOptions,
    ops: &OpsConfig,
    secrets: Vec<SecretString>,
    first: Event,
    notices: &[String],
) -> Result<(Pidfile, Reporter), Failure> {
    let descriptors = raise_descriptors();
    let pidfile = Pidfile::acquire(&options.artifacts)?;
    let exposed = options.artifacts.exposed();
    options.config = ops.clone();
    options.secrets = secrets;
    let reporter = Reporter::start(options)?;
    install_diagnostics(&reporter, &ops.diagnostics)?;
    reporter.emit(first);
    tell_descriptors(&reporter, descriptors);
    for notice in notices.iter().chain(&exposed) {
        let remedy = "change it if that is not meant".into();
        reporter.emit(Event::Notice {
            cause: notice.clone(),
            remedy,
        });
    }
    Ok((pidfile, reporter))
}

/// Has the vitals kept from what is heard. Without them the worker does its work all the same.
pub(super) fn attend(
    settings: &Settings,
    heard: Receiver<Arc<Stamped>>,
    secrets: Vec<SecretString>,
    reporter: &Reporter,
    (clock, pulses, is_alarmed): (SharedClock, Pulses, bool),
) -> Option<Arc<Attendant>> {
    let ops = &settings.ops;
    let listen = ops.http.address().ok().flatten();
    let url = settings.alert_url.clone().filter(|_| is_alarmed);
    let begun = Attendant::start(AttendantParts {
        heard,
        path: settings.artifacts.vitals(),
        secrets,
        reporter: reporter.clone(),
        clock,
        limits: Limits {
            candle_seconds: settings.forecast.max_age.as_secs_f64(),
            low_balance: settings.fees.low_balance,
            forecasts: true,
        },
        pulses: (pulses, ops.stuck_after),
        page: listen.map(|listen| PageParts {
            listen,
            token: settings.http_token.clone(),
        }),
        alarm: url.map(|url| {
            let (config, path) = (settings.alerts.clone(), settings.artifacts.alerts());
            AlarmParts { config, url, path }.watch()
        }),
    });
    match begun {
        Ok(attendant) => Some(Arc::new(attendant)),
        Err(cause) => {
            reporter.emit(Event::Trouble {
                cause: format!("how the worker fares is not kept: {cause}"),
                remedy: "windows are answered all the same; raise the limit of threads".into(),
            });
            None
        }
    }
}

fn tell_descriptors(reporter: &Reporter, limit: Option<u64>) {
    if let Some(few) = limit.filter(|limit| *limit < FEW) {
        reporter.emit(Event::Notice {
            cause: format!("this process may have no more than {few} files and connections open"),
            remedy: format!(
                "raise the hard limit to {FEW} or more: ulimit -Hn, LimitNOFILE= of the unit"
            ),
        });
    }
}

/// Runs what is alive until it ends, tells why it ended, and writes the last word. A process that
/// can't go on begins anew, if it may.
pub(super) fn conduct<F>(plan: &Plan<'_>, live: impl FnOnce(Life) -> F) -> ExitCode
where
    F: Future<Output = Result<String, Failure>>,
{
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build();
    life::conduct_on(runtime, plan, live)
}

/// As [`conduct`], on this thread alone.
pub(super) fn conduct_alone<F>(plan: &Plan<'_>, live: impl FnOnce(Life) -> F) -> ExitCode
where
    F: Future<Output = Result<String, Failure>>,
{
    let runtime = Builder::new_current_thread().enable_all().build();
    life::conduct_on(runtime, plan, live)
}

/// Says why a process can't begin, before there is a log.
#[allow(clippy::print_stderr, reason = "before there is a log")]
pub(super) fn refuse(refused: &Failure) -> ExitCode {
    let now = time::OffsetDateTime::now_utc();
    eprintln!("{}", complaint(now, &refused.cause));
    refused.exit_code()
}

/// An ending that nobody asked for is a failure that a supervisor may heal.
pub(super) fn asked(ending: &Ending) -> Result<(), Failure> {
    match ending {
        Ending::Asked => Ok(()),
        Ending::Returned(task) => Err(Failure::passing(format!(
            "the task {task:?} ended by itself"
        ))),
        Ending::Panicked(task) => Err(Failure::passing(format!("the task {task:?} panicked"))),
    }
}
