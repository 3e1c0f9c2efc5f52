use rstest::rstest;

use super::*;
use crate::forecast::testing::{BUNDLED, Planted, Score, WEEK, hasty, score};

fn config(source: Choice) -> ForecastConfig {
    ForecastConfig {
        source,
        ..ForecastConfig::default()
    }
}

fn walk(config: &ForecastConfig, candles: &[Candle]) -> Vec<Step> {
    let walk = Walk {
        config,
        horizon: WEEK,
        visible: None,
        threads: 2,
    };
    walk.run(candles, &|_, _| {})
}

#[test]
fn on_the_bundled_prices_the_prior_says_and_earns_what_was_measured() {
    let steps = walk(&config(Choice::Prior), &BUNDLED);
    let said = |row: usize| steps[row].opinion.as_ref().expect("enough").log_return;
    for (row, expected) in [
        (671, 1e-5),
        (672, 0.001_230_07),
        (2160, 0.002_631_87),
        (10_000, 0.003_569_88),
        (20_000, -0.000_835_24),
        (25_000, -0.003_402_65),
    ] {
        let error = said(row) - expected;
        assert!(
            error.abs() <= 1e-8,
            "row {row}: {} for {expected}",
            said(row)
        );
    }
    let year = |year: i32| {
        let date = time::Date::from_ordinal_date(year, 1).expect("a year");
        let start = date.midnight().assume_utc().unix_timestamp();
        steps.partition_point(|step| step.start < start)
    };
    let half = (BUNDLED.len() - 168) / 2;
    for (range, expected) in [
        (0..steps.len(), 0.9976),
        (year(2023)..year(2024), 0.9985),
        (year(2024)..year(2025), 0.9953),
        (year(2025)..year(2026), 1.0005),
        (0..half, 0.9969),
        (half..steps.len(), 0.9985),
    ] {
        let ratio = score(&steps, 168, range.clone()).ratio();
        assert_eq!(
            format!("{ratio:.4}"),
            format!("{expected:.4}"),
            "{range:?}: {ratio}"
        );
    }
}

/// A series in which challengers have a say, so that it would show if they knew too much.
const PLANTED: Planted = Planted {
    seed: 5,
    days: 230,
    lag: 72,
    strength: -0.3,
    flip: None,
};
const DAY_AHEAD: Duration = Duration::from_secs(86_400);

fn daily_walk(config: &ForecastConfig) -> Walk<'_> {
    Walk {
        config,
        horizon: DAY_AHEAD,
        visible: None,
        threads: 1,
    }
}

#[rstest]
#[case(Choice::Gated)]
#[case(Choice::Prior)]
#[case(Choice::Linfa)]
#[case(Choice::Ridge)]
#[case(Choice::ElasticNet)]
#[case(Choice::Svr)]
#[case(Choice::Zero)]
fn nothing_after_an_hour_changes_what_was_said_until_then(#[case] choice: Choice) {
    let config = hasty(choice);
    let candles = PLANTED.candles();
    let other = Planted {
        seed: 99,
        ..PLANTED
    }
    .candles();
    // An hour before a refit, so that the least that is known too early would change it.
    let last = 24 * 215 - 1;
    let mut changed = candles.clone();
    for (candle, other) in changed.iter_mut().zip(other).skip(last + 1) {
        candle.close = 7.0 * other.close;
    }
    let walk = daily_walk(&config);
    let (seen, unseen) = (
        walk.run(&candles, &|_, _| {}),
        walk.run(&changed, &|_, _| {}),
    );
    assert_eq!(seen[..=last], unseen[..=last]);
    let differs = seen[last + 1..] != unseen[last + 1..];
    assert!(differs, "the change does show, later");
    if choice == Choice::Gated {
        let open = |step: &Step| {
            let report = &step.opinion.as_ref().expect("enough").report;
            report.challengers.iter().any(|it| it.weight > 0.0)
        };
        assert!(
            seen[..=last].iter().skip(400).any(open),
            "no challenger had a say"
        );
    }
}

#[test]
fn a_walk_says_what_the_engine_says_with_any_number_of_threads() {
    let config = hasty(Choice::Gated);
    let candles = PLANTED.candles();
    let mut engine = Engine::new(&config, DAY_AHEAD);
    let pushed = |candle: &Candle| {
        engine.push(candle.start, candle.close);
        engine.opinion().ok()
    };
    let streamed: Vec<_> = candles.iter().map(pushed).collect();
    for threads in [0, 3] {
        let most = AtomicUsize::new(0);
        let walk = Walk {
            threads,
            ..daily_walk(&config)
        };
        let steps = walk.run(&candles, &|done, all| {
            assert!(done <= all);
            most.fetch_max(done * 1_000_000 / all, Ordering::Relaxed);
        });
        assert!(steps.iter().map(|step| &step.opinion).eq(&streamed));
        assert_eq!(most.into_inner(), 1_000_000, "it ends with all done");
    }
    assert_eq!(streamed.iter().filter(|it| it.is_none()).count(), 336);
}

#[test]
fn a_history_that_begins_anew_is_walked_as_such() {
    let config = config(Choice::Ridge);
    let mut candles = BUNDLED[..24 * 140].to_vec();
    let moved = |candle: &Candle| Candle {
        start: candle.start + 400 * 86_400,
        ..*candle
    };
    candles.extend(BUNDLED[..24 * 140].iter().map(moved));
    let steps = walk(&config, &candles);
    let (first, second) = steps.split_at(24 * 140);
    let said = |steps: &[Step]| {
        steps
            .iter()
            .map(|it| it.opinion.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(said(first), said(second));
    assert!(walk(&config, &[]).is_empty());
}

#[test]
fn with_little_in_sight_each_hour_is_a_cold_start() {
    let config = config(Choice::Gated);
    let candles = &BUNDLED[3..24 * 40];
    let walk = Walk {
        config: &config,
        horizon: WEEK,
        visible: Some(Duration::from_secs(28 * 86_400)),
        threads: 3,
    };
    let steps = walk.run(candles, &|_, _| {});
    for at in [0, 335, 336, 671, 672, 800, candles.len() - 1] {
        let mut engine = Engine::new(&config, WEEK);
        for candle in &candles[at.saturating_sub(672)..=at] {
            engine.push(candle.start, candle.close);
        }
        assert_eq!(steps[at].opinion, engine.opinion().ok(), "{at}");
        assert_eq!(steps[at].start, candles[at].start);
    }
    let closes = |step: &Step| step.opinion.as_ref().map_or(0, |it| it.report.closes);
    assert_eq!(closes(&steps[800]), 673);
}

#[test]
fn with_much_in_sight_the_window_moves_on_at_midnight() {
    let config = config(Choice::Prior);
    let candles = &BUNDLED[..24 * 124];
    let walk = Walk {
        config: &config,
        horizon: WEEK,
        visible: Some(Duration::from_secs(121 * 86_400)),
        threads: 2,
    };
    let steps = walk.run(candles, &|_, _| {});
    let closes = |at: usize| steps[at].opinion.as_ref().map_or(0, |it| it.report.closes);
    assert_eq!(closes(24 * 123), 24 * 121 + 1);
    assert_eq!(closes(24 * 124 - 1), 24 * 122);
}

/// Every 00:00 row of the bundled prices, with so many days in sight.
#[rstest]
#[case(14, 1.0000)]
#[case(28, 0.999)]
#[case(60, 0.998)]
#[case(90, 0.998)]
fn a_cold_start_does_no_harm(#[case] days: usize, #[case] most: f64) {
    let config = ForecastConfig::default();
    let mut score = Score::default();
    for at in (0..BUNDLED.len() - 168).step_by(24) {
        let mut engine = Engine::new(&config, WEEK);
        for candle in &BUNDLED[at.saturating_sub(24 * days)..=at] {
            engine.push(candle.start, candle.close);
        }
        let forecast = engine.opinion().map_or(0.0, |it| it.log_return);
        score.add(forecast, (BUNDLED[at + 168].close / BUNDLED[at].close).ln());
    }
    assert!(score.ratio() <= most + 5e-5, "{}", score.ratio());
}

#[test]
fn from_noise_little_is_lost() {
    let noise = |seed| Planted {
        seed,
        strength: 0.0,
        ..PLANTED
    };
    let config = hasty(Choice::Gated);
    let ratio = |seed| {
        let steps = daily_walk(&config).run(&noise(seed).candles(), &|_, _| {});
        score(&steps, 24, 0..steps.len()).ratio()
    };
    let mean = [1, 2].map(ratio).iter().sum::<f64>() / 2.0;
    assert!((mean - 1.0).abs() < 0.005, "{mean}");
}
