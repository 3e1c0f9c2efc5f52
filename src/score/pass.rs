//! One pass over all that can be scored, and the leaderboards that follow.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use time::{Date, OffsetDateTime, UtcDateTime};
use tokio::{task::yield_now, time::Instant};

use super::{
    board::Board,
    config::ScoreConfig,
    prices::Reach,
    resolve::{Against, resolve, waits},
    shelf::Shelf,
};
use crate::{
    clock::SharedClock,
    density::Unit,
    store::{
        CloseRepository, ModelRepository, PartAfter, Prediction, PredictionFilter,
        PredictionRepository, Score, ScoreRepository, Snapshot, StoreError,
    },
};

/// Predictions in memory at once.
const BATCH: u32 = 64;
/// Parts of rounds in memory at once.
const PAGE: u32 = 2_000;
/// No history of days is made up for that is longer.
const MOST_DAYS: i64 = 400;
/// Days that are made up for after the leaderboard of now, in one pass.
const DAYS_AT_ONCE: usize = 30;
/// How long scores are kept in memory at most: what is stored need not be done again.
const HELD: Duration = Duration::from_secs(1);
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
    /// Rows that make no sense and wait for somebody to correct or delete them.
    pub unreadable: u64,
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
    /// Ends of days that went by without a leaderboard, oldest first; none until looked for.
    missed: Option<Vec<OffsetDateTime>>,
    /// The day on which old leaderboards were thinned last.
    thinned: Option<Date>,
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
            missed: None,
            thinned: None,
        }
    }

    /// Scores all that can be scored, and makes a leaderboard. It may be dropped at any time: what is
    /// stored by then stays, and the next pass goes on.
    ///
    /// # Errors
    /// When the database can't be read or written.
    pub async fn pass(&mut self) -> Result<PassDone, StoreError> {
        let began = Instant::now();
        // A close that claims to be of the future makes nothing late, and nothing early.
        let now = self.clock.now();
        let newest = self.store.newest_closes(&self.crunch_id, now).await?;
        let Some(until) = newest.values().copied().max() else {
            return Ok(PassDone::default());
        };
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
        self.make_up().await?;
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
        let (mut scores, mut kept_at) = (Vec::new(), Instant::now());
        loop {
            let store = &self.store;
            let batch = store.unscored(&self.crunch_id, until, after, BATCH).await?;
            done.unreadable += u64::from(batch.unreadable);
            let mut due = Vec::with_capacity(batch.predictions.len());
            for it in batch.predictions {
                let reach = reach(&it.prediction.asset);
                if waits(
                    &it.prediction,
                    self.against(&it.prediction, &mut shelf, reach).await?,
                ) {
                    done.waiting += 1;
                } else {
                    due.push((it, reach));
                }
            }
            let numbers: Vec<_> = due.iter().map(|(it, _)| it.id).collect();
            let mut payloads = if numbers.is_empty() {
                BTreeMap::new()
            } else {
                store.payloads(&numbers).await?
            };
            for (mut it, reach) in due {
                it.prediction.payload = payloads.remove(&it.id);
                let against = self.against(&it.prediction, &mut shelf, reach).await?;
                scores.extend(resolve(&it, against, self.clock.now()));
                if kept_at.elapsed() >= HELD {
                    self.keep(&mut scores, done).await?;
                    kept_at = Instant::now();
                }
                // Whoever asks to stop is heard.
                yield_now().await;
            }
            self.keep(&mut scores, done).await?;
            after = batch.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn keep(&self, scores: &mut Vec<Score>, done: &mut PassDone) -> Result<(), StoreError> {
        if scores.is_empty() {
            return Ok(());
        }
        self.store.keep_scores(scores).await?;
        let unscorable = scores.iter().filter(|it| it.detail.is_some()).count();
        done.unscorable += unscorable as u64;
        done.scored += (scores.len() - unscorable) as u64;
        scores.clear();
        Ok(())
    }

    async fn against<'a>(
        &self,
        it: &Prediction,
        shelf: &'a mut Shelf,
        reach: Reach,
    ) -> Result<Against<'a>, StoreError> {
        let tolerance = seconds(self.config.tolerance);
        let (track, scale) = shelf
            .of(&*self.store, it, reach, (self.unit, tolerance))
            .await?;
        Ok(Against {
            unit: self.unit,
            track,
            reach,
            tolerance,
            scale,
        })
    }

    /// Makes the leaderboard of now.
    async fn rank(&mut self, until: OffsetDateTime, done: &mut PassDone) -> Result<(), StoreError> {
        let before = self.store.leaderboard(&self.crunch_id).await?;
        self.look_for_missed(before.first(), until).await?;
        let board = self.board(until).await?;
        done.models = board.len();
        done.leader_before = leader(&before).map(|(id, _)| id);
        done.leader = leader(&board);
        self.store.keep_snapshots(&self.crunch_id, &board).await?;
        let today = Some(UtcDateTime::from(until).date());
        if self.thinned != today {
            let old = until - self.config.keep_all;
            self.store.thin_snapshots(&self.crunch_id, old).await?;
            self.thinned = today;
        }
        Ok(())
    }

    /// Makes leaderboards of days that went by without one, the newest first: whoever looks back finds
    /// what was known on each day.
    async fn make_up(&mut self) -> Result<(), StoreError> {
        for _ in 0..DAYS_AT_ONCE {
            let Some(end) = self.missed.as_ref().and_then(|it| it.last().copied()) else {
                return Ok(());
            };
            let board = self.board(end).await?;
            if board.iter().any(|it| it.anchor.rounds > 0) {
                self.store.keep_snapshots(&self.crunch_id, &board).await?;
            }
            self.missed.as_mut().and_then(Vec::pop);
        }
        Ok(())
    }

    /// Notes days without a leaderboard: at first all since the first horizon ended that is stored, later
    /// those since the newest.
    async fn look_for_missed(
        &mut self,
        newest: Option<&Snapshot>,
        until: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if let Some(missed) = &mut self.missed {
            if let Some(it) = newest {
                missed.extend(ends_of_days(it.at + DAY, until));
            }
            return Ok(());
        }
        let filter = PredictionFilter {
            crunch_id: Some(self.crunch_id.clone()),
            ..PredictionFilter::default()
        };
        let first = self.store.predictions(&filter, 0, 1).await?.pop();
        let first = first.map_or(until, |it| it.prediction.resolvable_at);
        let first = first.max(until - DAY * i32::try_from(MOST_DAYS).unwrap_or(i32::MAX));
        let known = self.days_with_boards(first, until).await?;
        let ends = ends_of_days(first, until);
        self.missed = Some(ends.filter(|end| !known.contains(&end.date())).collect());
        Ok(())
    }

    async fn days_with_boards(
        &self,
        first: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<BTreeSet<Date>, StoreError> {
        let mut days = BTreeSet::new();
        let mut from = start_of_day(first);
        // A month at a time in memory.
        while from <= until {
            let end = from + DAY * 30;
            let boards = self.store.snapshots(&self.crunch_id, from, end, true);
            days.extend(
                boards
                    .await?
                    .iter()
                    .map(|it| UtcDateTime::from(it.at).date()),
            );
            from = end;
        }
        Ok(days)
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

/// The last millisecond of each whole day (UTC) from a time's on, until a time.
fn ends_of_days(
    first: OffsetDateTime,
    until: OffsetDateTime,
) -> impl Iterator<Item = OffsetDateTime> {
    let midnights = std::iter::successors(Some(start_of_day(first) + DAY), |it| Some(*it + DAY));
    midnights
        .take_while(move |midnight| *midnight <= until)
        .map(|midnight| midnight - time::Duration::MILLISECOND)
}

fn start_of_day(at: OffsetDateTime) -> OffsetDateTime {
    let utc = UtcDateTime::from(at);
    utc.replace_time(time::Time::MIDNIGHT).into()
}

#[cfg(test)]
#[path = "pass_tests.rs"]
mod tests;
