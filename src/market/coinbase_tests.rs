use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;
use time::macros::datetime;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, query_param},
};

use super::*;
use crate::clock::SimulatedClock;

const NOW: OffsetDateTime = datetime!(2025-09-10 3:10 UTC);
const HOUR: i64 = 3600;

fn client(base: &str) -> Coinbase {
    let config = MarketConfig {
        coinbase_url: base.to_owned(),
        products: [("wbtcusd".to_owned(), "WBTC-USD".to_owned())].into(),
        ..MarketConfig::default()
    };
    let clock = Arc::new(SimulatedClock::starting_at(NOW));
    Coinbase::new(&config, clock).expect("a client")
}

fn top() -> i64 {
    datetime!(2025-09-10 3:00 UTC).unix_timestamp()
}

async fn answering(status: u16, body: impl Into<String>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/products/BTC-USD/candles"))
        .respond_with(ResponseTemplate::new(status).set_body_string(body))
        .mount(&server)
        .await;
    server
}

async fn ask(server: &MockServer) -> Result<Batch, MarketError> {
    let series = Series::hourly("btcusd");
    let client = client(&server.uri());
    client.candles(&series, top() - HOUR..top(), true).await
}

#[tokio::test]
async fn asks_for_a_full_answer_that_ends_with_the_range() {
    let server = MockServer::start().await;
    let rows = json!([
        [top(), 0.5, 4.5, 1.0, 4.0, 9.0],
        [top() - HOUR, 0.5, 3.5, 1.0, 2.0, 9.5],
        [top() - 2 * HOUR, 1, 3, 1, 1.5, 0],
    ]);
    Mock::given(method("GET"))
        .and(path("/products/BTC-USD/candles"))
        .and(query_param("granularity", "3600"))
        .and(query_param("start", "2025-08-28T15:00:00Z"))
        .and(query_param("end", "2025-09-10T02:00:00Z"))
        .respond_with(ResponseTemplate::new(200).set_body_json(rows))
        .expect(1)
        .mount(&server)
        .await;
    let batch = ask(&server).await.expect("candles");
    let seen: Vec<_> = batch
        .candles
        .iter()
        .map(|c| ((top() - c.start) / HOUR, c.open, c.close, c.volume))
        .collect();
    assert_eq!(
        seen,
        [(2, 1.0, 1.5, 0.0), (1, 1.0, 2.0, 9.5)],
        "oldest first"
    );
    assert_eq!((batch.rows, batch.unusable.len()), (3, 0), "one hour runs");
}

#[rstest]
#[case("btcusd", Some("BTC-USD"))]
#[case("ethusdt", Some("ETH-USDT"))]
#[case("solusdc", Some("SOL-USDC"))]
#[case("ethbtc", Some("ETH-BTC"))]
#[case("wbtcusd", Some("WBTC-USD"))]
#[case("usd", None)]
#[case("usdt", None)]
#[case("x/../usd", None)]
#[case("äßusd", None)]
fn a_product_follows_from_the_ticker(#[case] ticker: &str, #[case] product: Option<&str>) {
    let client = client("https://api.exchange.coinbase.com");
    let url = client.url(ticker);
    let expected =
        product.map(|it| format!("https://api.exchange.coinbase.com/products/{it}/candles"));
    assert_eq!(url.as_ref().ok().map(ToString::to_string), expected);
    if let Err(refusal) = url {
        assert!(
            refusal.to_string().contains("products of [market]"),
            "{refusal}"
        );
    }
}

#[rstest]
#[case::unknown(404, r#"{"message":"NotFound"}"#, false, &["Coinbase", "btcusd", "products"])]
#[case::too_often(429, r#"{"message":"Public rate limit exceeded"}"#, true, &["Coinbase", "rate limit"])]
#[case::too_often_with_200(200, r#"{"message":"Public rate limit exceeded"}"#, true, &["rate limit"])]
#[case::not_from_here(403, r#"{"message":"Forbidden"}"#, false, &["Coinbase refused with 403", "Forbidden"])]
#[case::too_many(400, r#"{"message":"granularity too small"}"#, false, &["granularity too small"])]
#[case::failed(502, "<html>Bad gateway</html>", true, &["Coinbase failed with 502"])]
#[case::page(200, "<!DOCTYPE html><html>", true, &["web page", "Coinbase"])]
#[case::cut_short(200, "[[1757", true, &["can't be read"])]
#[case::nothing(200, "", true, &["can't be read", "nothing"])]
#[tokio::test]
async fn every_failure_names_cause_and_remedy(
    #[case] status: u16,
    #[case] body: &str,
    #[case] transient: bool,
    #[case] says: &[&str],
) {
    let failure = ask(&answering(status, body).await).await;
    let failure = failure.expect_err("a failure");
    let text = failure.to_string();
    for word in says {
        assert!(text.contains(word), "{word:?} in {text:?}");
    }
    assert!(!text.contains("TIINGO") && text.contains("; "), "{text}");
    assert_eq!(failure.is_transient(), transient, "{failure:?}");
}

#[tokio::test]
async fn no_data_is_a_batch_without_rows() {
    let batch = ask(&answering(200, "[]").await).await;
    assert_eq!(batch.expect("an answer"), Batch::default());
}

#[tokio::test]
async fn rows_of_no_use_are_told_apart() {
    let at = top() - HOUR;
    let rows = json!([
        [at, 0.5, 3.5, 1.0, 0.0, 9.5],
        [at, 0.5, 3.5, 1.0, 2.0],
        [at, 0.5, 3.5, 1.0, null, 2.0],
        [at + 60, 0.5, 3.5, 1.0, 2.0, 1.0],
        ["soon", 0.5, 3.5, 1.0, 2.0, 1.0],
        [i64::MAX, 0.5, 3.5, 1.0, 2.0, 1.0],
        7,
    ]);
    let batch = ask(&answering(200, rows.to_string()).await).await;
    let batch = batch.expect("an answer");
    assert_eq!((batch.candles.len(), batch.rows), (0, 7));
    let dated = batch.unusable.iter().filter(|row| row.start.is_some());
    assert_eq!((dated.count(), batch.unusable.len()), (4, 7));
}

#[tokio::test(start_paused = true)]
async fn requests_keep_a_pace() {
    let client = client("http://127.0.0.1:1");
    let begun = Instant::now();
    for _ in 0..11 {
        client.turn().await;
    }
    assert!(begun.elapsed() >= PAUSE * 10, "{:?}", begun.elapsed());
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(|number| json!(number)),
        (0.5..2.0).prop_map(|number: f64| json!(number)),
        Just(Value::Null),
    ]
}

fn any_row() -> impl Strategy<Value = Value> {
    let time = prop_oneof![
        4 => (-5..60_i64).prop_map(|hour| json!(top() - hour * HOUR)),
        1 => any::<i64>().prop_map(|time| json!(time)),
    ];
    (time, proptest::collection::vec(number(), 4..7)).prop_map(|(time, numbers)| {
        let mut row = vec![time];
        row.extend(numbers);
        Value::Array(row)
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail_or_take_in_an_impossible_candle(
        status in 100_u16..600,
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            proptest::collection::vec(any_row(), 0..12)
                .prop_map(|rows| Value::Array(rows).to_string().into_bytes()),
        ],
    ) {
        let answer = Answer { from: Origin::Coinbase, status, retry_after: None, body };
        let cutoff = NOW.unix_timestamp();
        match read(&answer, &Series::hourly("btcusd"), NOW, cutoff) {
            Ok(batch) => for candle in &batch.candles {
                prop_assert!(sound::check(candle, Interval::Hour).is_ok());
                prop_assert!(candle.check().is_ok() && candle.end() <= cutoff);
            },
            Err(cause) => prop_assert!(cause.to_string().contains("; ")),
        }
    }
}
