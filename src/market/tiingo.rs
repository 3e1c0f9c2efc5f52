//! Tiingo's prices of crypto pairs.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Client, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use time::{Date, OffsetDateTime};

use super::{
    Batch, MarketConfig, MarketError, PriceSource, Unusable,
    answer::{Answer, excerpt, timestamp},
    http,
    quota::Quota,
    sound,
};
use crate::{
    clock::SharedClock,
    forecast::Candle,
    store::{Interval, Origin, QuotaRepository, Series},
};

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
        Ok(Self {
            http: http::client(config)?,
            prices: http::url("base_url", &config.base_url, "tiingo/crypto/prices")?,
            header: header(&key)?,
            key,
            quota: Quota::new(config, Arc::clone(&clock)),
            clock,
            settle: seconds(config.settle),
        })
    }

    /// Lets a store remember the requests, so that a restart or a second process does not overrun the
    /// quota.
    #[must_use]
    pub fn remembering(mut self, store: Arc<dyn QuotaRepository>) -> Self {
        self.quota = self.quota.remembering(store);
        self
    }

    async fn ask(&self, series: &Series, range: &Range<i64>) -> Result<Batch, MarketError> {
        let from = day(range.start)?;
        // Whether the last day is part of the answer is not documented, so one more is asked for.
        let to = day(range.end - 1)?;
        let to = to.next_day().unwrap_or(to);
        let query = [
            ("tickers", series.ticker.clone()),
            ("startDate", from.to_string()),
            ("endDate", to.to_string()),
            ("resampleFreq", series.interval.name().to_owned()),
        ];
        let request = self.http.get(self.prices.clone()).query(&query);
        let request = request.header(AUTHORIZATION, self.header.clone());
        let mut answer = http::ask(request, Origin::Tiingo).await?;
        self.blot_out_key(&mut answer);
        let now = self.clock.now();
        read(&answer, series, now, now.unix_timestamp() - self.settle)
    }

    /// Takes the key out of an answer that repeats it.
    fn blot_out_key(&self, answer: &mut Answer) {
        let key = self.key.expose_secret().trim();
        let body = &mut answer.body;
        if body.windows(key.len()).any(|part| part == key.as_bytes()) {
            let text = String::from_utf8_lossy(body).replace(key, "***");
            *body = text.into_bytes();
        }
    }
}

#[async_trait]
impl PriceSource for Tiingo {
    fn origin(&self) -> Origin {
        Origin::Tiingo
    }

    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
        urgent: bool,
    ) -> Result<Batch, MarketError> {
        let granted = self.quota.take(urgent).await;
        granted.map_err(|retry_after| MarketError::QuotaSpent { retry_after })?;
        self.ask(series, &range).await
    }

    async fn takes(&self, requests: usize) -> Duration {
        self.quota.takes(requests).await
    }
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
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: Option<f64>,
}

/// The candles of an answer that ended at `cutoff` (unix seconds) or before.
pub(super) fn read(
    answer: &Answer,
    series: &Series,
    now: OffsetDateTime,
    cutoff: i64,
) -> Result<Batch, MarketError> {
    let unreadable = |cause: String| MarketError::Unreadable {
        from: answer.from,
        cause,
    };
    let ticker = &series.ticker;
    let mut batch = Batch::default();
    for entry in answer.list(ticker, now)? {
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
            batch.add(read_row(&row, series.interval), series.interval, cutoff);
        }
    }
    Ok(batch)
}

fn read_row(row: &Value, interval: Interval) -> Result<Candle, Unusable> {
    let unusable = |start, fault: String| Unusable {
        start,
        reason: format!("{fault}: {}", excerpt(row.to_string())),
    };
    let date = row.get("date").and_then(Value::as_str);
    let date = date.ok_or_else(|| unusable(None, "it has no date".into()))?;
    let start = timestamp(date).map_err(|fault| unusable(None, fault))?;
    let prices = PriceRow::deserialize(row);
    let prices = prices.map_err(|fault| unusable(Some(start), fault.to_string()))?;
    let candle = Candle {
        start,
        open: prices.open,
        high: prices.high,
        low: prices.low,
        close: prices.close,
        volume: prices.volume.unwrap_or(0.0),
    };
    sound::check(&candle, interval).map_err(|fault| unusable(Some(start), fault))?;
    Ok(candle)
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
            from: Origin::Tiingo,
            cause: format!("the date to ask for: {cause}"),
        })
}

pub(super) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "tiingo_tests.rs"]
mod tests;
