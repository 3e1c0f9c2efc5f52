//! Outcomes in SQL. Every write is one short transaction.

use async_trait::async_trait;
use sqlx::{Row, Sqlite, SqliteConnection, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{
    Answered, Field, Noted, OpenedBy, OutcomeRepository, Peers, Record, Resolution, Standing,
    Store, StoreError, Wallet,
};
use crate::{
    forecast::Source,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// Answered windows without a note. The value is the one in the transaction that came into a block,
/// else the one that was signed last.
fn unnoted(topics: &[TopicId]) -> String {
    let topics = list(topics);
    format!(
        "SELECT a.*, s.value, s.detail FROM (\
    SELECT j.topic, j.nonce, max(j.window_end) AS window_end, min(j.at) AS at, \
    COALESCE((SELECT p.id FROM journal p WHERE p.chain_id = j.chain_id \
            AND p.address = j.address AND p.topic = j.topic AND p.nonce = j.nonce \
            AND p.state = 'prepared' AND p.tx_hash IN (SELECT i.tx_hash FROM journal i \
                WHERE i.chain_id = j.chain_id AND i.address = j.address AND i.topic = j.topic \
                AND i.nonce = j.nonce AND i.state = 'included') \
            ORDER BY p.id DESC LIMIT 1), \
        (SELECT p.id FROM journal p WHERE p.chain_id = j.chain_id \
            AND p.address = j.address AND p.topic = j.topic AND p.nonce = j.nonce \
            AND p.state = 'prepared' ORDER BY p.id DESC LIMIT 1)) AS signed \
    FROM journal j WHERE j.chain_id = ?1 AND j.address = ?2 AND j.nonce > ?3 \
        AND j.topic IN ({topics}) \
        AND j.state IN ('broadcast', 'included', 'counted', 'outranked') \
        AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.chain_id = j.chain_id \
            AND o.address = j.address AND o.topic = j.topic AND o.nonce = j.nonce) \
    GROUP BY j.nonce, j.topic \
    HAVING max(CASE WHEN j.state = 'broadcast' THEN 0 ELSE 1 END) = 1 \
    ORDER BY j.nonce, j.topic LIMIT ?4) a \
    LEFT JOIN journal s ON s.id = a.signed ORDER BY a.nonce, a.topic"
    )
}

/// Among the newest of a topic, those that the chain was not asked about. The lowest nonce is looked up
/// once: what lies below it, and is never asked about, is not read.
const UNASKED: &str = "SELECT * FROM outcomes WHERE chain_id = ?1 AND address = ?2 AND topic = ?3 \
    AND asked = 0 AND nonce >= (SELECT min(nonce) FROM (SELECT nonce FROM outcomes \
        WHERE chain_id = ?1 AND address = ?2 AND topic = ?3 ORDER BY nonce DESC LIMIT ?4)) \
    ORDER BY nonce DESC LIMIT ?4";

/// Resolved forecasts without a rank whose others are known; those without others are not read.
const UNRANKED: &str = "SELECT o.*, p.combined, p.inferers FROM outcomes o JOIN peers p \
    ON p.chain_id = o.chain_id AND p.topic = o.topic AND p.nonce = o.nonce \
    WHERE o.chain_id = ? AND o.address = ? AND o.topic = ? AND o.outcome IS NOT NULL \
    AND o.place IS NULL AND o.peered = 1 ORDER BY o.nonce LIMIT ?";

#[async_trait]
impl OutcomeRepository for Store {
    async fn unnoted(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Answered>, StoreError> {
        let sql = sqlx::AssertSqlSafe(unnoted(topics));
        sqlx::query(sql)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(after.0)
            .bind(limit)
            .try_map(answered)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    async fn note(&self, wallet: &Wallet, forecasts: &[Noted]) -> Result<(), StoreError> {
        if forecasts.is_empty() {
            return Ok(());
        }
        let mut insert = sqlx::QueryBuilder::<Sqlite>::new(
            "INSERT INTO outcomes \
             (chain_id, address, topic, nonce, window_end, value, source, opened, clock) ",
        );
        insert.push_values(forecasts, |mut row, it| {
            row.push_bind(&wallet.chain_id)
                .push_bind(&wallet.address)
                .push_bind(it.key.topic.0.cast_signed())
                .push_bind(it.key.nonce.0)
                .push_bind(it.window_end.0)
                .push_bind(it.value)
                .push_bind(it.source.and_then(name))
                .push_bind(it.opened.unix_timestamp())
                .push_bind(it.clock.as_str());
        });
        insert.push(" ON CONFLICT DO NOTHING");
        let done = insert.build().execute(&self.pool).await;
        done.map(drop).map_err(|cause| self.failed(cause))
    }

    async fn newest(&self, wallet: &Wallet, topics: &[TopicId]) -> Result<Vec<Noted>, StoreError> {
        let mut all = Vec::new();
        for topic in topics {
            let found = sqlx::query(
                "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
                 ORDER BY nonce DESC LIMIT 1",
            )
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .try_map(noted)
            .fetch_optional(&self.pool)
            .await;
            all.extend(found.map_err(|cause| self.failed(cause))?);
        }
        Ok(all)
    }

    async fn unresolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        until: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        sqlx::query(
            "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
             AND nonce > ? AND opened <= ? AND resolved IS NULL ORDER BY nonce LIMIT ?",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(after.0)
        .bind(until.unix_timestamp())
        .bind(limit)
        .try_map(noted)
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn resolve(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        at: OffsetDateTime,
        outcomes: &[(Nonce, Option<Resolution>)],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for (nonce, resolution) in outcomes {
                sqlx::query(
                    "UPDATE outcomes SET resolved = ?, base = ?, close = ?, outcome = ?, loss = ?, \
                     zero_loss = ? WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ? \
                     AND resolved IS NULL",
                )
                .bind(at.unix_timestamp())
                .bind(resolution.map(|it| it.base))
                .bind(resolution.map(|it| it.close))
                .bind(resolution.map(|it| it.outcome))
                .bind(resolution.map(|it| it.loss))
                .bind(resolution.map(|it| it.zero_loss))
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(nonce.0)
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn resolved(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        since: OffsetDateTime,
        after: Nonce,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        sqlx::query(
            "SELECT * FROM outcomes WHERE chain_id = ? AND address = ? AND topic = ? \
             AND nonce > ? AND opened >= ? AND outcome IS NOT NULL ORDER BY nonce LIMIT ?",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(after.0)
        .bind(since.unix_timestamp())
        .bind(limit)
        .try_map(|row| record(&row))
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }

    async fn unasked(
        &self,
        wallet: &Wallet,
        topics: &[TopicId],
        reach: u32,
    ) -> Result<Vec<Noted>, StoreError> {
        let mut all = Vec::new();
        for topic in topics {
            let found = sqlx::query(UNASKED)
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(reach)
                .try_map(noted)
                .fetch_all(&self.pool)
                .await;
            all.extend(found.map_err(|cause| self.failed(cause))?);
        }
        all.sort_by_key(|it: &Noted| (std::cmp::Reverse(it.key.nonce), it.key.topic));
        Ok(all)
    }

    async fn keep_peers(
        &self,
        wallet: &Wallet,
        forecast: &Noted,
        peers: Option<&Peers>,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            if let Some(peers) = peers {
                keep(&mut all, wallet, forecast, peers).await?;
            }
            // What is resolved was resolved with the time that it had.
            sqlx::query(
                "UPDATE outcomes SET asked = 1, peered = max(peered, ?), \
                 opened = CASE WHEN resolved IS NULL THEN ? ELSE opened END, \
                 clock = CASE WHEN resolved IS NULL THEN ? ELSE clock END \
                 WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ?",
            )
            .bind(i64::from(peers.is_some()))
            .bind(forecast.opened.unix_timestamp())
            .bind(forecast.clock.as_str())
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(forecast.key.topic.0.cast_signed())
            .bind(forecast.key.nonce.0)
            .execute(&mut *all)
            .await?;
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn unranked(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        limit: u32,
    ) -> Result<Vec<(Record, Peers)>, StoreError> {
        sqlx::query(UNRANKED)
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .bind(topic.0.cast_signed())
            .bind(limit)
            .try_map(|row| Ok((record(&row)?, peers(&row)?)))
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))
    }

    async fn rank(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        fields: &[(Nonce, Field)],
    ) -> Result<(), StoreError> {
        let work = async {
            let mut all = self.pool.begin().await?;
            for (nonce, field) in fields {
                sqlx::query(
                    "UPDATE outcomes SET place = ?, places = ?, median_loss = ?, combined_loss = ? \
                     WHERE chain_id = ? AND address = ? AND topic = ? AND nonce = ?",
                )
                .bind(field.place)
                .bind(field.places)
                .bind(field.median_loss)
                .bind(field.combined_loss)
                .bind(&wallet.chain_id)
                .bind(&wallet.address)
                .bind(topic.0.cast_signed())
                .bind(nonce.0)
                .execute(&mut *all)
                .await?;
            }
            all.commit().await
        };
        work.await.map_err(|cause| self.failed(cause))
    }

    async fn drop_peers(&self, before: OffsetDateTime, limit: u32) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "DELETE FROM peers WHERE (chain_id, topic, nonce) IN \
             (SELECT chain_id, topic, nonce FROM peers WHERE opened < ? LIMIT ?)",
        )
        .bind(before.unix_timestamp())
        .bind(limit)
        .execute(&self.pool)
        .await;
        done.map(|done| done.rows_affected())
            .map_err(|cause| self.failed(cause))
    }

    async fn save_standing(
        &self,
        wallet: &Wallet,
        topic: TopicId,
        standing: &Standing,
    ) -> Result<(), StoreError> {
        let text = json(standing, "a standing")?;
        let done = sqlx::query(
            "INSERT INTO standings (chain_id, address, topic, standing) VALUES (?, ?, ?, ?) \
             ON CONFLICT (chain_id, address, topic) DO UPDATE SET standing = excluded.standing",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .bind(topic.0.cast_signed())
        .bind(text)
        .execute(&self.pool)
        .await;
        done.map(drop).map_err(|cause| self.failed(cause))
    }

    async fn standings(&self, wallet: &Wallet) -> Result<Vec<(TopicId, Standing)>, StoreError> {
        sqlx::query(
            "SELECT topic, standing FROM standings WHERE chain_id = ? AND address = ? \
             ORDER BY topic",
        )
        .bind(&wallet.chain_id)
        .bind(&wallet.address)
        .try_map(|row: SqliteRow| {
            let standing = parsed(&row.try_get::<String, _>("standing")?)?;
            Ok((topic_of(&row)?, standing))
        })
        .fetch_all(&self.pool)
        .await
        .map_err(|cause| self.failed(cause))
    }
}

/// Forgets what was learnt of a wallet on a chain, and what others answered there.
pub(super) async fn forget(all: &mut SqliteConnection, wallet: &Wallet) -> Result<(), sqlx::Error> {
    for table in ["outcomes", "standings"] {
        let sql = format!("DELETE FROM {table} WHERE chain_id = ? AND address = ?");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&wallet.chain_id)
            .bind(&wallet.address)
            .execute(&mut *all)
            .await?;
    }
    sqlx::query("DELETE FROM peers WHERE chain_id = ?")
        .bind(&wallet.chain_id)
        .execute(all)
        .await
        .map(drop)
}

async fn keep(
    all: &mut SqliteConnection,
    wallet: &Wallet,
    forecast: &Noted,
    peers: &Peers,
) -> Result<(), sqlx::Error> {
    let text = serde_json::to_string(&peers.inferers).map_err(|error| decode(&error))?;
    sqlx::query(
        "INSERT INTO peers (chain_id, topic, nonce, opened, combined, inferers) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (chain_id, topic, nonce) DO UPDATE SET \
         combined = excluded.combined, inferers = excluded.inferers",
    )
    .bind(&wallet.chain_id)
    .bind(forecast.key.topic.0.cast_signed())
    .bind(forecast.key.nonce.0)
    .bind(forecast.opened.unix_timestamp())
    .bind(peers.combined)
    .bind(text)
    .execute(all)
    .await
    .map(drop)
}

/// Numbers alone, so that they may stand in a statement's text.
fn list(topics: &[TopicId]) -> String {
    let topics: Vec<_> = topics
        .iter()
        .map(|it| it.0.cast_signed().to_string())
        .collect();
    topics.join(", ")
}

fn json(value: &impl serde::Serialize, what: &'static str) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt {
        what,
        cause: error.to_string(),
    })
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| decode(&error))
}

fn decode(cause: &impl ToString) -> sqlx::Error {
    sqlx::Error::Decode(cause.to_string().into())
}

fn topic_of(row: &SqliteRow) -> Result<TopicId, sqlx::Error> {
    Ok(TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()))
}

fn key(row: &SqliteRow) -> Result<WindowKey, sqlx::Error> {
    Ok(WindowKey {
        topic: topic_of(row)?,
        nonce: Nonce(row.try_get("nonce")?),
    })
}

/// A source's name in the database: the one in the forecast's JSON.
fn name(source: Source) -> Option<String> {
    match serde_json::to_value(source) {
        Ok(serde_json::Value::String(name)) => Some(name),
        _ => None,
    }
}

fn source(row: &SqliteRow) -> Result<Option<Source>, sqlx::Error> {
    let name: Option<String> = row.try_get("source")?;
    Ok(name.and_then(|it| serde_json::from_value(it.into()).ok()))
}

/// Who made a value, by the forecast that the journal holds with it.
fn maker(forecast: &str) -> Option<Source> {
    #[derive(serde::Deserialize)]
    struct Made {
        source: Source,
        fallback: Option<serde::de::IgnoredAny>,
    }
    let made: Made = serde_json::from_str(forecast).ok()?;
    let is_own = made.fallback.is_none();
    Some(if is_own {
        made.source
    } else {
        Source::Fallback
    })
}

fn opened(row: &SqliteRow) -> Result<OffsetDateTime, sqlx::Error> {
    let seconds = row.try_get("opened")?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| decode(&error))
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `try_map` asks for"
)]
fn answered(row: SqliteRow) -> Result<Answered, sqlx::Error> {
    let at: i64 = row.try_get("at")?;
    let detail: Option<String> = row.try_get("detail")?;
    Ok(Answered {
        key: key(&row)?,
        window_end: Height(row.try_get("window_end")?),
        value: row.try_get("value")?,
        source: detail.as_deref().and_then(maker),
        at: OffsetDateTime::from_unix_timestamp_nanos(at.into()).map_err(|error| decode(&error))?,
    })
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that `try_map` asks for"
)]
fn noted(row: SqliteRow) -> Result<Noted, sqlx::Error> {
    let clock: String = row.try_get("clock")?;
    let clock = [OpenedBy::Header, OpenedBy::Block, OpenedBy::Journal]
        .into_iter()
        .find(|it| it.as_str() == clock);
    Ok(Noted {
        key: key(&row)?,
        window_end: Height(row.try_get("window_end")?),
        value: row.try_get("value")?,
        source: source(&row)?,
        opened: opened(&row)?,
        clock: clock.ok_or_else(|| decode(&"an unknown clock"))?,
        is_asked: row.try_get::<i64, _>("asked")? != 0,
    })
}

fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let place: Option<u32> = row.try_get("place")?;
    let field = match place {
        Some(place) => Some(Field {
            place,
            places: row.try_get("places")?,
            median_loss: row.try_get("median_loss")?,
            combined_loss: row.try_get("combined_loss")?,
        }),
        None => None,
    };
    Ok(Record {
        nonce: Nonce(row.try_get("nonce")?),
        opened: opened(row)?,
        value: row.try_get("value")?,
        source: source(row)?,
        resolution: Resolution {
            base: row.try_get("base")?,
            close: row.try_get("close")?,
            outcome: row.try_get("outcome")?,
            loss: row.try_get("loss")?,
            zero_loss: row.try_get("zero_loss")?,
        },
        field,
    })
}

fn peers(row: &SqliteRow) -> Result<Peers, sqlx::Error> {
    Ok(Peers {
        combined: row.try_get("combined")?,
        inferers: parsed(&row.try_get::<String, _>("inferers")?)?,
    })
}

#[cfg(test)]
#[path = "outcomes_tests.rs"]
mod tests;
