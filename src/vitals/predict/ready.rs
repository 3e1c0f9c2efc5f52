//! Whether a round could be made and stored now, and if not, why and what to do.

use serde::Serialize;
use time::OffsetDateTime;

use super::facts::Faring;
use crate::ops::Phase;

/// Ticks that may be left out before prices count as missing, and the seconds that it takes at least.
const SILENT_TICKS: f64 = 5.0;
const SILENT_SECONDS: f64 = 60.0;

/// Why no round could be made and stored. The words in snake case are the metric's labels and the JSON's
/// `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// The process has begun and is not ready yet.
    Starting,
    /// It begins anew.
    Restarting,
    /// It could not go on.
    Failed,
    /// It was asked to stop.
    Stopping,
    /// It has stopped.
    Stopped,
    /// No model can be called.
    NoModels,
    /// There are no new prices to tell.
    NoPrices,
    /// The database can't be written.
    NoDatabase,
    /// Its leases on models can't be renewed: others may call them.
    Fenced,
    /// A task gives no sign of life.
    Stuck,
}

impl Reason {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Starting,
        Self::Restarting,
        Self::Failed,
        Self::Stopping,
        Self::Stopped,
        Self::NoModels,
        Self::NoPrices,
        Self::NoDatabase,
        Self::Fenced,
        Self::Stuck,
    ];

    /// As a label and in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::NoModels => "no_models",
            Self::NoPrices => "no_prices",
            Self::NoDatabase => "no_database",
            Self::Fenced => "fenced",
            Self::Stuck => "stuck",
        }
    }
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Hindrance {
    /// Which.
    pub(super) reason: Reason,
    /// Why.
    pub(super) cause: String,
    /// What to do.
    pub(super) remedy: String,
}

impl Hindrance {
    fn new(reason: Reason, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

impl Faring {
    /// What stands in the way of a round now; nothing when the worker is ready.
    pub(super) fn hindrances(&self, now: OffsetDateTime) -> Vec<Hindrance> {
        if let Some(hindrance) = self.of_phase() {
            return vec![hindrance];
        }
        let mut found: Vec<_> = self.of_models().into_iter().collect();
        found.extend(self.of_prices(now));
        if let Some(away) = &self.store.away {
            let cause = format!("the database can't be written: {}", away.cause);
            found.push(Hindrance::new(Reason::NoDatabase, cause, &away.remedy));
        }
        let fenced = self.share.as_ref().and_then(|it| it.fenced.as_ref());
        if let Some(fenced) = fenced {
            found.push(Hindrance::new(
                Reason::Fenced,
                &fenced.cause,
                &fenced.remedy,
            ));
        }
        for task in self.stuck.keys() {
            let cause = format!("the task {task:?} gives no sign of life");
            let remedy = "it begins anew by itself, unless ops.restart is off; see the log";
            found.push(Hindrance::new(Reason::Stuck, cause, remedy));
        }
        found
    }

    fn of_phase(&self) -> Option<Hindrance> {
        let wait = "nothing has to be done: it is ready once models were told the past";
        let again = "nothing has to be done: it begins anew by itself; see the log for the cause";
        let (reason, remedy) = match self.phase {
            Some(Phase::Ready) => return None,
            Some(Phase::Restarting) => (Reason::Restarting, again),
            Some(Phase::Failed) => (Reason::Failed, &*self.remedy),
            Some(Phase::Stopping) => (Reason::Stopping, "start it again when that is meant"),
            Some(Phase::Stopped) => (Reason::Stopped, "start it again: allora-worker predict"),
            _ => (Reason::Starting, wait),
        };
        let cause = match (&*self.message, reason) {
            ("", _) => "the worker has not told anything yet".to_owned(),
            (why, Reason::Stopped) => format!("it has stopped: {why}"),
            (message, _) => message.to_owned(),
        };
        Some(Hindrance::new(reason, cause, remedy))
    }

    fn of_models(&self) -> Option<Hindrance> {
        let (models, ticks) = (&self.models, &self.ticks);
        if ticks.asked > 0 && ticks.took == 0 {
            let cause = format!("none of {} models took the newest prices", ticks.asked);
            let remedy =
                "see the log for what they answer; check this host's network, and models.timeout";
            return Some(Hindrance::new(Reason::NoModels, cause, remedy));
        }
        let share = self.share.as_ref();
        let are_others = share.is_some_and(|it| it.workers > 1 || it.fenced.is_some());
        if models.callable > 0 || !models.are_counted || are_others {
            return None;
        }
        let (cause, remedy) = match models.listed {
            None => (
                "the orchestrator has not listed its models".to_owned(),
                "check models.host and models.port, and that it runs",
            ),
            Some(0) => (
                format!("the orchestrator runs no model of {}", self.crunch),
                "check models.crunch_id, and that models were submitted",
            ),
            Some(listed) => (
                format!("none of {listed} models can be called"),
                "check this host's network and firewall, and models.base_class; see the log",
            ),
        };
        Some(Hindrance::new(Reason::NoModels, cause, remedy))
    }

    fn of_prices(&self, now: OffsetDateTime) -> Option<Hindrance> {
        if let Some((ticker, it)) = self.no_prices.iter().next() {
            let cause = format!("prices of {ticker} can't be had: {}", it.cause);
            return Some(Hindrance::new(Reason::NoPrices, cause, &it.remedy));
        }
        let silent = self.since.max(self.ticks.newest).age(now)?;
        let longest = self.ticks.pace? * SILENT_TICKS + SILENT_SECONDS;
        (silent > longest).then(|| {
            let cause = format!("models were told no new price for {silent:.0} s");
            let remedy = "check TIINGO_API_KEY and market.stand_in, and see the log";
            Hindrance::new(Reason::NoPrices, cause, remedy)
        })
    }
}
