use std::fmt::Write as _;

use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::{
    forecast::Candle,
    preflight::Level,
    store::{CandleRepository as _, Origin, QuotaRepository as _},
};

const NOW: OffsetDateTime = datetime!(2025-10-01 12:00 UTC);

fn file(until: OffsetDateTime, is_replayed: bool, max_age: Duration) -> Check {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.csv");
    let mut text = String::from("timestamp,open,high,low,close,volume\n");
    for hours in (1..=48_i64).rev() {
        let at = until.unix_timestamp() - hours * HOUR;
        writeln!(text, "{at},1,1,1,1,0").unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let forecast = ForecastConfig {
        max_age,
        ..ForecastConfig::default()
    };
    let wants = Wants {
        forecast: &forecast,
        now: NOW,
    };
    look_at_file(path, is_replayed, &wants)
}

#[test]
fn a_file_is_judged_by_its_newest_close_unless_it_is_replayed() {
    let age = Duration::from_secs(6 * 3_600);
    let young = file(NOW - Duration::from_secs(3_600), false, age);
    assert_eq!(young.level, Level::Ok, "{young:?}");
    assert!(
        young
            .what
            .contains("48 hourly closes until 2025-10-01 11:00:00 UTC")
    );
    let old = datetime!(2025-01-01 0:00 UTC);
    assert_eq!(file(old, false, age).level, Level::Warning);
    assert_eq!(file(old, true, age).level, Level::Ok);
}

#[test]
fn a_file_that_is_none_ends_a_start() {
    let forecast = ForecastConfig::default();
    let wants = Wants {
        forecast: &forecast,
        now: NOW,
    };
    let found = look_at_file("/none/prices.csv".into(), false, &wants);
    assert!(
        found.stops() && found.what.contains("/none/prices.csv"),
        "{found:?}"
    );
}

#[rstest]
#[case(10, 100, Level::Ok)]
#[case(50, 100, Level::Warning)]
#[case(10, 1_000, Level::Warning)]
fn a_plan_without_requests_left_is_told(
    #[case] hour: usize,
    #[case] day: usize,
    #[case] level: Level,
) {
    let quota = QuotaStatus {
        hour_used: hour,
        hour_granted: 50,
        day_used: day,
        day_granted: 1_000,
    };
    assert_eq!(judge_quota(quota).level, level);
}

#[test]
fn what_a_source_answers_is_judged_by_who_stands_in() {
    let tiingo = PricesFrom::Tiingo("k".into());
    let refused = || {
        Err(MarketError::Unauthorized {
            status: 401,
            detail: String::new(),
        })
    };
    let judged =
        |from: &PricesFrom, answer, stands_in| judge_answer(from, "btcusd", &answer, stands_in);
    let well = judged(&tiingo, Ok(Batch::default()), true);
    assert_eq!(well.level, Level::Ok);
    let second = judged(&tiingo, refused(), true);
    assert_eq!(second.level, Level::Warning);
    assert!(second.remedy.contains("TIINGO_API_KEY"), "{second:?}");
    let alone = judged(&tiingo, refused(), false);
    assert_eq!((alone.level, alone.stops()), (Level::Error, false));
    let coinbase = judged(&PricesFrom::Coinbase, Ok(Batch::default()), true);
    assert!(coinbase.what.contains("none is needed"));
}

#[tokio::test]
async fn one_request_is_sent_and_none_when_the_plan_has_none_left() {
    let server = wiremock::MockServer::start().await;
    let answer = wiremock::ResponseTemplate::new(401);
    let mock = wiremock::Mock::given(wiremock::matchers::any()).respond_with(answer);
    mock.expect(1).mount(&server).await;
    let config = MarketConfig {
        base_url: server.uri(),
        ..MarketConfig::default()
    };
    let from = PricesFrom::Tiingo("0123456789abcdef".into());
    let mut quota = QuotaStatus {
        hour_used: 0,
        hour_granted: 50,
        day_used: 0,
        day_granted: 1_000,
    };
    let limit = Duration::from_secs(5);
    let all = ask(&from, &config, "btcusd", Some(quota), limit).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[1].level, Level::Warning);
    assert!(!format!("{all:?}").contains("0123456789abcdef"));
    quota.hour_used = 50;
    let all = ask(&from, &config, "btcusd", Some(quota), limit).await;
    assert_eq!(all.len(), 1, "{all:?}");
}

#[tokio::test]
async fn the_history_at_hand_is_read_and_the_quota_with_it() {
    let store = Store::in_memory().await.unwrap();
    let (series, end) = (Series::hourly("btcusd"), NOW.unix_timestamp());
    let candles: Vec<_> = (1..=30 * 24)
        .rev()
        .map(|hours| Candle {
            start: end - hours * HOUR,
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 0.0,
        })
        .collect();
    store.keep(&series, Origin::Tiingo, &candles).await.unwrap();
    let limits: [crate::store::QuotaLimit; 0] = [];
    let sent = store.request("tiingo", (end - 60) * 1_000, &limits).await;
    assert!(sent.unwrap());
    let (config, forecast) = (MarketConfig::default(), ForecastConfig::default());
    let tickers = ["btcusd".to_owned(), "ethusd".to_owned()];
    let at = |now| Wants {
        forecast: &forecast,
        now,
    };
    let (all, quota) = history(Some(&store), &tickers, &config, &at(NOW)).await;
    assert_eq!(
        [all[0].level, all[1].level],
        [Level::Ok, Level::Warning],
        "{all:?}"
    );
    assert!(all[0].what.starts_with("30 days of closes"), "{all:?}");
    assert_eq!(quota.unwrap().hour_used, 1);
    let later = at(NOW + Duration::from_secs(86_400));
    let (all, _) = history(Some(&store), &tickers[..1], &config, &later).await;
    assert_eq!(all[0].level, Level::Warning);
    let (all, quota) = history(None, &tickers, &config, &at(NOW)).await;
    assert!(all.iter().all(|it| it.level == Level::Warning));
    assert_eq!(quota.unwrap().hour_used, 0);
}
