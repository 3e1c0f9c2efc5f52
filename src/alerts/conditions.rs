//! What is worth a person's attention, judged from the vitals.

use time::OffsetDateTime;

use super::{AlertsConfig, Kind};
use crate::{
    chain::Uallo,
    forecast::Fallback,
    ops::{Phase, Status},
    vitals::{Reason, Topic, Vitals},
};

/// Something that is so at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: Kind,
    /// Tells it from others of its kind: a topic, or a reason.
    pub subject: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

/// All that is so at present.
#[must_use]
pub fn conditions(vitals: &Vitals, config: &AlertsConfig, now: OffsetDateTime) -> Vec<Condition> {
    let mut all = Vec::new();
    for (id, topic) in &vitals.topics {
        let subject = format!("topic {id}");
        all.extend(missed(&subject, topic));
        all.extend(fallback(&subject, topic, vitals));
    }
    all.extend(low_balance(vitals));
    all.extend(degraded(vitals));
    all.extend(ending(vitals, config, now));
    all.extend(stopped(vitals));
    for it in vitals.hindrances(now) {
        let is_end = matches!(
            it.reason,
            Reason::Stopping | Reason::Stopped | Reason::Failed
        );
        if is_end || it.reason.is_expected() {
            continue;
        }
        if it.reason == Reason::NoNewPrices {
            all.push(Condition {
                kind: Kind::PricesUnavailable,
                subject: "the sources".into(),
                cause: it.cause,
                remedy: it.remedy,
            });
            continue;
        }
        let topic = it.topic.map(|id| format!(", topic {id}"));
        all.push(Condition {
            kind: Kind::NotReady,
            subject: format!("{}{}", it.reason.name(), topic.unwrap_or_default()),
            cause: it.cause,
            remedy: it.remedy,
        });
    }
    all.retain(|it| config.on.contains(&it.kind));
    all
}

/// That the last run did not come to a good end, by what it left behind.
#[must_use]
pub fn killed(left: &Vitals) -> Option<Condition> {
    let ended = matches!(
        left.process.phase,
        Some(Phase::Stopped | Phase::Failed) | None
    );
    let begins_anew = left.process.phase == Some(Phase::Restarting);
    if ended || begins_anew {
        return None;
    }
    let at = left.at.0.map(|at| format!(" at about {at}"));
    Some(Condition {
        kind: Kind::WorkerStopped,
        subject: "the last run".into(),
        cause: format!(
            "the worker was killed, or its machine went down,{} (process {}); it is started again now",
            at.unwrap_or_default(),
            left.process.pid
        ),
        remedy: "look for want of memory (dmesg, journalctl -k) and for the machine's restarts"
            .into(),
    })
}

fn missed(subject: &str, topic: &Topic) -> Option<Condition> {
    let window = topic.window.as_ref()?;
    let is_missed = window.status == Some(Status::Missed);
    is_missed.then(|| Condition {
        kind: Kind::WindowMissed,
        subject: subject.to_owned(),
        cause: format!(
            "the window with nonce {} was missed: {}",
            window.nonce,
            window.cause.as_deref().unwrap_or("no cause is known")
        ),
        remedy: "see /readyz and the log around that time; the next windows are answered if nothing stands in the way".into(),
    })
}

fn fallback(subject: &str, topic: &Topic, vitals: &Vitals) -> Option<Condition> {
    topic.fallback_since.0?;
    let fallback = topic.forecast.as_ref()?.fallback.as_ref()?;
    let mut prices = vitals.prices.values();
    let known = prices.find_map(|it| it.obstacle.as_ref());
    let remedy = match (fallback, known) {
        (Fallback::Outside { .. }, _) => {
            "see to the forecaster outside: it is late, fails or answers nonsense".to_owned()
        }
        (Fallback::SwitchedOff, _) => {
            "set forecast.max_abs above 0 if that is not meant".to_owned()
        }
        (_, Some(obstacle)) => obstacle.remedy.clone(),
        (Fallback::ShortHistory { .. }, None) => {
            "wait until the history is fetched, or `prices import` candles".to_owned()
        }
        _ => "check TIINGO_API_KEY and market.stand_in, and see the log".to_owned(),
    };
    Some(Condition {
        kind: Kind::FallbackForecast,
        subject: subject.to_owned(),
        cause: format!("the forecast is a fallback: {fallback}"),
        remedy,
    })
}

fn low_balance(vitals: &Vitals) -> Option<Condition> {
    let wallet = &vitals.wallet;
    let balance = wallet.balance?;
    let least = wallet.threshold.unwrap_or(vitals.limits.low_balance);
    let remedy = match &*wallet.remedy {
        "" => format!("send ALLO to {}", vitals.process.address),
        remedy => remedy.to_owned(),
    };
    (balance < least.max(Uallo(1))).then(|| Condition {
        kind: Kind::LowBalance,
        subject: "the wallet".into(),
        cause: format!("the wallet holds {balance}, less than {least}"),
        remedy,
    })
}

fn degraded(vitals: &Vitals) -> Option<Condition> {
    let all = vitals.endpoints.len();
    let out: Vec<_> = vitals
        .endpoints
        .iter()
        .filter(|it| !it.is_healthy)
        .collect();
    if out.is_empty() {
        return None;
    }
    let told = out.iter().map(|it| match &it.cause {
        Some(cause) => format!("{} ({cause})", it.endpoint),
        None => it.endpoint.clone(),
    });
    let told: Vec<_> = told.collect();
    let others = "others answer meanwhile: see that enough are left, and replace what stays out";
    let none = "check the machine's network, and name further endpoints";
    Some(Condition {
        kind: Kind::EndpointsDegraded,
        subject: "the endpoints".into(),
        cause: format!(
            "{} of {all} endpoints are out: {}",
            out.len(),
            told.join(", ")
        ),
        remedy: if out.len() < all { others } else { none }.into(),
    })
}

fn ending(vitals: &Vitals, config: &AlertsConfig, now: OffsetDateTime) -> Option<Condition> {
    let end = vitals.competition.end.0?;
    let days = time::Duration::days(i64::from(config.days_before));
    let is_soon = now < end && end - now <= days;
    is_soon.then(|| Condition {
        kind: Kind::CompetitionEnding,
        subject: "the competition".into(),
        cause: format!("the competition ends at {end}"),
        remedy: "nothing has to be done; the worker leaves by itself then".into(),
    })
}

fn stopped(vitals: &Vitals) -> Option<Condition> {
    let process = &vitals.process;
    let (cause, remedy) = match process.phase? {
        Phase::Stopped => (
            format!("the worker has stopped: {}", process.message),
            "start it again when that is not meant: ./start_worker.sh".to_owned(),
        ),
        Phase::Failed => (
            format!("the worker can't go on: {}", process.message),
            process.remedy.clone(),
        ),
        _ => return None,
    };
    Some(Condition {
        kind: Kind::WorkerStopped,
        subject: "this run".into(),
        cause,
        remedy,
    })
}
