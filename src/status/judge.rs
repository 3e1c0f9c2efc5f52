//! What stands in the way, or will, and what to do about it.

use time::OffsetDateTime;

use super::{Advice, Chances, Goals, Life, Money, Process, Severity, Spans, Uptimes};
use crate::{
    chain::Uallo,
    ops::Phase,
    store::Tally,
    vitals::{Reason, Role, Vitals},
};

/// Windows below which a rate says nothing.
const TELLING: u64 = 3;

impl Advice {
    pub(super) fn new(
        severity: Severity,
        about: &'static str,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            about,
            topic: None,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

/// How to start a worker that does not run, and why it does not.
pub(super) fn of_life(process: &Process) -> Option<Advice> {
    const START: &str =
        "start it with ./start_worker.sh, `allora-worker run`, or `systemctl start allora-worker`";
    let why = process.why.as_deref().unwrap_or("no cause is known");
    let at = process.ended.0.map(|at| format!(" at {}", moment(at)));
    let at = at.unwrap_or_default();
    let (cause, remedy) = match process.life {
        Life::Runs => return None,
        Life::Never => (
            "no worker has run with this data folder".to_owned(),
            START.to_owned(),
        ),
        Life::Ended => (
            format!("the worker has stopped{at}: {why}"),
            START.to_owned(),
        ),
        Life::Failed => (
            format!("the worker could not go on{at}: {why}"),
            format!("correct that first; then {START}"),
        ),
        Life::Gone => (
            format!(
                "the worker is gone without a word, killed or with its machine; its last sign of life was{at}"
            ),
            format!("look for want of memory (journalctl -k | grep -i oom), then {START}"),
        ),
    };
    Some(Advice::new(Severity::Trouble, "stopped", cause, remedy))
}

/// What stands in the way of a worker that runs.
pub(super) fn of_vitals(vitals: &Vitals, now: OffsetDateTime) -> Vec<Advice> {
    let hindrances = vitals.hindrances(now);
    let mut all: Vec<Advice> = hindrances
        .into_iter()
        .map(|it| Advice {
            severity: match it.reason {
                reason if reason.is_expected() => Severity::Notice,
                reason if reason.is_ahead() => Severity::Warning,
                _ => Severity::Trouble,
            },
            about: it.reason.name(),
            topic: it.topic,
            cause: it.cause,
            remedy: it.remedy,
        })
        .collect();
    let is_alone = |role| matches!(role, Role::Alone);
    if let Some(standby) = vitals.standby.as_ref().filter(|it| is_alone(it.role)) {
        let cause = standby.cause.clone().unwrap_or_default();
        let cause = format!("this worker goes on alone: {cause}");
        let remedy = "see to the database of STANDBY_DATABASE_URL: nobody takes over meanwhile";
        all.push(Advice::new(Severity::Warning, "standby", cause, remedy));
    }
    let out = vitals.endpoints.iter().filter(|it| !it.is_healthy);
    let out: Vec<_> = out.map(|it| it.endpoint.as_str()).collect();
    let is_told = all
        .iter()
        .any(|it| [Reason::NoNodes.name(), Reason::NoBlocks.name()].contains(&it.about));
    if !out.is_empty() && !is_told {
        let cause = format!("{} can't be used at present", out.join(", "));
        let remedy = "others serve meanwhile; name another endpoint if it stays so";
        all.push(Advice::new(Severity::Warning, "endpoints", cause, remedy));
    }
    all
}

/// What the wallet can't bear.
pub(super) fn of_money(money: &Money, vitals: &Vitals, address: &str) -> Vec<Advice> {
    let mut all = Vec::new();
    let remedy = match &*vitals.wallet.remedy {
        "" => format!("send ALLO to {address}"),
        remedy => remedy.to_owned(),
    };
    if let (Some(Chances::Short), Some(days)) = (money.chances, money.lasts_days) {
        let cause = format!("the balance lasts {days:.1} days, and the competition longer");
        all.push(Advice::new(Severity::Warning, "balance", cause, &remedy));
    } else if vitals.wallet.low_since.0.is_some() {
        let balance = money.balance.unwrap_or_default();
        let cause = format!("the balance is low: {balance}");
        all.push(Advice::new(Severity::Warning, "balance", cause, remedy));
    }
    if money.fees.left == Some(Uallo(0)) {
        let day = money.fees.day;
        let cause = format!("the day's fees are used up: {day} in the last 24 hours");
        let remedy = "raise fees.max_fee_per_day, or wait until the oldest of them are a day old";
        all.push(Advice::new(Severity::Trouble, "fees", cause, remedy));
    }
    all
}

/// Goals that are missed.
pub(super) fn of_goals(windows: &Spans<Tally>, uptime: &Uptimes, goals: Goals) -> Vec<Advice> {
    let mut all = Vec::new();
    let late = windows.named().into_iter().rev().find(|(_, tally)| {
        tally.opened >= TELLING && tally.rate.is_some_and(|rate| rate < goals.windows)
    });
    if let Some((span, tally)) = late {
        let worst = tally.causes.iter().max_by_key(|(_, count)| **count);
        let worst = worst.map(|(cause, count)| format!("; most often ({count}): {cause}"));
        let cause = format!(
            "{} of {} windows were answered ({span}), less than {:.0} %{}",
            tally.answered,
            tally.opened - tally.open,
            goals.windows * 100.0,
            worst.unwrap_or_default()
        );
        let remedy = match span {
            "period" => {
                "keep it running under a supervisor such as systemd; `status --json` tells the causes"
            }
            _ => "see the log around that time; `status --json` tells the causes",
        };
        all.push(Advice::new(Severity::Warning, "windows", cause, remedy));
    }
    if let Some(told) = uptime
        .period
        .filter(|it| it.share < goals.uptime && it.seconds > 3_600.0)
    {
        let cause = format!(
            "the worker was ready {} of the time, less than {:.0} %",
            percent(told.share),
            goals.uptime * 100.0
        );
        let remedy = "keep it running under a supervisor such as systemd, or beside a standby";
        all.push(Advice::new(Severity::Warning, "uptime", cause, remedy));
    }
    all
}

/// Whether a process in this phase is as it should be.
pub(super) fn is_well(phase: Option<Phase>) -> bool {
    matches!(phase, Some(Phase::Ready | Phase::Waiting | Phase::Standby))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn moment(at: OffsetDateTime) -> String {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    at.to_offset(time::UtcOffset::UTC)
        .format(&format)
        .unwrap_or_default()
}
