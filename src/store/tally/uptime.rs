//! How long the worker was ready.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{Run, Span, Unready};

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
/// span's end. A run counts until it was last seen, less what it was not ready for.
#[must_use]
pub fn uptime(runs: &[Run], unready: &[Unready], span: Span) -> Option<Uptime> {
    let first = runs.iter().map(|run| run.started).min()?;
    let from = span.from.max(first);
    let whole = span.to - from;
    if whole <= Duration::ZERO {
        return None;
    }
    let mut stretches: Vec<_> = runs.iter().flat_map(|run| pieces(run, unready)).collect();
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

type Stretch = (OffsetDateTime, OffsetDateTime);

/// When a run was ready: its stretch without the times in which it was not.
fn pieces(run: &Run, unready: &[Unready]) -> Vec<Stretch> {
    let Some((mut begin, end)) = run.stretch() else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    for gap in unready.iter().filter(|it| it.run == run.id) {
        pieces.push((begin, gap.began.min(end)));
        begin = begin.max(gap.ended.unwrap_or(end));
    }
    pieces.push((begin, end));
    pieces.retain(|(begin, end)| begin < end);
    pieces
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

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
        let told = uptime(&runs, &[], span(-60, 100)).unwrap();
        assert_eq!((told.seconds, told.ready), (6_000.0, 3_600.0));
        assert!((told.share - 0.6).abs() < 1e-12);
        assert_eq!(told.starts, 3);
        let told = uptime(&runs, &[], span(30, 70)).unwrap();
        assert_eq!(
            (told.seconds, told.ready, told.starts),
            (2_400.0, 1_800.0, 0)
        );
    }

    #[test]
    fn what_overlaps_counts_once_and_nothing_is_nothing() {
        let runs = [run(0, Some(0), 60), run(50, Some(50), 100)];
        assert!((uptime(&runs, &[], span(0, 100)).unwrap().ready - 6_000.0).abs() < 1e-9);
        assert_eq!(uptime(&[], &[], span(0, 10)), None);
        assert_eq!(uptime(&runs, &[], span(-20, -10)), None);
    }

    #[test]
    fn what_a_run_was_not_ready_for_is_downtime_to_its_end_and_no_further() {
        let gap = |of: i64, began: i64, ended: Option<i64>| Unready {
            id: 1,
            run: of,
            reason: "no_nodes".into(),
            began: START + Duration::minutes(began),
            ended: ended.map(|it| START + Duration::minutes(it)),
        };
        let second = Run {
            id: 2,
            ..run(60, Some(60), 100)
        };
        let runs = [run(0, Some(10), 60), second];
        let ready = |gaps: &[Unready]| uptime(&runs, gaps, span(0, 100)).unwrap().ready / 60.0;
        assert!((ready(&[]) - 90.0).abs() < 1e-9);
        // One that it was killed in, and one of the time before it was ready.
        let gaps = [
            gap(1, 0, Some(5)),
            gap(1, 20, Some(30)),
            gap(1, 50, None),
            gap(2, 70, Some(75)),
        ];
        assert!((ready(&gaps) - 65.0).abs() < 1e-9, "{}", ready(&gaps));
        assert!((ready(&[gap(2, 80, None)]) - 70.0).abs() < 1e-9);
        let inside = uptime(&runs, &gaps, span(25, 35)).unwrap();
        assert!((inside.share - 0.5).abs() < 1e-9, "{inside:?}");
    }
}
