//! A stand-in for Tiingo: hourly prices of any day up to now, with faults of its own.

use std::{
    collections::BTreeMap,
    f64::consts::TAU,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use time::{
    Date, OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description,
};

use super::faults::Fault;

/// The faults that hold, and how many requests each kind has met.
#[derive(Clone, Debug, Default)]
pub(super) struct PriceFaults(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    faults: Vec<Fault>,
    met: BTreeMap<String, u64>,
}

impl PriceFaults {
    pub(super) fn set(&self, faults: Vec<Fault>) {
        self.with(|held| held.faults = faults);
    }

    /// How many requests each kind has met.
    pub(super) fn met(&self) -> BTreeMap<String, u64> {
        self.with(|held| held.met.clone())
    }

    /// The faults that hold, for a request that is being answered.
    fn meet(&self) -> Vec<Fault> {
        self.with(|held| {
            for fault in &held.faults {
                *held.met.entry(fault.kind()).or_default() += 1;
            }
            held.faults.clone()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The one route of Tiingo's that is asked.
pub(super) fn router(faults: PriceFaults, behind: i64) -> Router {
    Router::new()
        .route("/tiingo/crypto/prices", get(answer))
        .with_state((faults, behind))
}

async fn answer(State((faults, behind)): State<(PriceFaults, i64)>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let mut rows = rows(query, behind);
    for fault in faults.meet() {
        let detail = |text: &str| Json(json!({ "detail": text }));
        match fault {
            Fault::PricesUnauthorized => {
                return (StatusCode::UNAUTHORIZED, detail("Invalid token.")).into_response();
            }
            Fault::PricesTooMany => {
                let text = detail("You have run over your hourly request allocation.");
                let later = [(RETRY_AFTER, "2")];
                return (StatusCode::TOO_MANY_REQUESTS, later, text).into_response();
            }
            Fault::PricesServerError => {
                return (StatusCode::INTERNAL_SERVER_ERROR, "error").into_response();
            }
            Fault::PricesEmpty => return Json(json!([])).into_response(),
            Fault::PricesLate => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let kept = rows.len().saturating_sub(3);
                rows.truncate(kept);
            }
            Fault::PricesUnordered => rows.reverse(),
            Fault::PricesZero => rows.iter_mut().for_each(|row| {
                for key in ["open", "high", "low", "close"] {
                    row[key] = json!(0.0);
                }
            }),
            _ => {}
        }
    }
    let ticker = asked(query, "tickers");
    Json(json!([{
        "ticker": ticker, "baseCurrency": "btc", "quoteCurrency": "usd", "priceData": rows,
    }]))
    .into_response()
}

fn asked<'a>(query: &'a str, name: &str) -> &'a str {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(key, _)| *key == name);
    found.map_or("", |(_, value)| value)
}

fn day(text: &str) -> Option<i64> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    Some(day.midnight().assume_utc().unix_timestamp())
}

/// Waves of a day and of nine days.
fn price(at: i64) -> f64 {
    let wave = |period: f64| (TAU * at as f64 / period).sin();
    100_000.0 * (0.01 * wave(86_400.0) + 0.04 * wave(777_600.0)).exp()
}

/// The hours that are asked for, the last of them running.
fn rows(query: &str, behind: i64) -> Vec<Value> {
    const HOUR: i64 = 3_600;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let (Some(start), Some(end)) = (day(asked(query, "startDate")), day(asked(query, "endDate")))
    else {
        return Vec::new();
    };
    let end = (end + 24 * HOUR).min(now - behind * HOUR);
    let hours = (0..).map(|hour| start + hour * HOUR);
    let rows = hours.take_while(|at| *at < end).filter_map(|at| {
        let (open, close) = (price(at), price((at + HOUR).min(now)));
        let date = OffsetDateTime::from_unix_timestamp(at).ok()?;
        Some(json!({
            "date": date.format(&Rfc3339).ok()?,
            "open": open, "close": close, "high": open.max(close), "low": open.min(close),
            "volume": 1.0, "volumeNotional": open, "tradesDone": 3.0,
        }))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hours_of_a_day_are_given() {
        let rows = rows(
            "tickers=btcusd&startDate=2026-01-01&endDate=2026-01-01&resampleFreq=1hour",
            0,
        );
        assert_eq!(rows.len(), 24);
        assert_eq!(rows[23]["date"], "2026-01-01T23:00:00Z");
        assert!(
            rows.iter()
                .all(|row| row["close"].as_f64() > Some(90_000.0))
        );
    }
}
