//! The season as cells: a path for each class of windows, however many there are.

use std::collections::BTreeMap;

use time::{Date, Duration, UtcOffset};

use super::{
    super::{Choice, words},
    outcome::{Class, counted},
};
use crate::{page::WindowRow, status::Status};

/// Days that are shown at most: the newest.
const DAYS: i64 = 120;
/// Up to so many days a day is a row, and from then on a column.
const FEW: i64 = 7;
/// Minutes of a cell, where days are rows, and where they are columns.
const SLOTS: [i64; 11] = [10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1_440];
/// The room for words.
const LEFT: i64 = 56;
const TOP: i64 = 18;

/// The picture, in units of a cell.
pub(super) struct Grid {
    pub width: i64,
    pub height: i64,
    pub cell: Size,
    pub left: i64,
    pub top: i64,
    /// Whether days are columns.
    pub is_upright: bool,
    pub ground: String,
    pub classes: Vec<Cells>,
    pub days: Vec<DayLink>,
    pub marks: Vec<Mark>,
}

#[derive(Clone, Copy)]
pub(super) struct Size {
    pub width: i64,
    pub height: i64,
}

/// All cells of a class.
pub(super) struct Cells {
    pub name: &'static str,
    pub path: String,
    pub has_hole: bool,
}

/// A day, to be chosen.
pub(super) struct DayLink {
    pub label: String,
    pub href: String,
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
    pub is_chosen: bool,
}

/// Words at an edge, in pixels.
pub(super) struct Mark {
    pub x: i64,
    pub y: i64,
    pub anchor: &'static str,
    pub text: String,
}

/// The day on which a window opened, in UTC.
pub(super) fn day_of(window: &WindowRow) -> Date {
    window.at.to_offset(UtcOffset::UTC).date()
}

/// None while there is nothing to show.
pub(super) fn grid(windows: &[WindowRow], status: &Status, choice: &Choice) -> Option<Grid> {
    let (first, last) = days(windows, status)?;
    let count = (last - first).whole_days() + 1;
    let is_upright = count > FEW;
    let slot = slot(windows, is_upright);
    let slots = 1_440 / slot;
    let mut by_day: BTreeMap<i64, Vec<&WindowRow>> = BTreeMap::new();
    let mut cells: BTreeMap<(i64, i64), Class> = BTreeMap::new();
    for window in windows {
        let day = (day_of(window) - first).whole_days();
        if !(0..count).contains(&day) {
            continue;
        }
        by_day.entry(day).or_default().push(window);
        let time = window.at.to_offset(UtcOffset::UTC).time();
        let minute = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let class = Class::of(&window.outcome);
        let cell = cells.entry((day, minute / slot)).or_insert(class);
        *cell = class.max(*cell);
    }
    let cell = size(count, slots, is_upright);
    let (across, down) = if is_upright {
        (count, slots)
    } else {
        (slots, count)
    };
    let classes = Class::ALL.into_iter().filter_map(|class| {
        let path = runs(&cells, class, is_upright);
        (!path.is_empty()).then_some(Cells {
            name: class.name(),
            path,
            has_hole: class.has_hole(),
        })
    });
    let ground = (0..count)
        .map(|day| run(day, 0, slots, is_upright))
        .collect();
    let link = |(day, windows): (&i64, &Vec<&WindowRow>)| {
        let date = first + Duration::days(*day);
        let told = counted(windows.iter().copied());
        DayLink {
            label: format!("{}: {told}", words::day(date)),
            href: choice.with_day(Some(date)),
            x: if is_upright { *day } else { 0 },
            y: if is_upright { 0 } else { *day },
            width: if is_upright { 1 } else { slots },
            height: if is_upright { slots } else { 1 },
            is_chosen: choice.day == Some(date),
        }
    };
    Some(Grid {
        width: LEFT + across * cell.width + 4,
        height: TOP + down * cell.height + 4,
        cell,
        left: LEFT,
        top: TOP,
        is_upright,
        ground,
        classes: classes.collect(),
        days: by_day.iter().map(link).collect(),
        marks: marks(first, count, slots, cell, is_upright),
    })
}

/// The first and the last day: the competition's, or those of the windows.
fn days(windows: &[WindowRow], status: &Status) -> Option<(Date, Date)> {
    let utc = |at: time::OffsetDateTime| at.to_offset(UtcOffset::UTC).date();
    let (oldest, newest) = (day_of(windows.first()?), day_of(windows.last()?));
    let period = &status.period;
    let (mut first, mut last) = (
        oldest,
        newest.max(utc(status.at).min(newest + Duration::DAY)),
    );
    if let (true, Some(from)) = (period.is_competition, period.from.0) {
        first = first.min(utc(from));
        // The end is the first moment after it.
        let to = period.to.0.map(|to| utc(to - Duration::SECOND));
        last = to.map_or(last, |to| last.max(to));
    }
    if (last - first).whole_days() >= DAYS {
        last = newest;
        first = first.max(last - Duration::days(DAYS - 1));
    }
    Some((first, last))
}

/// Minutes of a cell, by how far apart windows usually are.
fn slot(windows: &[WindowRow], is_upright: bool) -> i64 {
    let least = if is_upright { 60 } else { SLOTS[0] };
    let mut gaps: Vec<_> = windows
        .windows(2)
        .map(|pair| (pair[1].at - pair[0].at).whole_seconds())
        .collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(3_600);
    // Three quarters: blocks are not quite regular.
    let enough = |it: &i64| *it >= least && *it * 60 * 4 >= usual * 3;
    SLOTS.into_iter().find(enough).unwrap_or(1_440)
}

fn size(days: i64, slots: i64, is_upright: bool) -> Size {
    if is_upright {
        Size {
            width: (1_100 / days).clamp(9, 28),
            height: (216 / slots).clamp(9, 24),
        }
    } else {
        Size {
            width: (1_100 / slots).clamp(7, 46),
            height: 22,
        }
    }
}

/// One run of cells of a day.
fn run(day: i64, slot: i64, length: i64, is_upright: bool) -> String {
    if is_upright {
        format!("M{day} {slot}v{length}")
    } else {
        format!("M{slot} {day}h{length}")
    }
}

/// The runs of a class. A dashed line makes cells of each.
fn runs(cells: &BTreeMap<(i64, i64), Class>, class: Class, is_upright: bool) -> String {
    let mut path = String::new();
    let mut open: Option<(i64, i64, i64)> = None;
    for (day, slot) in cells.iter().filter(|it| *it.1 == class).map(|it| *it.0) {
        match &mut open {
            Some((on, from, length)) if *on == day && *from + *length == slot => *length += 1,
            _ => {
                if let Some((on, from, length)) = open.replace((day, slot, 1)) {
                    path.push_str(&run(on, from, length, is_upright));
                }
            }
        }
    }
    if let Some((on, from, length)) = open {
        path.push_str(&run(on, from, length, is_upright));
    }
    path
}

fn marks(first: Date, days: i64, slots: i64, cell: Size, is_upright: bool) -> Vec<Mark> {
    let hour = |slot: i64| format!("{:02}:00", slot * 24 / slots);
    let hours = if is_upright { 6 } else { 3 };
    let whole = (slots * hours % 24 == 0).then_some(slots * hours / 24);
    let slots_each = whole.unwrap_or(slots).max(1);
    let hour_slots = (0..slots).filter(|it| it % slots_each == 0);
    let days_each = match days {
        days if days <= FEW => 1,
        ..31 => 3,
        31..63 => 7,
        _ => 14,
    };
    let shown = (0..days).filter(|it| it % days_each == 0);
    let date = |day: i64| words::short_day(first + Duration::days(day));
    if is_upright {
        let days = shown.map(|day| Mark {
            x: LEFT + day * cell.width,
            y: TOP - 6,
            anchor: "start",
            text: date(day),
        });
        let hours = hour_slots.map(|slot| Mark {
            x: LEFT - 8,
            y: TOP + slot * cell.height + 9,
            anchor: "end",
            text: hour(slot),
        });
        days.chain(hours).collect()
    } else {
        let days = shown.map(|day| Mark {
            x: LEFT - 8,
            y: TOP + day * cell.height + cell.height * 2 / 3,
            anchor: "end",
            text: date(day),
        });
        let hours = hour_slots.map(|slot| Mark {
            x: LEFT + slot * cell.width,
            y: TOP - 6,
            anchor: "start",
            text: hour(slot),
        });
        days.chain(hours).collect()
    }
}
