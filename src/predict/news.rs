//! What the operator is told of the models. A thousand models that do the same at once are counted,
//! not listed, and what lasts is repeated seldom.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    models::{ModelInfo, NetworkEvent, Subject},
    ops::{Event, PredictEvent, Reporter},
};

/// Lines of one kind in a row, until [`News::turn`]; more are counted.
const MOST_LINES: u32 = 20;
/// How often trouble is told that lasts.
const REPEAT: Duration = Duration::from_secs(600);

/// Tells news of the network, within bounds.
pub(super) struct News {
    reporter: Reporter,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: HashMap<&'static str, u32>,
    unlisted: Counts,
    troubles: HashMap<&'static str, Instant>,
    is_lost: bool,
    /// Models that can't be reached, which was told.
    silent: HashSet<String>,
}

/// What was not told singly.
#[derive(Clone, Copy, Default)]
struct Counts {
    first_seen: u32,
    joined: u32,
    deployed: u32,
    replayed: u32,
    failed: u32,
    left: u32,
}

impl News {
    pub(super) fn new(reporter: Reporter) -> Self {
        Self {
            reporter,
            state: Mutex::default(),
        }
    }

    /// Tells what one model does, unless many do the same at once.
    pub(super) fn of_a_model(&self, event: PredictEvent) {
        let is_told = self.with(|state| {
            let counts = &mut state.unlisted;
            let (kind, count) = match &event {
                PredictEvent::ModelFirstSeen { .. } => ("first seen", &mut counts.first_seen),
                PredictEvent::ModelJoined { .. } => ("joined", &mut counts.joined),
                PredictEvent::ModelDeployed { .. } => ("deployed", &mut counts.deployed),
                PredictEvent::ModelReplayed { .. } => ("replayed", &mut counts.replayed),
                PredictEvent::ModelFailed { .. } => ("failed", &mut counts.failed),
                _ => ("left", &mut counts.left),
            };
            let lines = state.lines.entry(kind).or_default();
            *lines += 1;
            if *lines > MOST_LINES {
                *count += 1;
            }
            *lines <= MOST_LINES
        });
        if is_told {
            self.reporter.emit(event.into());
        }
    }

    /// Tells that a model can't be reached, once until it answers.
    pub(super) fn of_a_silence(&self, model: &ModelInfo, since: Duration, cause: &str) {
        if self.with(|state| state.silent.insert(model.model_id.clone())) {
            let seconds = since.as_secs();
            let cause = format!("not reachable for {seconds} s: {cause}; it is tried again");
            self.of_a_model(failed(model, "UNREACHABLE", &cause));
        }
    }

    /// A model answers, or is let go.
    pub(super) fn of_an_answer(&self, model: &ModelInfo) {
        self.with(|state| state.silent.remove(&model.model_id));
    }

    /// Tells the counts of what was not told singly; single lines are told again from here on.
    pub(super) fn turn(&self) {
        let counts = self.with(|state| {
            state.lines.clear();
            std::mem::take(&mut state.unlisted)
        });
        let Counts {
            first_seen,
            joined,
            deployed,
            replayed,
            failed,
            left,
        } = counts;
        if first_seen + joined + deployed + replayed + failed + left > 0 {
            let event = PredictEvent::ModelsChanged {
                first_seen,
                joined,
                deployed,
                replayed,
                failed,
                left,
            };
            self.reporter.emit(event.into());
        }
    }

    /// Tells of the network as a whole; what one model does is for [`News::of_a_model`].
    pub(super) fn of_the_network(&self, event: &NetworkEvent) {
        match event {
            NetworkEvent::Listed { models } => {
                let was_lost = self.with(|state| {
                    state.troubles.remove("lost");
                    std::mem::take(&mut state.is_lost)
                });
                if was_lost {
                    let cause = format!("the orchestrator lists its models again: {models} run");
                    let remedy = "nothing is to be done".into();
                    self.reporter.emit(Event::Notice { cause, remedy });
                }
            }
            NetworkEvent::OrchestratorLost { cause, retry_in } => {
                self.with(|state| state.is_lost = true);
                self.trouble(
                    "lost",
                    || format!("the orchestrator can't be reached: {cause}; models stay connected, and it is tried again in {:.1} s", retry_in.as_secs_f64()),
                    "check models.host and models.port, and that it runs",
                );
            }
            NetworkEvent::Odd(what) => self.trouble(
                "odd",
                || format!("the orchestrator told something that can't be read: {what}; it was passed over"),
                "tell its operator",
            ),
            NetworkEvent::NobodyReachable { cause } => self.trouble(
                "nobody",
                || format!("no model can be reached: {cause}; nobody is reported, as it may be this side's network"),
                "check this host's network and firewall",
            ),
            NetworkEvent::OurMistake { subject, models, words } => {
                let (what, key) = match subject {
                    Subject::BaseClass(name) => (format!("the base class {name}"), "models.base_class"),
                    Subject::Method(name) => (format!("the method {name}"), "models.tick and models.predict"),
                };
                let cause = format!("all {models} models lack {what} ({words}); nobody is reported");
                let remedy = format!("correct {key} in the configuration");
                self.reporter.emit(Event::Trouble { cause, remedy });
            }
            NetworkEvent::Unauthenticated { model, cause } => self.trouble(
                "unauthenticated",
                || format!("the server of the model {} does not take our credentials or our clock: {cause}", model.model_id),
                "check this host's time (NTP), and the files that models.secure_credentials or models.gateway_credentials name",
            ),
            NetworkEvent::Reported { model_id, code } => self.notice(
                "reported",
                || format!("the orchestrator was told that the model {model_id} failed ({code}), and will stop it"),
                "its owner can submit it anew; models.report_failure = false reports nobody",
            ),
            _ => {}
        }
    }

    /// A reader of the network's news was too slow.
    pub(super) fn of_a_gap(&self, missed: u64) {
        self.notice(
            "gap",
            || format!("{missed} news of the network were missed; the models were listed afresh"),
            "nothing is to be done unless it comes again and again: then this host is too slow",
        );
    }

    /// Tells trouble, unless the same kind was told lately.
    pub(super) fn trouble(&self, kind: &'static str, cause: impl FnOnce() -> String, remedy: &str) {
        if self.is_new(kind) {
            let (cause, remedy) = (cause(), remedy.to_owned());
            self.reporter.emit(Event::Trouble { cause, remedy });
        }
    }

    fn notice(&self, kind: &'static str, cause: impl FnOnce() -> String, remedy: &str) {
        let is_told = self.with(|state| {
            let lines = state.lines.entry(kind).or_default();
            *lines += 1;
            *lines <= MOST_LINES
        });
        if is_told {
            let (cause, remedy) = (cause(), remedy.to_owned());
            self.reporter.emit(Event::Notice { cause, remedy });
        }
    }

    fn is_new(&self, kind: &'static str) -> bool {
        self.with(|state| {
            let now = Instant::now();
            let is_new = state
                .troubles
                .get(kind)
                .is_none_or(|told| now.duration_since(*told) >= REPEAT);
            if is_new {
                state.troubles.insert(kind, now);
            }
            is_new
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The line that a model can be called.
pub(super) fn joined(model: &ModelInfo) -> PredictEvent {
    PredictEvent::ModelJoined {
        model_id: model.model_id.clone(),
        model_name: model.model_name.clone(),
        cruncher_name: model.cruncher_name.clone(),
        deployment_id: model.deployment_id.clone(),
    }
}

/// The line that a model failed.
pub(super) fn failed(model: &ModelInfo, code: &str, cause: &str) -> PredictEvent {
    PredictEvent::ModelFailed {
        model_id: model.model_id.clone(),
        code: code.to_owned(),
        cause: cause.to_owned(),
    }
}
