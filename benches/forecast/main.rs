//! What the forecast is worth and what it costs.
//!
//! `cargo bench --bench forecast` prints it all; words after `--` pick parts: `shipped` (the bundled
//! prices), `planted` and `noise` (series made up here), `speed`. Ends with 1 where a bound is missed;
//! speeds are printed beside their bounds and fail nothing.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and without its data it has nothing to measure"
)]

mod planted;
mod series;
mod shipped;
mod speed;

use std::{path::Path, process::ExitCode, thread, time::Duration};

use allora_worker::{
    forecast::{Candle, Choice, ForecastConfig, Step, Walk},
    market::read_csv,
};

const WEEK: Duration = Duration::from_secs(168 * 3600);
const DAY: i64 = 86_400;

/// Prints one figure beside its bound, and remembers whether any was missed.
#[derive(Debug, Default)]
struct Bounds {
    missed: usize,
}

impl Bounds {
    fn at_most(&mut self, name: &str, value: f64, bound: f64) {
        let holds = value <= bound;
        self.missed += usize::from(!holds);
        let verdict = if holds { "" } else { "   MISSED" };
        println!("  {name:<38} {value:>9.4}   at most {bound:.4}{verdict}");
    }
}

/// The bundled prices.
fn bundled() -> Vec<Candle> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prices = read_csv(&root.join("data/btcusd_1h_2023-01_2025-12.csv"));
    prices.expect("bundled prices").candles
}

fn shipped(source: Choice) -> ForecastConfig {
    ForecastConfig {
        source,
        ..ForecastConfig::default()
    }
}

/// All hours of a history, with everything visible that came before.
fn walk(source: Choice, horizon: Duration, candles: &[Candle]) -> Vec<Step> {
    let walk = Walk {
        config: &shipped(source),
        horizon,
        visible: None,
        threads: thread::available_parallelism().map_or(1, usize::from),
    };
    walk.run(candles, &|_, _| {})
}

/// Root mean square error of the steps that `counts` picks, against that of zero. No hour is missing.
fn ratio(steps: &[Step], horizon: Duration, counts: impl Fn(&Step) -> bool) -> f64 {
    let hours = usize::try_from(horizon.as_secs() / 3600).expect("a horizon");
    let (mut ours, mut zero) = (0.0, 0.0);
    for (step, later) in steps.iter().zip(steps.iter().skip(hours)) {
        if counts(step) {
            let outcome = (later.close / step.close).ln();
            let said = step.opinion.as_ref().map_or(0.0, |it| it.log_return);
            ours += (outcome - said).powi(2);
            zero += outcome.powi(2);
        }
    }
    (ours / zero).sqrt()
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let mut bounds = Bounds::default();
    if wanted("shipped") {
        shipped::show(&mut bounds);
    }
    if wanted("planted") {
        planted::show(&mut bounds);
    }
    if wanted("noise") {
        planted::noise(&mut bounds);
    }
    if wanted("speed") {
        speed::show();
    }
    if bounds.missed == 0 {
        return ExitCode::SUCCESS;
    }
    println!("\n{} bounds are missed", bounds.missed);
    ExitCode::FAILURE
}
