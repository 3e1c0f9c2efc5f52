use std::io::Write as _;

use tempfile::{NamedTempFile, TempDir};
use time::macros::datetime;

use super::*;

const FIRST: OffsetDateTime = datetime!(2025-01-01 00:00 UTC);

/// A file of candles so many seconds apart; the one at `place` closes at 100 + `place`.
fn file(span: i64, places: impl IntoIterator<Item = i64>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "timestamp,open,high,low,close,volume").unwrap();
    for place in places {
        let (start, close) = (FIRST.unix_timestamp() + place * span, 100 + place);
        writeln!(file, "{start},{close},{close},{close},{close},1").unwrap();
    }
    file
}

fn replayed(files: &[(&str, &NamedTempFile)], hours: u64, speed: f64) -> Replayed {
    let files = files
        .iter()
        .map(|(asset, file)| ((*asset).to_owned(), file.path().to_owned()));
    Replayed {
        files: files.collect(),
        history: Duration::from_secs(hours * 3_600),
        speed,
    }
}

fn prices(prices: &Prices) -> Vec<(String, Vec<f64>)> {
    let of = |closes: &[Close]| closes.iter().map(|it| it.price).collect();
    prices
        .iter()
        .map(|(asset, closes)| (asset.to_owned(), of(closes)))
        .collect()
}

fn btc(closes: &[f64]) -> Vec<(String, Vec<f64>)> {
    vec![("BTC".to_owned(), closes.to_vec())]
}

#[tokio::test(start_paused = true)]
async fn hourly_candles_come_one_a_second_at_3600_times_the_speed() {
    let hours = file(3_600, 0..8);
    let mut feed = CsvFeed::open(&replayed(&[("BTC", &hours)], 2, 3_600.0)).unwrap();
    assert_eq!(feed.pace().as_secs(), 3_600);
    let clock = feed.clock();
    let history = feed.history().await.unwrap();
    // A close is known at the end of its candle.
    assert_eq!(history.latest(), Some(FIRST.unix_timestamp() + 3 * 3_600));
    assert_eq!(prices(&history), btc(&[100.0, 101.0, 102.0]));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        clock.now(),
        FIRST + Duration::from_secs(3 * 3_600),
        "it stands until it is asked"
    );

    let begun = Instant::now();
    for place in 3..8_u32 {
        let batch = feed.next().await.unwrap();
        assert_eq!(prices(&batch), btc(&[f64::from(100 + place)]));
        assert_eq!(begun.elapsed(), Duration::from_secs(u64::from(place) - 2));
        assert_eq!(batch.latest(), Some(clock.now().unix_timestamp()));
    }
    assert_eq!(feed.next().await, None);
    assert_eq!(feed.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_clock_stays_at_the_last_close() {
    let hours = file(3_600, 0..8);
    let mut feed = CsvFeed::open(&replayed(&[("BTC", &hours)], 2, 3_600.0)).unwrap();
    let (clock, end) = (feed.clock(), FIRST + Duration::from_secs(8 * 3_600));
    feed.history().await.unwrap();
    while feed.next().await.is_some() {
        assert!(clock.now() <= end);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(clock.now(), end);
}

#[tokio::test(start_paused = true)]
async fn what_came_meanwhile_comes_at_once_and_a_call_that_is_given_up_loses_nothing() {
    let minutes = file(60, 0..100);
    let mut feed = CsvFeed::open(&replayed(&[("BTC", &minutes)], 1, 60.0)).unwrap();
    assert_eq!(
        feed.history().await.unwrap().len(),
        50,
        "half of a short file"
    );
    let given_up = tokio::time::timeout(Duration::from_millis(500), feed.next()).await;
    assert!(given_up.is_err());
    tokio::time::sleep(Duration::from_millis(3_700)).await;
    assert_eq!(
        prices(&feed.next().await.unwrap()),
        btc(&[150.0, 151.0, 152.0, 153.0])
    );
    assert_eq!(feed.next().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn several_assets_of_different_intervals_come_by_time() {
    let (minutes, fives) = (file(60, 0..30), file(300, 0..6));
    let files = [("BTC", &minutes), ("ETH", &fives)];
    let mut feed = CsvFeed::open(&replayed(&files, 0, 60.0)).unwrap();
    let intervals = feed.intervals();
    assert_eq!(intervals["BTC"], Interval::Minute);
    assert_eq!(intervals["ETH"], Interval::FiveMinutes);
    assert_eq!(feed.pace().as_secs(), 60);
    assert_eq!(prices(&feed.history().await.unwrap()), btc(&[100.0]));
    for close in [101.0, 102.0, 103.0] {
        assert_eq!(prices(&feed.next().await.unwrap()), btc(&[close]));
    }
    let mut both = btc(&[104.0]);
    both.push(("ETH".to_owned(), vec![100.0]));
    assert_eq!(prices(&feed.next().await.unwrap()), both);
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_on_where_it_stood() {
    let hours = file(3_600, (0..40).filter(|place| *place != 20));
    let replayed = replayed(&[("BTC", &hours)], 5, 3_600.0);
    let going_on = |seconds| {
        let feed = CsvFeed::open(&replayed).unwrap();
        feed.going_on(FIRST + Duration::from_secs(seconds))
    };
    // In a gap: the last close before it counts.
    let mut feed = going_on(21 * 3_600 + 60).unwrap();
    assert_eq!(feed.clock().now(), FIRST + Duration::from_secs(20 * 3_600));
    let history = feed.history().await.unwrap();
    assert_eq!(
        prices(&history),
        btc(&[114.0, 115.0, 116.0, 117.0, 118.0, 119.0])
    );
    assert_eq!(prices(&feed.next().await.unwrap()), btc(&[121.0]));

    // Earlier than the first history there is nothing to go on from; after the end nothing comes.
    assert_eq!(going_on(0).unwrap().history().await.unwrap().len(), 6);
    assert!(going_on(40 * 3_600 - 1).is_ok());
    let over = going_on(40 * 3_600).unwrap_err().to_string();
    assert!(over.contains("as far as 2025-01-02 16:00:00"), "{over}");
}

#[tokio::test(start_paused = true)]
async fn one_candle_is_a_history() {
    let one = file(3_600, 0..1);
    let mut feed = CsvFeed::open(&replayed(&[("BTC", &one)], 5, 1.0)).unwrap();
    assert_eq!(feed.history().await.unwrap().len(), 1);
    assert_eq!(feed.next().await, None);
}

#[test]
fn what_can_not_be_replayed_is_told() {
    let said = |replayed: &Replayed| CsvFeed::open(replayed).unwrap_err().to_string();
    let hours = file(3_600, 0..3);
    for speed in [0.0, -1.0, f64::NAN, 1e9] {
        let words = said(&replayed(&[("BTC", &hours)], 1, speed));
        assert!(words.starts_with("a replay can't run"), "{words}");
    }
    assert!(said(&replayed(&[], 1, 1.0)).contains("no asset"));
    let odd = file(7_200, 0..3);
    assert!(said(&replayed(&[("BTC", &odd)], 1, 1.0)).contains("7200 s apart"));

    let folder = TempDir::new().unwrap();
    let mut missing = replayed(&[("BTC", &hours)], 1, 1.0);
    missing
        .files
        .insert("ETH".into(), folder.path().join("none.csv"));
    assert!(said(&missing).contains("none.csv can't be read"));
    let path = folder.path().join("odd.csv");
    for (text, expected) in [
        ("time,price\n1,2\n", "begins with \"time,price\""),
        (
            "timestamp,open,high,low,close,volume\n1,2\n",
            "line 2: it has 2 columns",
        ),
        (
            "timestamp,open,high,low,close,volume\n60,1,1,1,much,1\n",
            "column close",
        ),
        (
            "timestamp,open,high,low,close,volume\n60,1,1,1,-1,1\n",
            "no price that can be used",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        missing.files = BTreeMap::from([("BTC".to_owned(), path.clone())]);
        let words = said(&missing);
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn rows_of_no_use_are_reported() {
    let mut minutes = file(60, 0..10);
    writeln!(minutes, "{},1,1,1,NaN,1", FIRST.unix_timestamp() + 600).unwrap();
    let feed = CsvFeed::open(&replayed(&[("BTC", &minutes)], 1, 1.0)).unwrap();
    assert_eq!(feed.reports()[0].1.set_aside.len(), 1);
}
