use sqlx::{Connection as _, Executor as _};

use super::*;

fn candle(hour: i64, close: f64) -> Candle {
    Candle {
        start: hour * 3600,
        open: 1.0,
        high: 3.0,
        low: 0.5,
        close,
        volume: 7.25,
    }
}

fn aside(hour: i64, source: Origin, reason: &str) -> SetAside {
    SetAside {
        start: hour * 3600,
        source,
        at: 77,
        reason: reason.into(),
    }
}

#[tokio::test]
async fn keeps_candles_by_ticker_interval_and_time() -> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &[])
        .await?;
    let candles: Vec<_> = (0..1203).map(|h| candle(h, 2.0 + h as f64)).collect();
    store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &candles)
        .await?;
    store
        .keep(&Series::hourly("ethusd"), Origin::Csv, &candles[..2])
        .await?;
    let daily = Series::new("btcusd", Interval::Day);
    store
        .keep(&daily, Origin::Tiingo, &[candle(24, 5.0)])
        .await?;

    assert_eq!(store.load("btcusd", 0).await?, candles);
    assert_eq!(store.load("btcusd", 1000 * 3600).await?, candles[1000..]);
    let found = store.candles(&daily, 0..i64::MAX).await?;
    assert_eq!(found[0].candle, candle(24, 5.0));
    assert_eq!(store.candles(&daily, 0..86_400).await?, []);
    let inventory = store.inventory().await?;
    let inventory: Vec<_> = inventory
        .iter()
        .map(|(series, source, n)| format!("{series} {}: {n}", source.name()))
        .collect();
    let expected = [
        "btcusd 1hour csv: 1203",
        "btcusd 1day tiingo: 1",
        "ethusd 1hour csv: 2",
    ];
    assert_eq!(inventory, expected);
    Ok(())
}

#[tokio::test]
async fn a_corrected_candle_replaces_the_first() -> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    store
        .keep(
            &Series::hourly("btcusd"),
            Origin::Csv,
            &[candle(1, 2.0), candle(2, 2.0)],
        )
        .await?;
    store
        .keep(&Series::hourly("btcusd"), Origin::Csv, &[candle(2, 9.0)])
        .await?;
    assert_eq!(
        store.load("btcusd", 0).await?,
        [candle(1, 2.0), candle(2, 9.0)]
    );
    Ok(())
}

#[tokio::test]
async fn the_strongest_source_counts_and_two_can_be_compared() -> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    let series = Series::hourly("btcusd");
    let three = [candle(1, 1.1), candle(2, 1.2), candle(3, 1.3)];
    let two = [candle(2, 2.2), candle(3, 2.3)];
    store.keep(&series, Origin::Coinbase, &three).await?;
    store.keep(&series, Origin::Tiingo, &two).await?;
    store.keep(&series, Origin::Csv, &[candle(3, 3.3)]).await?;
    let found = store.candles(&series, 0..i64::MAX).await?;
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.origin, it.candle.close))
        .collect();
    let expected = [
        (Origin::Coinbase, 1.1),
        (Origin::Tiingo, 2.2),
        (Origin::Csv, 3.3),
    ];
    assert_eq!(found, expected);
    let pairs = store
        .pairs(&series, [Origin::Tiingo, Origin::Coinbase], 0)
        .await?;
    let pairs: Vec<_> = pairs
        .iter()
        .map(|it| (it.start, it.first, it.second))
        .collect();
    assert_eq!(pairs, [(7200, 2.2, 1.2), (10_800, 2.3, 1.3)]);
    Ok(())
}

#[tokio::test]
async fn what_is_set_aside_is_kept_with_its_reason_until_a_better_one_comes()
-> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    let series = Series::hourly("btcusd");
    let two = [candle(1, 1.1), candle(2, 1.2)];
    store.keep(&series, Origin::Tiingo, &two).await?;
    store.keep(&series, Origin::Coinbase, &two).await?;
    let doubt = aside(2, Origin::Tiingo, "it jumps");
    store
        .set_aside(&series, std::slice::from_ref(&doubt))
        .await?;
    assert_eq!(store.set_asides(&series, 0).await?, [doubt]);
    let left = store.candles(&series, 0..i64::MAX).await?;
    assert_eq!(left[1].origin, Origin::Coinbase, "the other source's stays");

    store
        .keep(&series, Origin::Coinbase, &[candle(2, 1.3)])
        .await?;
    assert_eq!(store.set_asides(&series, 0).await?.len(), 1);
    store
        .keep(&series, Origin::Tiingo, &[candle(2, 1.4)])
        .await?;
    assert_eq!(store.set_asides(&series, 0).await?, []);
    Ok(())
}

#[tokio::test]
async fn writes_all_or_none() -> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    // SQLite stores NaN as NULL, which the table refuses: here in the second statement.
    let mut candles: Vec<_> = (0..600).map(|h| candle(h, 2.0)).collect();
    candles[599].close = f64::NAN;
    assert!(
        store
            .keep(&Series::hourly("btcusd"), Origin::Csv, &candles)
            .await
            .is_err()
    );
    assert_eq!(store.load("btcusd", 0).await?, []);
    Ok(())
}

#[tokio::test]
async fn candles_of_an_older_database_are_hourly_ones_of_tiingo() -> Result<(), sqlx::Error> {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await?;
    pool.execute(include_str!("migrations/0002_candles.sql"))
        .await?;
    pool.execute("INSERT INTO candles VALUES ('btcusd', 7200, 1, 3, 0.5, 2, 7)")
        .await?;
    pool.execute(include_str!("migrations/0004_market.sql"))
        .await?;
    let row = sqlx::query("SELECT * FROM candles")
        .fetch_one(&pool)
        .await?;
    let (seconds, source): (i64, String) = (row.try_get("seconds")?, row.try_get("source")?);
    assert_eq!((seconds, source.as_str()), (3600, "tiingo"));
    assert_eq!(super::candle(&row)?.close.to_bits(), 2.0_f64.to_bits());
    Ok(())
}

#[tokio::test]
async fn each_count_of_candles_that_is_kept_at_once_leaves_no_statement_behind()
-> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    let series = Series::hourly("btcusd");
    let candles: Vec<_> = (0..30).map(|hour| candle(hour, 2.0)).collect();
    let mut kept = Vec::new();
    for count in 1..30 {
        store.keep(&series, Origin::Csv, &candles[..count]).await?;
        let connection = store.pool.acquire().await.unwrap();
        kept.push(connection.cached_statements_size());
    }
    assert_eq!(kept.first(), kept.last(), "{kept:?}");
    Ok(())
}
