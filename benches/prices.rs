//! What it costs to tell models of prices: thirty days of minutes of four assets, and one minute.
//!
//! `cargo bench --bench prices` prints it and judges nothing. Without `--bench`, as in a test run, each
//! is done once.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails like a test"
)]

use std::{env, hint::black_box, time::Instant};

use allora_worker::{
    models::ModelsConfig,
    predict::{Book, Prices, prices_json, tick_calls},
    store::Close,
};

const MINUTES: i64 = 30 * 1_440;

fn main() {
    let rounds = if env::args().any(|it| it == "--bench") {
        20
    } else {
        1
    };
    let tick = ModelsConfig::default().tick;
    let month = of(0..MINUTES);
    let minute = of(MINUTES..MINUTES + 1);
    let bytes = prices_json(&month).len();
    println!("{} closes, {bytes} bytes of JSON", month.len());
    timed("30 days to JSON", rounds, || {
        drop(black_box(prices_json(&month)));
    });
    timed("30 days to a call", rounds, || {
        drop(black_box(
            tick_calls(&tick, month.clone()).expect("it can be called"),
        ));
    });
    timed("a minute to a call", rounds * 100, || {
        drop(black_box(
            tick_calls(&tick, minute.clone()).expect("it can be called"),
        ));
    });
    let mut book = Book::new(MINUTES * 60);
    timed("30 days into an empty book", rounds, || {
        book = Book::new(MINUTES * 60);
        book.take(month.clone(), i64::MAX);
    });
    let mut at = MINUTES;
    timed("a minute into the book", rounds * 100, || {
        black_box(book.take(of(at..at + 1), i64::MAX));
        at += 1;
    });
}

/// Four assets' closes of some minutes.
fn of(minutes: std::ops::Range<i64>) -> Prices {
    let mut prices = Prices::default();
    for (asset, base) in [
        ("BTC", 90_744.53),
        ("ETH", 3_100.27),
        ("XAU", 4_080.11),
        ("SOL", 140.23),
    ] {
        let close = |minute: i64| {
            let price: f64 = base * (1.0 + 0.01 * (minute as f64 * 0.7).sin());
            Close {
                at: 1_763_164_800 + 60 * minute,
                price: (price * 100.0).round() / 100.0,
            }
        };
        prices.extend(asset, minutes.clone().map(close));
    }
    prices
}

fn timed(what: &str, rounds: u32, mut work: impl FnMut()) {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    println!(
        "{what}: {:.3} ms (median of {rounds})",
        median.as_secs_f64() * 1e3
    );
}
