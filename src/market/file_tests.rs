use std::sync::Arc;

use time::{OffsetDateTime, macros::datetime};
use tokio::{sync::mpsc, time::advance};

use super::*;
use crate::clock::SimulatedClock;

const END: OffsetDateTime = datetime!(2025-12-16 0:00 UTC);
const KEEP: Duration = Duration::from_secs(90 * 24 * 3600);

/// So many hourly candles, the last of which ends at [`END`].
fn prices(hours: i64, report: CsvReport) -> CsvPrices {
    let candle = |back: i64| Candle {
        start: END.unix_timestamp() - back * HOUR,
        open: 1.0,
        high: 1.0,
        low: 1.0,
        close: back as f64,
        volume: 1.0,
    };
    CsvPrices {
        candles: (1..=hours).rev().map(candle).collect(),
        report,
    }
}

fn keeper(
    prices: CsvPrices,
    age: CsvAge,
    now: OffsetDateTime,
) -> (FileKeeper, watch::Receiver<History>, mpsc::Receiver<Notice>) {
    let (notices, told) = mpsc::channel(16);
    let clock = Arc::new(SimulatedClock::starting_at(now));
    let (keeper, history) = FileKeeper::new("btcusd", prices, age, KEEP, clock, notices);
    (keeper, history, told)
}

#[tokio::test(start_paused = true)]
async fn an_old_file_is_old_as_it_is_and_new_when_replayed() {
    let now = datetime!(2026-11-21 22:55 UTC);
    let clean = CsvReport::default;
    let (_keeper, history, _) = keeper(prices(3000, clean()), CsvAge::AsIs, now);
    assert_eq!(history.borrow().until(), Some(END));
    assert_eq!(history.borrow().ticker, "btcusd");
    assert_eq!(
        history.borrow().closes(),
        2160,
        "90 days before its own end"
    );

    let (_keeper, history, _) = keeper(prices(3000, clean()), CsvAge::Replayed, now);
    let history = history.borrow().clone();
    assert_eq!(history.until(), Some(datetime!(2026-11-21 22:00 UTC)));
    assert_eq!(history.closes(), 2160);
    assert!(history.candles.iter().all(|candle| candle.check().is_ok()));
    let newest = history.candles.last().map(|candle| candle.close);
    assert_eq!(newest, Some(721.0), "30 days lie ahead");
}

#[tokio::test(start_paused = true)]
async fn candles_become_known_when_their_hour_has_passed() {
    let now = END - time::Duration::minutes(150);
    let (keeper, mut history, mut told) =
        keeper(prices(10, CsvReport::default()), CsvAge::AsIs, now);
    assert_eq!(history.borrow_and_update().closes(), 7);
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = tokio::spawn(async move { keeper.run(token).await });
    let start = tokio::time::Instant::now();
    history.changed().await.expect("kept");
    assert_eq!(history.borrow_and_update().closes(), 8);
    assert_eq!(start.elapsed().as_secs(), 1800);
    advance(Duration::from_secs(7200)).await;
    while history.borrow_and_update().closes() < 10 {
        history.changed().await.expect("kept");
    }
    assert_eq!(history.borrow().until(), Some(END));
    let added: Vec<_> = std::iter::from_fn(|| told.try_recv().ok())
        .map(|notice| match notice {
            Notice::Updated { added, .. } => added,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(added.iter().sum::<usize>(), 10, "{added:?}");
    cancel.cancel();
    running.await.expect("ends when asked");
}

#[tokio::test(start_paused = true)]
async fn tells_what_is_wrong_with_the_file() {
    let report = CsvReport {
        duplicates: vec![7],
        set_aside: vec![(9, "close is 0, which is no price".into())],
        ..CsvReport::default()
    };
    let (keeper, _history, mut told) = keeper(prices(5, report), CsvAge::AsIs, END);
    tokio::spawn(async move { keeper.run(CancellationToken::new()).await });
    let first = told.recv().await.expect("told");
    let example = "line 9: close is 0, which is no price".to_owned();
    let ticker = "btcusd".to_owned();
    assert_eq!(
        first,
        Notice::SetAside {
            ticker,
            count: 1,
            example
        }
    );
    let Some(Notice::Uneven { detail, .. }) = told.recv().await else {
        panic!("duplicates are told");
    };
    assert!(detail.contains("line 7"), "{detail}");
    assert!(matches!(
        told.recv().await,
        Some(Notice::Updated {
            closes: 5,
            added: 5,
            ..
        })
    ));
}
