//! How many of the seven measures reach their bar.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Score;

/// A description of how many of the seven measures reach the bar that the Allora builder kit sets for
/// them: 7 are A+, 6 A, 5 B+, 4 B, 3 C, 2 D, fewer F.
///
/// It is no goal. The bars (an accuracy of direction of 52 %, a lower bound of it at 50 %, its p-value
/// and that of the correlation below 5 %, a correlation of 5 %, a gain in weighted RMSE of 5 %, 10 % of
/// an oracle's directional return) suit short horizons; honest values over seven days are far smaller.
/// The kit counts an eighth point for coverage in time, which a backtest always has: the letters agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    /// None or one of seven.
    F,
    /// Two of seven.
    D,
    /// Three of seven.
    C,
    /// Four of seven.
    B,
    /// Five of seven.
    #[serde(rename = "B+")]
    BPlus,
    /// Six of seven.
    A,
    /// All seven.
    #[serde(rename = "A+")]
    APlus,
}

impl Grade {
    /// The grade of so many measures that pass.
    #[must_use]
    pub const fn of(passed: u8) -> Self {
        match passed {
            0 | 1 => Self::F,
            2 => Self::D,
            3 => Self::C,
            4 => Self::B,
            5 => Self::BPlus,
            6 => Self::A,
            _ => Self::APlus,
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F => "F",
            Self::D => "D",
            Self::C => "C",
            Self::B => "B",
            Self::BPlus => "B+",
            Self::A => "A",
            Self::APlus => "A+",
        })
    }
}

/// How many of the seven pass.
pub(super) fn passed(score: &Score) -> u8 {
    let bars = [
        score.directional_accuracy >= 0.52,
        score.da_ci_lower >= 0.50,
        score.da_p_value < 0.05,
        score.pearson_r >= 0.05,
        score.pearson_p_value < 0.05,
        score.wrmse_improvement >= 0.05,
        score.czar >= 0.10,
    ];
    bars.into_iter().map(u8::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_is_written_as_it_is_shown() {
        for passed in 0..=8 {
            let grade = Grade::of(passed);
            let written = serde_json::to_string(&grade).unwrap();
            assert_eq!(written, format!("\"{grade}\""));
        }
        assert!(Grade::of(7) > Grade::of(6) && Grade::of(1) == Grade::of(0));
    }
}
