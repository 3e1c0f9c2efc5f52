//! A configuration as far as it can be read, with all that is wrong with it: for those who look rather
//! than start.

use super::{ConfigError, Overrides, Settings, Surroundings, sources::Sources};
use crate::ops::Artifacts;

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A file, a key or a value.
    Configuration,
    /// Who has access to the files with secrets.
    Permissions,
    /// The wallet's secret.
    Wallet,
}

/// What could be read of a configuration.
#[derive(Debug, Default)]
pub struct Surveyed {
    /// All of it; without a wallet when that is refused, or locked.
    pub settings: Option<Settings>,
    /// Where the worker writes, when at least that can be told.
    pub artifacts: Option<Artifacts>,
    /// Why a start would be refused.
    pub refused: Vec<(Part, ConfigError)>,
    /// What the operator should know of the files with secrets.
    pub cautions: Vec<String>,
    /// Whether a wallet is named, locked, and could not be opened without its passphrase.
    pub is_locked: bool,
}

impl Settings {
    /// Reads the configuration as [`Settings::load_from`] does, and goes on where that refuses.
    #[must_use]
    pub fn survey(overrides: &Overrides, around: &Surroundings) -> Surveyed {
        let mut found = Surveyed::default();
        let sources = match Sources::read(overrides, around) {
            Ok(sources) => sources,
            Err(refused) => {
                found.refused.push((Part::Configuration, refused));
                return found;
            }
        };
        if let Err(refused) = sources.guarded() {
            found.refused.push((Part::Permissions, refused));
        }
        if let Ok(document) = sources.document() {
            found.artifacts = Some(Artifacts::new(around.root.join(document.data_dir)));
        }
        found.cautions.clone_from(&sources.notices);
        let mut settings = match Self::without_wallet(overrides, around, &sources) {
            Ok(settings) => settings,
            Err(refused) => {
                found.refused.push((Part::Configuration, refused));
                return found;
            }
        };
        // These are told apart from the rest.
        settings.notices.drain(..sources.notices.len());
        let (name, network) = (&settings.network_name, &settings.network);
        let read = sources.wallet(name, network, around.ask, &mut found.cautions);
        match read {
            Ok(wallet) => {
                found.is_locked = wallet.is_none() && sources.names_wallet();
                settings.wallet = wallet;
            }
            Err(refused) => found.refused.push((Part::Wallet, refused)),
        }
        found.settings = Some(settings);
        found
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn around(folder: &std::path::Path, variables: &[(&str, &str)]) -> Surroundings {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Surroundings {
            root: folder.to_owned(),
            variables: variables.iter().map(pair).collect(),
            ask: None,
        }
    }

    fn parts(found: &Surveyed) -> Vec<Part> {
        found.refused.iter().map(|it| it.0).collect()
    }

    #[test]
    fn a_wrong_wallet_and_an_open_file_hide_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let env = folder.path().join(".env");
        fs::write(&env, "MNEMONIC=\"abandon about\"\n").unwrap();
        fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
        let found = Settings::survey(&Overrides::default(), &around(folder.path(), &[]));
        assert_eq!(parts(&found), [Part::Permissions, Part::Wallet]);
        let settings = found.settings.unwrap();
        assert_eq!(settings.network_name, "testnet");
        assert!(settings.wallet.is_none() && !found.is_locked);
        assert!(!found.refused[1].1.to_string().contains("abandon"));
    }

    #[test]
    fn a_wrong_value_leaves_the_data_folder_known() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = [("ALLORA_FORECAST__MIN_DAYS", "0")];
        let found = Settings::survey(&Overrides::default(), &around(folder.path(), &wrong));
        assert_eq!(parts(&found), [Part::Configuration]);
        assert!(found.settings.is_none());
        assert_eq!(
            found.artifacts.unwrap().data_dir(),
            folder.path().join("data")
        );
    }

    #[test]
    fn what_is_well_is_what_a_start_reads() {
        let folder = tempfile::tempdir().unwrap();
        let key = "ec29798babf3911a22deabade91cd667c6aaa3165831ef70bba60c452f33a1b3";
        let around = around(folder.path(), &[("PRIVATE_KEY", key)]);
        let found = Settings::survey(&Overrides::default(), &around);
        assert_eq!(parts(&found), []);
        let read = Settings::load_from(&Overrides::default(), &around).unwrap();
        let surveyed = found.settings.unwrap();
        assert_eq!(surveyed.network.rpc, read.network.rpc);
        assert!(surveyed.wallet.is_some() && read.wallet.is_some());
    }
}
