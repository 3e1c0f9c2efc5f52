use proptest::prelude::*;
use rstest::rstest;
use time::macros::datetime;

use super::*;
use crate::forecast::HOUR;

const HEADER: &str = "timestamp,open,high,low,close,volume\n";

fn parsed(rows: &str) -> Result<CsvPrices, CsvError> {
    parse(
        Path::new("prices.csv"),
        format!("{HEADER}{rows}").as_bytes(),
        Interval::Hour,
    )
}

fn closes(prices: &CsvPrices) -> Vec<f64> {
    prices.candles.iter().map(|candle| candle.close).collect()
}

#[test]
fn reads_the_bundled_prices() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/data/btcusd_1h_2023-01_2025-12.csv"
    );
    let prices = read_csv(Path::new(path)).expect("bundled prices");
    assert_eq!(prices.candles.len(), 25_920);
    assert!(prices.report.is_clean(), "{}", prices.report);
    let first = prices.candles[0];
    assert_eq!(first.start, datetime!(2023-01-01 0:00 UTC).unix_timestamp());
    assert_eq!(
        (first.open, first.high, first.low),
        (16542.13, 16545.31, 16508.97)
    );
    assert_eq!((first.close, first.volume), (16529.42, 4753.98));
}

#[test]
fn a_byte_order_mark_blanks_and_crlf_are_no_obstacle() {
    let text =
        "\u{feff}timestamp, open,high,low,close,volume\r\n3600,1, 2,1,2,0\r\n\r\n7200,1,2,1,3,\r\n";
    let prices = parse(Path::new("p.csv"), text.as_bytes(), Interval::Hour).expect("prices");
    assert_eq!(closes(&prices), [2.0]);
    assert_eq!(
        prices.report.example().as_deref(),
        Some("line 4: volume is NaN, which is no amount")
    );
}

#[test]
fn tells_gaps_duplicates_disorder_and_what_it_set_aside() {
    let prices = parsed(
        "2025-01-01T00:00:00Z,1,1,1,1,1\n\
         2025-01-01T05:00:00Z,1,1,1,6,1\n\
         2025-01-01T01:00:00+00:00,1,1,1,2,1\n\
         2025-01-01T02:00:00Z,1,1,1,nan,1\n\
         2025-01-01T03:00:00Z,0,1,1,4,1\n\
         2025-01-01T04:00:00Z,1,1,1,-5,1\n\
         2025-01-01T05:00:00Z,1,1,1,7,1\n\
         2025-01-01T06:30:00Z,1,1,1,8,1\n\
         2025-01-01T08:00:00Z,1,,1,8,1\n\
         2025-01-01T09:00:00Z,1,1,1,9,1\n",
    );
    let prices = prices.expect("prices");
    assert_eq!(closes(&prices), [1.0, 2.0, 7.0, 9.0]);
    let report = prices.report;
    assert_eq!((report.gaps, report.missing), (2, 6));
    assert_eq!(report.first_gap, Some(datetime!(2025-01-01 2:00 UTC)));
    assert_eq!(
        (&report.duplicates[..], &report.out_of_order[..]),
        (&[3][..], &[4][..])
    );
    let lines: Vec<_> = report.set_aside.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [5, 6, 7, 9, 10]);
    insta::assert_snapshot!(report, @"6 candles missing in 2 gaps, the first at 2025-01-01T02:00:00Z; 1 duplicates, the later line is used (first: line 3); 1 lines out of order, sorted (first: line 4); 5 lines set aside (line 5: close is NaN, which is no price)");
}

#[rstest]
#[case(
    "2025-01-01T00:00:00Z,1,1,1,1.2.3,1\n",
    "line 2, column close: \"1.2.3\" is no number"
)]
#[case("3600,1,1,1,1,1\n7200,1,1,x,1,1\n", "line 3, column low: \"x\"")]
#[case("yesterday,1,1,1,1,1\n", "line 2, column timestamp: \"yesterday\"")]
#[case("99999999999999,1,1,1,1,1\n", "line 2, column timestamp")]
#[case("3600,1,1,1,1,1\n7200,1,1\n", "line 3: it has 3 columns")]
#[case("", "no price that can be used (nothing wrong)")]
#[case(
    "3600,1,1,1,0,1\n",
    "no price that can be used (1 lines set aside (line 2: close is 0"
)]
fn names_file_line_and_column(#[case] rows: &str, #[case] says: &str) {
    let refusal = parsed(rows).expect_err("unreadable").to_string();
    assert!(refusal.starts_with("prices.csv"), "{refusal}");
    assert!(refusal.contains(says), "{refusal}");
    assert!(refusal.contains("; "), "{refusal}");
}

#[rstest]
#[case("", "\"\"")]
#[case("time,open,high,low,close,volume\n", "\"time,open")]
#[case("timestamp,open,high,low,close\n", "\"timestamp,open,high,low,close\"")]
#[case("<html>\n", "\"<html>\"")]
fn a_wrong_header_is_shown_with_the_right_one(#[case] text: &str, #[case] says: &str) {
    let refusal =
        parse(Path::new("prices.csv"), text.as_bytes(), Interval::Hour).expect_err("no header");
    let refusal = refusal.to_string();
    assert!(
        refusal.contains(says) && refusal.contains(HEADER.trim()),
        "{refusal}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let refusal = read_csv(Path::new("/nowhere/prices.csv")).expect_err("missing");
    assert!(
        refusal.to_string().contains("/nowhere/prices.csv"),
        "{refusal}"
    );
}

#[test]
fn text_that_is_no_utf8_is_an_error_with_its_line() {
    let mut bytes = format!("{HEADER}3600,1,1,1,1,1\n7200,1,1,1,").into_bytes();
    bytes.extend([0xff, b',', b'1', b'\n']);
    let refusal = parse(Path::new("prices.csv"), &bytes, Interval::Hour).expect_err("no text");
    assert!(
        refusal.to_string().contains("line 3: it is no UTF-8"),
        "{refusal}"
    );
}

proptest! {
    #[test]
    fn whatever_is_used_is_in_order_and_of_use(rows in proptest::collection::vec(
        (-50_i64..50, prop_oneof![4 => 0.5..9.0_f64, 1 => Just(f64::NAN), 1 => Just(-1.0)]), 1..60,
    )) {
        let lines: Vec<String> = rows.iter()
            .map(|(hour, close)| format!("{},1,1,1,{close},1", hour * HOUR))
            .collect();
        let Ok(prices) = parsed(&lines.join("\n")) else {
            prop_assert!(rows.iter().all(|(_, close)| close.is_nan() || *close < 0.0));
            return Ok(());
        };
        prop_assert!(prices.candles.windows(2).all(|pair| pair[0].start < pair[1].start));
        prop_assert!(prices.candles.iter().all(|candle| candle.check().is_ok()));
        let report = &prices.report;
        let told = prices.candles.len() + report.duplicates.len() + report.set_aside.len();
        prop_assert_eq!(told, rows.len());
        // Of an hour's usable lines the last one is used.
        for candle in &prices.candles {
            let last = rows.iter().rfind(|(hour, close)| {
                hour * HOUR == candle.start && close.is_finite() && *close > 0.0
            });
            prop_assert_eq!(last.map(|(_, close)| *close), Some(candle.close));
        }
    }
}
