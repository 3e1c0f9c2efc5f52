use time::{Duration, macros::datetime};

use super::{
    super::samples::{NOW, season, season_windows, window},
    grid::grid,
    *,
};
use crate::{
    page::WindowRow,
    status::Period,
    store::{Miss, Outcome},
};

fn shown(windows: &[WindowRow]) -> Grid {
    let mut status = season().status;
    status.period = Period::default();
    grid(windows, &status, &Choice::default()).unwrap()
}

fn path<'a>(grid: &'a Grid, name: &str) -> &'a str {
    let found = grid.classes.iter().find(|it| it.name == name);
    found.map_or("", |it| &it.path)
}

#[test]
fn a_season_is_a_column_a_day_and_a_path_a_class() {
    let board = season();
    let grid = grid(&season_windows(), &board.status, &Choice::default()).unwrap();
    assert!(grid.is_upright);
    assert_eq!(grid.days.len(), 90);
    assert_eq!(grid.ground.matches('M').count(), 90);
    assert!(grid.classes.len() <= 7);
    assert!(
        path(&grid, "down").contains("M29 4v12"),
        "{}",
        path(&grid, "down")
    );
    assert!(path(&grid, "open").contains("M89 23v1"));
    let size: usize = grid.classes.iter().map(|it| it.path.len()).sum();
    assert!(size < 12_000, "{size}");
    let label = &grid.days[15].label;
    assert!(label.starts_with("1 October: 24 windows, "), "{label}");
    assert!(grid.days[15].href.ends_with("day=2025-10-01#windows"));
}

#[test]
fn cells_are_as_many_as_windows() {
    let windows = season_windows();
    let grid = shown(&windows);
    let count = |name: &str| -> usize {
        let runs = path(&grid, name).split('v').skip(1);
        runs.map(|it| it.split('M').next().unwrap().parse::<usize>().unwrap())
            .sum()
    };
    for it in outcome::legend(&windows) {
        let count = count(it.name).to_string();
        assert_eq!(count, it.count.replace(',', ""), "{}", it.name);
    }
}

#[test]
fn windows_of_a_minute_share_cells_that_show_the_worst() {
    let at = |it: i64| NOW - Duration::minutes(600 - it);
    let windows: Vec<_> = (0..600)
        .map(|it| {
            let outcome = if it == 305 {
                Outcome::Missed(Miss::Unheard)
            } else {
                Outcome::Counted
            };
            WindowRow {
                at: at(it),
                ..window(it, 1, outcome)
            }
        })
        .collect();
    let grid = shown(&windows);
    assert!(!grid.is_upright);
    assert_eq!(grid.days.len(), 1);
    assert!(path(&grid, "missed").ends_with("h1"));
    assert_eq!(path(&grid, "missed").matches('M').count(), 1);
}

#[test]
fn few_windows_are_a_row_a_day() {
    let windows: Vec<_> = (0..3)
        .map(|it| window(it, 1_440, Outcome::Counted))
        .collect();
    let mut status = season().status;
    status.period = Period::default();
    status.at = datetime!(2025-09-18 12:00 UTC);
    let grid = grid(&windows, &status, &Choice::default()).unwrap();
    assert!(!grid.is_upright);
    assert_eq!(path(&grid, "counted"), "M0 0h1M0 1h1M0 2h1");
    assert!(grid.width < 1_200 && grid.width > 80);
}

#[test]
fn nothing_is_shown_of_nothing() {
    assert!(grid(&[], &season().status, &Choice::default()).is_none());
}

#[test]
fn an_address_is_made_of_a_plain_hash_alone() {
    let unit = Unit::of(None);
    let href = |hash: &str, explorer: &str| {
        let mut window = window(1, 60, Outcome::Counted);
        window.hash = Some(hash.into());
        let row = table::row(&window, unit, Some(explorer));
        row.hash.and_then(|it| it.href)
    };
    let explorer = "https://explorer.example/tx/{hash}";
    let wanted = Some("https://explorer.example/tx/AB12".to_owned());
    assert_eq!(href("AB12", explorer), wanted);
    assert_eq!(href("AB/../12", explorer), None);
    assert_eq!(href("AB12", "javascript:alert('{hash}')"), None);
}
