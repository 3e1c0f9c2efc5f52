//! Looking at a database of predictions, in a file or at a server.

use std::{path::Path, time::Duration};

use sqlx::{ConnectOptions as _, Connection as _, postgres::PgConnectOptions};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    options,
    server::{connect, late},
};
use crate::store::{DatabaseUrl, StoreError, database};

/// When a crunch's newest prediction was made, as a database of predictions tells; none when it has none,
/// or no tables yet.
///
/// # Errors
/// When it can't be reached within `limit`, or refuses.
pub async fn newest_prediction(
    url: &DatabaseUrl,
    crunch_id: &str,
    limit: Duration,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let place = url.to_string();
    let asked = async {
        match url.path() {
            Some(path) => newest_in_file(path, crunch_id).await,
            None => match url.server() {
                Some(options) => newest_at_server(options, crunch_id).await,
                None => Ok(None),
            },
        }
    };
    let answer = timeout(limit, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(late(limit)));
    answer.map_err(|cause| match url.path() {
        Some(_) => database::failure(place, cause),
        None => StoreError::Server { place, cause },
    })
}

async fn newest_in_file(path: &Path, crunch: &str) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    if !path.exists() {
        return Err(std::io::Error::from(std::io::ErrorKind::NotFound).into());
    }
    let mut connection = options(path).connect().await?;
    let known = "SELECT count(*) FROM sqlite_schema WHERE name = 'predictions'";
    let known: i64 = sqlx::query_scalar(known).fetch_one(&mut connection).await?;
    if known == 0 {
        return Ok(None);
    }
    let newest = "SELECT p.performed_at FROM predictions p WHERE +p.config_id IN \
                  (SELECT id FROM prediction_configs WHERE crunch_id = ?) \
                  ORDER BY p.performed_at DESC LIMIT 1";
    let newest: Option<i64> = sqlx::query_scalar(newest)
        .bind(crunch)
        .fetch_optional(&mut connection)
        .await?;
    let _ = connection.close().await;
    let at =
        |millis: i64| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    Ok(newest.and_then(|millis| at(millis).ok()))
}

async fn newest_at_server(
    options: &PgConnectOptions,
    crunch: &str,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    let mut connection = connect(options).await?;
    let known: bool = sqlx::query_scalar("SELECT to_regclass('predictions') IS NOT NULL")
        .fetch_one(&mut connection)
        .await?;
    if !known {
        return Ok(None);
    }
    let newest = "SELECT p.performed_at FROM predictions p WHERE p.config_id IN \
                  (SELECT id FROM prediction_configs WHERE crunch_id = $1) \
                  ORDER BY p.performed_at DESC LIMIT 1";
    let newest = sqlx::query_scalar(newest)
        .bind(crunch)
        .fetch_optional(&mut connection)
        .await?;
    let _ = connection.close().await;
    Ok(newest)
}
