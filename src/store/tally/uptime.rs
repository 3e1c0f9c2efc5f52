//! How long the worker was ready.

use serde::{Deserialize, Serialize};
use time::Duration;

use super::{Run, Span};

/// How long the worker was ready within a span.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uptime {
    /// Seconds of the span since the worker's first start.
    pub seconds: f64,
    /// Of those: in which it was ready, or stood by.
    pub ready: f64,
    /// The one over the other, from 0 to 1.
    pub share: f64,
    /// Starts in the span.
    pub starts: u64,
}

/// How long a worker was ready, of the span after the first start; none when it never ran before the
/// span's end. A run that lasts counts until `span.to`.
#[must_use]
pub fn uptime(runs: &[Run], span: Span) -> Option<Uptime> {
    let first = runs.iter().map(|run| run.started).min()?;
    let from = span.from.max(first);
    let whole = span.to - from;
    if whole <= Duration::ZERO {
        return None;
    }
    let mut stretches: Vec<_> = runs.iter().filter_map(Run::stretch).collect();
    stretches.sort_unstable();
    let (mut ready, mut until) = (Duration::ZERO, from);
    for (begin, end) in stretches {
        // Stretches of two runs may overlap by a sign of life that came late.
        let (begin, end) = (begin.max(until), end.min(span.to));
        if end > begin {
            ready += end - begin;
            until = end;
        }
    }
    let starts = runs.iter().filter(|run| span.holds(run.started)).count();
    Some(Uptime {
        seconds: whole.as_seconds_f64(),
        ready: ready.as_seconds_f64(),
        share: ready / whole,
        starts: starts as u64,
    })
}

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, macros::datetime};

    use super::*;

    const START: OffsetDateTime = datetime!(2025-09-16 0:00 UTC);

    fn run(started: i64, ready: Option<i64>, seen: i64) -> Run {
        let at = |minutes| START + Duration::minutes(minutes);
        Run {
            started: at(started),
            ready: ready.map(at),
            seen: at(seen),
            ..Run::of_test(START)
        }
    }

    fn span(from: i64, to: i64) -> Span {
        Span {
            from: START + Duration::minutes(from),
            to: START + Duration::minutes(to),
        }
    }

    #[test]
    fn time_before_the_first_start_is_no_downtime_and_time_between_runs_is() {
        let runs = [
            run(0, Some(10), 60),
            run(80, None, 90),
            run(90, Some(90), 100),
        ];
        let told = uptime(&runs, span(-60, 100)).unwrap();
        assert_eq!((told.seconds, told.ready), (6_000.0, 3_600.0));
        assert!((told.share - 0.6).abs() < 1e-12);
        assert_eq!(told.starts, 3);
        let told = uptime(&runs, span(30, 70)).unwrap();
        assert_eq!(
            (told.seconds, told.ready, told.starts),
            (2_400.0, 1_800.0, 0)
        );
    }

    #[test]
    fn what_overlaps_counts_once_and_nothing_is_nothing() {
        let runs = [run(0, Some(0), 60), run(50, Some(50), 100)];
        assert!((uptime(&runs, span(0, 100)).unwrap().ready - 6_000.0).abs() < 1e-9);
        assert_eq!(uptime(&[], span(0, 10)), None);
        assert_eq!(uptime(&runs, span(-20, -10)), None);
    }
}
