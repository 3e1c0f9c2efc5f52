//! The network of models.

use askama::Template;

use super::words::{self, Stamp};
use crate::{page::ModelsBoard, score::LeaderboardRow, store::WindowScore};

/// Models that are listed at most.
const SHOWN: usize = 25;

#[derive(Template)]
#[template(path = "page/models.html")]
pub(super) struct Models<'a> {
    board: &'a ModelsBoard,
    at: Option<Stamp>,
    rows: Vec<Row<'a>>,
    more: usize,
    round: Option<RoundNow<'a>>,
}

struct Row<'a> {
    rank: String,
    name: &'a str,
    id: &'a str,
    owner: &'a str,
    recent: String,
    steady: String,
    anchor: String,
    answered: String,
}

struct RoundNow<'a> {
    at: Stamp,
    asset: &'a str,
    horizon: String,
    by_status: Vec<(String, u64, &'static str)>,
}

pub(super) fn models(board: &ModelsBoard) -> Models<'_> {
    let round = board.round.as_ref().map(|it| RoundNow {
        at: words::short(it.at),
        asset: &it.asset,
        horizon: words::span(it.horizon_seconds as f64),
        by_status: it
            .by_status
            .iter()
            .map(|(status, count)| {
                let class = if status == "SUCCESS" { "good" } else { "warn" };
                (status.to_lowercase().replace('_', " "), *count, class)
            })
            .collect(),
    });
    Models {
        at: board.at.map(words::short),
        rows: board.rows.iter().take(SHOWN).map(row).collect(),
        more: board.rows.len().saturating_sub(SHOWN),
        round,
        board,
    }
}

fn row(row: &LeaderboardRow) -> Row<'_> {
    let score = |it: &WindowScore| {
        it.score
            .map_or_else(|| "–".into(), |it| words::signed(it, 3))
    };
    let owner = row.cruncher_name.as_deref().or(row.cruncher_id.as_deref());
    Row {
        rank: row.rank.map_or_else(|| "–".into(), |it| it.to_string()),
        name: row.model_name.as_deref().unwrap_or(&row.model_id),
        id: &row.model_id,
        owner: owner.unwrap_or("–"),
        recent: score(&row.recent),
        steady: score(&row.steady),
        anchor: score(&row.anchor),
        answered: format!("{} of {}", row.anchor.answered, row.anchor.rounds),
    }
}
