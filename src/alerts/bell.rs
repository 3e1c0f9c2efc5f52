//! When something is told: each once until it clears, again after a while, and never too much in an hour.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use time::{Duration as Span, OffsetDateTime};

use super::{AlertsConfig, Condition, Kind, Message, State};

const HOUR: Span = Span::hours(1);
/// How long a start alone may take until it is told.
const START: Span = Span::minutes(5);

/// Something that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    kind: Kind,
    subject: String,
    cause: String,
    remedy: String,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// When it was told last.
    #[serde(default, with = "time::serde::rfc3339::option")]
    told: Option<OffsetDateTime>,
    /// Whether it was held back.
    #[serde(default)]
    is_held: bool,
    /// Whether an earlier run left it: it is not over before this one knows better.
    #[serde(skip)]
    is_left: bool,
}

/// What outlives the process: a worker that is started again and again shall not tell the same each time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// What was open.
    pub open: Vec<Rung>,
    /// Unix seconds of the messages within the last hour.
    pub hour: VecDeque<i64>,
    /// What was held back, by kind.
    pub held: BTreeMap<Kind, u32>,
}

/// What was told, and what is to be.
#[derive(Clone, Debug)]
pub(crate) struct Bell {
    config: AlertsConfig,
    kept: Kept,
}

impl Bell {
    /// With what an earlier run left.
    pub(crate) fn new(config: AlertsConfig, mut left: Kept) -> Self {
        for rung in &mut left.open {
            rung.is_left = true;
        }
        Self { config, kept: left }
    }

    /// What is to be kept.
    pub(crate) const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What is told now. `is_settled`: whether this run is ready and knows how it fares.
    pub(crate) fn ring(
        &mut self,
        conditions: &[Condition],
        is_settled: bool,
        now: OffsetDateTime,
    ) -> Vec<Message> {
        let hour_ago = (now - HOUR).unix_timestamp();
        self.kept.hour.retain(|at| *at > hour_ago);
        let mut told = self.resolve(conditions, is_settled, now);
        for condition in conditions {
            told.extend(self.hear(condition, now));
        }
        told.extend(self.sum_up(now));
        told
    }

    /// What is over.
    fn resolve(
        &mut self,
        conditions: &[Condition],
        is_settled: bool,
        now: OffsetDateTime,
    ) -> Vec<Message> {
        let is_so = |rung: &Rung| {
            let same = |it: &Condition| it.kind == rung.kind && it.subject == rung.subject;
            conditions.iter().any(same)
        };
        let (open, over): (Vec<_>, Vec<_>) = std::mem::take(&mut self.kept.open)
            .into_iter()
            .partition(|rung| is_so(rung) || (rung.is_left && !is_settled));
        self.kept.open = open;
        let mut told = Vec::new();
        for rung in over {
            // Its end is no news: that was what it told of.
            let is_news = rung.told.is_some() && rung.kind != Kind::CompetitionEnding;
            if is_news && self.has_room(rung.kind, now) {
                told.push(message(&rung, State::Resolved, now));
            }
        }
        told
    }

    fn hear(&mut self, condition: &Condition, now: OffsetDateTime) -> Option<Message> {
        let known = self
            .kept
            .open
            .iter()
            .position(|rung| rung.kind == condition.kind && rung.subject == condition.subject);
        let place = known.unwrap_or_else(|| {
            self.kept.open.push(Rung {
                kind: condition.kind,
                subject: condition.subject.clone(),
                cause: String::new(),
                remedy: String::new(),
                since: now,
                told: None,
                is_held: false,
                is_left: false,
            });
            self.kept.open.len() - 1
        });
        let rung = self.kept.open.get_mut(place)?;
        rung.is_left = false;
        rung.cause.clone_from(&condition.cause);
        rung.remedy.clone_from(&condition.remedy);
        let grace = grace(condition, &self.config);
        let state = match rung.told {
            None if now - rung.since >= grace => State::Firing,
            Some(at) if now - at >= self.config.repeat => State::Lasting,
            _ => return None,
        };
        let kind = rung.kind;
        let has_room = self.has_room(kind, now);
        let rung = self.kept.open.get_mut(place)?;
        if has_room {
            (rung.told, rung.is_held) = (Some(now), false);
            return Some(message(rung, state, now));
        }
        if !std::mem::replace(&mut rung.is_held, true) {
            *self.kept.held.entry(kind).or_default() += 1;
        }
        None
    }

    /// Whether one more may be told, which then counts. The last word always may.
    fn has_room(&mut self, kind: Kind, now: OffsetDateTime) -> bool {
        let most = usize::try_from(self.config.most_per_hour).unwrap_or(usize::MAX);
        let has = self.kept.hour.len() < most || kind == Kind::WorkerStopped;
        if has {
            self.kept.hour.push_back(now.unix_timestamp());
        }
        has
    }

    /// One message for all that was held back, as soon as there is room.
    fn sum_up(&mut self, now: OffsetDateTime) -> Option<Message> {
        if self.kept.held.is_empty() || !self.has_room(Kind::NotReady, now) {
            return None;
        }
        let held = std::mem::take(&mut self.kept.held);
        let told: Vec<_> = held
            .iter()
            .map(|(kind, count)| format!("{count} × {}", kind.words()))
            .collect();
        let most = self.config.most_per_hour;
        Some(Message {
            state: State::Summary,
            kind: None,
            subject: "summary".into(),
            cause: format!(
                "more than {most} alerts within an hour; held back: {}",
                told.join(", ")
            ),
            remedy: "see /readyz and the log; alerts.most_per_hour is how many are sent".into(),
            at: now,
            since: now - HOUR,
        })
    }
}

/// How long it has to last.
fn grace(condition: &Condition, config: &AlertsConfig) -> Span {
    let after = Span::try_from(config.after).unwrap_or(HOUR);
    match condition.kind {
        Kind::NotReady if condition.subject == "starting" => after.max(START),
        Kind::NotReady
        | Kind::FallbackForecast
        | Kind::EndpointsDegraded
        | Kind::PricesUnavailable => after,
        _ => Span::ZERO,
    }
}

fn message(rung: &Rung, state: State, now: OffsetDateTime) -> Message {
    Message {
        state,
        kind: Some(rung.kind),
        subject: rung.subject.clone(),
        cause: rung.cause.clone(),
        remedy: rung.remedy.clone(),
        at: now,
        since: rung.since,
    }
}
