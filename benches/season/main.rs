//! What a network of models is worth as a forecast, in seasons that are made up.
//!
//! `cargo bench --bench season` prints it; `mixed`, `useless` and `speed` after `--` pick a part. Ends with 1
//! where a bound is missed.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod cast;
mod market;
mod play;
mod speed;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use self::{
    cast::Kind,
    play::{Played, Season},
};

const SEEDS: u64 = 40;
const YEARS: usize = 3 * 365;
/// Scored days before the gate can be told of: 14 until the first forecast, a week until the first
/// outcome, and 180 outcomes. From here on sources are compared.
const TOLD: usize = 190;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let mut missed = 0;
    if wanted("mixed") {
        for (hours, explained) in [(168, 0.03), (168, 0.06), (24, 0.03), (24, 0.06)] {
            missed += mixed(hours, explained);
        }
    }
    if wanted("useless") {
        missed += useless();
    }
    if wanted("speed") {
        missed += speed();
    }
    if missed == 0 {
        return ExitCode::SUCCESS;
    }
    println!("\n{missed} bounds are missed");
    ExitCode::FAILURE
}

/// All seasons, on two threads.
fn played(hours: usize, explained: f64, cast: &[Kind]) -> Vec<Played> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut all = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= SEEDS {
                return all;
            }
            all.push(Season::new(seed, hours, YEARS, explained, cast.to_vec()).play());
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut all = work();
        all.extend(other.join().unwrap_or_default());
        all
    })
}

/// What a large network's record takes; it is walked anew at a start and at each month.
fn speed() -> u32 {
    let (told, walked) = speed::walked();
    println!(
        "\nthe record of {} models over {} days: standings {told:.3} s",
        speed::MODELS,
        speed::DAYS
    );
    verdict("seconds of the walk", walked, 0.5, "well under a second")
}

fn mixed(hours: usize, explained: f64) -> u32 {
    println!(
        "\na network in which some know something: {SEEDS} seasons of 3 years, {} days ahead, {:.0} % of the \
         variance can be known",
        hours / 24,
        100.0 * explained
    );
    let seasons = played(hours, explained, &cast::mixed());
    let best = table(&seasons);
    println!("  best single source: {best}");
    let gate = seasons
        .iter()
        .map(|it| mean(&it.gates[TOLD.min(it.gates.len())..]));
    let gate = mean(&gate.collect::<Vec<_>>());
    println!("  mean weight of the gate once it can be told {gate:.2}");
    // What the gate does not let through is the prior's, and lacks so much of the best one's lead.
    let held_back = (1.0 - gate) * difference(&seasons, "prior", best).0;
    let mut missed = not_worse("models − best single source", &seasons, "models", best, 0.0);
    missed += not_worse(
        "blend − best single source",
        &seasons,
        "blend",
        best,
        held_back,
    );
    missed += surely_below("blend − prior", &seasons, "blend", "prior");
    missed += surely_below("models − prior", &seasons, "models", "prior");
    missed
}

fn useless() -> u32 {
    println!(
        "\na network in which nobody knows anything: {SEEDS} seasons of 3 years, 7 days ahead"
    );
    let mut missed = 0;
    for explained in [0.0, 0.03] {
        println!(
            "  {:.0} % of the variance could be known, and is not told",
            100.0 * explained
        );
        let seasons = played(168, explained, &cast::useless());
        table(&seasons);
        let all: Vec<f64> = seasons
            .iter()
            .map(|it| it.ratio("blend", 0) - it.ratio("prior", 0))
            .collect();
        for (name, value, most) in [
            ("blend − prior, mean", mean(&all), 0.0005),
            (
                "blend − prior, worst season",
                all.iter().copied().fold(f64::MIN, f64::max),
                0.005,
            ),
        ] {
            let verdict = if value <= most { "" } else { "   MISSED" };
            missed += u32::from(value > most);
            println!("  {name:<34} {value:>9.5}   at most {most:.5}{verdict}");
        }
    }
    missed
}

/// Prints each source's ratio; gives the best single one, by the mean from the day that gates are told.
fn table(seasons: &[Played]) -> &'static str {
    println!(
        "  {:<18} {:>9} {:>9} {:>9}",
        "RMSE to zero", "all days", "told on", "worst"
    );
    let mut best = ("prior", f64::MAX);
    let sources = seasons.first().into_iter().flat_map(|it| it.said.keys());
    for source in sources.copied() {
        let of = |first| {
            seasons
                .iter()
                .map(|it| it.ratio(source, first))
                .collect::<Vec<_>>()
        };
        let (all, told) = (of(0), of(TOLD));
        let worst = told.iter().copied().fold(f64::MIN, f64::max);
        println!(
            "  {source:<18} {:>9.4} {:>9.4} {worst:>9.4}",
            mean(&all),
            mean(&told)
        );
        let is_single = !["blend", "models", "mean"].contains(&source);
        if is_single && mean(&told) < best.1 {
            best = (source, mean(&told));
        }
    }
    best.0
}

/// How far one source's ratio lies above another's in the same season: the mean over seasons, and the
/// standard deviation of a single season.
fn difference(seasons: &[Played], ours: &str, theirs: &str) -> (f64, f64) {
    let apart = |it: &Played| it.ratio(ours, TOLD) - it.ratio(theirs, TOLD);
    let all: Vec<f64> = seasons.iter().map(apart).collect();
    let centre = mean(&all);
    let squares = all.iter().map(|it| (it - centre).powi(2)).sum::<f64>();
    (centre, (squares / (all.len() as f64 - 1.0)).sqrt())
}

/// The best single source is told by hindsight, over the very days that are compared: nobody could have
/// chosen it beforehand. This is what that may be worth, as a share of the RMSE of zero.
const HINDSIGHT: f64 = 0.002;

/// The mean over seasons of how far a source is worse than another is bounded by hindsight, by what a gate
/// holds back, and by the luck in that mean: two standard errors.
fn not_worse(name: &str, seasons: &[Played], ours: &str, theirs: &str, held_back: f64) -> u32 {
    let (centre, deviation) = difference(seasons, ours, theirs);
    let error = deviation / (seasons.len() as f64).sqrt();
    let better = seasons
        .iter()
        .filter(|it| it.ratio(ours, TOLD) <= it.ratio(theirs, TOLD));
    println!(
        "  {ours} is not worse in {} of {} seasons",
        better.count(),
        seasons.len()
    );
    let most = 2.0 * error + HINDSIGHT + held_back;
    let what = "two standard errors, hindsight, and what the gate holds back";
    verdict(name, centre, most, what)
}

/// A source must be better than another by more than the mean of these seasons could be by luck: two
/// standard errors of that mean.
fn surely_below(name: &str, seasons: &[Played], ours: &str, theirs: &str) -> u32 {
    let (centre, deviation) = difference(seasons, ours, theirs);
    let error = deviation / (seasons.len() as f64).sqrt();
    verdict(name, centre, -2.0 * error, "two standard errors below 0")
}

fn verdict(name: &str, value: f64, most: f64, what: &str) -> u32 {
    let verdict = if value <= most { "" } else { "   MISSED" };
    println!("  {name:<34} {value:>9.5}   at most {most:.5} ({what}){verdict}");
    u32::from(value > most)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
