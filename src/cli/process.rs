//! A long-running process: its guard, its logs, its runtime and its last word.

use std::{process::ExitCode, time::Duration};

use secrecy::SecretString;
use tokio::runtime::{Builder, Runtime};

use super::failure::Failure;
use crate::ops::{
    Artifacts, Ending, Event, FEW, OpsConfig, Pidfile, Reporter, ReporterOptions, complaint,
    install_diagnostics, raise_descriptors,
};

/// Threads for everything that is asynchronous; what computes has its own.
const THREADS: usize = 2;
/// How long the logs may take to be written at the end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Takes the data folder for this process and starts its logs with its first event and what the
/// operator should know of.
pub(super) fn open(
    artifacts: &Artifacts,
    ops: &OpsConfig,
    secrets: Vec<SecretString>,
    first: Event,
    notices: &[String],
) -> Result<(Pidfile, Reporter), Failure> {
    open_saying((artifacts, true), ops, secrets, first, notices)
}

/// As [`open`]; what is told goes to standard output as well, or only to the logs.
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

/// As [`open`], with these options beside what is configured.
pub(super) fn open_with(
    mut options: ReporterOptions,
    ops: &OpsConfig,
    secrets: Vec<SecretString>,
    first: Event,
    notices: &[String],
) -> Result<(Pidfile, Reporter), Failure> {
    let descriptors = raise_descriptors();
    let pidfile = Pidfile::acquire(&options.artifacts)?;
    options.config = ops.clone();
    options.secrets = secrets;
    let reporter = Reporter::start(options)?;
    install_diagnostics(&reporter, &ops.diagnostics)?;
    reporter.emit(first);
    tell_descriptors(&reporter, descriptors);
    for notice in notices {
        let remedy = "change it if that is not meant".into();
        reporter.emit(Event::Notice {
            cause: notice.clone(),
            remedy,
        });
    }
    Ok((pidfile, reporter))
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

/// Runs what is alive until it ends, tells why it ended, and writes the last word.
pub(super) fn conduct(
    reporter: &Reporter,
    live: impl Future<Output = Result<String, Failure>>,
) -> ExitCode {
    let runtime = Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build();
    conduct_on(runtime, reporter, live)
}

/// As [`conduct`], on this thread alone.
pub(super) fn conduct_alone(
    reporter: &Reporter,
    live: impl Future<Output = Result<String, Failure>>,
) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build();
    conduct_on(runtime, reporter, live)
}

fn conduct_on(
    runtime: std::io::Result<Runtime>,
    reporter: &Reporter,
    live: impl Future<Output = Result<String, Failure>>,
) -> ExitCode {
    let ended = runtime.map_err(Failure::from).and_then(|runtime| {
        let ended = runtime.block_on(live);
        // What still computes is not waited for.
        runtime.shutdown_background();
        ended
    });
    let code = match ended {
        Ok(reason) => {
            reporter.emit(Event::Stopped { reason });
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let (code, remedy) = (failure.exit_code(), failure.remedy().into());
            reporter.emit(Event::Fatal {
                cause: failure.cause,
                remedy,
            });
            code
        }
    };
    let _ = reporter.flush(LAST_WORDS);
    code
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
