//! The account of a season, and whether it was a good one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    A_DAY, LEAST_HITS, MOST_LOG, MOST_MEMORY, Memory, Plan, Run, Sentence, Spread, WHOLE,
    account::judge, kept::Kept, logs::Logs, upgrades::Upgrades,
};
use crate::devnet::{Fault, Hit, PriceHits, Scope, UpgradeRecord, WindowRecord, all_kinds};

/// What was played.
pub(super) struct Played {
    pub(super) windows: Vec<WindowRecord>,
    /// Windows that opened before the season began.
    pub(super) before: u64,
    pub(super) ours: String,
    pub(super) runs: Vec<Run>,
    pub(super) hits: Vec<Hit>,
    pub(super) price_hits: BTreeMap<String, PriceHits>,
    pub(super) price_requests: PriceHits,
    pub(super) upgrades: Vec<UpgradeRecord>,
    pub(super) kept: Kept,
    pub(super) memory: Memory,
    pub(super) exits: Vec<String>,
    pub(super) kills: usize,
    pub(super) took: Duration,
}

/// A window that could be answered and was not, or was answered twice.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Its nonce.
    pub(super) nonce: i64,
    /// What the worker said.
    pub(super) cause: String,
    /// What held while it was open.
    pub(super) faults: String,
}

/// What a kind of fault met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Open windows; of prices, those in which it met a request.
    pub(super) windows: usize,
    /// Requests that a fault of prices met.
    pub(super) requests: Option<u64>,
}

/// What came of a season. It is shown line by line, with the counts last.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) speed: u32,
    pub(super) windows: usize,
    pub(super) answerable: usize,
    pub(super) answered: usize,
    pub(super) answered_all: usize,
    pub(super) lost_to_kills: usize,
    pub(super) lost_to_faults: usize,
    pub(super) failures: Vec<Failure>,
    pub(super) twice: Vec<Failure>,
    pub(super) met: BTreeMap<String, Met>,
    pub(super) price_requests: u64,
    pub(super) price_windows: usize,
    pub(super) upgrades: Upgrades,
    pub(super) outcomes: usize,
    pub(super) overdue: usize,
    pub(super) lacking: usize,
    pub(super) latency: Spread,
    pub(super) calm_latency: Spread,
    pub(super) blocks: Spread,
    pub(super) refused: BTreeMap<u32, usize>,
    pub(super) memory: Memory,
    pub(super) logs: Logs,
    pub(super) exits: Vec<String>,
    pub(super) kills: usize,
    pub(super) took: Duration,
    wanted: u64,
}

impl Report {
    pub(super) fn new(plan: &Plan, played: &Played) -> Self {
        let logs = Logs::read(&plan.folder);
        let first = usize::try_from(played.before).unwrap_or_default();
        let wanted = usize::try_from(plan.windows).unwrap_or(usize::MAX);
        let windows: Vec<_> = played.windows.iter().skip(first).take(wanted).collect();
        let judged: Vec<(&WindowRecord, Sentence)> = windows
            .iter()
            .map(|window| (*window, judge(window, &played.ours, &played.runs)))
            .collect();
        let count =
            |test: &dyn Fn(&Sentence) -> bool| judged.iter().filter(|it| test(&it.1)).count();
        let times = |calm: bool| {
            let of = judged.iter().filter(|it| !calm || it.1.calm);
            let times = of.filter_map(|it| it.1.latency);
            Spread::of(times.map(|it| it.as_secs_f64() * 1e3).collect())
        };
        let failures = |test: &dyn Fn(&Sentence) -> bool| {
            let failed = judged.iter().filter(|it| test(&it.1));
            failed
                .map(|it| failure(it.0, &logs, &played.kept))
                .collect()
        };
        let blocks = judged.iter().filter_map(|it| it.1.blocks);
        let counted: BTreeSet<_> = windows.iter().map(|it| (it.topic, it.nonce)).collect();
        Self {
            seed: plan.seed,
            speed: plan.speed,
            windows: windows.len(),
            answerable: count(&|it| it.answerable),
            answered: count(&|it| it.answerable && it.answered),
            answered_all: count(&|it| it.answered),
            lost_to_kills: count(&|it| !it.answered && !it.answerable && it.had_endpoint),
            lost_to_faults: count(&|it| !it.answered && !it.had_endpoint),
            failures: failures(&|it| it.answerable && !it.answered),
            twice: failures(&|it| it.twice),
            met: met(&played.hits, &played.price_hits, &counted),
            price_requests: played.price_requests.requests,
            price_windows: played.price_requests.windows.intersection(&counted).count(),
            upgrades: Upgrades::of(&played.upgrades, &played.hits, &judged, &played.runs),
            outcomes: played.kept.outcomes,
            overdue: played.kept.overdue,
            lacking: played.kept.lacking,
            latency: times(false),
            calm_latency: times(true),
            blocks: Spread::of(blocks.map(|it| it as f64).collect()),
            refused: refused(&windows),
            memory: played.memory,
            logs,
            exits: played.exits.clone(),
            kills: played.kills,
            took: played.took,
            wanted: plan.windows,
        }
    }

    pub(super) fn days(&self) -> f64 {
        self.windows as f64 / A_DAY
    }

    /// How often the worker began anew in place, which nobody sees from outside.
    pub(super) fn begun_anew(&self) -> usize {
        let events = &self.logs.events;
        events.get("begun_anew").copied().unwrap_or_default()
    }

    pub(super) fn log_a_day(&self) -> f64 {
        self.logs.bytes as f64 / self.days()
    }

    /// What must hold and does not; nothing in a good season.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        let none = |count: usize| count == 0;
        let (lost, twice) = (self.failures.len(), self.twice.len());
        must(
            none(lost),
            format!("{lost} answerable windows were not answered"),
        );
        must(none(twice), format!("{twice} windows were answered twice"));
        must(self.answerable > 0, "no window was answerable".into());
        let panics = self.logs.panics.len();
        must(none(panics), format!("{panics} panics"));
        let exits = self.exits.len();
        must(
            none(exits),
            format!("the worker ended {exits} times by itself"),
        );
        let anew = self.begun_anew();
        must(
            none(anew),
            format!("the worker began anew {anew} times: see its log"),
        );
        let unexcused = self.upgrades.unexcused;
        must(
            none(unexcused),
            format!("{unexcused} windows were lost with an upgrade that left time to answer them"),
        );
        let peak = self.memory.peak;
        must(
            peak <= MOST_MEMORY,
            format!("it took {peak:.1} MiB, more than {MOST_MEMORY}"),
        );
        let log = self.log_a_day();
        must(
            log <= MOST_LOG,
            format!(
                "it logged {:.2} MB a day, more than {:.0}",
                log / 1e6,
                MOST_LOG / 1e6
            ),
        );
        if self.wanted >= WHOLE {
            let met = self
                .met
                .iter()
                .map(|(kind, met)| (kind.as_str(), met.windows));
            let upgrades = ("an upgrade while connected", self.upgrades.connected);
            for (kind, count) in met.chain([upgrades]) {
                must(
                    count >= LEAST_HITS,
                    format!("{kind} met {count} open windows, fewer than {LEAST_HITS}"),
                );
            }
        }
        wrong
    }
}

fn refused(windows: &[&WindowRecord]) -> BTreeMap<u32, usize> {
    let answers = windows.iter().flat_map(|it| &it.answers);
    let mut refused = BTreeMap::new();
    for answer in answers.filter(|it| it.code != 0) {
        *refused.entry(answer.code).or_default() += 1;
    }
    refused
}

/// What the log says of a window, or else the journal.
fn failure(window: &WindowRecord, logs: &Logs, kept: &Kept) -> Failure {
    let said = logs.missed.get(&window.nonce).cloned();
    let stands = || kept.states.get(&window.nonce);
    let said = said.or_else(|| stands().map(|state| format!("in the journal {state}")));
    Failure {
        nonce: window.nonce,
        cause: said.unwrap_or_else(|| "nothing was said".into()),
        faults: window.faults.iter().cloned().collect::<Vec<_>>().join(", "),
    }
}

/// What each kind met of the windows that count; nothing where it met none.
fn met(
    played: &[Hit],
    prices: &BTreeMap<String, PriceHits>,
    counted: &BTreeSet<(u64, i64)>,
) -> BTreeMap<String, Met> {
    let mut windows = BTreeMap::<String, BTreeSet<(u64, i64)>>::new();
    for hit in played {
        windows
            .entry(hit.order.fault.kind())
            .or_default()
            .extend(&hit.windows);
    }
    let count = |windows: Option<&BTreeSet<_>>| {
        windows.map_or(0, |windows| windows.intersection(counted).count())
    };
    let kind = |fault: &Fault| {
        let kind = fault.kind();
        let met = if fault.scope() == Scope::Prices {
            let met = prices.get(&kind);
            Met {
                windows: count(met.map(|it| &it.windows)),
                requests: Some(met.map_or(0, |it| it.requests)),
            }
        } else {
            Met {
                windows: count(windows.get(&kind)),
                requests: None,
            }
        };
        (kind, met)
    };
    all_kinds().iter().map(kind).collect()
}
