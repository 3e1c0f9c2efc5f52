//! The season at a glance, and its newest windows.

mod grid;
mod outcome;
mod table;
#[cfg(test)]
mod tests;

use askama::Template;

use self::{grid::Grid, outcome::Legend, table::Row};
use super::{
    Choice,
    words::{self, Unit},
};
use crate::page::{Board, TopicBoard};

/// Windows that the table lists at most.
const LISTED: usize = 48;

#[derive(Template)]
#[template(path = "page/windows.html")]
pub(super) struct Windows<'a> {
    /// What the picture shows, in words.
    summary: String,
    grid: Option<Grid>,
    legend: Vec<Legend>,
    /// A cell by itself, drawn as those of the season are.
    cell: &'static str,
    caption: String,
    /// The day that is listed, and the way back to the newest.
    newest: Option<String>,
    rows: Vec<Row<'a>>,
    /// How many of how many, where not all are listed.
    more: Option<String>,
}

pub(super) fn windows<'a>(
    board: &'a Board,
    topic: Option<&'a TopicBoard>,
    choice: &Choice,
) -> Windows<'a> {
    let all = topic.map_or(&[][..], |it| &it.windows);
    let unit = Unit::of(topic.and_then(|it| it.target));
    let of_day = |it: &&_| choice.day.is_none_or(|day| grid::day_of(it) == day);
    let found: Vec<_> = all.iter().rev().filter(of_day).collect();
    let listed = found.iter().take(LISTED);
    let rows: Vec<_> = listed
        .map(|it| table::row(it, unit, board.explorer.as_deref()))
        .collect();
    let caption = match choice.day {
        Some(day) => format!("Windows of {}", words::day(day)),
        None => "Newest windows".into(),
    };
    let more = (choice.day.is_some() && found.len() > rows.len())
        .then(|| format!("The newest {} of {} are listed.", rows.len(), found.len()));
    let grid = grid::grid(all, &board.status, choice);
    let is_upright = grid.as_ref().is_none_or(|it| it.is_upright);
    Windows {
        summary: outcome::summary(all),
        cell: if is_upright { "M.5 .08v1" } else { "M.08 .5h1" },
        grid,
        legend: outcome::legend(all),
        caption,
        newest: choice.day.map(|_| choice.with_day(None)),
        rows,
        more,
    }
}
