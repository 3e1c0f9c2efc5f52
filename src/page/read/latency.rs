//! How long answers took.

use crate::{
    page::LatencyBoard,
    status::Look,
    types::WindowKey,
    vitals::{BOUNDS_MS, Histogram},
};

/// What is to be kept, in milliseconds.
const GOAL_MS: f64 = 15_000.0;

/// Of the period's answers, as they were kept; where none were, as this run has counted them.
pub(super) fn board(latencies: &[(WindowKey, f64)], look: &Look) -> LatencyBoard {
    let opened = look.windows.iter().filter(|it| look.period.holds(it.at));
    let first = opened.map(|it| it.key.nonce).min();
    let own = latencies.iter();
    let own = own.filter(|(key, _)| first.is_some_and(|first| key.nonce >= first));
    let mut times: Vec<f64> = own.map(|(_, milliseconds)| *milliseconds).collect();
    let mut classes = Histogram::default();
    for milliseconds in &times {
        classes.note(*milliseconds);
    }
    times.sort_by(f64::total_cmp);
    let (classes, p50, p99) = if times.is_empty() {
        let told = &look.latency;
        (told, told.quantile(0.5), told.quantile(0.99))
    } else {
        (&classes, ranked(&times, 50), ranked(&times, 99))
    };
    LatencyBoard {
        bounds_ms: BOUNDS_MS.to_vec(),
        counts: classes.counts.to_vec(),
        count: classes.count,
        p50_ms: p50,
        p99_ms: p99,
        goal_ms: GOAL_MS,
    }
}

/// The time at a rank of a hundred.
fn ranked(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_one_of_the_times() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(
            (ranked(&times, 50), ranked(&times, 99)),
            (Some(100.0), Some(198.0))
        );
        assert_eq!(
            (ranked(&times[..1], 99), ranked(&[], 50)),
            (Some(1.0), None)
        );
    }
}
