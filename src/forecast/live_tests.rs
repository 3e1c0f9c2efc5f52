use rstest::rstest;

use super::*;
use crate::forecast::{Report, gate::newey_west_t, testing::WEEK};

/// One outcome an hour for so many days; the last of each day is as told, all others are nonsense.
fn record(days: i64, last: impl Fn(i64) -> (f64, f64)) -> Vec<LiveOutcome> {
    let hour = |day: i64, hour: i64| {
        let (forecast, outcome) = if hour == 23 { last(day) } else { (9.0, -9.0) };
        LiveOutcome {
            opened: day * DAY + hour * HOUR + 5,
            forecast,
            outcome,
        }
    };
    (0..days)
        .flat_map(|day| (0..24).map(move |it| (day, it)))
        .map(|(day, it)| hour(day, it))
        .collect()
}

fn fuse(outcomes: Vec<LiveOutcome>) -> LiveFuse {
    LiveFuse::of(&ForecastConfig::default(), WEEK, outcomes)
}

/// A forecast of the wrong sign on most days.
fn bad(day: i64) -> (f64, f64) {
    let outcome = 0.05 + 0.001 * (day % 7) as f64;
    (if day % 5 == 0 { 0.01 } else { -0.01 }, outcome)
}

#[test]
fn a_short_record_holds_nothing_back() {
    let short = fuse(record(179, bad));
    assert_eq!((short.t, short.days), (None, 179));
    assert!((short.weight - 1.0).abs() < f64::EPSILON);
    assert_eq!(fuse(Vec::new()), LiveFuse::default());
}

#[test]
fn the_last_of_each_day_counts_by_the_rule_of_the_priors_fuse() {
    let told = |day: i64| {
        (
            0.01 * ((day * 7 % 13) as f64 - 6.0),
            0.01 * ((day * 5 % 11) as f64 - 5.0),
        )
    };
    let found = fuse(record(200, told));
    let gains: Vec<f64> = (0..200)
        .map(|day| {
            let (f, y) = told(day);
            y * y - (y - f) * (y - f)
        })
        .collect();
    let t = newey_west_t(&gains, 14);
    assert_eq!(found.days, 200);
    assert!(
        found.t.is_some_and(|it| (it - t).abs() < 1e-9),
        "{found:?}, {t}"
    );
    assert!((found.weight - (t + 2.0).clamp(0.0, 1.0)).abs() < 1e-9);
}

#[test]
fn only_the_newest_year_counts() {
    let turned = |day: i64| {
        let (forecast, outcome) = bad(day);
        (if day < 300 { forecast } else { -forecast }, outcome)
    };
    let found = fuse(record(300 + 365, turned));
    assert_eq!(found.days, 365);
    assert!(found.t > Some(2.0) && found.weight > 0.999, "{found:?}");
    assert!(fuse(record(300, bad)).weight < f64::EPSILON);
}

fn answer(source: Source, value: f64) -> Answer {
    Answer {
        values: Vec::new(),
        value,
        source,
        report: Some(Report::default()),
    }
}

fn held(weight: f64, answer: Answer, target: Target) -> Answer {
    let candles = [crate::forecast::testing::candle(0, 50_000.0)];
    let history = History::new("btcusd", candles);
    let fuse = LiveFuse {
        weight,
        t: Some(-1.5),
        days: 200,
    };
    fuse.hold_back(answer, &history, target)
}

#[test]
fn the_weight_is_on_the_log_return_whatever_the_unit() {
    let half = held(0.5, answer(Source::Gated, 0.004), Target::LogReturn);
    assert!((half.value - 0.002).abs() < 1e-15);
    let report = half.report.expect("a report");
    assert_eq!((report.live_weight, report.live_t), (Some(0.5), Some(-1.5)));
    let price = held(
        0.5,
        answer(Source::Prior, 50_000.0 * 0.004_f64.exp()),
        Target::Price,
    );
    assert!((price.value - 50_000.0 * 0.002_f64.exp()).abs() < 1e-6);
    let percent = held(0.5, answer(Source::Ridge, -1.0), Target::PercentReturn);
    let expected = 100.0 * (0.99_f64.sqrt() - 1.0);
    assert!((percent.value - expected).abs() < 1e-12);
}

#[test]
fn a_weight_of_zero_leaves_a_sign_and_a_full_one_every_bit() {
    for value in [0.004, -0.004] {
        let shut = held(0.0, answer(Source::Gated, value), Target::LogReturn);
        assert!((shut.value - 1e-5 * value.signum()).abs() < 1e-18);
    }
    let shut = held(0.0, answer(Source::Gated, 50_200.0), Target::Price);
    assert!((shut.value / 50_000.0 - 1.000_01).abs() < 1e-9);
    let open = held(1.0, answer(Source::Gated, 0.1 + 0.2), Target::Price);
    assert_eq!(open.value.to_bits(), (0.1_f64 + 0.2).to_bits());
    assert_eq!(open.report.and_then(|it| it.live_weight), Some(1.0));
}

#[rstest]
#[case(Source::PriorCold)]
#[case(Source::Zero)]
#[case(Source::Http)]
#[case(Source::Command)]
fn what_is_not_the_models_opinion_stays(#[case] source: Source) {
    let found = held(0.0, answer(source, 0.004), Target::LogReturn);
    assert_eq!(found, answer(source, 0.004));
}

#[test]
fn of_topics_that_share_a_forecast_the_strictest_fuse_counts() {
    let fuse = |weight: f64| LiveFuse {
        weight,
        t: None,
        days: 7,
    };
    let fuses = LiveFuses::new([(TopicId(1), fuse(1.0)), (TopicId(3), fuse(0.25))].into());
    let of = |topics: &[u64]| {
        let topics: Vec<_> = topics.iter().copied().map(TopicId).collect();
        strictest(&fuses, &topics).map(|it| it.weight)
    };
    assert_eq!(of(&[1, 2, 3]), Some(0.25));
    assert_eq!(of(&[1, 2]), Some(1.0));
    assert_eq!(of(&[2]), None);
}
