//! The newest leaderboard with names, for people and programs.

use serde::Serialize;
use time::OffsetDateTime;

use super::pass::ScoreStore;
use crate::store::{ModelRecord, Snapshot, StoreError, WindowScore};

/// A crunch's newest leaderboard. Its keys stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leaderboard {
    /// The crunch.
    pub crunch_id: String,
    /// When it was taken, by the time that prices tell; none while there is none.
    #[serde(with = "time::serde::rfc3339::option")]
    pub at: Option<OffsetDateTime>,
    /// Its rows, by rank.
    pub models: Vec<LeaderboardRow>,
}

/// A model's row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeaderboardRow {
    /// Its place, from 1; none while it has no score.
    pub rank: Option<u32>,
    /// The model.
    pub model_id: String,
    /// Its name, as it is now.
    pub model_name: Option<String>,
    /// The owner.
    pub cruncher_id: Option<String>,
    /// The owner's name, as it is now.
    pub cruncher_name: Option<String>,
    /// The short window.
    pub recent: WindowScore,
    /// The middle one.
    pub steady: WindowScore,
    /// The long one, by which models are ranked.
    pub anchor: WindowScore,
}

/// Reads the newest leaderboard of a crunch, with names as they are now.
///
/// # Errors
/// When the database can't be read.
pub async fn leaderboard(
    store: &dyn ScoreStore,
    crunch_id: &str,
) -> Result<Leaderboard, StoreError> {
    let board = store.leaderboard(crunch_id).await?;
    let models = store.models(crunch_id).await?;
    let named = |it: Snapshot| {
        // By id, as the store gives them.
        let place = models.binary_search_by(|model| model.model_id.cmp(&it.model_id));
        row(it, place.ok().and_then(|place| models.get(place)))
    };
    Ok(Leaderboard {
        crunch_id: crunch_id.to_owned(),
        at: board.first().map(|it| it.at),
        models: board.into_iter().map(named).collect(),
    })
}

fn row(it: Snapshot, model: Option<&ModelRecord>) -> LeaderboardRow {
    LeaderboardRow {
        rank: it.rank,
        model_id: it.model_id,
        model_name: model.and_then(|model| model.model_name.clone()),
        cruncher_id: model.and_then(|model| model.cruncher_id.clone()),
        cruncher_name: model.and_then(|model| model.cruncher_name.clone()),
        recent: it.recent,
        steady: it.steady,
        anchor: it.anchor,
    }
}
