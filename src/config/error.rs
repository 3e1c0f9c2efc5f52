//! Why a configuration is refused.

use std::{fmt, io, path::PathBuf};

/// One thing that is wrong: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file and line, the variable or the flag.
    pub place: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)?;
        if self.right.is_empty() {
            return Ok(());
        }
        write!(f, "; {}", self.right)
    }
}

/// Why a configuration is refused. None of it is worth a retry without a change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file can't be read.
    #[error(
        "{path} can't be read: {cause}; check the path (relative ones start at {root}) and its permissions"
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Where relative paths start.
        root: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Keys or values are wrong.
    #[error("{}", lines(.0))]
    Refused(Vec<Finding>),
    /// No file describes the network.
    #[error(
        "there is no network {name:?}: known are {known}; choose one with --network, or describe it in config/networks/"
    )]
    UnknownNetwork {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The network needs a key and none is set.
    #[error(
        "no wallet: set MNEMONIC (or MNEMONIC_FILE, PRIVATE_KEY or PRIVATE_KEY_FILE) in the environment or in {env_file}, as .env.example shows; --network devnet needs none"
    )]
    NoWallet {
        /// Where the `.env` file is looked for.
        env_file: PathBuf,
    },
    /// Fees would be paid in real coins, and nobody has said that this is meant.
    #[error(
        "{chain_id} takes its fees in real coins: say that it is meant with --real-coins, or real_coins = true in the configuration; fees.max_fee and fees.max_fee_per_day limit them"
    )]
    RealCoins {
        /// The chain's id.
        chain_id: String,
    },
}

impl ConfigError {
    /// Refuses what is wrong, if anything is.
    pub(super) fn unless_none(found: Vec<Finding>) -> Result<(), Self> {
        if found.is_empty() {
            Ok(())
        } else {
            Err(Self::Refused(found))
        }
    }

    /// A single finding.
    pub(super) fn refused(
        place: impl Into<String>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) -> Self {
        Self::Refused(vec![Finding {
            place: place.into(),
            wrong: wrong.into(),
            right: right.into(),
        }])
    }
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
