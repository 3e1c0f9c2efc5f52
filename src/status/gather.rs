//! Reading all of it together.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _, path::Path};

use time::{Duration, OffsetDateTime, Time};

use super::{
    Advice, Goals, Latency, Life, Period, Process, Severity, Spans, State, Status,
    earned::rewards,
    judge,
    money::money,
    process::{self, StateFile},
    topics::topic,
};
use crate::{
    chain::Uallo,
    config::{Overrides, Settings},
    ops::{Artifacts, Phase},
    store::{
        Books, Earnings, Followed, Ledger, Past, Run, Span, StoreError, Wallet, Window, count,
        pace, uptime, windows,
    },
    types::TopicId,
    vitals::{self, Histogram, Moment, Vitals, VitalsError},
};

/// What is taken from the configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the worker writes.
    pub artifacts: Artifacts,
    /// The chain that it is configured for.
    pub chain_id: Option<String>,
    /// The coin that fees are paid in.
    pub denom: String,
    /// The topics to answer.
    pub topics: Vec<TopicId>,
    /// The competition's name, begin and end.
    pub competition: Option<(Option<String>, OffsetDateTime, OffsetDateTime)>,
    /// The most that fees may be in 24 hours.
    pub most_per_day: Option<Uallo>,
    /// What is wrong with the configuration.
    pub wrong: Option<String>,
}

impl Plan {
    /// By this process's configuration. One that a worker would refuse is told of, and the data folder is
    /// looked at all the same.
    ///
    /// # Errors
    /// When not even the data folder can be found out.
    pub fn load(overrides: &Overrides) -> Result<Self, crate::config::ConfigError> {
        match Settings::load(overrides) {
            Ok(settings) => Ok(Self::by(&settings)),
            Err(error) => Ok(Self {
                wrong: Some(error.to_string()),
                ..Self::of(Settings::locate(overrides)?)
            }),
        }
    }

    /// By a worker's settings.
    #[must_use]
    pub fn by(settings: &Settings) -> Self {
        let competition = settings.competition.clone();
        Self {
            artifacts: settings.artifacts.clone(),
            chain_id: Some(settings.network.chain_id.clone()),
            denom: settings.network.denom.clone(),
            topics: settings.topics.iter().map(|topic| topic.id).collect(),
            competition: competition.map(|it| (it.name, it.start, it.end)),
            most_per_day: Some(settings.fees.max_fee_per_day),
            wrong: None,
        }
    }

    /// Of a data folder alone.
    #[must_use]
    pub fn of(artifacts: Artifacts) -> Self {
        Self {
            artifacts,
            chain_id: None,
            denom: "uallo".into(),
            topics: Vec::new(),
            competition: None,
            most_per_day: None,
            wrong: None,
        }
    }
}

/// Reads the status, any number of times. The database is read again only when somebody has written.
#[derive(Debug)]
pub struct Desk {
    plan: Plan,
    ledger: Option<Ledger>,
    /// Which file it is: another may come to its place.
    file: Option<(u64, u64)>,
    seen: Option<(Wallet, i64)>,
    past: Followed,
    earned: BTreeMap<TopicId, Earnings>,
    /// How often the database was found changed.
    changes: u64,
}

/// The status, and what it was counted from.
#[derive(Debug)]
pub struct Look {
    /// The status.
    pub status: Status,
    /// The windows of its topics that are known or taken to have opened, by topic and nonce.
    pub windows: Vec<Window>,
    /// The period's part up to now.
    pub period: Span,
    /// How long answers of this run, or the last one, took.
    pub latency: Histogram,
}

/// What the files told.
#[derive(Debug, Default)]
struct Files {
    vitals: Vitals,
    state: StateFile,
    pid: Option<u32>,
    /// What could not be read.
    unread: Vec<Advice>,
}

impl Desk {
    /// For a worker of this plan.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            ledger: None,
            file: None,
            seen: None,
            past: Followed::default(),
            earned: BTreeMap::new(),
            changes: 0,
        }
    }

    /// How the worker fares now. What can't be read is told of in the advice.
    pub async fn status(&mut self, now: OffsetDateTime) -> Status {
        self.look(None, now).await.status
    }

    /// The same with what it was counted from. `live`: the vitals of this very process, which then runs;
    /// none: the files tell.
    pub async fn look(&mut self, live: Option<&Vitals>, now: OffsetDateTime) -> Look {
        let mut files = match live {
            Some(vitals) => self.of_this_process(vitals),
            None => self.files(),
        };
        if let Err(error) = self.read(&files).await {
            self.forget();
            files.unread.push(unread("database", error.to_string()));
        }
        self.tell(files, now)
    }

    /// What the wallet's past is known to be.
    #[must_use]
    pub const fn past(&self) -> &Past {
        self.past.past()
    }

    /// The database, and whose rows of it count; none while there is none that can be read.
    #[must_use]
    pub fn books(&self) -> Option<(&Ledger, &Wallet)> {
        let (wallet, _) = self.seen.as_ref()?;
        Some((self.ledger.as_ref()?, wallet))
    }

    /// How often the database was found changed, or another: while it stays the same, so do its rows.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The worker's own account is fresher than its files; of those, one tells of its logs.
    fn of_this_process(&self, vitals: &Vitals) -> Files {
        let state = process::state_file(&self.plan.artifacts.state());
        let state = state.ok().flatten().unwrap_or_default();
        Files {
            vitals: vitals.clone(),
            state: StateFile {
                logs: state.logs.filter(|_| state.pid == std::process::id()),
                ..StateFile::default()
            },
            pid: Some(std::process::id()),
            unread: Vec::new(),
        }
    }

    fn files(&self) -> Files {
        let artifacts = &self.plan.artifacts;
        let mut unread_files = Vec::new();
        if let Some(wrong) = &self.plan.wrong {
            let cause = format!("the configuration is wrong: {wrong}");
            let remedy = "a worker would not start with it: correct it";
            unread_files.push(Advice::new(
                Severity::Warning,
                "configuration",
                cause,
                remedy,
            ));
        }
        let vitals = vitals::read(&artifacts.vitals()).unwrap_or_else(|error| {
            let is_absent = matches!(&error, VitalsError::Unreadable { cause, .. }
                if cause.kind() == std::io::ErrorKind::NotFound);
            if !is_absent {
                unread_files.push(unread("vitals", error.to_string()));
            }
            Vitals::default()
        });
        let state = process::state_file(&artifacts.state()).unwrap_or_else(|told| {
            unread_files.push(unread("state", told));
            None
        });
        Files {
            vitals,
            state: state.unwrap_or_default(),
            pid: process::running(&artifacts.pidfile()),
            unread: unread_files,
        }
    }

    /// Reads the database, if somebody has written since.
    async fn read(&mut self, files: &Files) -> Result<(), StoreError> {
        let path = self.plan.artifacts.database();
        let file = identity(&path);
        if self.ledger.is_none() || file != self.file {
            self.forget();
            self.ledger = Ledger::open(&path).await?;
            self.file = file;
        }
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let known = &files.vitals.process;
        let address = [&known.address, &files.state.address];
        let address = address.into_iter().find(|it| !it.is_empty());
        let chain_id = Some(&known.chain_id).filter(|it| !it.is_empty());
        let wallet = match (address, chain_id.or(self.plan.chain_id.as_ref())) {
            (Some(address), Some(chain_id)) if !known.address.is_empty() => Some(Wallet {
                chain_id: chain_id.clone(),
                address: address.clone(),
            }),
            _ => ledger.newest_wallet().await?,
        };
        let Some(wallet) = wallet else {
            return Ok(());
        };
        let seen = (wallet, ledger.data_version().await?);
        if self.seen.as_ref() != Some(&seen) {
            self.past.follow(ledger, &seen.0, &self.plan.denom).await?;
            let since = OffsetDateTime::UNIX_EPOCH;
            self.earned = ledger.earnings(&seen.0, since).await?;
            self.seen = Some(seen);
            self.changes += 1;
        }
        Ok(())
    }

    fn forget(&mut self) {
        (self.ledger, self.file, self.seen) = (None, None, None);
        (self.past, self.earned) = (Followed::default(), BTreeMap::new());
        self.changes += 1;
    }

    fn tell(&self, files: Files, now: OffsetDateTime) -> Look {
        let (past, vitals) = (self.past(), &files.vitals);
        let process = self.process(&files);
        let (period, whole) = self.period(now);
        let spans = spans(whole, now);
        let topics = self.topics(vitals);
        let books = Books {
            past,
            topics: &topics,
            since: period.is_competition.then_some(whole.from),
            until: whole.to,
        };
        let (all, clock) = windows(&books);
        let tally = Spans {
            today: count(&all, spans.today),
            week: count(&all, spans.week),
            period: count(&all, spans.period),
        };
        let runs = until_now(&past.runs, &process, now);
        let ready = |span: Span| uptime(&runs, &past.unready, span);
        let uptime = Spans {
            today: ready(spans.today),
            week: ready(spans.week),
            period: ready(spans.period),
        };
        let most = self.plan.most_per_day.or(vitals.wallet.fees.day_most);
        let end = period.to.0;
        let mut money = money(&vitals.wallet, &past.payments, &spans, most, end, now);
        let earned: Vec<_> = self.earned.values().collect();
        money.rewards = rewards(&earned, &spans);
        let goals = Goals::default();
        let mut advice = files.unread;
        advice.extend(judge::of_life(&process));
        if process.life == Life::Runs {
            advice.extend(judge::of_vitals(vitals, now));
        }
        advice.extend(judge::of_money(&money, vitals, &process.address));
        advice.extend(judge::of_goals(&tally, &uptime, goals));
        if let Some(logs) = &files.state.logs {
            let cause = format!("the logs {logs}");
            let remedy = "free or repair the disk; windows are answered all the same";
            advice.push(Advice::new(Severity::Warning, "logs", cause, remedy));
        }
        advice.sort_by_key(|it| it.severity);
        let at = (&spans, now);
        let tell = |id: &TopicId| topic(*id, vitals, past, &all, &clock, at, &self.earned);
        let status = Status {
            at: now,
            state: state(&process, &advice),
            data_dir: self.plan.artifacts.data_dir().display().to_string(),
            topics: topics.iter().map(tell).collect(),
            latency: Latency {
                count: vitals.latency.count,
                p50_ms: vitals.latency.quantile(0.5),
                p99_ms: vitals.latency.quantile(0.99),
                blocks: pace(&all, spans.period),
            },
            process,
            advice,
            period,
            goals,
            windows: tally,
            uptime,
            money,
            prices: vitals.prices.clone(),
            head: vitals.head.clone(),
            socket: vitals.socket.clone(),
            endpoints: vitals.endpoints.clone(),
            standby: vitals.standby.clone(),
        };
        Look {
            status,
            windows: all,
            period: whole,
            latency: vitals.latency.clone(),
        }
    }

    fn process(&self, files: &Files) -> Process {
        let (known, state) = (&files.vitals.process, &files.state);
        let run = self.past().runs.last();
        let phase = state.state.or(known.phase);
        let life = match (files.pid, phase) {
            (Some(_), _) => Life::Runs,
            (None, None) if run.is_none() => Life::Never,
            (None, Some(Phase::Failed)) => Life::Failed,
            (None, Some(Phase::Stopped)) => Life::Ended,
            _ if run.is_some_and(|run| run.ended.is_some()) => Life::Ended,
            _ => Life::Gone,
        };
        let is_down = life != Life::Runs;
        let message = [&state.message, &known.message];
        let message = message.into_iter().find(|it| !it.is_empty()).cloned();
        let message = message.unwrap_or_default();
        let since =
            OffsetDateTime::parse(&state.since, &time::format_description::well_known::Rfc3339);
        let since = since.ok().map_or(known.since, Moment::from);
        let told = last_sign(&files.vitals, run);
        let ended = match life {
            Life::Gone => told,
            _ => run.and_then(|run| run.ended).map_or(since, Moment::from),
        };
        let chain_id = self
            .seen
            .as_ref()
            .map(|(wallet, _)| wallet.chain_id.clone());
        let address = self.seen.as_ref().map(|(wallet, _)| wallet.address.clone());
        let version = Some(known.version.clone()).filter(|it| !it.is_empty());
        let version = version.or_else(|| run.map(|run| run.version.clone()));
        Process {
            life,
            pid: files.pid.or_else(|| run.map(|run| run.pid)),
            version: version.unwrap_or_default(),
            network: known.network.clone(),
            chain_id: chain_id.unwrap_or_else(|| known.chain_id.clone()),
            address: address.unwrap_or_else(|| known.address.clone()),
            started: match run.filter(|_| known.started.0.is_none()) {
                Some(run) => run.started.into(),
                None => known.started,
            },
            phase,
            since,
            why: is_down.then(|| message.clone()).filter(|it| !it.is_empty()),
            message,
            told,
            ended: if is_down { ended } else { Moment(None) },
        }
    }

    /// The competition, or the time since the first start; and its part up to now.
    fn period(&self, now: OffsetDateTime) -> (Period, Span) {
        let first = self.past().runs.first().map(|run| run.started);
        let first = first.or_else(|| self.past().windows.first().map(|it| it.first));
        let Some((name, from, to)) = &self.plan.competition else {
            let from = first.unwrap_or(now);
            let period = Period {
                from: Moment(first),
                ..Period::default()
            };
            return (period, Span { from, to: now });
        };
        let period = Period {
            name: name.clone(),
            from: (*from).into(),
            to: (*to).into(),
            is_competition: true,
        };
        let to = now.min(*to);
        (period, Span { from: *from, to })
    }

    /// The topics that the worker serves, or is configured for, or has served.
    fn topics(&self, vitals: &Vitals) -> Vec<TopicId> {
        if !vitals.topics.is_empty() {
            return vitals.topics.keys().copied().collect();
        }
        let noted = self.past().terms.iter().map(|it| it.topic);
        let journaled = self.past().windows.iter().map(|it| it.key.topic);
        let mut known: Vec<TopicId> = noted.chain(journaled).collect();
        if known.is_empty() {
            known.clone_from(&self.plan.topics);
        }
        known.sort_unstable();
        known.dedup();
        known
    }
}

fn unread(about: &'static str, cause: String) -> Advice {
    let remedy = "what it would tell is left out here; the worker itself goes on";
    Advice::new(Severity::Warning, about, cause, remedy)
}

/// Which file a path leads to; none where there is none.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

/// The newest sign of life that a worker has left.
fn last_sign(vitals: &Vitals, run: Option<&Run>) -> Moment {
    let seen = run.map(|run| run.seen);
    Moment(vitals.at.0.max(seen))
}

/// The runs; the one that lasts was seen just now, by its process.
fn until_now(runs: &[Run], process: &Process, now: OffsetDateTime) -> Vec<Run> {
    let mut runs = runs.to_vec();
    let lasts = |run: &&mut Run| {
        process.life == Life::Runs && run.ended.is_none() && process.pid == Some(run.pid)
    };
    if let Some(run) = runs.last_mut().filter(lasts) {
        run.seen = run.seen.max(now);
    }
    runs
}

fn spans(whole: Span, now: OffsetDateTime) -> Spans<Span> {
    let midnight = now.replace_time(Time::MIDNIGHT);
    let until_now = |from| Span { from, to: now };
    Spans {
        today: until_now(midnight),
        week: until_now(now - Duration::days(7)),
        period: whole,
    }
}

fn state(process: &Process, advice: &[Advice]) -> State {
    match process.life {
        Life::Never => State::NeverStarted,
        Life::Runs => {
            let is_hindered = advice.iter().any(|it| it.severity == Severity::Trouble);
            if is_hindered || !judge::is_well(process.phase) {
                State::Trouble
            } else {
                State::Running
            }
        }
        _ => State::Stopped,
    }
}
