//! Scores of whole answers.

use super::*;

fn score(answer: &Answer, unit: Unit, closes: &[f64]) -> Scored {
    super::score(answer, unit, closes).unwrap()
}

fn read(items: &[&str]) -> Answer {
    let item = |item: &&str| format!(r#"{{"type": "scipy", {item}}}"#);
    let items: Vec<_> = items.iter().map(item).collect();
    let steps = u32::try_from(items.len()).unwrap();
    Answer::read(&format!("[{}]", items.join(",")), steps).unwrap()
}

fn near(a: Option<f64>, b: f64) {
    assert!((a.unwrap() - b).abs() < 1e-12 * b.abs(), "{a:?} {b}");
}

/// CRPS of a standard normal at its middle: √(2/π) − 1/√π.
const AT_MIDDLE: f64 = 0.233_694_977_255_103_93;
const LN_AT_MIDDLE: f64 = -0.918_938_533_204_672_8;

#[test]
fn a_step_is_held_against_its_own_interval() {
    let first = r#""name": "norm", "params": {"loc": 2}"#;
    let second = r#""name": "norm", "params": {"loc": -3, "scale": 2}"#;
    let scored = score(
        &read(&[first, second]),
        Unit::PriceDifference,
        &[100.0, 102.0, 99.0],
    );
    near(scored.crps, 1.5 * AT_MIDDLE);
    near(scored.log_score, LN_AT_MIDDLE - 0.5 * 2.0_f64.ln());
}

#[test]
fn log_returns_are_of_each_interval() {
    let answer = read(&[r#""name": "norm", "params": {"scale": 1}"#]);
    let scored = score(&answer, Unit::LogReturn, &[50.0, 50.0]);
    near(scored.crps, AT_MIDDLE);
}

#[test]
fn a_number_is_held_against_the_whole_change() {
    let answer = Answer::Number(-2.0);
    let scored = score(&answer, Unit::PriceDifference, &[100.0, 7.0, 103.0]);
    assert_eq!((scored.crps, scored.log_score), (Some(5.0), None));
}

#[test]
fn without_a_mean_there_is_the_log_score_alone() {
    let norm = r#""name": "norm""#;
    let cauchy = r#""name": "cauchy""#;
    let scored = score(
        &read(&[norm, cauchy]),
        Unit::PriceDifference,
        &[1.0, 1.0, 1.0],
    );
    assert_eq!(scored.crps, None);
    let ln_cauchy = -std::f64::consts::PI.ln();
    near(scored.log_score, 0.5 * (LN_AT_MIDDLE + ln_cauchy));
}

#[test]
fn one_step_does_not_decide_over_all() {
    let of = |item: &str| score(&read(&[item]), Unit::PriceDifference, &[5.0, 5.0]);
    let missed = of(r#""name": "uniform", "params": {"loc": 3}"#);
    assert_eq!(missed.log_score, Some(-LOG_SCORE_LIMIT));
    near(missed.crps, 3.0 + 1.0 / 3.0);
    let pole = of(r#""name": "gamma", "params": {"a": 0.5}"#);
    assert_eq!(pole.log_score, Some(LOG_SCORE_LIMIT));
    let spike = of(r#""name": "norm", "params": {"scale": 1e-300}"#);
    assert_eq!(spike.log_score, Some(LOG_SCORE_LIMIT));
}

#[test]
fn without_all_closes_nothing_is_scored() {
    let answer = read(&[r#""name": "norm""#]);
    let nothing = Scored::default();
    for closes in [
        &[][..],
        &[1.0],
        &[1.0, 2.0, 3.0],
        &[1.0, f64::NAN],
        &[0.0, 1.0],
        &[1.0, f64::INFINITY],
    ] {
        for unit in [Unit::PriceDifference, Unit::LogReturn] {
            assert_eq!(score(&answer, unit, closes), nothing, "{closes:?}");
        }
    }
    assert_eq!(
        score(&Answer::Number(0.0), Unit::LogReturn, &[1.0]),
        nothing
    );
}

/// So many alike steps that only an integral can tell the score of.
fn mixtures(count: usize, parts: &str) -> Answer {
    let part = |name: &str| {
        let params = match name {
            "gamma" => r#"{"a": 1e5}"#,
            "t" => r#"{"df": 3}"#,
            "skewnorm" => r#"{"a": 4}"#,
            _ => "{}",
        };
        format!(
            r#"{{"weight": 1, "density": {{"type": "scipy", "name": "{name}", "params": {params}}}}}"#
        )
    };
    let parts: Vec<_> = parts.split(' ').map(part).collect();
    let item = format!(
        r#"{{"type": "mixture", "components": [{}]}}"#,
        parts.join(",")
    );
    let items = vec![item; count].join(",");
    Answer::read(&format!("[{items}]"), u32::try_from(count).unwrap()).unwrap()
}

fn spent(answer: &Answer) -> u64 {
    let (mut low, mut high) = (0, 100_000_000);
    while low < high {
        let middle = u64::midpoint(low, high);
        let found = score_within(
            &Budget::new(middle),
            answer,
            Unit::PriceDifference,
            &[5.0, 6.0],
        );
        if found.is_ok() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[test]
fn an_answer_may_cost_so_much_and_no_more() {
    let closes = [5.0, 6.0, 5.5];
    let answer = mixtures(2, "t skewnorm norm");
    let within = |effort| {
        score_within(
            &Budget::new(effort),
            &answer,
            Unit::PriceDifference,
            &closes,
        )
    };
    assert_eq!(
        within(OF_AN_ANSWER).unwrap(),
        score(&answer, Unit::PriceDifference, &closes)
    );
    for effort in [0, 100, 10_000, 50_000] {
        assert_eq!(within(effort), Err(TooCostly));
    }
    // What is in closed form takes next to nothing.
    let norms = mixtures(2, "norm norm norm");
    let budget = Budget::new(1_000);
    assert!(score_within(&budget, &norms, Unit::PriceDifference, &closes).is_ok());
}

#[test]
fn three_heavy_families_over_a_day_are_within_and_a_hostile_answer_is_not() {
    const STEPS: u64 = 288;
    for parts in ["t t t", "t skewnorm norm", "skewnorm skewnorm skewnorm"] {
        let effort = STEPS * spent(&mixtures(1, parts));
        assert!(effort < OF_AN_ANSWER / 2, "{parts} {effort}");
    }
    let hostile = ["gamma"; 16].join(" ");
    let one = mixtures(1, &hostile);
    let few = Budget::new(OF_AN_ANSWER / 60);
    let found = score_within(&few, &one, Unit::PriceDifference, &[5.0, 6.0]);
    assert_eq!(found, Err(TooCostly));
}
