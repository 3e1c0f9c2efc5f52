use proptest::prelude::*;

use super::{
    super::testing::{ten, voice},
    *,
};

const LIMIT: f64 = 0.25;
const SCALE: Option<f64> = Some(0.07);

fn combined(voices: &[Voice]) -> Option<Combined> {
    combine(
        voices,
        &Memory::default(),
        &BlendConfig::default(),
        LIMIT,
        SCALE,
    )
}

#[test]
fn the_mean_is_by_score_and_by_no_more_than_the_cap() {
    let voices = [
        voice("a", 0.00, Some(0.9)),
        voice("b", 0.01, Some(0.1)),
        voice("c", 0.02, Some(0.1)),
        voice("d", 0.03, Some(0.1)),
        voice("e", 0.04, Some(0.1)),
        voice("f", 0.05, Some(0.1)),
        voice("g", 0.06, Some(-0.1)),
        voice("h", f64::NAN, Some(0.9)),
        voice("i", 0.07, None),
    ];
    let Combined {
        value,
        opinions,
        parts,
    } = combined(&voices).unwrap();
    assert_eq!((opinions, parts.len()), (6, 6));
    assert_eq!((&*parts[0].model, parts[0].value), ("a", 0.0));
    assert!((parts[0].weight - 0.2).abs() < 1e-12, "{parts:?}");
    assert!(
        parts[1..].iter().all(|it| (it.weight - 0.16).abs() < 1e-12),
        "{parts:?}"
    );
    // Nothing lies beyond three deviations here: 0.16 · (0.01 + … + 0.05).
    assert!((value - 0.024).abs() < 1e-12, "{value}");
}

#[test]
fn a_value_far_off_counts_at_the_edge_of_what_is_usual() {
    let mut voices = ten();
    for voice in &mut voices {
        voice.standing = Some(0.1);
    }
    let plain = combined(&voices).unwrap().value;
    assert!(plain.abs() < 1e-12, "{plain}");
    // The median of the deviations from -0.001 is 0.004: nothing beyond 0.0168 counts in full.
    voices[9].value = 0.2;
    let moved = combined(&voices).unwrap().value;
    let edge = -0.001 + 3.0 * TO_DEVIATION * 0.004;
    assert!((moved - (edge - 0.009) / 10.0).abs() < 1e-12, "{moved}");
}

#[test]
fn copies_are_one_opinion() {
    let mut voices = ten();
    let before = combined(&voices).unwrap();
    let best = voices
        .iter()
        .max_by(|a, b| a.standing.partial_cmp(&b.standing).unwrap());
    let best = best.unwrap().clone();
    for copy in 0..50 {
        let value = best.value + 1e-9 * f64::from(copy);
        voices.push(voice(&format!("copy{copy}"), value, best.standing));
    }
    let after = combined(&voices).unwrap();
    assert_eq!(after.opinions, before.opinions);
    assert!((after.value - before.value).abs() < 1e-6, "{after:?}");
}

#[test]
fn too_few_opinions_are_none() {
    let good = |model: &str, value| voice(model, value, Some(0.1));
    let two = [good("a", 0.01), good("b", 0.02), good("c", 0.02)];
    assert_eq!(combined(&two), None);
    assert_eq!(combined(&[]), None);
    let bad = ten().into_iter().map(|it| Voice {
        standing: Some(0.0),
        ..it
    });
    assert_eq!(combined(&bad.collect::<Vec<_>>()), None);
}

#[test]
fn newcomers_speak_while_too_few_have_a_score() {
    let newcomers = [
        voice("a", 0.01, None),
        voice("b", 0.02, None),
        voice("c", 0.03, None),
    ];
    let all = combined(&newcomers).unwrap();
    assert!((all.value - 0.02).abs() < 1e-12, "{all:?}");
    let mut some = newcomers.to_vec();
    some.push(voice("d", 0.04, Some(0.3)));
    some.push(voice("e", 0.05, Some(-0.3)));
    let all = combined(&some).unwrap();
    assert_eq!(all.parts.len(), 4);
    assert!(
        all.parts.iter().all(|it| (it.weight - 0.25).abs() < 1e-12),
        "{all:?}"
    );
}

fn madness() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -1.0..1.0_f64,
        -0.02..0.02_f64,
        prop::sample::select(vec![1e300, -1e300, 0.0, -0.0, f64::INFINITY, LIMIT, -LIMIT]),
    ]
}

proptest! {
    /// Nine lie within a range of some width: whatever the tenth answers, and whatever its score, the
    /// result leaves that range by no more than its share of what the spread lets through.
    #[test]
    fn one_model_of_ten_moves_the_result_within_bounds(
        mad in madness(),
        other in madness(),
        place in 0..10_usize,
        standing in 1e-6..1.0_f64,
    ) {
        let config = BlendConfig::default();
        let mut voices = ten();
        voices[place].standing = Some(standing);
        let rest = || ten().into_iter().enumerate().filter(|(it, _)| *it != place).map(|(_, it)| it.value);
        let (low, high) = (rest().fold(f64::MAX, f64::min), rest().fold(f64::MIN, f64::max));
        let margin = config.cap * config.spread * TO_DEVIATION * (high - low);
        let mut values = Vec::new();
        for value in [mad, other] {
            voices[place].value = value;
            let value = combined(&voices).unwrap().value;
            prop_assert!((low - margin..=high + margin).contains(&value), "{}", value);
            values.push(value);
        }
        // So that two answers of one model are never further apart than this.
        let moved = (values[0] - values[1]).abs();
        prop_assert!(moved <= high - low + 2.0 * margin, "{}", moved);
    }

    #[test]
    fn the_order_of_voices_says_nothing(seed in any::<u64>()) {
        let mut voices = ten();
        let before = combined(&voices).unwrap();
        let mut state = seed;
        for place in (1..voices.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let other = usize::try_from(state >> 33).unwrap() % (place + 1);
            voices.swap(place, other);
        }
        let after = combined(&voices).unwrap();
        prop_assert!((before.value - after.value).abs() < 1e-15);
    }

    #[test]
    fn no_opinion_has_more_than_its_share(
        all in proptest::collection::vec((-0.1..0.1_f64, 1e-6..1.0_f64), 3..40),
    ) {
        let voices: Vec<_> = all.iter().enumerate()
            .map(|(place, (value, standing))| voice(&format!("{place}"), *value, Some(*standing)))
            .collect();
        if let Some(Combined { value, opinions, parts }) = combined(&voices) {
            let cap = BlendConfig::default().cap.max(1.0 / opinions as f64);
            prop_assert!(parts.iter().all(|it| it.weight <= cap + 1e-9), "{:?}", parts);
            prop_assert!((parts.iter().map(|it| it.weight).sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(value.is_finite());
        }
    }
}
