//! Reads Tiingo's answers. None of them can make the worker fail: what is not prices is an error with
//! its cause, and a row that can't be used is set aside.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use time::{
    OffsetDateTime, format_description::well_known::Rfc2822,
    format_description::well_known::Rfc3339,
};

use super::{Batch, MarketError};
use crate::forecast::Candle;

/// Longest text of a server that is repeated in a message.
const EXCERPT: usize = 200;
/// The longest that a server's wish to be left alone is heeded.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// One answer as it came.
pub(super) struct Answer<'a> {
    pub status: u16,
    pub retry_after: Option<&'a str>,
    pub body: &'a [u8],
}

#[derive(Deserialize)]
struct TickerPrices {
    #[serde(default)]
    ticker: String,
    #[serde(default, rename = "priceData")]
    price_data: Vec<Value>,
}

#[derive(Deserialize)]
struct PriceRow {
    date: String,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: Option<f64>,
}

/// The candles of an answer that ended at `cutoff` (unix seconds) or before.
pub(super) fn read(
    answer: &Answer<'_>,
    ticker: &str,
    now: OffsetDateTime,
    cutoff: i64,
) -> Result<Batch, MarketError> {
    let status = answer.status;
    let retry_after = answer.retry_after.and_then(|text| wait(text, now));
    let json: Option<Value> = serde_json::from_slice(answer.body).ok();
    let detail = json.as_ref().and_then(detail_of).unwrap_or_default();
    match status {
        401 | 403 => return Err(MarketError::Unauthorized { status, detail }),
        404 => {
            let ticker = ticker.to_owned();
            return Err(MarketError::NotFound { ticker });
        }
        429 => {
            return Err(MarketError::QuotaExceeded {
                retry_after,
                detail,
            });
        }
        500.. => {
            return Err(MarketError::ServerFailed {
                status,
                retry_after,
            });
        }
        _ => {}
    }
    match json {
        Some(Value::Array(list)) if (200..300).contains(&status) => read_list(list, ticker, cutoff),
        // An object where a list is due is a refusal, whatever the status.
        Some(Value::Object(_)) => Err(refusal(status, retry_after, detail)),
        None if looks_like_page(answer.body) => Err(MarketError::WebPage { status }),
        _ if !(200..300).contains(&status) => Err(MarketError::Refused { status, detail }),
        _ => Err(MarketError::Unreadable {
            cause: format!("no list of prices but {}", excerpt(answer.body)),
        }),
    }
}

fn refusal(status: u16, retry_after: Option<Duration>, detail: String) -> MarketError {
    let words = detail.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    if says(&["allocation", "limit", "quota"]) {
        MarketError::QuotaExceeded {
            retry_after,
            detail,
        }
    } else if says(&["token", "credential", "authenticat", "permission"]) {
        MarketError::Unauthorized { status, detail }
    } else {
        MarketError::Refused { status, detail }
    }
}

fn read_list(list: Vec<Value>, ticker: &str, cutoff: i64) -> Result<Batch, MarketError> {
    let unreadable = |cause: String| MarketError::Unreadable { cause };
    let mut batch = Batch::default();
    for entry in list {
        let entry: TickerPrices = serde_json::from_value(entry)
            .map_err(|cause| unreadable(format!("an entry is no price list: {cause}")))?;
        // Only what names another ticker is not ours.
        if !entry.ticker.is_empty() && !entry.ticker.eq_ignore_ascii_case(ticker) {
            let other = entry.ticker.chars().take(40).collect::<String>();
            return Err(unreadable(format!(
                "prices of {other:?} instead of {ticker:?}"
            )));
        }
        for row in entry.price_data {
            match read_row(&row) {
                Ok(candle) if candle.end() <= cutoff => batch.candles.push(candle),
                // The interval that is running, or has only just ended.
                Ok(_) => {}
                Err(fault) => batch.set_aside(format!("{}: {fault}", excerpt(row.to_string()))),
            }
        }
    }
    Ok(batch)
}

fn read_row(row: &Value) -> Result<Candle, String> {
    let row = PriceRow::deserialize(row).map_err(|cause| cause.to_string())?;
    let start = OffsetDateTime::parse(&row.date, &Rfc3339).map_err(|cause| cause.to_string())?;
    if start.nanosecond() != 0 {
        return Err("its start is not a full hour".into());
    }
    let candle = Candle {
        start: start.unix_timestamp(),
        open: row.open,
        high: row.high,
        low: row.low,
        close: row.close,
        volume: row.volume.unwrap_or(0.0),
    };
    candle.check().map_err(|cause| cause.to_string())?;
    Ok(candle)
}

fn detail_of(json: &Value) -> Option<String> {
    let detail = json.get("detail").or_else(|| json.get("message"))?;
    let text = detail
        .as_str()
        .map_or_else(|| detail.to_string(), str::to_owned);
    Some(excerpt(text))
}

fn looks_like_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The beginning of a text, on one line.
fn excerpt(text: impl AsRef<[u8]>) -> String {
    let text = String::from_utf8_lossy(text.as_ref());
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(EXCERPT)
        .collect();
    if line.is_empty() {
        "nothing".into()
    } else {
        line
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn wait(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        Duration::try_from(until - now).ok()?
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn heeds_both_forms_of_retry_after() {
        let now = datetime!(2025-10-01 12:00 UTC);
        let seconds = |text| wait(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Wed, 01 Oct 2025 12:05:00 GMT"), Some(300));
        assert_eq!(seconds("999999999"), Some(3600));
        assert_eq!(seconds("Wed, 01 Oct 2025 11:00:00 GMT"), None);
        assert_eq!(seconds("soon"), None);
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(
            status in 100_u16..600,
            retry_after in proptest::option::of(".{0,40}"),
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "\\[?\\{\"(detail|priceData|ticker)\": ?(\\[\\{\"date\":\"2025\"\\}\\]|\"[a-z]*\"|1)\\}\\]?"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let retry_after = retry_after.as_deref();
            let answer = Answer { status, retry_after, body: &body };
            let now = datetime!(2025-10-01 12:00 UTC);
            match read(&answer, "btcusd", now, now.unix_timestamp()) {
                Ok(batch) => prop_assert!(batch.candles.is_empty()),
                Err(cause) => prop_assert!(cause.to_string().contains("; ")),
            }
        }
    }
}
