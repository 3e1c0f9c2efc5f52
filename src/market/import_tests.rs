use super::*;
use crate::{
    market::{CsvReport, read_csv_of, testing::candle},
    store::{Interval, Store},
};

fn prices(candles: Vec<Candle>) -> CsvPrices {
    CsvPrices {
        candles,
        report: CsvReport::default(),
    }
}

fn at(hour: i64, close: f64) -> Candle {
    candle(hour * 3600, close)
}

#[tokio::test]
async fn says_what_is_new_replaced_unchanged_and_set_aside() -> Result<(), StoreError> {
    let store = Store::in_memory().await?;
    let series = Series::hourly("btcusd");
    let tiingo = [at(1, 1.1), at(2, 1.2)];
    store.keep(&series, Origin::Tiingo, &tiingo).await?;
    let mut torn = at(4, 1.4);
    torn.high = 0.9;
    let file = prices(vec![at(2, 1.25), at(3, 1.3), torn, at(5, 9.9), at(6, 1.3)]);
    let done = import(&store, &series, &file, 0.25, 77).await?;
    assert_eq!((done.new, done.replaced, done.unchanged), (2, 1, 0));
    let aside: Vec<_> = done
        .set_aside
        .iter()
        .map(|row| (row.start / 3600, row.reason.as_str()))
        .collect();
    let expected = [
        (4, "high 0.9 is below low 1"),
        (5, "its close jumps from 1.3 to 9.9, and the next is 1.3"),
    ];
    assert_eq!(aside, expected);
    assert_eq!(store.set_asides(&series, 0).await?, done.set_aside);
    let closes: Vec<_> = store.load("btcusd", 0).await?;
    let closes: Vec<_> = closes.iter().map(|it| it.close).collect();
    assert_eq!(closes, [1.1, 1.25, 1.3, 1.3]);

    let again = import(&store, &series, &file, 0.25, 77).await?;
    assert_eq!((again.new, again.replaced, again.unchanged), (0, 0, 3));
    Ok(())
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prices.csv");
    for interval in Interval::ALL {
        let store = Store::in_memory().await.expect("a store");
        let series = Series::new("btcusd", interval);
        let odd = |n: i64| candle(n * interval.seconds(), 1.0 + 0.1 / (n as f64 + 4.0));
        let candles: Vec<_> = (-3..50).filter(|n| *n != 7).map(odd).collect();
        let kept = store.keep(&series, Origin::Tiingo, &candles).await;
        kept.expect("kept");
        let all = store.candles(&series, i64::MIN..i64::MAX).await;
        let file = std::fs::File::create(&path).expect("a file");
        write_csv(file, &all.expect("candles")).expect("written");

        let read = read_csv_of(&path, interval).expect("read");
        assert_eq!(read.candles, candles, "{interval}");
        assert_eq!((read.report.gaps, read.report.missing), (1, 1));
        let other = Store::in_memory().await.expect("a store");
        let done = import(&other, &series, &read, 0.25, 0).await;
        assert_eq!(done.expect("imported").new, candles.len());
        let back = other.candles(&series, i64::MIN..i64::MAX).await;
        let back: Vec<_> = back.expect("candles").iter().map(|it| it.candle).collect();
        assert_eq!(back, candles, "{interval}");
    }
}

#[tokio::test]
async fn a_large_import_leaves_others_their_turn_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("worker.db");
    let (store, other) = (Store::open(&path).await, Store::open(&path).await);
    let (store, other) = (store.expect("a store"), other.expect("a store"));
    let series = Series::new("btcusd", Interval::Minute);
    let file = prices((0..20_000).map(|n| candle(n * 60, 1.0)).collect());
    let hourly = Series::hourly("ethusd");
    let writing = async {
        let mut during = 0;
        loop {
            let seen = other
                .candles(&series, i64::MIN..i64::MAX)
                .await
                .expect("candles");
            if seen.len() == 20_000 {
                return during;
            }
            let kept = other.keep(&hourly, Origin::Tiingo, &[at(1, 1.0)]).await;
            kept.expect("kept");
            during += usize::from(!seen.is_empty());
        }
    };
    let (done, during) = tokio::join!(import(&store, &series, &file, 0.25, 0), writing);
    assert_eq!(done.expect("imported").new, 20_000);
    assert!(during > 0, "nobody else wrote in between");
}
