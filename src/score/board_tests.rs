use std::time::Duration;

use super::*;
use crate::score::testing::{at, model, part};

fn config() -> ScoreConfig {
    ScoreConfig {
        recent: Duration::from_secs(3_600),
        steady: Duration::from_secs(7_200),
        anchor: Duration::from_secs(14_400),
        least_rounds: 1,
        ..ScoreConfig::default()
    }
}

fn ranked(config: &ScoreConfig, roll: &[ModelRecord], parts: &[ScoredPart]) -> Vec<Snapshot> {
    let mut board = Board::new(at(14_400), config, roll);
    for part in parts {
        board.take(part.clone());
    }
    board.finish()
}

fn anchors(board: &[Snapshot]) -> Vec<(&str, Option<u32>, Option<f64>)> {
    let rows = board.iter();
    rows.map(|it| (&*it.model_id, it.rank, it.anchor.score))
        .collect()
}

#[test]
fn a_score_is_how_much_of_the_references_loss_is_saved() {
    let parts = [
        part(60, "a", Some(1.0), Some(0.0)),
        part(60, "b", Some(3.0), Some(-3.0)),
        part(120, "a", Some(2.0), Some(-0.5)),
        part(120, "b", Some(0.5), Some(-0.5)),
    ];
    let board = ranked(&config(), &[], &parts);
    assert_eq!(
        anchors(&board),
        [("a", Some(1), Some(0.25)), ("b", Some(2), Some(0.125))]
    );
    assert_eq!(board[0].anchor.log_gain, Some(0.75));
    assert_eq!(board[1].anchor.log_gain, Some(-0.75));
    assert_eq!((board[0].anchor.rounds, board[0].anchor.answered), (2, 2));
    let by_log = ScoreConfig {
        by: RankedBy::Log,
        ..config()
    };
    assert_eq!(
        anchors(&ranked(&by_log, &[], &parts)),
        [("a", Some(1), Some(0.75)), ("b", Some(2), Some(-0.75))]
    );
}

#[test]
fn silence_counts_as_the_worst_of_the_round() {
    let mut unreadable = part(60, "d", None, None);
    unreadable.status = PredictionStatus::Success;
    unreadable.is_scored = true;
    let parts = [
        part(60, "a", Some(1.0), Some(0.0)),
        part(60, "b", Some(3.0), Some(-3.0)),
        part(60, "c", None, None),
        unreadable,
        // Nobody answered: it counts for nobody.
        part(120, "a", None, None),
        part(120, "b", None, None),
    ];
    let board = ranked(&config(), &[], &parts);
    let worst = Some(-0.5);
    assert_eq!(
        anchors(&board),
        [
            ("a", Some(1), Some(0.5)),
            ("b", Some(2), worst),
            ("c", Some(3), worst),
            ("d", Some(4), worst)
        ]
    );
    let standings: Vec<_> = board
        .iter()
        .map(|it| (it.anchor.log_gain, it.anchor.rounds, it.anchor.answered))
        .collect();
    let worst = (Some(-2.0), 1);
    assert_eq!(
        standings,
        [
            (Some(1.0), 1, 1),
            (worst.0, 1, 1),
            (worst.0, 1, 0),
            (worst.0, 1, 0)
        ]
    );
}

#[test]
fn a_density_without_a_mean_counts_as_the_worst_in_the_crps_alone() {
    let parts = [
        part(60, "a", Some(1.0), Some(0.0)),
        part(60, "b", Some(3.0), Some(-3.0)),
        part(60, "c", None, Some(2.0)),
        // Here nobody has a CRPS.
        part(120, "c", None, Some(1.0)),
    ];
    let board = ranked(&config(), &[], &parts);
    let of_c = board.iter().find(|it| it.model_id == "c").unwrap();
    assert_eq!(of_c.anchor.score, Some(-0.5));
    assert_eq!(of_c.anchor.log_gain, Some(2.5));
    assert_eq!((of_c.anchor.rounds, of_c.anchor.answered), (2, 2));
}

#[test]
fn a_round_counts_once_all_its_answers_are_scored() {
    let mut waiting = part(60, "b", None, None);
    waiting.status = PredictionStatus::Success;
    let parts = [
        part(60, "a", Some(1.0), None),
        waiting,
        part(120, "a", Some(3.0), None),
    ];
    let board = ranked(&config(), &[], &parts);
    assert_eq!(anchors(&board), [("a", Some(1), Some(-0.5))]);
}

#[test]
fn a_round_without_a_reference_counts_for_nobody() {
    let mut bare = part(60, "a", Some(1.0), Some(1.0));
    (bare.crps_reference, bare.log_reference) = (None, None);
    let board = ranked(&config(), &[model("a", 14_000)], &[bare]);
    assert_eq!(anchors(&board), [("a", None, None)]);
    assert_eq!(board[0].anchor.rounds, 0);
}

#[test]
fn nonsense_costs_the_silent_a_few_references_at_most() {
    let parts = [
        part(60, "a", Some(1e300), Some(-100.0)),
        part(60, "b", None, None),
        part(120, "a", Some(1.0), Some(0.0)),
        part(120, "b", Some(1.0), Some(0.0)),
    ];
    let board = ranked(&config(), &[], &parts);
    // Five losses of the reference, and half of one.
    let expected = Some(1.0 - 5.5 / 2.0);
    assert_eq!(
        anchors(&board),
        [("a", Some(1), expected), ("b", Some(2), expected)]
    );
    let mut wild = part(60, "a", Some(1.0), Some(100.0));
    wild.log_reference = Some(-100.0);
    let board = ranked(&config(), &[], &[wild]);
    assert_eq!(board[0].anchor.log_gain, Some(100.0));
}

#[test]
fn a_numbers_error_is_not_mixed_with_a_densitys() {
    // The number's horizon is wide: it did better against its reference, by more.
    let number = ScoredPart {
        crps_reference: Some(100.0),
        log_reference: None,
        ..part(60, "number", Some(20.0), None)
    };
    let parts = [
        part(60, "density", Some(1.0), Some(0.0)),
        number,
        part(60, "silent", None, None),
        part(120, "density", Some(3.0), Some(0.0)),
        part(120, "number", None, None),
        part(120, "silent", None, None),
    ];
    let board = ranked(&config(), &[], &parts);
    let found: BTreeMap<_, _> = anchors(&board)
        .into_iter()
        .map(|(id, _, score)| (id, score.unwrap()))
        .collect();
    // Both rounds weigh two; ratios are 0.5 and 1.5, 0.2 and the worst, twice the worst.
    for (id, expected) in [("density", 0.0), ("number", 0.15), ("silent", 0.0)] {
        assert!((found[id] - expected).abs() < 1e-12, "{found:?}");
    }
}

#[test]
fn a_score_without_a_reference_is_left_out_and_not_punished() {
    let mut bare = part(60, "bare", Some(0.1), Some(1.0));
    (bare.crps_reference, bare.log_reference) = (None, None);
    let parts = [
        part(60, "a", Some(3.0), Some(-1.0)),
        bare,
        part(120, "a", Some(3.0), Some(-1.0)),
        part(120, "bare", Some(1.0), Some(-1.0)),
    ];
    let board = ranked(&config(), &[], &parts);
    assert_eq!(
        anchors(&board),
        [("bare", Some(1), Some(0.5)), ("a", Some(2), Some(-0.5))]
    );
    assert_eq!(board[0].anchor.rounds, 1);
}

#[test]
fn a_round_without_any_change_has_no_weight() {
    let still = |crps| ScoredPart {
        crps_reference: Some(0.0),
        log_reference: None,
        ..part(60, "a", Some(crps), None)
    };
    let moved = part(120, "a", Some(1.0), None);
    for crps in [0.0, 1e-9, 7.0] {
        let board = ranked(&config(), &[], &[still(crps), moved.clone()]);
        assert_eq!(anchors(&board), [("a", Some(1), Some(0.5))]);
        assert_eq!(
            anchors(&ranked(&config(), &[], &[still(crps)])),
            [("a", None, None)]
        );
    }
}

#[test]
fn what_is_asked_for_weighs_the_same_however_often() {
    let other = |it: ScoredPart, crps: f64| ScoredPart {
        config: ConfigKey("ETH/1200/600".into()),
        crps: Some(crps),
        crps_reference: Some(200.0),
        ..it
    };
    let mut parts: Vec<_> = (1..=9)
        .map(|it| part(60 * it, "a", Some(1.0), None))
        .collect();
    parts.push(other(part(60, "a", Some(1.0), None), 200.0));
    let board = ranked(&config(), &[], &parts);
    assert_eq!(anchors(&board), [("a", Some(1), Some(0.25))]);
}

#[test]
fn each_window_has_its_rounds() {
    // Horizons end at 14,400 (now), 10,800, 7,200 and 0 seconds.
    let slots = [13_200, 9_600, 6_000];
    let mut parts: Vec<_> = slots
        .iter()
        .map(|slot| part(*slot, "a", Some(1.0), None))
        .collect();
    parts[1].crps = Some(2.0);
    let board = ranked(&config(), &[], &parts);
    let rounds = [&board[0].recent, &board[0].steady, &board[0].anchor].map(|it| it.rounds);
    assert_eq!(rounds, [2, 3, 3]);
    assert_eq!(board[0].recent.score, Some(0.25));
}

#[test]
fn rounds_before_a_models_metrics_begin_do_not_count() {
    let parts = [
        part(60, "a", Some(4.0), None),
        part(120, "a", Some(1.0), None),
    ];
    let board = ranked(&config(), &[model("a", 120)], &parts);
    assert_eq!(anchors(&board), [("a", Some(1), Some(0.5))]);
}

#[test]
fn models_that_were_there_appear_and_newcomers_are_not_ranked() {
    let config = ScoreConfig {
        least_rounds: 2,
        ..config()
    };
    let parts = [
        part(60, "b", Some(1.0), None),
        part(60, "z", Some(1.0), None),
        part(120, "b", Some(1.0), None),
        part(120, "new", Some(0.0), None),
        part(120, "z", Some(1.0), None),
    ];
    let roll = [
        model("gone", -1),
        model("idle", 14_000),
        model("later", 15_000),
    ];
    let board = ranked(&config, &roll, &parts);
    assert_eq!(
        anchors(&board),
        [
            ("b", Some(1), Some(0.5)),
            ("z", Some(2), Some(0.5)),
            ("idle", None, None),
            ("new", None, None)
        ]
    );
    assert_eq!(board[3].recent.score, None);
    assert_eq!(board[3].anchor.rounds, 1);
}
