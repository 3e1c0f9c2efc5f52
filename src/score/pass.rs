//! One pass over all that can be scored, and the leaderboards that follow.

use std::{sync::Arc, time::Duration};

use time::{OffsetDateTime, UtcDateTime};
use tokio::{task::yield_now, time::Instant};

use super::{
    board::Board,
    config::ScoreConfig,
    prices::Reach,
    resolve::{Against, resolve},
    shelf::Shelf,
};
use crate::{
    clock::SharedClock,
    density::Unit,
    store::{
        CloseRepository, ModelRepository, PartAfter, PredictionFilter, PredictionRepository,
        ResolvedAfter, Score, ScoreRepository, Snapshot, StoreError, StoredPrediction,
    },
};

/// Predictions in memory at once.
const BATCH: u32 = 64;
/// Parts of rounds in memory at once.
const PAGE: u32 = 2_000;
/// No history of days is made up for that is longer.
const MOST_DAYS: i64 = 400;
/// How far this clock and that of prices may be apart, in seconds.
const SKEW: i64 = 3_600;
const DAY: time::Duration = time::Duration::DAY;

/// What the Scoring worker needs of a database.
pub trait ScoreStore:
    ScoreRepository + PredictionRepository + ModelRepository + CloseRepository
{
}

impl<T: ScoreRepository + PredictionRepository + ModelRepository + CloseRepository> ScoreStore
    for T
{
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PassDone {
    /// Predictions that have a score now.
    pub scored: u64,
    /// Predictions that never will.
    pub unscorable: u64,
    /// Predictions whose horizon has passed and whose prices may still come.
    pub waiting: u64,
    /// Models on the newest leaderboard, if one was made.
    pub models: usize,
    /// How far prices have come; none while there are none.
    pub until: Option<OffsetDateTime>,
    /// Who is first now, if anybody, and how well.
    pub leader: Option<(String, f64)>,
    /// Who was first on the leaderboard before.
    pub leader_before: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Scores a crunch's predictions and ranks its models.
pub struct Scorer {
    store: Arc<dyn ScoreStore>,
    crunch_id: String,
    unit: Unit,
    config: ScoreConfig,
    clock: SharedClock,
    /// How far prices had come when the newest leaderboard was made by this process.
    ranked: Option<OffsetDateTime>,
}

impl Scorer {
    /// A scorer of one crunch, whose models answer in `unit`.
    pub fn new(
        store: Arc<dyn ScoreStore>,
        crunch_id: impl Into<String>,
        unit: Unit,
        config: ScoreConfig,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            crunch_id: crunch_id.into(),
            unit,
            config,
            clock,
            ranked: None,
        }
    }

    /// Scores all that can be scored, and makes a leaderboard. It may be dropped at any time: what is
    /// stored by then stays, and the next pass goes on.
    ///
    /// # Errors
    /// When the database can't be read or written.
    pub async fn pass(&mut self) -> Result<PassDone, StoreError> {
        let began = Instant::now();
        let newest = self.store.newest_closes(&self.crunch_id).await?;
        let now = self.clock.now().unix_timestamp();
        let Some(until) = newest.values().copied().max() else {
            return Ok(PassDone::default());
        };
        // A close that claims to be of the future must not make anything late.
        let until = until.min(now.saturating_add(SKEW));
        let until =
            OffsetDateTime::from_unix_timestamp(until).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut done = PassDone {
            until: Some(until),
            ..PassDone::default()
        };
        let reach = |asset: &str| Reach {
            asset: newest.get(asset).copied().unwrap_or(i64::MIN),
            all: until.unix_timestamp(),
            give_up: seconds(self.config.give_up),
        };
        self.resolve_all(until, reach, &mut done).await?;
        let is_new = self.ranked != Some(until) || done.scored + done.unscorable > 0;
        if is_new {
            self.rank(until, &mut done).await?;
            self.ranked = Some(until);
        }
        done.took = began.elapsed();
        Ok(done)
    }

    async fn resolve_all(
        &self,
        until: OffsetDateTime,
        reach: impl Fn(&str) -> Reach,
        done: &mut PassDone,
    ) -> Result<(), StoreError> {
        let (mut after, mut shelf) = (None, Shelf::default());
        loop {
            let store = &self.store;
            let batch = store.unscored(&self.crunch_id, until, after, BATCH).await?;
            let Some(last) = batch.last() else {
                return Ok(());
            };
            after = Some(ResolvedAfter {
                resolvable_at: last.prediction.resolvable_at,
                id: last.id,
            });
            let mut scores = Vec::with_capacity(batch.len());
            for it in batch {
                let reach = reach(&it.prediction.asset);
                match self.resolve(&it, &mut shelf, reach).await? {
                    Some(score) => scores.push(score),
                    None => done.waiting += 1,
                }
                // Whoever asks to stop is heard.
                yield_now().await;
            }
            if !scores.is_empty() {
                store.keep_scores(&scores).await?;
            }
            let unscorable = scores.iter().filter(|it| it.detail.is_some()).count();
            done.unscorable += unscorable as u64;
            done.scored += (scores.len() - unscorable) as u64;
        }
    }

    async fn resolve(
        &self,
        it: &StoredPrediction,
        shelf: &mut Shelf,
        reach: Reach,
    ) -> Result<Option<Score>, StoreError> {
        let tolerance = seconds(self.config.tolerance);
        let (track, scale) = shelf
            .of(&*self.store, &it.prediction, reach, (self.unit, tolerance))
            .await?;
        let against = Against {
            unit: self.unit,
            track,
            reach,
            tolerance,
            scale,
        };
        Ok(resolve(it, against, self.clock.now()))
    }

    /// Makes the leaderboard of now, after those of the days that went by without one: whoever looks
    /// back finds what was known on each day.
    async fn rank(&self, until: OffsetDateTime, done: &mut PassDone) -> Result<(), StoreError> {
        let before = self.store.leaderboard(&self.crunch_id).await?;
        for end in self.missed_days(before.first(), until).await? {
            let board = self.board(end).await?;
            if board.iter().any(|it| it.anchor.rounds > 0) {
                self.store.keep_snapshots(&self.crunch_id, &board).await?;
            }
        }
        let board = self.board(until).await?;
        done.models = board.len();
        done.leader_before = leader(&before).map(|(id, _)| id);
        done.leader = leader(&board);
        self.store.keep_snapshots(&self.crunch_id, &board).await?;
        let old = until - self.config.keep_all;
        self.store.thin_snapshots(&self.crunch_id, old).await?;
        Ok(())
    }

    /// The last millisecond of each whole day since the newest leaderboard, or since the first horizon
    /// ended that is stored.
    async fn missed_days(
        &self,
        newest: Option<&Snapshot>,
        until: OffsetDateTime,
    ) -> Result<Vec<OffsetDateTime>, StoreError> {
        let first = if let Some(it) = newest {
            it.at + DAY
        } else {
            let filter = PredictionFilter {
                crunch_id: Some(self.crunch_id.clone()),
                ..PredictionFilter::default()
            };
            match self.store.predictions(&filter, 0, 1).await?.pop() {
                Some(it) => it.prediction.resolvable_at,
                None => return Ok(Vec::new()),
            }
        };
        let first = first.max(until - DAY * i32::try_from(MOST_DAYS).unwrap_or(i32::MAX));
        let mut midnight = start_of_day(first) + DAY;
        let mut ends = Vec::new();
        while midnight <= until {
            ends.push(midnight - time::Duration::MILLISECOND);
            midnight += DAY;
        }
        Ok(ends)
    }

    async fn board(&self, at: OffsetDateTime) -> Result<Vec<Snapshot>, StoreError> {
        let roll = self.store.models(&self.crunch_id).await?;
        let mut board = Board::new(at, &self.config, &roll);
        let mut after: Option<PartAfter> = None;
        loop {
            let from = board.from();
            let until = at + time::Duration::MILLISECOND;
            let page = self
                .store
                .parts(&self.crunch_id, from, until, after.as_ref(), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(board.finish());
            };
            after = Some(PartAfter {
                config: last.config.clone(),
                slot: last.slot,
                model_id: last.model_id.clone(),
            });
            for part in page {
                board.take(part);
            }
            yield_now().await;
        }
    }
}

fn leader(board: &[Snapshot]) -> Option<(String, f64)> {
    let first = board.iter().find(|it| it.rank == Some(1))?;
    Some((first.model_id.clone(), first.anchor.score?))
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn start_of_day(at: OffsetDateTime) -> OffsetDateTime {
    let utc = UtcDateTime::from(at);
    utc.replace_time(time::Time::MIDNIGHT).into()
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
