use super::*;
use crate::score::testing::{at, minutes, normal, prediction, price};

const FAR: i64 = 1_000_000;

fn against(track: &Track, until: i64) -> Against<'_> {
    Against {
        unit: Unit::PriceDifference,
        track,
        reach: Reach {
            asset: at(until).unix_timestamp(),
            all: at(until).unix_timestamp(),
            give_up: 86_400,
        },
        tolerance: 300,
        scale: Some(25.0),
    }
}

fn resolved(it: Prediction, track: &Track, until: i64) -> Option<Score> {
    let stored = StoredPrediction {
        id: 7,
        prediction: it,
    };
    resolve(&stored, against(track, until), at(FAR))
}

fn whole() -> Track {
    Track::new(minutes(0, 7_200))
}

/// The CRPS of a normal density, told by its closed form.
fn crps(x: f64, scale: f64) -> f64 {
    use statrs::distribution::{Continuous as _, ContinuousCDF as _, Normal};
    let normal = Normal::standard();
    let z = x / scale;
    scale
        * (z * (2.0 * normal.cdf(z) - 1.0) + 2.0 * normal.pdf(z)
            - 1.0 / std::f64::consts::PI.sqrt())
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!(
        (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{found} {expected}"
    );
}

#[test]
fn each_step_is_held_against_its_own_interval() {
    let score = resolved(prediction(3_600, "a", &normal(3.0, 12.0)), &whole(), 4_800).unwrap();
    let moves = [price(4_200) - price(3_600), price(4_800) - price(4_200)];
    close(
        score.crps,
        moves.iter().map(|it| crps(it - 3.0, 12.0)).sum::<f64>() / 2.0,
    );
    close(
        score.crps_reference,
        moves.iter().map(|it| crps(*it, 25.0)).sum::<f64>() / 2.0,
    );
    assert!(score.log_score.is_some() && score.log_reference.is_some());
    assert_eq!((score.prediction, score.detail), (7, None));
    assert_eq!(score.scored_at, at(FAR));
}

#[test]
fn the_base_is_the_price_when_it_was_asked_for() {
    // Half a minute later the same closes are the newest.
    let mut later = prediction(3_600, "a", &normal(3.0, 12.0));
    later.performed_at = at(3_659) + time::Duration::milliseconds(999);
    later.base = Some(1.0);
    let one = resolved(later, &whole(), 7_200).unwrap();
    let other = resolved(prediction(3_600, "a", &normal(3.0, 12.0)), &whole(), 7_200).unwrap();
    assert_eq!(one, other);
}

#[test]
fn a_number_is_held_against_the_two_ends() {
    let score = resolved(prediction(3_600, "a", "4.5"), &whole(), 4_800).unwrap();
    let change = price(4_800) - price(3_600);
    close(score.crps, (change - 4.5).abs());
    close(score.crps_reference, change.abs());
    assert_eq!((score.log_score, score.log_reference), (None, None));
}

#[test]
fn a_gap_leaves_numbers_and_densities_without_a_score() {
    let mut closes = minutes(0, 7_200);
    closes.retain(|it| !(at(3_700).unix_timestamp()..=at(4_700).unix_timestamp()).contains(&it.at));
    let track = Track::new(closes);
    for answer in [normal(0.0, 1.0), "4.5".to_owned()] {
        let asked = || prediction(3_600, "a", &answer);
        let score = resolved(asked(), &track, 200_000).unwrap();
        let detail = score.detail.unwrap();
        assert!(
            detail.starts_with("no close of BTC is known at 2026-01-05 1:10"),
            "{detail}"
        );
        assert!(detail.contains("score.tolerance"), "{detail}");
        assert_eq!((score.crps, score.crps_reference), (None, None));
        // The gap may still be filled.
        assert_eq!(resolved(asked(), &track, 7_200), None);
    }
}

#[test]
fn without_history_nothing_has_a_reference() {
    let track = whole();
    for answer in [normal(0.0, 1.0), "4.5".to_owned()] {
        let it = prediction(3_600, "a", &answer);
        let stored = StoredPrediction {
            id: 7,
            prediction: it,
        };
        let score = resolve(
            &stored,
            Against {
                scale: None,
                ..against(&track, 4_800)
            },
            at(FAR),
        );
        let score = score.unwrap();
        assert!(score.crps.is_some());
        assert_eq!((score.crps_reference, score.log_reference), (None, None));
    }
}

#[test]
fn without_prices_it_waits() {
    let short = Track::new(minutes(0, 4_740));
    let asked = || prediction(3_600, "a", &normal(0.0, 1.0));
    assert_eq!(resolved(asked(), &short, 4_740), None);
    assert!(resolved(asked(), &whole(), 4_800).is_some());
}

#[test]
fn a_density_without_a_mean_has_a_log_score_alone() {
    let cauchy = normal(0.0, 12.0).replace("norm", "cauchy");
    let score = resolved(prediction(3_600, "a", &cauchy), &whole(), 7_200).unwrap();
    assert_eq!((score.crps, score.detail), (None, None));
    assert!(score.log_score.is_some());
    assert!(score.crps_reference.is_some());
}

#[test]
fn what_cannot_be_scored_says_why() {
    let mut odd = prediction(3_600, "a", "1");
    odd.step = 700;
    let mut damaged = prediction(3_600, "a", "1");
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0];
    damaged.payload = Some(crate::store::Packed::from_stored(frame));
    for (given, wanted) in [
        (prediction(3_600, "a", "[]"), "empty list"),
        (prediction(3_600, "a", "\"hello\""), "no list of densities"),
        (odd, "no steps of 700 s"),
        (damaged, "can't be read"),
    ] {
        let score = resolved(given, &whole(), 7_200).unwrap();
        let detail = score.detail.unwrap();
        assert!(detail.contains(wanted), "{detail}");
        assert_eq!((score.crps, score.crps_reference), (None, None));
    }
}
