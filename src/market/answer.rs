//! Reads what a server says. No bytes can make the worker fail: what is not prices is an error with its
//! cause, and a row that can't be used is set aside.

use std::time::Duration;

use serde_json::Value;
use time::{
    OffsetDateTime, format_description::well_known::Rfc2822,
    format_description::well_known::Rfc3339,
};

use super::MarketError;
use crate::store::Origin;

/// Longest text of a server that is repeated in a message.
const EXCERPT: usize = 200;
/// The longest that a server's wish to be left alone is heeded.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// One answer as it came.
pub(super) struct Answer {
    pub from: Origin,
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The list that an answer with prices is; anything else is a failure, whatever its status.
    pub(super) fn list(
        &self,
        ticker: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Value>, MarketError> {
        let (from, status) = (self.from, self.status);
        let retry_after = self.retry_after.as_ref().and_then(|text| wait(text, now));
        let json: Option<Value> = serde_json::from_slice(&self.body).ok();
        let detail = json.as_ref().and_then(detail_of).unwrap_or_default();
        match status {
            401 | 403 if from == Origin::Tiingo => {
                return Err(MarketError::Unauthorized { status, detail });
            }
            404 => {
                let ticker = ticker.to_owned();
                return Err(MarketError::NotFound { from, ticker });
            }
            429 => {
                return Err(MarketError::QuotaExceeded {
                    from,
                    retry_after,
                    detail,
                });
            }
            500.. => {
                return Err(MarketError::ServerFailed {
                    from,
                    status,
                    retry_after,
                });
            }
            _ => {}
        }
        match json {
            Some(Value::Array(list)) if (200..300).contains(&status) => Ok(list),
            // An object where a list is due is a refusal, whatever the status.
            Some(Value::Object(_)) => Err(self.refusal(retry_after, detail)),
            None if looks_like_page(&self.body) => Err(MarketError::WebPage { from, status }),
            _ if !(200..300).contains(&status) => Err(MarketError::Refused {
                from,
                status,
                detail,
            }),
            _ => Err(MarketError::Unreadable {
                from,
                cause: format!("no list of prices but {}", excerpt(&self.body)),
            }),
        }
    }

    fn refusal(&self, retry_after: Option<Duration>, detail: String) -> MarketError {
        let (from, status) = (self.from, self.status);
        let words = detail.to_ascii_lowercase();
        let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
        if says(&["allocation", "limit", "quota"]) {
            MarketError::QuotaExceeded {
                from,
                retry_after,
                detail,
            }
        } else if from == Origin::Tiingo
            && says(&["token", "credential", "authenticat", "permission"])
        {
            MarketError::Unauthorized { status, detail }
        } else {
            MarketError::Refused {
                from,
                status,
                detail,
            }
        }
    }
}

/// A time as servers write it, in unix seconds; none when it is no full second.
pub(super) fn timestamp(text: &str) -> Result<i64, String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|cause| cause.to_string())?;
    if at.nanosecond() != 0 {
        return Err("its start is no full second".into());
    }
    Ok(at.unix_timestamp())
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
pub(super) fn excerpt(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    // A character has four bytes at most.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * EXCERPT)]);
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
}
