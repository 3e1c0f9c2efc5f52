//! A report as a person reads it.

use std::io::{self, IsTerminal as _};

use comfy_table::{
    Cell, ColumnConstraint, ContentArrangement, Row, Table, Width, presets::NOTHING,
};
use ratatui::crossterm::terminal;

use crate::preflight::{Check, Level, Report};

/// Columns where nobody says how many there are.
const USUAL: u16 = 100;
/// Fewer are not enough for a table.
const LEAST: u16 = 40;
/// The longest name, such as "WebSocket 2" or "topic 67 registered".
const NAMES: u16 = 20;

/// Columns of the terminal.
pub(super) fn width() -> u16 {
    let told = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    let shown = || terminal::size().ok().map(|it| it.0);
    let width = told.or_else(|| io::stdout().is_terminal().then(shown).flatten());
    width.filter(|it| *it > 0).unwrap_or(USUAL).max(LEAST)
}

/// The whole table, and its sum.
pub(super) fn show(report: &Report, width: u16) -> String {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
    let mut area = None;
    for check in &report.checks {
        if area.replace(check.area) != Some(check.area) {
            table.add_row(heading(check.area.title(), table.row_count() > 0));
        }
        table.add_row([
            Cell::new(mark(check.level)),
            Cell::new(&check.name),
            Cell::new(text(check)),
        ]);
    }
    let constraints = [
        ColumnConstraint::Absolute(Width::Fixed(4)),
        ColumnConstraint::UpperBoundary(Width::Fixed(NAMES + 2)),
    ];
    for (column, constraint) in table.column_iter_mut().zip(constraints) {
        column.set_constraint(constraint);
    }
    let lines: Vec<_> = table.lines().map(|it| it.trim_end().to_owned()).collect();
    format!("{}\n\n{}", lines.join("\n"), sum(report))
}

fn heading(title: &str, after_another: bool) -> Row {
    let above = if after_another { "\n" } else { "" };
    let title = Cell::new(format!("{above}{title}"));
    Row::from([Cell::new(""), title])
}

fn text(check: &Check) -> String {
    match check.remedy.as_str() {
        "" => check.what.clone(),
        remedy => format!("{}\n→ {remedy}", check.what),
    }
}

const fn mark(level: Level) -> &'static str {
    match level {
        Level::Ok => "✅",
        Level::Warning => "⚠️",
        Level::Error => "❌",
    }
}

fn sum(report: &Report) -> String {
    let counts = report.counts;
    let seconds = f64::from(u32::try_from(report.took_ms).unwrap_or(u32::MAX)) / 1e3;
    let end = match report.level() {
        Level::Ok => "all is well",
        Level::Warning => "a worker can be started",
        Level::Error => "mend what is marked ❌ first",
    };
    format!(
        "{} {end}: {} well, {} to look at, {} wrong ({seconds:.1} s)",
        mark(report.level()),
        counts.ok,
        counts.warning,
        counts.error
    )
}

/// What is not well, a line each. What a worker waits for is no more than worth a look at its start.
pub(super) fn shortly(report: &Report) -> Vec<String> {
    let not_well = report.checks.iter().filter(|it| it.level > Level::Ok);
    let lines = not_well.map(|it| {
        let mark = if it.stops() { "❌" } else { "⚠️" };
        format!("{mark} {}: {}; {}", it.name, it.what, it.remedy)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::{Area, Counts};

    fn report() -> Report {
        let long =
            "a worker that is started all the same waits for this, and tells it again and again";
        let checks = vec![
            Check::ok(Area::Host, "program", "allora-worker"),
            Check::warning(
                Area::Nodes,
                "RPC 2",
                "https://node.example: no answer",
                long,
            ),
            Check::error(
                Area::Nodes,
                "RPC 3",
                "it is a node of another chain",
                "correct it",
            ),
            Check::error(Area::Wallet, "key", "no wallet", "set MNEMONIC").ends_a_start(),
        ];
        Report {
            version: "0".into(),
            network: None,
            chain_id: None,
            address: None,
            took_ms: 1_234,
            counts: Counts {
                ok: 1,
                warning: 1,
                error: 2,
            },
            checks,
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_is_left_out() {
        for columns in [80, 100, 120] {
            let shown = show(&report(), columns);
            for line in shown.lines() {
                assert!(
                    line.chars().count() <= usize::from(columns),
                    "{columns}: {line}"
                );
            }
            let words: Vec<_> = shown.split_whitespace().collect();
            for word in ["→", "again", "❌", "⚠️", "✅", "MNEMONIC", "Nodes", "(1.2"] {
                assert!(words.contains(&word), "{word} is not in:\n{shown}");
            }
        }
    }

    #[test]
    fn before_a_start_only_what_ends_it_is_marked_as_wrong() {
        let lines = shortly(&report());
        let marks: Vec<_> = lines
            .iter()
            .map(|it| it.split(' ').next().unwrap())
            .collect();
        assert_eq!(marks, ["⚠️", "⚠️", "❌"]);
        assert_eq!(lines[2], "❌ key: no wallet; set MNEMONIC");
    }
}
