use std::{fs, time::Duration};

use super::*;
use crate::{
    backtest::{Plan, Unforecast, testing::candles, write_report},
    forecast::{Choice, ForecastConfig},
};

fn made(source: Choice, days: i64) -> Backtest {
    let plan = Plan {
        config: ForecastConfig {
            source,
            ..ForecastConfig::default()
        },
        horizon: Duration::from_hours(24 * 7),
        every: Duration::from_hours(24),
        visible: None,
        from: None,
        to: None,
        unforecast: Unforecast::Up,
        draws: 20,
        seed: 1,
        threads: 1,
    };
    plan.run(&[], &candles(days * 24), &|_, _| {})
        .expect("a backtest")
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = page(&made(Choice::Prior, 400)).expect("a page");
    for reference in [
        "http:", "https:", "//", "src=", "href", "url(", "@import", "<script",
    ] {
        assert!(!page.contains(reference), "{reference} in the page");
    }
    assert_eq!(page.matches("<svg ").count(), 6, "one for each picture");
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.matches("<tr").count() > 5, "the table");
    // Every colour of a picture is one that the style sheet turns into the theme's.
    let colours = page.split("<svg ").skip(1).flat_map(|svg| svg.split('"'));
    let known = |text: &&str| text.len() == 7 && text.starts_with('#');
    for colour in colours.filter(known) {
        assert!(
            Colour::ALL.iter().any(|it| it.written == colour),
            "{colour}"
        );
    }
}

#[test]
fn a_short_backtest_says_what_can_t_be_drawn() {
    let page = page(&made(Choice::Prior, 30)).expect("a page");
    assert_eq!(page.matches("<svg ").count(), 4);
    for said in [
        "not longer than 365 days",
        "too short for a t",
        "a coin toss",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_page_escapes_what_it_is_given() {
    let made = made(Choice::Zero, 30);
    let page = Page {
        title: "<b>&".into(),
        heads: HEADS,
        lines: lines(&made.summary),
        remarks: Vec::new(),
        pictures: Vec::new(),
        colours: Colour::ALL,
    };
    let page = page.render().expect("a page");
    assert!(!page.contains("<b>"), "{page}");
}

#[test]
fn the_table_of_forecasts_holds_every_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(Choice::Ridge, 120);
    let [page, table] = write_report(&folder.path().join("new"), &made).expect("written");
    assert!(
        fs::read_to_string(page)
            .unwrap()
            .starts_with("<!doctype html>")
    );
    let mut reader = csv::Reader::from_path(table).unwrap();
    let head = reader.headers().unwrap().clone();
    let begin = ["time", "close", "forecast", "outcome", "source", "prior"];
    assert_eq!(head.iter().take(6).collect::<Vec<_>>(), begin);
    for name in [
        "prior_weight",
        "prior_t",
        "ridge",
        "ridge_weight",
        "ridge_t",
    ] {
        assert!(head.iter().any(|it| it == name), "{name}");
    }
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), made.rows.len());
    for (record, row) in records.iter().zip(&made.rows) {
        assert_eq!(
            record[2].parse::<f64>().unwrap().to_bits(),
            row.forecast.to_bits()
        );
        assert_eq!(record[3].parse::<f64>().ok(), row.outcome);
    }
    assert_eq!(
        (&records[0][0], &records[0][4]),
        ("2023-01-01T00:00:00Z", "fallback")
    );
    assert_eq!((&records[119][4], &records[119][6]), ("prior", "1"));
}

#[test]
fn a_folder_that_can_t_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "").unwrap();
    let refusal = write_report(&taken, &made(Choice::Zero, 30))
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("taken") && refusal.contains("check the folder"),
        "{refusal}"
    );
}
