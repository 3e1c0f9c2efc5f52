use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use time::{format_description::well_known::Rfc3339, macros::datetime};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path, query_param},
};

use super::*;
use crate::clock::SimulatedClock;

const KEY: &str = "0123456789abcdef-test";
const NOW: OffsetDateTime = datetime!(2025-09-10 3:10 UTC);

fn client(base: &str, change: impl FnOnce(&mut MarketConfig)) -> Result<Tiingo, MarketError> {
    let mut config = MarketConfig {
        base_url: base.to_owned(),
        ..MarketConfig::default()
    };
    change(&mut config);
    let clock = Arc::new(SimulatedClock::starting_at(NOW));
    Tiingo::new(&config, KEY.into(), clock)
}

/// Three days back from the last full hour.
fn hours() -> Range<i64> {
    let end = datetime!(2025-09-10 3:00 UTC).unix_timestamp();
    end - 3 * 24 * 3600..end
}

fn hourly() -> Series {
    Series::hourly("btcusd")
}

async fn ask(server: &MockServer) -> Result<Batch, MarketError> {
    let tiingo = client(&server.uri(), |_| {}).expect("a client");
    tiingo.candles(&hourly(), hours(), true).await
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/tiingo/crypto/prices"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

fn row(date: &str, close: impl Into<Value>) -> Value {
    json!({
        "date": date, "open": 1.5, "high": 4.5, "low": 0.5, "close": close.into(),
        "volume": 3.25, "volumeNotional": 9.0, "tradesDone": 12.0,
    })
}

fn list(rows: &[Value]) -> Value {
    json!([{
        "ticker": "btcusd", "baseCurrency": "btc", "quoteCurrency": "usd", "priceData": rows,
    }])
}

#[tokio::test]
async fn asks_with_the_key_in_the_header_alone() {
    let server = MockServer::start().await;
    let rows = [
        row("2025-09-10T01:00:00+00:00", 2.0),
        row("2025-09-10T02:00:00.000Z", 3),
        row("2025-09-10T03:00:00+00:00", 4.0),
    ];
    Mock::given(method("GET"))
        .and(path("/tiingo/crypto/prices"))
        .and(header("Authorization", format!("Token {KEY}").as_str()))
        .and(query_param("tickers", "btcusd"))
        .and(query_param("startDate", "2025-09-07"))
        .and(query_param("endDate", "2025-09-11"))
        .and(query_param("resampleFreq", "1hour"))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&rows)))
        .expect(1)
        .mount(&server)
        .await;
    let batch = ask(&server).await.expect("candles");
    let seen: Vec<_> = batch.candles.iter().map(|c| (c.start, c.close)).collect();
    let hour = |h: i64| hours().end - h * 3600;
    assert_eq!(
        seen,
        [(hour(2), 2.0), (hour(1), 3.0)],
        "the running hour is left out"
    );
    assert_eq!((batch.rows, batch.unusable), (3, vec![]));
    let sent = server.received_requests().await.expect("recorded");
    assert!(!sent[0].url.as_str().contains(KEY));
}

#[tokio::test]
async fn rows_of_no_use_are_set_aside() {
    let rows = [
        row("2025-09-10T00:00:00Z", 0.0),
        row("2025-09-10T01:00:00Z", Value::Null),
        row("2025-09-10T01:30:00Z", 2.0),
        row("yesterday", 2.0),
        json!("no row"),
        json!({"date": "2025-09-10T02:00:00Z", "open": 3.0, "high": 2.5, "low": 3.5, "close": 3.0}),
        row("2025-09-10T02:00:00Z", 7.0),
        row("2025-09-10T02:00:00Z", 2.0),
    ];
    let server = answering(ResponseTemplate::new(200).set_body_json(list(&rows))).await;
    let batch = ask(&server).await.expect("candles");
    assert_eq!((batch.candles.len(), batch.rows), (1, 8));
    let said: Vec<_> = batch
        .unusable
        .iter()
        .map(|row| {
            (
                row.start.map(|at| (hours().end - at) / 3600),
                row.reason.as_str(),
            )
        })
        .collect();
    for ((start, reason), (expected, part)) in said.iter().zip([
        (Some(3), "close is 0, which is no price"),
        (Some(2), "invalid type: null"),
        (Some(1), "its start is no multiple of 1hour"),
        (None, "yesterday"),
        (None, "it has no date"),
        (Some(1), "high 2.5 is below low 3.5"),
        (Some(1), "close 7 is not between 0.5 and 4.5"),
    ]) {
        assert_eq!(*start, expected, "{reason}");
        assert!(reason.contains(part), "{part:?} in {reason:?}");
    }
    assert_eq!(said.len(), 7);
}

#[rstest]
#[case(json!([]))]
#[case(json!([{"priceData": []}]))]
#[case(json!([{"ticker": "BTCUSD", "priceData": []}]))]
#[case(json!([{"ticker": "btcusd"}]))]
#[tokio::test]
async fn no_data_is_a_batch_without_rows(#[case] body: Value) {
    let server = answering(ResponseTemplate::new(200).set_body_json(body)).await;
    assert_eq!(ask(&server).await.expect("no failure"), Batch::default());
}

const OVER: &str = "Error: You have run over your hourly request allocation.";

#[rstest]
#[case::bad_key(401, r#"{"detail":"Invalid token."}"#, false, &["401", "Invalid token", "TIINGO_API_KEY"])]
#[case::forbidden(403, "", false, &["403", "TIINGO_API_KEY"])]
#[case::unknown(404, r#"{"detail":"Not found."}"#, false, &["btcusd", "404", "ticker"])]
#[case::quota(429, &format!(r#"{{"detail":"{OVER}"}}"#), true, &["quota", "hourly request allocation", "raise the plan"])]
#[case::quota_with_200(200, &format!(r#"{{"detail":"{OVER}"}}"#), true, &["quota", "raise the plan"])]
#[case::bad_key_with_200(200, r#"{"detail":"Please supply a token"}"#, false, &["TIINGO_API_KEY"])]
#[case::refusal_with_200(200, r#"{"detail":"Ticker not supported"}"#, false, &["Ticker not supported"])]
#[case::object_without_detail(200, r#"{"a":1}"#, false, &["refused with 200"])]
#[case::failed(500, "oops", true, &["500", "tried again"])]
#[case::gateway(502, "<html>Bad gateway</html>", true, &["502"])]
#[case::page(200, "\n <!DOCTYPE html><html>Log in</html>", true, &["web page", "proxy"])]
#[case::redirect(302, "", false, &["302"])]
#[case::bad_request(400, r#"["wrong date"]"#, false, &["400"])]
#[case::cut_short(200, r#"[{"ticker":"btcusd","priceData":[{"da"#, true, &["can't be read", "base_url"])]
#[case::nothing(200, "", true, &["can't be read", "nothing"])]
#[case::other_ticker(200, r#"[{"ticker":"ethusd","priceData":[]}]"#, true, &["ethusd", "btcusd"])]
#[case::no_list(200, r#"[{"ticker":"btcusd","priceData":"soon"}]"#, true, &["no price list"])]
#[case::number(200, "17", true, &["17"])]
#[tokio::test]
async fn every_failure_names_cause_and_remedy(
    #[case] status: u16,
    #[case] body: &str,
    #[case] transient: bool,
    #[case] says: &[&str],
) {
    let server = answering(ResponseTemplate::new(status).set_body_string(body)).await;
    let failure = ask(&server).await.expect_err("a failure");
    let text = failure.to_string();
    for word in says {
        assert!(text.contains(word), "{word:?} in {text:?}");
    }
    assert_eq!(failure.is_transient(), transient, "{failure:?}");
    assert!(!failure.cause().is_empty() && !failure.remedy().is_empty());
}

#[tokio::test]
async fn retry_after_is_heeded() {
    let response = ResponseTemplate::new(429).insert_header("Retry-After", "90");
    let failure = ask(&answering(response).await).await.expect_err("quota");
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(90)));
    let response = ResponseTemplate::new(503).insert_header("Retry-After", "7");
    let failure = ask(&answering(response).await).await.expect_err("failed");
    assert_eq!(failure.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn the_key_shows_nowhere_even_if_the_server_repeats_it() {
    for (status, body) in [
        (401, format!(r#"{{"detail":"Invalid token {KEY}."}}"#)),
        (200, format!(r#"{{"detail":"no such thing as {KEY}"}}"#)),
        (200, format!("{KEY} is what you sent")),
    ] {
        let server = answering(ResponseTemplate::new(status).set_body_string(body)).await;
        let failure = ask(&server).await.expect_err("a failure");
        let shown = format!("{failure} {failure:?}");
        assert!(!shown.contains(KEY) && shown.contains("***"), "{shown}");
    }
    let tiingo = client("https://api.tiingo.com", |_| {}).expect("a client");
    let shown = format!("{tiingo:?} {tiingo:#?}");
    assert!(!shown.contains(KEY) && !shown.contains("Token"), "{shown}");
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_along() {
    let other = answering(ResponseTemplate::new(200).set_body_json(json!([]))).await;
    let to = format!("{}/tiingo/crypto/prices", other.uri());
    let server = answering(ResponseTemplate::new(307).insert_header("Location", to)).await;
    let failure = ask(&server).await.expect_err("a redirect");
    assert!(matches!(failure, MarketError::Refused { status: 307, .. }));
    assert_eq!(other.received_requests().await.expect("recorded").len(), 0);
}

#[tokio::test]
async fn a_silent_or_absent_server_is_unreachable() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = answering(slow).await;
    let tiingo = client(&server.uri(), |config| {
        config.request_timeout = Duration::from_millis(80);
    });
    let silent = tiingo
        .expect("a client")
        .candles(&hourly(), hours(), true)
        .await;
    let tiingo = client("http://127.0.0.1:1", |_| {}).expect("a client");
    let absent = tiingo.candles(&hourly(), hours(), true).await;
    for failure in [silent, absent] {
        let failure = failure.expect_err("unreachable");
        assert!(
            matches!(failure, MarketError::Unreachable { .. }),
            "{failure:?}"
        );
        assert!(failure.is_transient());
        assert!(!failure.to_string().contains("http://"), "{failure}");
    }
}

#[tokio::test]
async fn keeps_within_its_own_quota() {
    let server = answering(ResponseTemplate::new(200).set_body_json(json!([]))).await;
    let tiingo = client(&server.uri(), |config| config.requests_per_hour = 5);
    let tiingo = tiingo.expect("a client");
    let mut granted = 0;
    let spent = loop {
        match tiingo.candles(&hourly(), hours(), false).await {
            Ok(_) => granted += 1,
            Err(spent) => break spent,
        }
    };
    assert!(matches!(spent, MarketError::QuotaSpent { .. }), "{spent:?}");
    assert_eq!(granted, 4, "the last is for what is urgent");
    assert!(tiingo.candles(&hourly(), hours(), true).await.is_ok());
    assert_eq!(server.received_requests().await.expect("recorded").len(), 5);
}

#[rstest]
#[case("")]
#[case("  ")]
#[case("two words")]
#[case("line\nbreak")]
#[case("schlüssel")]
fn refuses_what_can_be_no_key(#[case] key: &str) {
    let clock = Arc::new(SimulatedClock::starting_at(NOW));
    let refused = Tiingo::new(&MarketConfig::default(), key.into(), clock);
    assert!(matches!(refused, Err(MarketError::BadKey)), "{key:?}");
}

#[rstest]
#[case(Interval::Minute, "1min")]
#[case(Interval::FiveMinutes, "5min")]
#[case(Interval::Hour, "1hour")]
#[case(Interval::Day, "1day")]
#[tokio::test]
async fn asks_for_every_interval_by_its_name(#[case] interval: Interval, #[case] name: &str) {
    let rows = [row("2025-09-08T00:00:00Z", 2.0)];
    let server = MockServer::start().await;
    Mock::given(query_param("resampleFreq", name))
        .respond_with(ResponseTemplate::new(200).set_body_json(list(&rows)))
        .mount(&server)
        .await;
    let tiingo = client(&server.uri(), |_| {}).expect("a client");
    let series = Series::new("btcusd", interval);
    let batch = tiingo.candles(&series, hours(), true).await;
    assert_eq!(batch.expect("candles").candles.len(), 1);
}

#[tokio::test]
async fn a_quota_that_is_remembered_binds_the_next_client_too() {
    let server = answering(ResponseTemplate::new(200).set_body_json(json!([]))).await;
    let store = Arc::new(crate::store::Store::in_memory().await.expect("a store"));
    let fresh = || {
        let tiingo = client(&server.uri(), |config| config.requests_per_hour = 5);
        tiingo.expect("a client").remembering(store.clone())
    };
    for granted in 0..7 {
        let answer = fresh().candles(&hourly(), hours(), true).await;
        assert_eq!(answer.is_ok(), granted < 5, "{answer:?}");
    }
    let takes = fresh().takes(1).await.as_secs();
    assert!((3500..=3600).contains(&takes), "{takes}");
    assert_eq!(server.received_requests().await.expect("recorded").len(), 5);
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(|number| json!(number)),
        (0.5..2.0).prop_map(|number: f64| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        Just(Value::Null),
        "[a-z0-9]{0,6}".prop_map(Value::String),
    ]
}

fn any_row() -> impl Strategy<Value = Value> {
    let date = prop_oneof![
        (0..40_i64).prop_map(|hour| {
            let at = datetime!(2025-09-09 0:00 UTC) + time::Duration::hours(hour);
            json!(at.format(&Rfc3339).expect("a date"))
        }),
        (0..3_000_i64).prop_map(|minute| {
            let at = datetime!(2025-09-09 0:00 UTC) + time::Duration::minutes(minute);
            json!(at.format(&Rfc3339).expect("a date"))
        }),
        value(),
    ];
    (date, [value(), value(), value(), value(), value()]).prop_map(
        |(date, [open, high, low, close, volume])| {
            json!({
                "date": date, "open": open, "high": high, "low": low, "close": close,
                "volume": volume,
            })
        },
    )
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail_or_take_in_an_impossible_candle(
        status in 100_u16..600,
        retry_after in proptest::option::of(".{0,40}"),
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            "\\[?\\{\"(detail|priceData|ticker)\": ?(\\[\\{\"date\":\"2025\"\\}\\]|\"[a-z]*\"|1)\\}\\]?"
                .prop_map(String::into_bytes),
        ],
    ) {
        let answer = Answer { from: Origin::Tiingo, status, retry_after, body };
        match read(&answer, &hourly(), NOW, NOW.unix_timestamp()) {
            Ok(batch) => prop_assert!(batch.candles.is_empty()),
            Err(cause) => prop_assert!(cause.to_string().contains("; ")),
        }
    }

    #[test]
    fn no_row_makes_it_fail_or_take_in_an_impossible_candle(
        rows in proptest::collection::vec(any_row(), 0..20),
    ) {
        let body = list(&rows).to_string().into_bytes();
        let answer = Answer { from: Origin::Tiingo, status: 200, retry_after: None, body };
        let cutoff = NOW.unix_timestamp();
        let batch = read(&answer, &hourly(), NOW, cutoff);
        let batch = batch.map_err(|cause| TestCaseError::fail(cause.to_string()))?;
        prop_assert_eq!(batch.rows, rows.len());
        for candle in &batch.candles {
            prop_assert!(sound::check(candle, Interval::Hour).is_ok() && candle.check().is_ok());
            prop_assert!(candle.end() <= cutoff);
        }
    }
}
