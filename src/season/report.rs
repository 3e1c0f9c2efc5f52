//! The account of a season.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    A_DAY, LEAST_HITS, MOST_LOG, MOST_MEMORY, Memory, Plan, Run, Sentence, WHOLE, account::judge,
    logs::Logs,
};
use crate::devnet::{Hit, WindowRecord, all_kinds};

/// What was played.
pub(super) struct Played {
    pub(super) windows: Vec<WindowRecord>,
    /// Windows that opened before the season began.
    pub(super) before: u64,
    pub(super) ours: String,
    pub(super) runs: Vec<Run>,
    pub(super) hits: Vec<Hit>,
    pub(super) price_requests: BTreeMap<String, u64>,
    pub(super) memory: Memory,
    pub(super) exits: Vec<String>,
    pub(super) kills: usize,
    pub(super) took: Duration,
}

/// A window that could be answered and was not.
#[derive(Clone, Debug)]
struct Failure {
    /// Its nonce.
    nonce: i64,
    /// What the worker said.
    cause: String,
    /// What held while it was open.
    faults: String,
}

/// What came of a season. It is shown line by line, with the counts last.
#[derive(Clone, Debug)]
pub struct Report {
    seed: u64,
    windows: usize,
    answerable: usize,
    answered: usize,
    answered_all: usize,
    twice: usize,
    lost_to_kills: usize,
    lost_to_faults: usize,
    failures: Vec<Failure>,
    hits: BTreeMap<String, usize>,
    price_requests: BTreeMap<String, u64>,
    latency: Spread,
    calm_latency: Spread,
    blocks: Spread,
    refused: BTreeMap<u32, usize>,
    memory: Memory,
    logs: Logs,
    exits: Vec<String>,
    kills: usize,
    took: Duration,
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
        let mut refused = BTreeMap::new();
        for answer in windows
            .iter()
            .flat_map(|it| &it.answers)
            .filter(|it| it.code != 0)
        {
            *refused.entry(answer.code).or_default() += 1;
        }
        Self {
            seed: plan.seed,
            windows: windows.len(),
            answerable: count(&|it| it.answerable),
            answered: count(&|it| it.answerable && it.answered),
            answered_all: count(&|it| it.answered),
            twice: count(&|it| it.twice),
            lost_to_kills: count(&|it| !it.answered && !it.answerable && it.had_endpoint),
            lost_to_faults: count(&|it| !it.answered && !it.had_endpoint),
            failures: failures(&judged, &logs),
            hits: hits(&played.hits),
            price_requests: played.price_requests.clone(),
            latency: times(false),
            calm_latency: times(true),
            blocks: Spread::of(
                judged
                    .iter()
                    .filter_map(|it| it.1.blocks)
                    .map(|it| it as f64)
                    .collect(),
            ),
            refused,
            memory: played.memory,
            logs,
            exits: played.exits.clone(),
            kills: played.kills,
            took: played.took,
            wanted: plan.windows,
        }
    }

    fn days(&self) -> f64 {
        self.windows as f64 / A_DAY
    }

    fn log_a_day(&self) -> f64 {
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
        let lost = self.answerable - self.answered;
        must(
            lost == 0,
            format!("{lost} answerable windows were not answered"),
        );
        must(
            self.twice == 0,
            format!("{} windows were answered twice", self.twice),
        );
        must(self.answerable > 0, "no window was answerable".into());
        let panics = self.logs.panics.len();
        must(panics == 0, format!("{panics} panics"));
        let exits = self.exits.len();
        must(
            exits == 0,
            format!("the worker ended {exits} times by itself"),
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
            for (kind, hits) in self.hits.iter().filter(|it| *it.1 < LEAST_HITS) {
                must(
                    false,
                    format!("{kind} met {hits} open windows, fewer than {LEAST_HITS}"),
                );
            }
        }
        wrong
    }
}

fn failures(judged: &[(&WindowRecord, Sentence)], logs: &Logs) -> Vec<Failure> {
    let lost = judged.iter().filter(|it| it.1.answerable && !it.1.answered);
    let failure = |(window, _): &(&WindowRecord, Sentence)| Failure {
        nonce: window.nonce,
        cause: logs
            .missed
            .get(&window.nonce)
            .cloned()
            .unwrap_or_else(|| "nothing was said".into()),
        faults: window.faults.iter().cloned().collect::<Vec<_>>().join(", "),
    };
    lost.map(failure).collect()
}

/// How many open windows each kind met; zero where it met none.
fn hits(played: &[Hit]) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<_, _> = all_kinds().iter().map(|it| (it.kind(), 0)).collect();
    for hit in played {
        *counts.entry(hit.order.fault.kind()).or_default() += hit.windows.len();
    }
    // A means to the upgrade, with none of its own to meet.
    counts.remove("roll-back");
    counts
}

/// The middle and the end of what was measured.
#[derive(Clone, Debug)]
pub struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// Of these figures.
    #[must_use]
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        Self { sorted: figures }
    }

    /// What this many percent of all do not exceed; NaN of nothing.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100);
        let found = self.sorted.get(rank.saturating_sub(1));
        found.copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.1}, p99 {:.1}, at most {:.1} ({} measured)",
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
            self.sorted.len()
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "open windows met, by fault:")?;
        for (kind, hits) in &self.hits {
            writeln!(f, "  {hits:>5}  {kind}")?;
        }
        writeln!(f, "requests that faults of prices met:")?;
        for (kind, requests) in &self.price_requests {
            writeln!(f, "  {requests:>5}  {kind}")?;
        }
        writeln!(f, "answers refused in blocks, by code: {:?}", self.refused)?;
        for (name, count) in &self.logs.events {
            writeln!(f, "  {count:>6} {name}")?;
        }
        for failure in &self.failures {
            writeln!(
                f,
                "not answered: {} ({}); faults: {}",
                failure.nonce, failure.cause, failure.faults
            )?;
        }
        for line in self.logs.panics.iter().take(5) {
            writeln!(f, "panic: {line}")?;
        }
        for exit in self.exits.iter().take(5) {
            writeln!(f, "ended by itself: {exit}")?;
        }
        writeln!(f, "opening to mempool, ms: {}", self.latency)?;
        writeln!(
            f,
            "the same with all endpoints healthy, ms: {}",
            self.calm_latency
        )?;
        writeln!(f, "opening to block, blocks: {}", self.blocks)?;
        let Memory {
            peak,
            mean,
            slope,
            samples,
        } = self.memory;
        let a_window = self.took.as_secs_f64() / self.windows.max(1) as f64;
        writeln!(
            f,
            "memory, MiB: peak {peak:.1}, mean {mean:.1}, slope {:+.3} a simulated day ({samples} samples)",
            slope * a_window * A_DAY
        )?;
        writeln!(
            f,
            "log: {:.3} MB a simulated day; database: {:.2} MB, {:.3} MB a simulated day",
            self.log_a_day() / 1e6,
            self.logs.database as f64 / 1e6,
            self.logs.database as f64 / 1e6 / self.days()
        )?;
        writeln!(f, "took: {:.0} s", self.took.as_secs_f64())?;
        writeln!(f, "seed: {}", self.seed)?;
        writeln!(f, "windows opened: {}", self.windows)?;
        writeln!(f, "kills: {}", self.kills)?;
        writeln!(f, "lost to kills: {}", self.lost_to_kills)?;
        writeln!(
            f,
            "lost without a healthy endpoint: {}",
            self.lost_to_faults
        )?;
        writeln!(f, "answered in all: {}", self.answered_all)?;
        writeln!(f, "panics: {}", self.logs.panics.len())?;
        writeln!(f, "answerable: {}", self.answerable)?;
        writeln!(f, "answered: {}", self.answered)?;
        writeln!(f, "answered twice: {}", self.twice)?;
        writeln!(f, "failed: {}", self.failures.len())
    }
}
