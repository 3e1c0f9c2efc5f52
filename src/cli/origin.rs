//! Where prices come from.

use std::{fmt, path::PathBuf};

use secrecy::SecretString;

use crate::{
    config::Settings,
    market::{CsvAge, StandIn},
};

/// The prices that come with the project, for the embedded chain.
const BUNDLED_PRICES: &str = "data/btcusd_1h_2023-01_2025-12.csv";

/// Where prices come from.
pub(super) enum Prices {
    /// A file, and what its dates mean.
    File(PathBuf, CsvAge),
    /// Tiingo, with a key, and its stand-in if there is one.
    Tiingo(SecretString),
    /// Coinbase Exchange: there is no key, and none is needed.
    Coinbase,
    /// The store alone: there is no key, and nobody stands in.
    None,
}

impl fmt::Display for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, CsvAge::AsIs) => write!(f, "{}", path.display()),
            Self::File(path, CsvAge::Replayed) => {
                write!(f, "{} as if its prices were today's", path.display())
            }
            Self::Tiingo(_) => f.write_str("Tiingo"),
            Self::Coinbase => f.write_str("Coinbase, since TIINGO_API_KEY is not set"),
            Self::None => f.write_str("none"),
        }
    }
}

impl Prices {
    /// Those that come in by themselves: from Tiingo, or without a key from its stand-in.
    pub(super) fn live(key: Option<&SecretString>, stand_in: StandIn) -> Self {
        match (key, stand_in) {
            (Some(key), _) => Self::Tiingo(key.clone()),
            (None, StandIn::Coinbase) => Self::Coinbase,
            (None, StandIn::None) => Self::None,
        }
    }

    /// Whether they are kept in the store, so that those of hours ago are found there.
    pub(super) const fn are_stored(&self) -> bool {
        matches!(self, Self::Tiingo(_) | Self::Coinbase)
    }
}

/// A file if one is named, on the embedded chain the bundled one, else Tiingo, or without a key its
/// stand-in. On chains of this machine, where nothing is at stake, a file's past prices are played as
/// today's.
pub(super) fn price_source(settings: &Settings) -> Prices {
    let is_embedded = settings.network.rpc.is_empty();
    let is_local = matches!(settings.network_name.as_str(), "devnet" | "localnet");
    let age = if is_local {
        CsvAge::Replayed
    } else {
        CsvAge::AsIs
    };
    match &settings.prices {
        Some(path) => Prices::File(path.clone(), age),
        None if is_embedded => Prices::File(settings.root.join(BUNDLED_PRICES), age),
        None => {
            let stand_in = if is_local {
                StandIn::None
            } else {
                settings.market.stand_in
            };
            Prices::live(settings.tiingo_api_key.as_ref(), stand_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetched_prices_are_stored() {
        assert!(Prices::Tiingo(String::new().into()).are_stored());
        assert!(Prices::Coinbase.are_stored());
        assert!(!Prices::File(PathBuf::new(), CsvAge::AsIs).are_stored());
        assert!(!Prices::None.are_stored());
    }
}
