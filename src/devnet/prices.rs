//! A stand-in for Tiingo: hourly prices of any day up to now, with faults of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
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
use crate::clock::{Clock as _, FastClock};

/// What a fault of prices met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceHits {
    /// Requests.
    pub requests: u64,
    /// The windows, as topic and nonce, that were open at one of them.
    pub windows: BTreeSet<(u64, i64)>,
}

impl PriceHits {
    fn note(&mut self, open: &[(u64, i64)]) {
        self.requests += 1;
        self.windows.extend(open);
    }
}

/// The faults that hold, and what each kind has met.
#[derive(Clone, Debug, Default)]
pub(super) struct PriceFaults(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    faults: Vec<Fault>,
    open: Vec<(u64, i64)>,
    met: BTreeMap<String, PriceHits>,
    all: PriceHits,
}

impl PriceFaults {
    pub(super) fn set(&self, faults: Vec<Fault>) {
        self.with(|held| held.faults = faults);
    }

    /// These windows are open from now on.
    pub(super) fn open(&self, windows: Vec<(u64, i64)>) {
        self.with(|held| held.open = windows);
    }

    /// What each kind has met.
    pub(super) fn met(&self) -> BTreeMap<String, PriceHits> {
        self.with(|held| held.met.clone())
    }

    /// All requests.
    pub(super) fn all(&self) -> PriceHits {
        self.with(|held| held.all.clone())
    }

    /// A request comes; gives the faults that hold, the one that began last first.
    fn ask(&self) -> Vec<Fault> {
        self.with(|held| {
            held.all.note(&held.open);
            held.faults.iter().rev().cloned().collect()
        })
    }

    /// A request is met by a fault.
    fn meet(&self, fault: &Fault) {
        self.with(|held| {
            let met = held.met.entry(fault.kind()).or_default();
            met.note(&held.open);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The one route of Tiingo's that is asked.
pub(super) fn router(faults: PriceFaults, clock: FastClock) -> Router {
    Router::new()
        .route("/tiingo/crypto/prices", get(answer))
        .with_state((faults, clock))
}

async fn answer(State((faults, clock)): State<(PriceFaults, FastClock)>, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let mut rows = rows(query, clock.now().unix_timestamp());
    for fault in faults.ask() {
        // One that another hides meets nothing.
        faults.meet(&fault);
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
pub(super) fn rows(query: &str, now: i64) -> Vec<Value> {
    const HOUR: i64 = 3_600;
    /// Ten years of hours.
    const MOST_ROWS: i64 = 87_600;
    let (Some(start), Some(end)) = (day(asked(query, "startDate")), day(asked(query, "endDate")))
    else {
        return Vec::new();
    };
    let end = (end + 24 * HOUR).min(now);
    let hours = (0..MOST_ROWS).map(|hour| start + hour * HOUR);
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
    fn a_question_for_all_of_time_is_answered_in_part() {
        let all = rows("startDate=0001-01-01&endDate=9999-12-31", 1_757_473_200);
        assert_eq!(all.len(), 87_600);
    }

    #[test]
    fn a_fault_meets_the_windows_that_are_open_at_a_request() {
        let faults = PriceFaults::default();
        faults.set(vec![Fault::PricesEmpty, Fault::PricesZero]);
        assert_eq!(faults.ask(), [Fault::PricesZero, Fault::PricesEmpty]);
        for windows in [vec![(67, 12)], vec![], vec![(67, 12), (68, 13)]] {
            faults.open(windows);
            faults.meet(&Fault::PricesZero);
        }
        let met = faults.met();
        assert_eq!((met.len(), faults.all().requests), (1, 1));
        let zero = &met["prices-zero"];
        assert_eq!(zero.requests, 3);
        assert_eq!(zero.windows, BTreeSet::from([(67, 12), (68, 13)]));
    }

    #[test]
    fn the_hours_of_a_day_are_given() {
        let rows = rows(
            "tickers=btcusd&startDate=2026-01-01&endDate=2026-01-01&resampleFreq=1hour",
            1_767_225_600 + 48 * 3_600,
        );
        assert_eq!(rows.len(), 24);
        assert_eq!(rows[23]["date"], "2026-01-01T23:00:00Z");
        assert!(
            rows.iter()
                .all(|row| row["close"].as_f64() > Some(90_000.0))
        );
    }
}
