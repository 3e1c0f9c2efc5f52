//! When the worker ran, and by what rule its topics open windows.

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use time::{Duration, OffsetDateTime};

use super::{
    Mark,
    unready::{self, Unready},
};
use crate::{
    store::{Store, StoreError, Wallet},
    types::{Height, TopicId},
};

/// One run of a worker, from its start to its last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The row's number; rises with time.
    pub id: i64,
    /// The worker's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// When it began.
    pub started: OffsetDateTime,
    /// When it could answer a window first, or stood by for it.
    pub ready: Option<OffsetDateTime>,
    /// Its last sign of life.
    pub seen: OffsetDateTime,
    /// When it ended in good order; a killed one has none.
    pub ended: Option<OffsetDateTime>,
    /// Why it ended.
    pub why: Option<String>,
    /// The chain's height when it first knew it.
    pub first_mark: Option<Mark>,
    /// The chain's newest height that was heard of.
    pub last_mark: Option<Mark>,
}

/// By what rule a topic opens windows, as it was seen at a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The topic.
    pub topic: TopicId,
    /// The chain's height when it was seen.
    pub height: i64,
    /// Blocks from one window's opening to the next one's.
    pub epoch: i64,
    /// Blocks that a window takes answers for.
    pub blocks: i64,
    /// Whether it opens windows at all.
    pub is_active: bool,
    /// The newest nonce then.
    pub last_opened: Option<i64>,
}

/// Time after a sign of life that a run is taken to have lasted: it gives one each minute.
const BEAT: Duration = Duration::seconds(60);

impl Run {
    /// When it was ready: from when to when. Between its last sign of life and its unknown end nothing is
    /// counted.
    #[must_use]
    pub fn stretch(&self) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let ready = self.ready?;
        Some((ready, self.ended.unwrap_or(self.seen).max(ready)))
    }

    /// Whether it was ready at some time between two moments.
    #[must_use]
    pub fn was_ready(&self, from: OffsetDateTime, to: OffsetDateTime) -> bool {
        self.stretch().is_some_and(|(begin, end)| {
            let end = if self.ended.is_some() {
                end
            } else {
                end + BEAT
            };
            begin <= to && from <= end
        })
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> + use<> {
        self.first_mark.into_iter().chain(self.last_mark)
    }

    /// Of no worker.
    #[cfg(test)]
    pub(crate) fn of_test(at: OffsetDateTime) -> Self {
        Self {
            id: 1,
            version: "0.1.0".into(),
            pid: 1,
            started: at,
            ready: None,
            seen: at,
            ended: None,
            why: None,
            first_mark: None,
            last_mark: None,
        }
    }
}

/// Where runs and terms are noted. Nothing of the path waits for it.
#[async_trait]
pub trait RunRepository: Send + Sync + 'static {
    /// Notes a start; gives the run's number.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn begin(&self, wallet: &Wallet, run: &Run) -> Result<i64, StoreError>;

    /// Brings a run's row up to date: all but its start.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn keep(&self, run: &Run) -> Result<(), StoreError>;

    /// Notes a time without readiness, or brings its row up to date; gives its number.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note_unready(&self, unready: &Unready) -> Result<i64, StoreError>;

    /// Notes a topic's terms, if they differ from the newest ones that are noted.
    ///
    /// # Errors
    /// When the database can't be written.
    async fn note_terms(
        &self,
        chain_id: &str,
        terms: &Terms,
        at: OffsetDateTime,
    ) -> Result<(), StoreError>;
}

const BEGIN: &str = "INSERT INTO runs (chain_id, address, version, pid, started, seen) \
    VALUES (?, ?, ?, ?, ?, ?)";

const KEEP: &str = "UPDATE runs SET ready = ?, marked = ?, mark_height = ?, seen = ?, heard = ?, \
    seen_height = ?, ended = ?, why = ? WHERE id = ?";

const NOTE: &str = "INSERT OR REPLACE INTO topic_terms \
    (chain_id, topic, height, at, epoch, blocks, active, opened) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS \
    (SELECT 1 FROM topic_terms t WHERE t.chain_id = ?1 AND t.topic = ?2 AND t.epoch = ?5 \
        AND t.blocks = ?6 AND t.active = ?7 AND t.height = \
        (SELECT max(n.height) FROM topic_terms n WHERE n.chain_id = ?1 AND n.topic = ?2))";

#[async_trait]
impl RunRepository for Store {
    async fn begin(&self, wallet: &Wallet, run: &Run) -> Result<i64, StoreError> {
        sqlx::query(BEGIN)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(&run.version)
            .bind(run.pid)
            .bind(milliseconds(run.started))
            .bind(milliseconds(run.seen))
            .execute(&self.pool)
            .await
            .map(|done| done.last_insert_rowid())
            .map_err(|cause| self.failed(cause))
    }

    async fn keep(&self, run: &Run) -> Result<(), StoreError> {
        sqlx::query(KEEP)
            .bind(run.ready.map(milliseconds))
            .bind(run.first_mark.map(|it| milliseconds(it.at)))
            .bind(run.first_mark.map(|it| it.height))
            .bind(milliseconds(run.seen))
            .bind(run.last_mark.map(|it| milliseconds(it.at)))
            .bind(run.last_mark.map(|it| it.height))
            .bind(run.ended.map(milliseconds))
            .bind(&run.why)
            .bind(run.id)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|cause| self.failed(cause))
    }

    async fn note_unready(&self, unready: &Unready) -> Result<i64, StoreError> {
        let noted = unready::note(&self.pool, unready).await;
        noted.map_err(|cause| self.failed(cause))
    }

    async fn note_terms(
        &self,
        chain_id: &str,
        terms: &Terms,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(NOTE)
            .bind(chain_id)
            .bind(terms.topic.0.cast_signed())
            .bind(terms.height)
            .bind(milliseconds(at))
            .bind(terms.epoch)
            .bind(terms.blocks)
            .bind(terms.is_active)
            .bind(terms.last_opened)
            .execute(&self.pool)
            .await
            .map(|_| ())
            .map_err(|cause| self.failed(cause))
    }
}

/// A run of a row of `runs`.
pub(super) fn run(row: &SqliteRow) -> Result<Run, sqlx::Error> {
    let date =
        |column: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(date));
    let needed = |column: &str| Ok::<_, sqlx::Error>(self::date(row.try_get(column)?));
    let mark = |height: &str, at: Option<OffsetDateTime>| {
        let height: Option<i64> = row.try_get(height)?;
        Ok::<_, sqlx::Error>(height.zip(at).map(|(height, at)| Mark { height, at }))
    };
    Ok(Run {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        pid: row.try_get("pid")?,
        started: needed("started")?,
        ready: date("ready")?,
        seen: needed("seen")?,
        ended: date("ended")?,
        why: row.try_get("why")?,
        first_mark: mark("mark_height", date("marked")?)?,
        last_mark: mark("seen_height", date("heard")?)?,
    })
}

/// Terms of a row of `topic_terms`.
pub(super) fn terms(row: &SqliteRow) -> Result<Terms, sqlx::Error> {
    Ok(Terms {
        topic: TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()),
        height: row.try_get("height")?,
        epoch: row.try_get("epoch")?,
        blocks: row.try_get("blocks")?,
        is_active: row.try_get("active")?,
        last_opened: row.try_get("opened")?,
    })
}

/// The chain began anew: its heights, its topics and the runs on it were another's. What was answered there is
/// set aside with them; the run of this process has just met the new one.
pub(in crate::store) async fn set_aside(
    all: &mut SqliteConnection,
    chain_id: &str,
    aside: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE OR REPLACE topic_terms SET chain_id = ? WHERE chain_id = ?")
        .bind(aside)
        .bind(chain_id)
        .execute(&mut *all)
        .await?;
    let earlier = "UPDATE runs SET chain_id = ?1 WHERE chain_id = ?2 \
                   AND NOT (pid = ?3 AND ended IS NULL AND id = (SELECT max(id) FROM runs))";
    sqlx::query(earlier)
        .bind(aside)
        .bind(chain_id)
        .bind(i64::from(std::process::id()))
        .execute(&mut *all)
        .await?;
    sqlx::query("UPDATE runs SET mark_height = NULL, seen_height = NULL WHERE chain_id = ?")
        .bind(chain_id)
        .execute(all)
        .await
        .map(|_| ())
}

/// The chain's height then.
#[must_use]
pub(crate) fn mark(height: Height, at: OffsetDateTime) -> Option<Mark> {
    let height = height.0;
    (height > 0).then_some(Mark { height, at })
}

pub(super) fn milliseconds(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

pub(super) fn date(milliseconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
