//! What the numbers of a model's answer are in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the densities and numbers of a crunch's models speak of. Nothing in an answer tells it, and
/// magnitudes must not be taken for a hint: it belongs to the crunch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// `P[t+s] − P[t]` over each step, in the quote currency: condorgame from 0.3.0 on, and `crunch_synth`.
    #[default]
    PriceDifference,
    /// `ln(P[t+s] / P[t])` over each step: condorgame up to 0.2.0.
    LogReturn,
}

impl Unit {
    /// The move from one price to a later one, both above zero.
    #[must_use]
    pub fn change(self, from: f64, to: f64) -> f64 {
        match self {
            Self::PriceDifference => to - from,
            Self::LogReturn => (to / from).ln(),
        }
    }

    /// Its name, as it is written in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PriceDifference => "price-difference",
            Self::LogReturn => "log-return",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_in_its_unit() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(Unit::PriceDifference.change(100.0, 110.0), 10.0);
        close(Unit::LogReturn.change(100.0, 110.0), 1.1_f64.ln());
    }

    #[test]
    fn it_is_written_by_its_name() {
        for unit in [Unit::PriceDifference, Unit::LogReturn] {
            let json = serde_json::to_string(&unit).unwrap();
            assert_eq!(json, format!("\"{unit}\""));
        }
    }
}
