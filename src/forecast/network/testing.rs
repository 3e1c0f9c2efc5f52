//! What the tests of networks share.

use super::Voice;

pub(super) fn voice(model: &str, value: f64, standing: Option<f64>) -> Voice {
    Voice {
        model: model.into(),
        value,
        standing,
    }
}

/// Ten models with scores, whose values lie between -0.01 and 0.01 and are no copies of one another.
pub(super) fn ten() -> Vec<Voice> {
    let of = |place: i32| {
        let value = 0.002 * f64::from(place) - 0.009;
        let standing = 0.02 + 0.005 * f64::from(place * 7 % 10);
        voice(&format!("m{place}"), value, Some(standing))
    };
    (0..10).map(of).collect()
}
