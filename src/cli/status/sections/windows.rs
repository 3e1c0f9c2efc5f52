//! What became of the windows.

use super::{Line, Mark, line, mark, span_name, whole};
use crate::{cli::status::words::percent, status::Status, store::Tally};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let goal = status.goals.windows;
    let one = |(span, tally): (&str, &Tally)| {
        let Some(rate) = tally.rate else {
            let text = match tally.open {
                0 => "none opened".to_owned(),
                open => format!("{open} open"),
            };
            return line(Mark::None, span_name(span, status), text);
        };
        let done = tally.opened - tally.open;
        let missed = match (tally.missed, tally.missed_while_down) {
            (0, _) => String::new(),
            (missed, 0) => format!(", {missed} missed"),
            (missed, down) => format!(", {missed} missed ({down} while down)"),
        };
        let undecided = tally.answered - tally.counted - tally.outranked;
        let undecided = match undecided {
            0 => String::new(),
            some => format!(", {some} not decided"),
        };
        let text = format!(
            "{} of {done} answered, {} (goal {}): {} counted, {} outranked{undecided}{missed}",
            tally.answered,
            percent(rate),
            whole(goal),
            tally.counted,
            tally.outranked,
        );
        let missed = match tally.missed {
            0 => String::new(),
            missed => format!(", {missed} missed"),
        };
        let short = format!("{}/{done}  {}{missed}", tally.answered, percent(rate));
        line(mark(Some(rate >= goal)), span_name(span, status), text).short(short)
    };
    let mut lines: Vec<_> = status.windows.named().into_iter().map(one).collect();
    let mut causes: Vec<_> = status.windows.week.causes.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (cause, count) in causes.into_iter().take(3) {
        lines.push(line(Mark::None, "missed", format!("{count} × {cause}")));
    }
    lines
}
