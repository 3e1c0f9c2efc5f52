//! For `crate::fuzz`: what sources of prices answer, and files of prices.

use std::path::Path;

use time::{OffsetDateTime, macros::datetime};

use super::{Interval, Origin, Series, answer::Answer, coinbase, csv, http, tiingo};
use crate::{
    fuzz::{Form, Target, told},
    market::Batch,
};

const NOW: OffsetDateTime = datetime!(2025-09-10 3:10 UTC);

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target::new("market-tiingo", Form::Json, TIINGO, |bytes| {
            let series = Series::hourly("btcusd");
            answers(bytes, Origin::Tiingo, |answer| {
                sound(&tiingo::read(answer, &series, NOW, NOW.unix_timestamp()))
            })
        }),
        Target::new("market-coinbase", Form::Json, COINBASE, |bytes| {
            let series = Series::hourly("btcusd");
            answers(bytes, Origin::Coinbase, |answer| {
                sound(&coinbase::read(answer, &series, NOW, NOW.unix_timestamp()))
            })
        }),
        Target::new("market-csv", Form::Text, CSV, |bytes| {
            let read = csv::parse(Path::new("a.csv"), bytes, Interval::Hour);
            if let Ok(prices) = &read {
                let ascending = prices
                    .candles
                    .windows(2)
                    .all(|it| it[0].start < it[1].start);
                assert!(ascending && !prices.candles.is_empty());
                assert!(prices.candles.iter().all(|it| it.check_prices().is_ok()));
            }
            told(&read)
        }),
        Target::of_text("market-urls", Form::Text, &URLS, |text| {
            let read = http::url("base_url", text, "a/b");
            if let Ok(url) = &read {
                assert!(url.username().is_empty() && url.password().is_none());
                assert!(url.scheme() == "https" || url.scheme() == "http");
            }
            told(&read)
        }),
    ]
}

/// The same body as answers of several statuses.
fn answers(bytes: &[u8], from: Origin, read: impl Fn(&Answer) -> String) -> String {
    let pause = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
    let answer = |status| Answer {
        from,
        status,
        retry_after: Some(pause.clone()),
        body: bytes.to_vec(),
    };
    [200, 429, 400]
        .map(|status| read(&answer(status)))
        .join(" ")
}

fn sound(read: &Result<Batch, super::MarketError>) -> String {
    if let Ok(batch) = read {
        for candle in &batch.candles {
            assert!(candle.check_prices().is_ok(), "{candle:?}");
            assert_eq!(candle.start % 3_600, 0);
            assert!(candle.end() <= NOW.unix_timestamp());
        }
    }
    told(read)
}

const TIINGO: [&str; 3] = [
    r#"[{"ticker":"btcusd","baseCurrency":"btc","quoteCurrency":"usd","priceData":[{"date":"2025-09-10T00:00:00+00:00","open":111000.5,"high":111500.0,"low":110900.25,"close":111200.0,"volume":12.5,"volumeNotional":1390000.0,"tradesDone":812.0},{"date":"2025-09-10T01:00:00+00:00","open":111200.0,"high":111300.0,"low":111000.0,"close":111100.0,"volume":null,"tradesDone":9}]}]"#,
    r#"{"detail":"Error: You have run over your hourly request allocation."}"#,
    "[]",
];
const COINBASE: [&str; 2] = [
    "[[1757466000,110900.25,111500.0,111000.5,111200.0,12.5],[1757462400,1,3,2,2.5,0]]",
    r#"{"message":"NotFound"}"#,
];
const CSV: [&str; 2] = [
    "timestamp,open,high,low,close,volume\n2025-01-31T13:00:00Z,1,2,0.5,1.5,3\n1738335600,1.5,2,1,1.75,\n",
    "\u{feff}timestamp,open,high,low,close,volume\r\n\"2025-01-31T13:00:00+01:00\",1,2,0.5,1.5,3\r\n",
];
const URLS: [&str; 3] = [
    "https://api.tiingo.com",
    "http://[::1]:8080/t/",
    "https://u:p@h?token=a",
];
