//! How long forecasts take.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use allora_worker::forecast::{Builtin, Candle, Choice, History, Target, Walk};

use super::{WEEK, bundled, shipped};

/// Closes of a year, both ends counted.
const YEAR: usize = 365 * 24 + 1;

/// Prints the medians of some runs, each beside its bound.
pub(crate) fn show() {
    let candles = bundled();
    println!("\nspeed: median, with its bound");
    let warm = warm(&candles);
    tell("forecast from warm history", warm[warm.len() / 2], 5.0);
    tell("the slowest of eight days", warm[warm.len() - 1], 5.0);
    tell(
        "cold refit with validation, a year",
        cold(&candles, WEEK),
        500.0,
    );
    tell("the same, 1 day ahead", cold(&candles, WEEK / 7), 500.0);
    let walk = |source, threads| {
        median(5, || {
            let walk = Walk {
                config: &shipped(source),
                horizon: WEEK,
                visible: None,
                threads,
            };
            walk.run(&candles, &|_, _| {})
        })
    };
    let rows = candles.len();
    println!("  walk over {rows} hours:");
    tell("the prior", walk(Choice::Prior, 1), 1000.0);
    tell(
        "all challengers, one thread",
        walk(Choice::Gated, 1),
        20_000.0,
    );
    tell(
        "all challengers, two threads",
        walk(Choice::Gated, 2),
        20_000.0,
    );
}

fn tell(name: &str, took: Duration, bound: f64) {
    println!(
        "  {name:<38} {:>9.3} ms   at most {bound} ms",
        took.as_secs_f64() * 1e3
    );
}

/// Each new hour of eight days on a year of history, as the worker meets it: copied, checked, compared,
/// pushed. Daily and weekly refits are among them.
fn warm(candles: &[Candle]) -> Vec<Duration> {
    let builtin = Builtin::new(shipped(Choice::Gated));
    let mut until = candles.len() - 193;
    let mut forecast = || {
        until += 1;
        let history = History::new("btcusd", candles[until - YEAR..until].iter().copied());
        builtin.forecast(&history, WEEK, Target::LogReturn)
    };
    // The first one is cold.
    black_box(forecast()).expect("enough");
    sorted(192, forecast)
}

fn cold(candles: &[Candle], horizon: Duration) -> Duration {
    let year = candles[candles.len() - YEAR..].iter().copied();
    let history = History::new("btcusd", year);
    median(9, || {
        Builtin::new(shipped(Choice::Gated)).forecast(&history, horizon, Target::LogReturn)
    })
}

fn median<T>(runs: usize, work: impl FnMut() -> T) -> Duration {
    sorted(runs, work)[runs / 2]
}

/// What some runs took, the shortest first.
fn sorted<T>(runs: usize, mut work: impl FnMut() -> T) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            black_box(work());
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}
