//! Reading outcomes: the longest question, and what rows say.

use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{Answered, Field, Noted, OpenedBy, Peers, Record, Resolution};
use crate::{
    forecast::Source,
    types::{Height, Nonce, TopicId, WindowKey},
};

/// Answered windows without a note. The value is the one in the transaction that came into a block,
/// else the one that was signed last.
pub(super) fn unnoted(topics: &[TopicId]) -> String {
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

/// Numbers alone, so that they may stand in a statement's text.
fn list(topics: &[TopicId]) -> String {
    let topics: Vec<_> = topics
        .iter()
        .map(|it| it.0.cast_signed().to_string())
        .collect();
    topics.join(", ")
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| decode(&error))
}

pub(super) fn decode(cause: &impl ToString) -> sqlx::Error {
    sqlx::Error::Decode(cause.to_string().into())
}

pub(super) fn topic_of(row: &SqliteRow) -> Result<TopicId, sqlx::Error> {
    Ok(TopicId(row.try_get::<i64, _>("topic")?.cast_unsigned()))
}

fn key(row: &SqliteRow) -> Result<WindowKey, sqlx::Error> {
    Ok(WindowKey {
        topic: topic_of(row)?,
        nonce: Nonce(row.try_get("nonce")?),
    })
}

/// A source's name in the database: the one in the forecast's JSON.
pub(super) fn name(source: Source) -> Option<String> {
    match serde_json::to_value(source) {
        Ok(serde_json::Value::String(name)) => Some(name),
        _ => None,
    }
}

fn source(row: &SqliteRow) -> Result<Option<Source>, sqlx::Error> {
    let name: Option<String> = row.try_get("source")?;
    Ok(name.and_then(|it| serde_json::from_value(it.into()).ok()))
}

/// Who made a value, by the forecast that the journal holds with it. A blend in which the models have no
/// weight is the built-in forecast.
fn maker(forecast: &str) -> Option<Source> {
    #[derive(serde::Deserialize)]
    struct Made {
        source: Source,
        fallback: Option<serde::de::IgnoredAny>,
        report: Option<Report>,
    }
    #[derive(serde::Deserialize)]
    struct Report {
        network: Option<Network>,
    }
    #[derive(serde::Deserialize)]
    struct Network {
        weight: f64,
        built_in_source: Option<Source>,
    }
    let made: Made = serde_json::from_str(forecast).ok()?;
    let is_own = made.fallback.is_none();
    let network = made.report.and_then(|it| it.network);
    let alone = network.filter(|it| made.source == Source::Blend && it.weight <= 0.0);
    Some(if is_own {
        alone
            .and_then(|it| it.built_in_source)
            .unwrap_or(made.source)
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
pub(super) fn answered(row: SqliteRow) -> Result<Answered, sqlx::Error> {
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
pub(super) fn noted(row: SqliteRow) -> Result<Noted, sqlx::Error> {
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

pub(super) fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
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

pub(super) fn peers(row: &SqliteRow) -> Result<Peers, sqlx::Error> {
    Ok(Peers {
        combined: row.try_get("combined")?,
        inferers: parsed(&row.try_get::<String, _>("inferers")?)?,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("blend", 0.0, Some(Source::Prior))]
    #[case("blend", 0.1, Some(Source::Blend))]
    #[case("models", 0.0, Some(Source::Models))]
    fn a_blend_without_weight_is_the_built_in_forecast(
        #[case] source: &str,
        #[case] weight: f64,
        #[case] expected: Option<Source>,
    ) {
        let network = serde_json::json!({"weight": weight, "built_in_source": "prior"});
        let forecast = serde_json::json!({"source": source, "report": {"network": network}});
        assert_eq!(maker(&forecast.to_string()), expected);
    }
}
