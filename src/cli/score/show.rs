//! The leaderboard, printed.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use time::format_description::well_known::Rfc3339;

use super::args::ScoreArgs;
use crate::{
    cli::{failure::Failure, predict::database, process},
    config::Predicting,
    score::{self, Leaderboard, LeaderboardRow, ScoreStore},
    store::{PredictionDb, WindowScore},
};

/// Prints the newest leaderboard without scoring anything; a Scoring worker may run meanwhile.
pub(super) fn show(args: &ScoreArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let shown = runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(carry_out(args)));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => process::refuse(&failure),
    }
}

async fn carry_out(args: &ScoreArgs) -> Result<(), Failure> {
    let settings = Predicting::load(&args.overrides())?;
    let url = database::of_today(&settings, args.database_url.as_deref())?;
    // A missing database is a wrong name here, and not to be made.
    if let Some(file) = url.path().filter(|file| !file.is_file()) {
        return Err(Failure::lasting(format!(
            "there is no database at {}; check --data-dir and --database-url",
            file.display()
        )));
    }
    let store = PredictionDb::connect(&url).await;
    let store = store.map_err(|cause| database::failed(&cause))?;
    print(&store, &settings.models.crunch_id, args.json).await
}

/// Prints the newest leaderboard of a crunch.
pub(super) async fn print(
    store: &dyn ScoreStore,
    crunch_id: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let board = score::leaderboard(store, crunch_id).await;
    let board = board.map_err(|cause| database::failed(&cause))?;
    let text = if as_json {
        serde_json::to_string_pretty(&board)?
    } else {
        table(&board)
    };
    match writeln!(io::stdout().lock(), "{text}") {
        // Who has left before the end has seen enough.
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// A leaderboard for people.
fn table(board: &Leaderboard) -> String {
    let crunch = &board.crunch_id;
    let Some(at) = board.at else {
        return format!(
            "There is no leaderboard of {crunch} yet: it is made by `allora-worker score` once \
             predictions are stored and prices have come"
        );
    };
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header([
        "rank", "model", "name", "cruncher", "recent", "steady", "anchor", "log gain", "answered",
    ]);
    for it in &board.models {
        table.add_row(cells(it));
    }
    for column in [0, 4, 5, 6, 7, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let at = at.format(&Rfc3339).unwrap_or_else(|_| at.to_string());
    format!("{crunch} at {at}\n{table}")
}

fn cells(it: &LeaderboardRow) -> [String; 9] {
    let none = || "–".to_owned();
    let number = |value: Option<f64>| value.map_or_else(none, |value| format!("{value:.4}"));
    let name = |name: &Option<String>| name.as_deref().map_or_else(none, printable);
    [
        it.rank.map_or_else(none, |rank| rank.to_string()),
        printable(&it.model_id),
        name(&it.model_name),
        name(&it.cruncher_name),
        number(it.recent.score),
        number(it.steady.score),
        number(it.anchor.score),
        number(it.anchor.log_gain),
        answered(&it.anchor),
    ]
}

/// Names come from others: what would move the cursor does not belong on a terminal.
fn printable(name: &str) -> String {
    let shown = |it: char| if it.is_control() { '\u{fffd}' } else { it };
    name.chars().map(shown).collect()
}

fn answered(window: &WindowScore) -> String {
    if window.rounds == 0 {
        return "–".to_owned();
    }
    let share = 100.0 * f64::from(window.answered) / f64::from(window.rounds);
    format!("{share:.1} % of {}", window.rounds)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn board() -> Leaderboard {
        let window = WindowScore {
            score: Some(0.031_25),
            log_gain: Some(-0.5),
            rounds: 8,
            answered: 6,
        };
        let row = LeaderboardRow {
            rank: Some(1),
            model_id: "17".into(),
            model_name: Some("dr\u{1b}ift".into()),
            cruncher_id: None,
            cruncher_name: Some("Ada".into()),
            recent: WindowScore::default(),
            steady: window,
            anchor: window,
        };
        let newcomer = LeaderboardRow {
            rank: None,
            model_id: "18".into(),
            model_name: None,
            anchor: WindowScore::default(),
            ..row.clone()
        };
        Leaderboard {
            crunch_id: "condorgame".into(),
            at: Some(datetime!(2026-01-02 3:04 UTC)),
            models: vec![row, newcomer],
        }
    }

    #[test]
    fn each_model_has_its_row() {
        let text = table(&board());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "condorgame at 2026-01-02T03:04:00Z");
        let row = lines.iter().find(|line| line.contains("Ada")).unwrap();
        for wanted in [
            "1",
            "17",
            "dr\u{fffd}ift",
            "0.0312",
            "-0.5000",
            "75.0 % of 8",
            "–",
        ] {
            assert!(row.contains(wanted), "{wanted}: {row}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn without_one_it_says_how_there_will_be_one() {
        let none = Leaderboard {
            at: None,
            models: Vec::new(),
            ..board()
        };
        assert!(table(&none).contains("allora-worker score"));
        let json = serde_json::to_value(&none).unwrap();
        assert_eq!(json["at"], serde_json::Value::Null);
        assert_eq!(json["models"], serde_json::json!([]));
    }

    #[test]
    fn its_json_has_these_keys() {
        let json = serde_json::to_value(board()).unwrap();
        let expected = serde_json::json!({
            "rank": 1, "model_id": "17", "model_name": "dr\u{1b}ift", "cruncher_id": null,
            "cruncher_name": "Ada",
            "recent": {"score": null, "log_gain": null, "rounds": 0, "answered": 0},
            "steady": {"score": 0.03125, "log_gain": -0.5, "rounds": 8, "answered": 6},
            "anchor": {"score": 0.03125, "log_gain": -0.5, "rounds": 8, "answered": 6},
        });
        assert_eq!(json["models"][0], expected);
        assert_eq!(json["at"], "2026-01-02T03:04:00Z");
        assert_eq!(json["crunch_id"], "condorgame");
    }
}
