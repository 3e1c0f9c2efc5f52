//! Tiingo's hourly prices of crypto pairs.

use std::{error::Error, fmt, net::IpAddr, ops::Range, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use time::{Date, OffsetDateTime};

use super::{
    MarketConfig, MarketError, PriceSource,
    answer::{self, Answer},
    quota::Quota,
};
use crate::{clock::SharedClock, forecast::Candle, tls};

/// Largest answer that is read; 90 days of hourly rows are half a megabyte.
const LARGEST: usize = 16 << 20;

/// What one request brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Complete candles that can be used.
    pub candles: Vec<Candle>,
    /// Rows that can't be used.
    pub bad_rows: usize,
    /// The first of them and its fault.
    pub example: Option<String>,
}

impl Batch {
    pub(super) fn set_aside(&mut self, example: String) {
        self.bad_rows += 1;
        self.example.get_or_insert(example);
    }
}

/// A client of Tiingo with one key. All tickers share it, and with it the plan's quota.
pub struct Tiingo {
    http: Client,
    prices: Url,
    header: HeaderValue,
    key: SecretString,
    quota: Quota,
    clock: SharedClock,
    settle: i64,
}

impl fmt::Debug for Tiingo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiingo")
            .field("prices", &self.prices.as_str())
            .finish_non_exhaustive()
    }
}

impl Tiingo {
    /// A client for the account of `key`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the configuration makes no sense or the key can't be one.
    pub fn new(
        config: &MarketConfig,
        key: SecretString,
        clock: SharedClock,
    ) -> Result<Self, MarketError> {
        config.check()?;
        tls::install();
        let http = Client::builder()
            .timeout(config.request_timeout)
            .connect_timeout(config.connect_timeout)
            // The key is not for whoever a redirect names.
            .redirect(Policy::none())
            .user_agent(concat!("allora-worker/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| MarketError::NoClient {
                cause: in_full(&cause),
            })?;
        Ok(Self {
            http,
            prices: prices_url(&config.base_url)?,
            header: header(&key)?,
            key,
            quota: Quota::new(config.requests_per_hour, config.requests_per_day),
            clock,
            settle: seconds(config.settle),
        })
    }

    async fn ask(&self, ticker: &str, hours: &Range<i64>) -> Result<Batch, MarketError> {
        let from = day(hours.start)?;
        // Whether the last day is part of the answer is not documented, so one more is asked for.
        let to = day(hours.end - 1)?;
        let to = to.next_day().unwrap_or(to);
        let query = [
            ("tickers", ticker.to_owned()),
            ("startDate", from.to_string()),
            ("endDate", to.to_string()),
            ("resampleFreq", "1hour".to_owned()),
        ];
        let request = self.http.get(self.prices.clone()).query(&query);
        let response = request
            .header(AUTHORIZATION, self.header.clone())
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).cloned();
        let body = self.read(response).await?;
        let answer = Answer {
            status: status.as_u16(),
            retry_after: retry_after.as_ref().and_then(|text| text.to_str().ok()),
            body: &body,
        };
        let now = self.clock.now();
        answer::read(&answer, ticker, now, now.unix_timestamp() - self.settle)
    }

    /// The body, without the key if the server repeats it.
    async fn read(&self, mut response: Response) -> Result<Vec<u8>, MarketError> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            if body.len() + part.len() > LARGEST {
                let cause = format!("it is longer than {} MiB", LARGEST >> 20);
                return Err(MarketError::Unreadable { cause });
            }
            body.extend_from_slice(&part);
        }
        let key = self.key.expose_secret().trim();
        if body.windows(key.len()).any(|part| part == key.as_bytes()) {
            let text = String::from_utf8_lossy(&body).replace(key, "***");
            return Ok(text.into_bytes());
        }
        Ok(body)
    }
}

#[async_trait]
impl PriceSource for Tiingo {
    async fn hourly(
        &self,
        ticker: &str,
        hours: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError> {
        self.quota
            .take(urgent)
            .map_err(|retry_after| MarketError::QuotaSpent { retry_after })?;
        self.ask(ticker, &hours).await
    }
}

fn prices_url(base: &str) -> Result<Url, MarketError> {
    // Not repeated in the message: someone may have put a key into it.
    let bad = || MarketError::BadUrl;
    let url: Url = base.trim().parse().map_err(|_| bad())?;
    let host = url.host_str().unwrap_or_default();
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let fit = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !fit || url.query().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(bad());
    }
    let path = url.path().trim_end_matches('/');
    url.join(&format!("{path}/tiingo/crypto/prices"))
        .map_err(|_| bad())
}

fn header(key: &SecretString) -> Result<HeaderValue, MarketError> {
    let key = key.expose_secret().trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(MarketError::BadKey);
    }
    let text = zeroize::Zeroizing::new(format!("Token {key}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| MarketError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn day(seconds: i64) -> Result<Date, MarketError> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map(OffsetDateTime::date)
        .map_err(|cause| MarketError::Unreadable {
            cause: format!("the date to ask for: {cause}"),
        })
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn unreachable(cause: reqwest::Error) -> MarketError {
    let cause = in_full(&cause.without_url());
    MarketError::Unreachable { cause }
}

/// An error with all that caused it.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[path = "tiingo_tests.rs"]
mod tests;
