//! Where prices come from, and how many are at hand.

use std::{path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use time::OffsetDateTime;

use super::{Area, Check, words};
use crate::{
    clock::SystemClock,
    forecast::ForecastConfig,
    market::{
        self, Batch, Coinbase, CsvError, CsvPrices, MarketConfig, MarketError, PriceSource,
        QuotaStatus, SeriesStatus, StandIn, Tiingo, read_csv,
    },
    store::{Series, Store},
};

const HOUR: i64 = 3_600;
const DAY: Duration = Duration::from_secs(86_400);

/// Where prices come from.
#[derive(Clone, Debug)]
pub enum PricesFrom {
    /// A file; whether its past is played as today's.
    File {
        /// Where it is.
        path: PathBuf,
        /// Whether its dates don't count.
        is_replayed: bool,
    },
    /// Tiingo, with a key.
    Tiingo(SecretString),
    /// Coinbase Exchange, without one.
    Coinbase,
    /// What is stored alone.
    Stored,
}

/// What is judged of the history at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wants<'a> {
    pub(super) forecast: &'a ForecastConfig,
    pub(super) now: OffsetDateTime,
}

/// Reads a file as the worker does. Blocks.
pub(super) fn look_at_file(path: PathBuf, is_replayed: bool, wants: &Wants<'_>) -> Check {
    let read = read_csv(&path);
    judge_file(
        &path.display().to_string(),
        read.as_ref(),
        is_replayed,
        wants,
    )
}

fn judge_file(
    path: &str,
    read: Result<&CsvPrices, &CsvError>,
    is_replayed: bool,
    wants: &Wants<'_>,
) -> Check {
    let name = "file";
    let prices = match read {
        Ok(prices) => prices,
        Err(error) => {
            let remedy = "correct the file, or leave --prices out";
            return Check::error(Area::Prices, name, error.to_string(), remedy).ends_a_start();
        }
    };
    let candles = &prices.candles;
    let count = i64::try_from(candles.len()).unwrap_or(i64::MAX);
    let until = candles.last().map(|it| it.start + HOUR);
    let until = until.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let shown = until.map(words::moment).unwrap_or_default();
    let what = format!(
        "{path}: {} hourly closes until {shown}",
        words::number(count)
    );
    if is_replayed {
        return Check::ok(
            Area::Prices,
            name,
            format!("{what}, played as if they were today's"),
        );
    }
    let age = until.map_or(time::Duration::MAX, |until| wants.now - until);
    if age > wants.forecast.max_age {
        let age = words::span(words::signed(age));
        let what = format!("{what}: {age} old, and 0.0 is answered from prices so old");
        let remedy = "give a file that is kept up to date, or leave --prices out";
        return Check::warning(Area::Prices, name, what, remedy);
    }
    Check::ok(Area::Prices, name, what)
}

/// What the plan has left, and one request to the source: the newest two days of one ticker. It is not
/// sent when the plan has none left.
pub(super) async fn ask(
    from: &PricesFrom,
    config: &MarketConfig,
    ticker: &str,
    quota: Option<QuotaStatus>,
    limit: Duration,
) -> Vec<Check> {
    let mut all = Vec::new();
    let mut config = config.clone();
    config.request_timeout = config.request_timeout.min(limit);
    config.connect_timeout = config.connect_timeout.min(limit);
    let clock = Arc::new(SystemClock);
    let source: Result<Box<dyn PriceSource>, MarketError> = match from {
        PricesFrom::Tiingo(key) => {
            let is_spent = quota.is_some_and(is_spent);
            all.extend(quota.map(judge_quota));
            if is_spent {
                return all;
            }
            Tiingo::new(&config, key.clone(), clock).map(|it| Box::new(it) as _)
        }
        PricesFrom::Coinbase => Coinbase::new(&config, clock).map(|it| Box::new(it) as _),
        PricesFrom::Stored => {
            all.push(Check::warning(
                Area::Prices,
                "source",
                "there is none: forecasts are made from the stored prices alone",
                "set TIINGO_API_KEY in .env, or market.stand_in = \"coinbase\", or give --prices CSV",
            ));
            return all;
        }
        PricesFrom::File { .. } => return all,
    };
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let range = now - 48 * HOUR..now;
    let answer = match source {
        Ok(source) => {
            let series = Series::hourly(ticker);
            let asked = source.candles(&series, range, true);
            let answer = tokio::time::timeout(limit, asked).await;
            answer.unwrap_or_else(|_| {
                Err(MarketError::Unreachable {
                    from: source.origin(),
                    cause: format!("no answer within {} s", limit.as_secs()),
                })
            })
        }
        Err(error) => Err(error),
    };
    let has_stand_in = config.stand_in == StandIn::Coinbase;
    all.push(judge_answer(from, ticker, &answer, has_stand_in));
    all
}

const fn is_spent(quota: QuotaStatus) -> bool {
    quota.hour_used >= quota.hour_granted as usize || quota.day_used >= quota.day_granted as usize
}

fn judge_quota(quota: QuotaStatus) -> Check {
    let what = format!(
        "{} of {} requests in the last hour, {} of {} in the last day",
        quota.hour_used, quota.hour_granted, quota.day_used, quota.day_granted
    );
    if is_spent(quota) {
        let remedy = "wait, or raise the plan and with it requests_per_hour and requests_per_day; \
                      Tiingo is not asked now";
        return Check::warning(Area::Prices, "quota", what, remedy);
    }
    Check::ok(Area::Prices, "quota", what)
}

fn judge_answer(
    from: &PricesFrom,
    ticker: &str,
    answer: &Result<Batch, MarketError>,
    has_stand_in: bool,
) -> Check {
    let is_tiingo = matches!(from, PricesFrom::Tiingo(_));
    let name = if is_tiingo { "Tiingo" } else { "Coinbase" };
    match answer {
        Ok(batch) => {
            let candles = batch.candles.len();
            let key = match is_tiingo {
                true => "the key is taken",
                false => "no TIINGO_API_KEY is set, and none is needed",
            };
            let what = format!("{key}; {candles} candles of {ticker} in two days");
            Check::ok(Area::Prices, name, what)
        }
        Err(error) if is_tiingo && has_stand_in => Check::warning(
            Area::Prices,
            name,
            format!("{}; Coinbase stands in", error.cause()),
            error.remedy(),
        ),
        Err(error) => Check::error(Area::Prices, name, error.cause(), error.remedy()),
    }
}

/// The hourly closes at hand of each ticker.
pub(super) async fn history(
    store: Option<&Store>,
    tickers: &[String],
    config: &MarketConfig,
    wants: &Wants<'_>,
) -> (Vec<Check>, Option<QuotaStatus>) {
    let none = QuotaStatus {
        hour_used: 0,
        hour_granted: config.requests_per_hour,
        day_used: 0,
        day_granted: config.requests_per_day,
    };
    let status = match store {
        Some(store) => market::status(store, config, wants.now).await.ok(),
        None => None,
    };
    let (series, quota) = status.map_or((Vec::new(), none), |it| (it.series, it.quota));
    let hourly = |ticker: &str| {
        let of =
            |it: &&SeriesStatus| it.ticker == ticker && it.interval == crate::store::Interval::Hour;
        series.iter().find(of)
    };
    let judged = tickers
        .iter()
        .map(|it| judge_history(it, hourly(it), wants));
    (judged.collect(), Some(quota))
}

fn judge_history(ticker: &str, found: Option<&SeriesStatus>, wants: &Wants<'_>) -> Check {
    let name = format!("history {ticker}");
    let forecast = wants.forecast;
    let remedy = "start the worker, or `prices fetch`: a year comes within minutes";
    let Some(found) = found.filter(|it| it.closes > 0) else {
        let what = "no closes are at hand yet";
        return Check::warning(Area::Prices, name, what, remedy);
    };
    let days = found.closes / 24;
    let missing = match found.missing {
        0 => String::new(),
        missing => format!(", {missing} hours are missing"),
    };
    let age = Duration::from_secs(found.age_seconds.unwrap_or_default().unsigned_abs());
    let what = format!(
        "{days} days of closes, the newest {} old{missing}",
        words::span(age)
    );
    let least = usize::try_from(forecast.full_days).unwrap_or(usize::MAX);
    if days < least {
        let what = format!("{what}: with fewer than {least} days there is no forecast of skill");
        return Check::warning(Area::Prices, name, what, remedy);
    }
    if age > forecast.max_age.max(DAY / 4) {
        return Check::warning(Area::Prices, name, what, remedy);
    }
    Check::ok(Area::Prices, name, what)
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
