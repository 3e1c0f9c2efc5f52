//! How long the worker was ready.

use super::{Line, line, mark, span_name, whole};
use crate::{cli::status::words::span, status::Status, store::Uptime};

pub(super) fn lines(status: &Status) -> Vec<Line> {
    let goal = status.goals.uptime;
    let one = |(name, told): (&str, &Option<Uptime>)| {
        let told = (*told)?;
        let starts = match told.starts {
            0 => String::new(),
            1 => ", 1 start".into(),
            many => format!(", {many} starts"),
        };
        let share = format!("{:.2} %", (told.share * 1e4).floor() / 1e2);
        let text = format!(
            "{share} of {} (goal {}){starts}",
            span(told.seconds),
            whole(goal)
        );
        let short = format!("{share}{starts}");
        Some(
            line(
                // In the first hour the start alone misses the goal.
                mark((told.seconds > 3_600.0).then_some(told.share >= goal)),
                span_name(name, status),
                text,
            )
            .short(short),
        )
    };
    status.uptime.named().into_iter().filter_map(one).collect()
}
