//! A long-running process from its first thread to its end, or to its new beginning.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use signal_hook::low_level::exit;
use tokio::{
    runtime::Runtime,
    time::{MissedTickBehavior, interval},
};

use super::{failure::Failure, process::THREADS};
use crate::{
    clock::{FastClock, JumpTeller, SharedClock, SystemClocks, WatchedClock},
    failpoint::reached,
    ops::{
        Anew, Event, NotBegun, OpsConfig, Reporter, Shutdown, TaskGroup, Watchdog, WatchdogParts,
        is_supervised,
    },
    pulse::{BEAT, Pulse, Pulses, Weight},
    vitals::Attendant,
};

/// How long the logs may take to be written at the end.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long those who heard what was told may take for their own last words.
const FAREWELL: Duration = Duration::from_secs(4);
/// How long the logs may take while something hangs.
const LAST_CRY: Duration = Duration::from_secs(2);

/// What ended a pause before a new beginning.
const SIGNAL: &str = "a signal, before it began anew";

/// How a process is run.
pub(super) struct Plan<'a> {
    /// Who tells the operator.
    pub(super) reporter: &'a Reporter,
    /// The section `[ops]`.
    pub(super) ops: &'a OpsConfig,
    /// Why this one is not to begin anew, if so.
    pub(super) never: Option<&'static str>,
    /// What tells the date.
    pub(super) clock: FastClock,
    /// Who keeps the vitals, to be let go with the last word.
    pub(super) attendant: Option<Arc<Attendant>>,
    /// Where its tasks give their signs of life.
    pub(super) pulses: Pulses,
}

impl Plan<'_> {
    fn begins_anew(&self) -> bool {
        self.never.is_none() && (self.ops.restart || is_supervised())
    }

    /// Why it does not begin anew in place, if so.
    fn never(&self) -> Option<&'static str> {
        if !self.ops.restart {
            return Some("start it again (ops.restart is off)");
        }
        if is_supervised() {
            return Some("systemd starts it again");
        }
        self.never
    }
}

/// What all parts of a process share.
#[derive(Clone)]
pub(super) struct Life {
    /// What asks it to stop.
    pub(super) shutdown: Shutdown,
    /// The date, and word of the clock's jumps.
    pub(super) clock: SharedClock,
    /// Whether somebody starts it again when it asks for that: itself, or its supervisor.
    pub(super) begins_anew: bool,
    pulses: Pulses,
    jumps: JumpTeller,
}

impl Life {
    fn begin(plan: &Plan<'_>) -> Result<Self, Failure> {
        let jumps = JumpTeller::default();
        Ok(Self {
            shutdown: Shutdown::install()?,
            clock: Arc::new(WatchedClock::new(plan.clock, jumps.clone())),
            begins_anew: plan.begins_anew(),
            pulses: plan.pulses.clone(),
            jumps,
        })
    }

    /// Its tasks, which are watched.
    pub(super) fn group(&self, reporter: Reporter) -> TaskGroup {
        TaskGroup::new(self.shutdown.clone(), reporter).watched(self.pulses.clone())
    }
}

/// How a life came to its end.
enum End {
    Asked(String),
    /// It wants to begin anew, for this reason.
    Again(String),
    /// The same, though nothing has failed: another one does its work.
    Yields,
    Failed(Failure),
}

pub(super) fn conduct_on<F>(
    runtime: std::io::Result<Runtime>,
    plan: &Plan<'_>,
    live: impl FnOnce(Life) -> F,
) -> ExitCode
where
    F: Future<Output = Result<String, Failure>>,
{
    let begun = runtime.map_err(Failure::from).and_then(|runtime| {
        let life = runtime.block_on(async { Life::begin(plan) })?;
        let anew = Arc::new(Anew::new(plan.never(), life.shutdown.clone()));
        let dog = watch(&life, plan, &anew)?;
        Ok((runtime, life, anew, dog))
    });
    let (runtime, life, anew, dog) = match begun {
        Ok(begun) => begun,
        Err(failure) => return fail(plan, &failure, failure.remedy()),
    };
    anew.tell(plan.reporter);
    let pulse = life.pulses.pulse("runtime", Weight::Vital);
    runtime.spawn(show_life(pulse));
    let shutdown = life.shutdown.clone();
    // A panic outside the tasks is an end like that of a task.
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(live(life))));
    let ended = ended.unwrap_or_else(|_| Err(Failure::passing("the start panicked".into())));
    if !anew.take() {
        // The watchdog has lost its patience, and ends or replaces this process.
        loop {
            thread::park();
        }
    }
    drop(dog);
    // What still computes is not waited for.
    runtime.shutdown_background();
    let end = match ended {
        // What fails then fails since another one does it.
        Ok(_) if shutdown.yields() => End::Yields,
        Err(failure) if shutdown.yields() && failure.may_heal() => End::Yields,
        Ok(reason) if shutdown.wants_restart() => End::Again(reason),
        Ok(reason) => End::Asked(reason),
        Err(failure) => End::Failed(failure),
    };
    conclude(end, &anew, plan)
}

/// The runtime's own sign of life.
async fn show_life(pulse: Pulse) {
    let mut ticks = interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pulse.beat();
        if reached("block-runtime") {
            for _ in 0..THREADS {
                tokio::spawn(async { thread::sleep(Duration::from_hours(1)) });
            }
        }
    }
}

/// Watches over the tasks; when they hang, the watchdog's thread does what is left to do.
fn watch(life: &Life, plan: &Plan<'_>, anew: &Arc<Anew>) -> Result<Watchdog, Failure> {
    let (anew, reporter) = (Arc::clone(anew), plan.reporter.clone());
    let attendant = plan.attendant.clone();
    let dog = Watchdog::start(WatchdogParts {
        pulses: life.pulses.clone(),
        limit: plan.ops.stuck_after,
        clocks: SystemClocks,
        jumps: life.jumps.clone(),
        reporter: plan.reporter.clone(),
        alarm: Box::new(move |cause| rescue(cause, &anew, &reporter, attendant.as_deref())),
    });
    Ok(dog?)
}

/// Ends a process that hangs, or lets another begin in its place.
fn rescue(cause: String, anew: &Anew, reporter: &Reporter, attendant: Option<&Attendant>) {
    if !anew.take() {
        // It has just come to its end by itself.
        return;
    }
    let remedy = if anew.shutdown().is_final() {
        "it was to stop in any case, and is ended now".to_owned()
    } else {
        match anew.begin(cause.clone(), reporter) {
            NotBegun::Asked => {
                reporter.emit(Event::Stopped {
                    reason: SIGNAL.into(),
                });
                last_words(reporter, attendant, LAST_CRY);
                exit(0);
            }
            not_begun => not_begun.to_string(),
        }
    };
    reporter.emit(Event::Fatal { cause, remedy });
    last_words(reporter, attendant, LAST_CRY);
    exit(1);
}

/// Has all that was told written, at most for `bound`, and then those let go who heard it.
fn last_words(reporter: &Reporter, attendant: Option<&Attendant>, bound: Duration) {
    let _ = reporter.flush(bound);
    if let Some(attendant) = attendant {
        let _ = attendant.leave(FAREWELL);
    }
}

/// Ends a life, or lets another begin in its place.
fn conclude(end: End, anew: &Anew, plan: &Plan<'_>) -> ExitCode {
    let (shutdown, reporter) = (anew.shutdown(), plan.reporter);
    let failure = match end {
        End::Asked(reason) => return stop(plan, reason),
        End::Again(_) | End::Yields if shutdown.is_signalled() => {
            return stop(plan, SIGNAL.into());
        }
        End::Yields => return come_back(anew, plan),
        End::Again(reason) => Failure::passing(reason),
        End::Failed(failure) => failure,
    };
    if !failure.may_heal() || shutdown.is_final() {
        return fail(plan, &failure, failure.remedy());
    }
    match anew.begin(failure.cause.clone(), reporter) {
        NotBegun::Asked => stop(plan, SIGNAL.into()),
        not_begun => fail(plan, &failure, &not_begun.to_string()),
    }
}

/// Has the next life stand by. That is no failure, so neither a supervisor nor `ops.restart` has a say.
fn come_back(anew: &Anew, plan: &Plan<'_>) -> ExitCode {
    let reason = || anew.shutdown().reason().unwrap_or_default().to_owned();
    let not_begun = match plan.never {
        Some(never) => NotBegun::Never(never),
        None => anew.come_back(plan.reporter),
    };
    match not_begun {
        NotBegun::Asked => stop(plan, SIGNAL.into()),
        not_begun => fail(plan, &Failure::passing(reason()), &not_begun.to_string()),
    }
}

fn stop(plan: &Plan<'_>, reason: String) -> ExitCode {
    plan.reporter.emit(Event::Stopped { reason });
    last_words(plan.reporter, plan.attendant.as_deref(), LAST_WORDS);
    ExitCode::SUCCESS
}

fn fail(plan: &Plan<'_>, failure: &Failure, remedy: &str) -> ExitCode {
    plan.reporter.emit(Event::Fatal {
        cause: failure.cause.clone(),
        remedy: remedy.to_owned(),
    });
    last_words(plan.reporter, plan.attendant.as_deref(), LAST_WORDS);
    failure.exit_code()
}
