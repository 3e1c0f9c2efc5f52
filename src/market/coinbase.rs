//! Coinbase Exchange's candles, which need no key.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep_until};

use super::{
    Batch, MarketConfig, MarketError, PriceSource, Unusable,
    answer::{Answer, excerpt},
    config::is_product,
    http, sound,
    tiingo::seconds,
};
use crate::{
    clock::SharedClock,
    forecast::Candle,
    store::{Interval, Origin, Series},
};

/// Rows that one answer holds at most; more are refused.
const MOST: u32 = 300;
/// Pause between two requests. Ten a second are allowed to an address, and it may not be ours alone.
const PAUSE: Duration = Duration::from_millis(350);
/// Ends of tickers that name the quote with four letters; all others are taken to have three.
const LONG_QUOTES: [&str; 2] = ["usdt", "usdc"];

/// A client of Coinbase Exchange. All tickers share it, and with it the pace of its requests.
pub struct Coinbase {
    http: Client,
    base: String,
    products: BTreeMap<String, String>,
    clock: SharedClock,
    settle: i64,
    /// When the next request may be sent.
    free: Mutex<Option<Instant>>,
}

impl fmt::Debug for Coinbase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coinbase")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// A ticker's base and quote: `btc` and `usd` of `btcusd`.
pub(crate) fn pair(ticker: &str) -> Option<(&str, &str)> {
    let long = LONG_QUOTES.iter().any(|quote| ticker.ends_with(quote));
    let at = ticker.len().checked_sub(if long { 4 } else { 3 })?;
    ticker.split_at_checked(at)
}

impl Coinbase {
    /// A client. Nothing is sent yet.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(config: &MarketConfig, clock: SharedClock) -> Result<Self, MarketError> {
        config.check()?;
        // Refused here rather than at the first request.
        http::url("coinbase_url", &config.coinbase_url, "")?;
        Ok(Self {
            http: http::client(config)?,
            base: config.coinbase_url.clone(),
            products: config.products.clone(),
            clock,
            settle: seconds(config.settle),
            free: Mutex::default(),
        })
    }

    fn url(&self, ticker: &str) -> Result<Url, MarketError> {
        let product = self.product(ticker)?;
        let path = format!("products/{product}/candles");
        http::url("coinbase_url", &self.base, &path)
    }

    /// The pair's name there: `BTC-USD` of `btcusd`.
    fn product(&self, ticker: &str) -> Result<String, MarketError> {
        let product = self.products.get(ticker).cloned().or_else(|| {
            let (base, quote) = pair(ticker)?;
            Some(format!("{base}-{quote}").to_ascii_uppercase())
        });
        product
            .filter(|name| is_product(name))
            .ok_or_else(|| MarketError::NoProduct {
                ticker: ticker.to_owned(),
            })
    }

    /// Waits for this request's turn.
    async fn turn(&self) {
        let turn = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = free.map_or_else(Instant::now, |free| free.max(Instant::now()));
            *free = Some(turn + PAUSE);
            turn
        };
        sleep_until(turn).await;
    }
}

#[async_trait]
impl PriceSource for Coinbase {
    fn origin(&self) -> Origin {
        Origin::Coinbase
    }

    fn most(&self) -> Option<u32> {
        Some(MOST)
    }

    /// Asks for as many rows as an answer holds, the last of which is the range's last: an answer
    /// without any is then a failure and not a gap.
    async fn candles(
        &self,
        series: &Series,
        range: Range<i64>,
        _urgent: bool,
    ) -> Result<Batch, MarketError> {
        let url = self.url(&series.ticker)?;
        let span = series.interval.seconds();
        let last = range.end - span;
        let first = last - i64::from(MOST - 1) * span;
        let query = [
            ("granularity", span.to_string()),
            ("start", moment(first)?),
            ("end", moment(last)?),
        ];
        self.turn().await;
        let answer = http::ask(self.http.get(url).query(&query), Origin::Coinbase).await?;
        let now = self.clock.now();
        read(&answer, series, now, now.unix_timestamp() - self.settle)
    }
}

/// The candles of an answer that ended at `cutoff` (unix seconds) or before, oldest first.
pub(super) fn read(
    answer: &Answer,
    series: &Series,
    now: OffsetDateTime,
    cutoff: i64,
) -> Result<Batch, MarketError> {
    let mut batch = Batch::default();
    for row in answer.list(&series.ticker, now)?.into_iter().rev() {
        batch.add(read_row(&row, series.interval), series.interval, cutoff);
    }
    Ok(batch)
}

/// A row is `[time, low, high, open, close, volume]`.
fn read_row(row: &Value, interval: Interval) -> Result<Candle, Unusable> {
    let unusable = |start, fault: String| Unusable {
        start,
        reason: format!("{fault}: {}", excerpt(row.to_string())),
    };
    let start = row.get(0).and_then(Value::as_i64);
    // Times beyond this are none: what is reckoned with them could not be told apart from overflow.
    let start = start.filter(|at| OffsetDateTime::from_unix_timestamp(*at).is_ok());
    let start = start.ok_or_else(|| unusable(None, "it has no time".into()))?;
    let read = <(i64, f64, f64, f64, f64, f64)>::deserialize(row);
    let (start, low, high, open, close, volume) =
        read.map_err(|fault| unusable(Some(start), fault.to_string()))?;
    let candle = Candle {
        start,
        open,
        high,
        low,
        close,
        volume,
    };
    sound::check(&candle, interval).map_err(|fault| unusable(Some(start), fault))?;
    Ok(candle)
}

fn moment(seconds: i64) -> Result<String, MarketError> {
    let unreadable = |cause: String| MarketError::Unreadable {
        from: Origin::Coinbase,
        cause: format!("the time to ask for: {cause}"),
    };
    let at = OffsetDateTime::from_unix_timestamp(seconds);
    let at = at.map_err(|cause| unreadable(cause.to_string()))?;
    at.format(&Rfc3339)
        .map_err(|cause| unreadable(cause.to_string()))
}

#[cfg(test)]
#[path = "coinbase_tests.rs"]
mod tests;
