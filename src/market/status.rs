//! What the store holds of prices, for people and programs that ask.

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;
use time::OffsetDateTime;

use super::{Basis, MarketConfig, gaps, quota::ACCOUNT, shelf::moment};
use crate::store::{
    CandleRepository, Interval, Origin, QuotaRepository, Series, SetAside, StoreError,
};

/// Gaps and set-aside candles of a series that are named.
const NAMED: usize = 5;
/// Milliseconds.
const HOUR: i64 = 3_600_000;

/// Everything that is known of prices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Each pair and interval of which there is anything.
    pub series: Vec<SeriesStatus>,
    /// Requests of Tiingo's plan.
    pub quota: QuotaStatus,
}

/// One pair and interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeriesStatus {
    /// The pair.
    pub ticker: String,
    /// How long each candle lasts.
    pub interval: Interval,
    /// Candles that count.
    pub closes: usize,
    /// Start of the oldest.
    #[serde(with = "time::serde::rfc3339::option")]
    pub from: Option<OffsetDateTime>,
    /// End of the newest.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// How long ago that was.
    pub age_seconds: Option<i64>,
    /// Intervals missing between the oldest and the newest.
    pub missing: usize,
    /// Stretches that they make.
    pub gaps: usize,
    /// The first of them.
    pub first_gaps: Vec<Gap>,
    /// Candles that are not used.
    pub set_aside: usize,
    /// The newest of them, with their reasons.
    pub newest_set_aside: Vec<SetAside>,
    /// How many of the candles that count each source gave.
    pub sources: BTreeMap<&'static str, usize>,
    /// How far Tiingo and Coinbase lie apart, where both are known.
    pub basis: Option<Basis>,
}

/// A stretch without candles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its start.
    #[serde(with = "time::serde::rfc3339::option")]
    pub from: Option<OffsetDateTime>,
    /// Its end.
    #[serde(with = "time::serde::rfc3339::option")]
    pub to: Option<OffsetDateTime>,
    /// Intervals in it.
    pub missing: usize,
}

/// Requests sent, of those that the plan grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaStatus {
    /// In the last hour.
    pub hour_used: usize,
    /// In an hour.
    pub hour_granted: u32,
    /// In the last 24 hours.
    pub day_used: usize,
    /// In a day.
    pub day_granted: u32,
}

/// Looks at all that a store holds.
///
/// # Errors
/// When it can't be read.
pub async fn status<S: CandleRepository + QuotaRepository>(
    store: &S,
    config: &MarketConfig,
    now: OffsetDateTime,
) -> Result<Status, StoreError> {
    let mut all: Vec<Series> = store
        .inventory()
        .await?
        .into_iter()
        .map(|it| it.0)
        .collect();
    all.dedup();
    let mut series = Vec::new();
    for one in &all {
        series.push(of_series(store, one, now).await?);
    }
    let now = now.unix_timestamp() * 1_000;
    let sent = store.requests(ACCOUNT, now - 24 * HOUR).await?;
    let quota = QuotaStatus {
        hour_used: sent.iter().filter(|at| **at > now - HOUR).count(),
        hour_granted: config.requests_per_hour,
        day_used: sent.len(),
        day_granted: config.requests_per_day,
    };
    Ok(Status { series, quota })
}

async fn of_series(
    store: &impl CandleRepository,
    series: &Series,
    now: OffsetDateTime,
) -> Result<SeriesStatus, StoreError> {
    let span = series.interval.seconds();
    let candles = store.candles(series, i64::MIN..i64::MAX).await?;
    let starts = || candles.iter().map(|it| it.candle.start);
    let (from, until) = (starts().next(), starts().next_back().map(|at| at + span));
    let within = from.unwrap_or_default()..until.unwrap_or_default();
    let gaps = gaps::find(starts(), within, span);
    let mut sources = BTreeMap::new();
    for it in &candles {
        *sources.entry(it.origin.name()).or_default() += 1;
    }
    let set_asides = store.set_asides(series, i64::MIN).await?;
    let pairs = store
        .pairs(series, [Origin::Tiingo, Origin::Coinbase], i64::MIN)
        .await?;
    let named = |gap: &Range<i64>| Gap {
        from: moment(gap.start),
        to: moment(gap.end),
        missing: gaps::missing(std::slice::from_ref(gap), span),
    };
    Ok(SeriesStatus {
        ticker: series.ticker.clone(),
        interval: series.interval,
        closes: candles.len(),
        from: from.and_then(moment),
        until: until.and_then(moment),
        age_seconds: until.map(|at| (now.unix_timestamp() - at).max(0)),
        missing: gaps::missing(&gaps, span),
        gaps: gaps.len(),
        first_gaps: gaps.iter().take(NAMED).map(named).collect(),
        set_aside: set_asides.len(),
        newest_set_aside: set_asides.into_iter().rev().take(NAMED).collect(),
        sources,
        basis: Basis::of(&pairs),
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{
        market::testing::candle,
        store::{QuotaLimit, Store},
    };

    #[tokio::test]
    async fn tells_of_each_series_its_gaps_sources_basis_and_what_is_set_aside()
    -> Result<(), StoreError> {
        let store = Store::in_memory().await?;
        let series = Series::hourly("btcusd");
        let at = |hour: i64, close| candle(hour * 3600, close);
        let tiingo = [at(0, 1.0), at(1, 1.0), at(5, 1.0)];
        store.keep(&series, Origin::Tiingo, &tiingo).await?;
        let coinbase = [at(1, 1.001), at(3, 1.0)];
        store.keep(&series, Origin::Coinbase, &coinbase).await?;
        let aside = SetAside {
            start: 2 * 3600,
            source: Origin::Tiingo,
            at: 0,
            reason: "close is 0".into(),
        };
        store.set_aside(&series, &[aside]).await?;
        let now = datetime!(1970-01-01 7:00 UTC);
        let limits: [QuotaLimit; 0] = [];
        for minutes in [5, 330, 400] {
            let sent = minutes * 60_000;
            assert!(store.request(ACCOUNT, sent, &limits).await?);
        }
        let found = status(&store, &MarketConfig::default(), now).await?;
        let json = serde_json::to_value(&found).expect("JSON");
        let hourly = &json["series"][0];
        assert_eq!(
            (hourly["ticker"].as_str(), hourly["interval"].as_str()),
            (Some("btcusd"), Some("1hour"))
        );
        assert_eq!(hourly["closes"], 4);
        assert_eq!(hourly["from"], "1970-01-01T00:00:00Z");
        assert_eq!(hourly["until"], "1970-01-01T06:00:00Z");
        assert_eq!(hourly["age_seconds"], 3600);
        assert_eq!(
            (&hourly["missing"], &hourly["gaps"]),
            (&2.into(), &2.into())
        );
        assert_eq!(hourly["first_gaps"][0]["from"], "1970-01-01T02:00:00Z");
        assert_eq!(hourly["set_aside"], 1);
        assert_eq!(hourly["newest_set_aside"][0]["reason"], "close is 0");
        assert_eq!(hourly["sources"]["tiingo"], 3);
        assert_eq!(hourly["sources"]["coinbase"], 1);
        assert_eq!(hourly["basis"]["pairs"], 1);
        let quota = &json["quota"];
        assert_eq!(
            (&quota["hour_used"], &quota["day_used"]),
            (&1.into(), &3.into())
        );
        Ok(())
    }
}
