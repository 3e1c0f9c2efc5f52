//! What one check found.

use serde::{Deserialize, Serialize};

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Well.
    Ok,
    /// Worth a look: windows are answered all the same, or will be.
    Warning,
    /// Windows would not be answered.
    Error,
}

/// What is looked at, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The machine, and what is free on it.
    Host,
    /// Files, keys and values.
    Configuration,
    /// The key, and the files with secrets.
    Wallet,
    /// Other workers of this host.
    Workers,
    /// The embedded database, and the one that several workers share.
    Databases,
    /// The endpoints, and the chain's time.
    Nodes,
    /// The topics, and the wallet's standing in them.
    Topics,
    /// The balance, and what answers cost.
    Funds,
    /// Where prices come from, and how many are at hand.
    Prices,
    /// Models that answer topics.
    Models,
}

impl Area {
    /// As it is shown.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::Configuration => "Configuration",
            Self::Wallet => "Wallet",
            Self::Workers => "Workers",
            Self::Databases => "Databases",
            Self::Nodes => "Nodes",
            Self::Topics => "Topics",
            Self::Funds => "Funds",
            Self::Prices => "Prices",
            Self::Models => "Models",
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is looked at.
    pub area: Area,
    /// Which part of it.
    pub name: String,
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to do about it; empty when it is well.
    pub remedy: String,
    /// Whether a worker that is started all the same waits for it, or does without it.
    pub heals: bool,
}

impl Check {
    /// It is well.
    pub fn ok(area: Area, name: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            area,
            name: name.into(),
            level: Level::Ok,
            what: what.into(),
            remedy: String::new(),
            heals: true,
        }
    }

    /// It is worth a look.
    pub fn warning(
        area: Area,
        name: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let level = Level::Warning;
        Self {
            level,
            remedy: remedy.into(),
            ..Self::ok(area, name, what)
        }
    }

    /// No window would be answered. A worker that is started waits until that is mended.
    pub fn error(
        area: Area,
        name: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let level = Level::Error;
        Self {
            level,
            ..Self::warning(area, name, what, remedy)
        }
    }

    /// The same; a worker that is started does not wait for it, but ends.
    #[must_use]
    pub fn ends_a_start(mut self) -> Self {
        self.heals = false;
        self
    }

    /// Whether a start is to be refused for it.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.level == Level::Error && !self.heals
    }
}

/// All that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The program's version.
    pub version: String,
    /// The network's name, when the configuration can be read.
    pub network: Option<String>,
    /// The chain's id.
    pub chain_id: Option<String>,
    /// The wallet's address.
    pub address: Option<String>,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// What is well, worth a look and wrong.
    pub counts: Counts,
    /// The lines, by area.
    pub checks: Vec<Check>,
}

/// How many lines there are of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Well.
    pub ok: usize,
    /// Worth a look.
    pub warning: usize,
    /// Wrong.
    pub error: usize,
}

impl Counts {
    pub(super) fn of(checks: &[Check]) -> Self {
        let count = |level| checks.iter().filter(|it| it.level == level).count();
        Self {
            ok: count(Level::Ok),
            warning: count(Level::Warning),
            error: count(Level::Error),
        }
    }
}

impl Report {
    /// The gravest level.
    #[must_use]
    pub fn level(&self) -> Level {
        let levels = self.checks.iter().map(|it| it.level);
        levels.max().unwrap_or(Level::Ok)
    }
}
