//! Which forecast is asked for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Source;

/// The forecast that `[forecast] source` and a backtest name, in kebab-case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The prior, with the challengers that have earned a say.
    #[default]
    Gated,
    /// The prior alone.
    Prior,
    /// The plain mean of the challengers, however they have done.
    Linfa,
    /// The ridge regression alone.
    Ridge,
    /// The elastic net alone.
    ElasticNet,
    /// The support vector regression alone.
    Svr,
    /// Always 0.0.
    Zero,
}

/// A name that is no choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no forecast; write one of gated, prior, linfa, ridge, elastic-net, svr, zero")]
pub struct UnknownChoice(pub String);

impl Choice {
    /// All of them, the default first.
    pub const ALL: [Self; 7] = [
        Self::Gated,
        Self::Prior,
        Self::Linfa,
        Self::Ridge,
        Self::ElasticNet,
        Self::Svr,
        Self::Zero,
    ];

    /// Its name, as it is written in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gated => "gated",
            Self::Prior => "prior",
            Self::Linfa => "linfa",
            Self::Ridge => "ridge",
            Self::ElasticNet => "elastic-net",
            Self::Svr => "svr",
            Self::Zero => "zero",
        }
    }

    /// The source that a forecast of this choice names when it was made in full.
    pub(super) const fn source(self) -> Source {
        match self {
            Self::Gated => Source::Gated,
            Self::Prior => Source::Prior,
            Self::Linfa => Source::Linfa,
            Self::Ridge => Source::Ridge,
            Self::ElasticNet => Source::ElasticNet,
            Self::Svr => Source::Svr,
            Self::Zero => Source::Zero,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Choice {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<Self, UnknownChoice> {
        let known = Self::ALL.into_iter().find(|choice| choice.name() == name);
        known.ok_or_else(|| UnknownChoice(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_by_the_same_name_everywhere() {
        for choice in Choice::ALL {
            let name = choice.to_string();
            assert_eq!(name.parse(), Ok(choice));
            let json = serde_json::to_string(&choice).expect("a name");
            assert_eq!(json, format!("{name:?}"));
            assert_eq!(
                serde_json::from_str::<Choice>(&json).expect("known"),
                choice
            );
        }
        let refusal = "elasticnet"
            .parse::<Choice>()
            .expect_err("unknown")
            .to_string();
        assert!(refusal.contains("elastic-net"), "{refusal}");
    }
}
