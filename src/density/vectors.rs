//! Every family, and mixtures of them, against scipy's values (`scripts/density_vectors.py`).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Answer, Density};

/// How near the values must be, relative to them.
const RELATIVE: f64 = 1e-6;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
    x: f64,
    mean: Option<f64>,
    variance: Option<f64>,
    median: f64,
    cdf: f64,
    sf: f64,
    log_pdf: Logarithm,
    crps: Option<f64>,
}

/// JSON has no infinities.
#[derive(Deserialize)]
#[serde(untagged)]
enum Logarithm {
    Finite(f64),
    Named(String),
}

impl Logarithm {
    fn value(&self) -> f64 {
        match self {
            Self::Finite(value) => *value,
            Self::Named(name) => name.parse().unwrap(),
        }
    }
}

fn lines() -> Vec<Line<'static>> {
    let lines = include_str!("vectors.jsonl").lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn read(item: &str) -> Density {
    match Answer::read(&format!("[{item}]"), 1) {
        Ok(Answer::Densities(mut densities)) => densities.remove(0),
        other => panic!("{item}: {other:?}"),
    }
}

/// Whether two values are alike, infinite ones included. Nothing is small enough to be let through.
fn alike(a: f64, b: f64, slack: f64) -> bool {
    a.to_bits() == b.to_bits() || (a - b).abs() <= RELATIVE * b.abs() + slack
}

fn alike_or_none(a: Option<f64>, b: Option<f64>, slack: f64) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => alike(a, b, slack),
        (None, None) => true,
        _ => false,
    }
}

#[test]
fn values_are_scipys() {
    let lines = lines();
    assert!(lines.len() >= 1_000);
    let mut wrong = Vec::new();
    for line in &lines {
        let density = read(line.item.get());
        let x = line.x;
        // Means and medians are sums of a place and a multiple of the scale, and may cancel.
        let spread = line.variance.map_or(0.0, f64::sqrt);
        let checks = [
            alike_or_none(density.mean(), line.mean, 1e-12 * spread),
            alike_or_none(density.variance(), line.variance, 0.0),
            alike(density.median(), line.median, 1e-12 * spread),
            alike(density.cdf(x), line.cdf, 0.0),
            alike(density.sf(x), line.sf, 0.0),
            alike(density.ln_pdf(x), line.log_pdf.value(), 1e-9),
            alike_or_none(density.crps(x), line.crps, 0.0),
        ];
        if checks.contains(&false) {
            wrong.push(format!(
                "{checks:?} at {x} of {}: {:?} {:?} {} {} {} {} {:?}, scipy {:?} {:?} {} {} {} {} {:?}",
                line.item.get(),
                density.mean(),
                density.variance(),
                density.median(),
                density.cdf(x),
                density.sf(x),
                density.ln_pdf(x),
                density.crps(x),
                line.mean,
                line.variance,
                line.median,
                line.cdf,
                line.sf,
                line.log_pdf.value(),
                line.crps,
            ));
        }
    }
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}
