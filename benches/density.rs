//! What scoring costs: one density of each family, mixtures, and answers of 288 steps.
//!
//! Prints; nothing is asserted but that there is a score.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program that shows figures"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use allora_worker::density::{Answer, Density, Unit, expected_log_return, score};

const STEPS: u32 = 288;
/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(200);

const FAMILIES: [(&str, &str); 23] = [
    ("norm", ""),
    ("lognorm", r#""s": 0.7,"#),
    ("expon", ""),
    ("t", r#""df": 4.5,"#),
    ("weibull_min", r#""c": 1.7,"#),
    ("weibull_max", r#""c": 1.7,"#),
    ("gamma", r#""a": 2.5,"#),
    ("beta", r#""a": 2, "b": 5,"#),
    ("chi", r#""df": 3,"#),
    ("chi2", r#""df": 3,"#),
    ("rayleigh", ""),
    ("pareto", r#""b": 3,"#),
    ("cauchy", ""),
    ("laplace", ""),
    ("f", r#""dfn": 5, "dfd": 7,"#),
    ("uniform", ""),
    ("logistic", ""),
    ("gumbel_r", ""),
    ("gumbel_l", ""),
    ("skewnorm", r#""a": 3,"#),
    ("invgamma", r#""a": 3,"#),
    ("johnsonsu", r#""a": 1, "b": 2,"#),
    ("genextreme", r#""c": 0.2,"#),
];

fn main() {
    println!("{:<34} {:>12} {:>12}", "density", "CRPS ns", "ln pdf ns");
    for (name, shapes) in FAMILIES {
        show(name, &family(name, shapes, 0.0));
    }
    for names in [
        &["norm", "norm", "norm"][..],
        &["norm", "laplace"],
        &["norm", "t", "lognorm"],
    ] {
        show(&names.join(" + "), &mixture(names));
    }

    println!("\n{:<34} {:>12}", format!("answer of {STEPS} steps"), "µs");
    for names in [&["norm", "norm", "norm"][..], &["norm", "t", "lognorm"]] {
        show_answer(names);
    }
}

/// Nanoseconds for the scores of one density, at places from its bulk to its tails.
fn show(name: &str, item: &str) {
    let density = density(item);
    let places: Vec<f64> = (0..64).map(|k| 0.25 * f64::from(k) - 4.0).collect();
    let each = 1e9 / places.len() as f64;
    let crps = each
        * seconds(|| {
            places
                .iter()
                .filter_map(|x| density.crps(black_box(*x)))
                .sum()
        });
    let ln_pdf = each * seconds(|| places.iter().map(|x| density.ln_pdf(black_box(*x))).sum());
    let crps = match density.crps(0.0) {
        Some(_) => format!("{crps:.0}"),
        None => "none".into(),
    };
    println!("{name:<34} {crps:>12} {ln_pdf:>12.0}");
}

/// Microseconds for reading, scoring and reducing an answer.
fn show_answer(names: &[&str]) {
    let item = mixture(names);
    let items: Vec<_> = (1..=STEPS)
        .map(|k| item.replacen('{', &format!("{{\"step\": {}, ", 300 * k), 1))
        .collect();
    let text = format!("[{}]", items.join(", "));
    let answer = Answer::read(&text, STEPS).expect("an answer");
    let closes: Vec<f64> = (0..=STEPS)
        .map(|k| 100.0 + 3.0 * f64::from(k).sin())
        .collect();
    let unit = Unit::PriceDifference;
    let scored = score(&answer, unit, &closes).expect("a score");
    assert!(scored.crps.is_some() && scored.log_score.is_some());

    let name = names.join(" + ");
    let print = |what: &str, seconds: f64| {
        println!("{:<34} {:>12.1}", format!("{name}: {what}"), 1e6 * seconds);
    };
    print("read", seconds(|| steps(black_box(&text))));
    print(
        "score",
        seconds(|| {
            score(&answer, unit, black_box(&closes)).map_or(0.0, |it| it.crps.unwrap_or(0.0))
        }),
    );
    let expected = || expected_log_return(black_box(&answer), unit, 100.0).unwrap_or(0.0);
    print("expected log-return", seconds(expected));
    println!(
        "{:<34} {:>12}",
        format!("{name}: bytes of text"),
        text.len()
    );
}

fn steps(text: &str) -> f64 {
    match Answer::read(text, STEPS) {
        Ok(Answer::Densities(densities)) => densities.len() as f64,
        _ => 0.0,
    }
}

/// How long a call takes: the best of three spans' means.
fn seconds(mut of: impl FnMut() -> f64) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < SPAN {
            black_box(of());
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}

fn family(name: &str, shapes: &str, loc: f64) -> String {
    format!(
        r#"{{"type": "scipy", "name": "{name}", "params": {{{shapes} "loc": {loc:?}, "scale": 1.25}}}}"#
    )
}

fn mixture(names: &[&str]) -> String {
    let part = |(k, name): (usize, &&str)| {
        let shapes = FAMILIES.iter().find(|(known, _)| known == name);
        let density = family(name, shapes.map_or("", |(_, shapes)| shapes), k as f64);
        format!(r#"{{"density": {density}, "weight": {}}}"#, k + 1)
    };
    let parts: Vec<_> = names.iter().enumerate().map(part).collect();
    format!(
        r#"{{"type": "mixture", "components": [{}]}}"#,
        parts.join(", ")
    )
}

fn density(item: &str) -> Density {
    match Answer::read(&format!("[{item}]"), 1) {
        Ok(Answer::Densities(mut densities)) => densities.remove(0),
        other => panic!("{item}: {other:?}"),
    }
}
